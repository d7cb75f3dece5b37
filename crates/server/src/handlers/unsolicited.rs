//! `POST /api/oauth/saml/{connection}`: a login that begins at the IdP, for connections that allow it (SAML Profiles
//! §4.1.5). The response is verified and used up; then the browser goes to the app's `initiate_login_url` (OIDC Core §4), so
//! that the login which the app sees is one that it began itself, with its own state and PKCE. `postern_core::login::handoff`
//! tells how it finds the person again.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::{Allowance, Connection, ConnectionId, Idp};
use postern_core::fault::{Code, Fault};
use postern_core::login::handoff::HANDOFF_LIFETIME;
use postern_core::login::start::Started;
use postern_core::redirect::with_parameters;
use postern_saml::response;

use super::acs::{answer, solicited};
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::metadata;
use crate::reply::{Refusal, redirect};

/// Answers a response that nobody here asked for.
pub async fn unsolicited(
    app: Data<App>,
    browser: Browser,
    path: Path<String>,
    form: Fields,
) -> Result<HttpResponse, Refusal> {
    // A connection that may send unsolicited responses sends the others here too.
    if form.one("RelayState").map_err(Refusal::page)?.is_some_and(|id| browser.secret_of(id).is_some()) {
        return solicited(&app, &browser, &form).await;
    }
    let id = ConnectionId(path.into_inner());
    let connection = app.connections.answering(&id).await.map_err(Refusal::page)?;
    let product = app.products.find(&connection.scope.product).await.map_err(Refusal::page)?;
    let initiate_login_url = product.as_ref().and_then(|product| product.initiate_login_url.clone());
    let mut trace = app.logins.trace(&connection.scope, "", initiate_login_url.as_deref().unwrap_or_default());
    trace.connection = Some(connection.id.clone());

    let outcome = accept(&app, &connection, initiate_login_url, &form).await;
    match outcome {
        Ok((url, Started { login_id, browser: secret })) => {
            let parameters = [
                ("iss", app.public_url.as_str()),
                ("login_hint", &login_id),
                ("tenant", &connection.scope.tenant),
                ("idp_hint", &connection.id.0),
            ];
            let mut response = redirect(&with_parameters(&url, parameters), true);
            browser.remember(&mut response, &login_id, &secret, HANDOFF_LIFETIME);
            Ok(response)
        }
        Err(fault) => {
            let refusal = Refusal::page_of(fault, product).with_trace(trace.id.clone());
            app.tell_failure(trace, &refusal.fault, false).await;
            Err(refusal)
        }
    }
}

/// Where the browser goes, and the handle under which the person waits.
async fn accept(
    app: &App,
    connection: &Connection,
    initiate_login_url: Option<String>,
    form: &Fields,
) -> Result<(String, Started), Fault> {
    let Idp::Saml(idp) = &connection.idp;
    if !idp.allow.contains(&Allowance::Unsolicited) {
        return Err(Code::UnsolicitedNotAllowed.into());
    }
    let xml = response::decode(form.one("SAMLResponse")?.ok_or(Code::SamlResponseMissing)?)?;
    let acs_url = app.acs_url_of(connection);
    let assertion = metadata::verify(app, connection, &xml, &acs_url, None).await?;
    if app.may_have_forgotten(assertion.issued()) {
        return Err(Code::UnsolicitedBeforeStart.into());
    }
    let url = initiate_login_url.ok_or(Code::InitiateLoginUrlMissing)?;
    Ok((url, app.logins.hand_off(connection, answer(assertion)).await?))
}
