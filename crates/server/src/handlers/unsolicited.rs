//! `POST /api/oauth/saml/{connection}`: a login that begins at the IdP, for connections that allow it (SAML Profiles
//! §4.1.5). The response is verified and used up; then the browser goes to the app's `initiate_login_url` (OIDC Core §4), so
//! that the login which the app sees is one that it began itself, with its own state and PKCE. `postern_core::login::handoff`
//! tells how it finds the person again. A connection may say that the app gets a code at once instead:
//! `postern_core::login::direct`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::{Allowance, Connection, ConnectionId, Delivery};
use postern_core::fault::{Code, Fault};
use postern_core::login::direct::client_of;
use postern_core::login::finish::Answer;
use postern_core::login::handoff::HANDOFF_LIFETIME;
use postern_core::policy::Rules;
use postern_core::ports::Timestamp;
use postern_core::products::Product;
use postern_core::trace::Trace;
use postern_saml::response::{self, VerifiedAssertion};

use super::acs::{answer, solicited};
use super::start_again::begin_at;
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::lookup;
use crate::reply::{Refusal, redirect, signed_in};

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
    let (product, rules) = app.products.find_with_rules(&connection.scope).await.map_err(Refusal::page)?;
    let trace = trace(&app, &connection, product.as_deref());

    let outcome = async {
        let connection = lookup::current(&app, connection.clone()).await?;
        let assertion = verify(&app, &connection, &form).await?;
        let issued = assertion.issued();
        certainly_unused(&app, issued)?;
        let answer = answer(assertion);
        let response = match connection.unsolicited_delivery {
            Delivery::Application => hand_off(&app, &browser, &connection, product.as_deref(), &rules, answer).await?,
            Delivery::Direct => {
                let (return_to, issued) =
                    app.logins.deliver(&connection, product.clone(), &rules, answer, trace.clone()).await?;
                signed_in(&app, &browser, &return_to, &issued, true)
            }
        };
        // It may be another server than before that remembers it now, and said that it was new.
        certainly_unused(&app, issued).map(|()| response)
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(fault) => {
            let refusal = Refusal::page_of(fault, product).with_trace(trace.id.clone());
            app.tell_failure(trace, &refusal.fault, false).await;
            Err(refusal)
        }
    }
}

fn trace(app: &App, connection: &Connection, product: Option<&Product>) -> Trace {
    let initiate_login_url = product.and_then(|product| product.initiate_login_url.as_deref()).unwrap_or_default();
    let client = client_of(connection, product);
    let (client, goes_to) = match connection.unsolicited_delivery {
        Delivery::Application => ("", initiate_login_url),
        Delivery::Direct => (client.as_str(), connection.default_redirect_url.as_str()),
    };
    let mut trace = app.logins.trace(&connection.scope, client, goes_to);
    trace.connection = Some(connection.id.clone());
    trace
}

async fn verify(app: &App, connection: &Connection, form: &Fields) -> Result<VerifiedAssertion, Fault> {
    if !connection.idp.saml()?.allow.contains(&Allowance::Unsolicited) {
        return Err(Code::UnsolicitedNotAllowed.into());
    }
    let xml = response::decode(form.one("SAMLResponse")?.ok_or(Code::SamlResponseMissing)?)?;
    lookup::verify(app, connection, &xml, None).await
}

/// Refuses what was issued at a time of which nobody knows what was used.
fn certainly_unused(app: &App, issued: Timestamp) -> Result<(), Fault> {
    match app.may_have_forgotten(issued) {
        false => Ok(()),
        true => Err(Code::UnsolicitedBeforeStart.into()),
    }
}

/// Sends the browser to where the app begins its login, and lets the person wait under the handle that goes along.
async fn hand_off(
    app: &App,
    browser: &Browser,
    connection: &Connection,
    product: Option<&Product>,
    rules: &Rules,
    answer: Answer,
) -> Result<HttpResponse, Fault> {
    let url = product.and_then(|product| product.initiate_login_url.as_ref()).ok_or(Code::InitiateLoginUrlMissing)?;
    let waiting = app.logins.hand_off(connection, rules, answer).await?;
    let url = begin_at(app, url, &connection.scope, &connection.id, Some(&waiting.login_id));
    let mut response = redirect(&url, true);
    browser.remember(&mut response, &waiting.login_id, &waiting.browser, HANDOFF_LIFETIME);
    Ok(response)
}
