//! Sends a browser whose session here is over to the IdP at which its person is still signed in, to end that too.
//! `postern_core::login::upstream_logout` tells when. It comes back to `logout::back` from an OpenID Provider, to `slo` from a
//! SAML IdP.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::login::ReturnTo;
use postern_core::login::upstream_logout::{PARTING_LIFETIME, Parting, SamlSession, SentRequest, StillSignedIn};
use postern_saml::logout::LogoutRequest;
use postern_saml::request;

use crate::app::App;
use crate::browser::Browser;
use crate::pages;
use crate::reply::{no_store, redirect};

/// The way there, from which the browser finds on to `return_to`.
pub(super) async fn leave(
    app: &App,
    browser: &Browser,
    there: &StillSignedIn,
    return_to: Option<ReturnTo>,
) -> Result<HttpResponse, Fault> {
    let request = match there {
        StillSignedIn::Openid(_) => None,
        StillSignedIn::Saml(session) => {
            Some(SentRequest { connection: session.connection.id.clone(), id: request::new_id(&*app.random) })
        }
    };
    let parting = Parting { return_to, request };
    let parted = app.logins.part(&parting).await?;
    let mut response = match (there, &parting.request) {
        (StillSignedIn::Openid(session), _) => {
            let region = app.regions.named(session.region.as_deref())?;
            redirect(&session.url(&region.logout_return_url(), &parted.login_id), true)
        }
        (StillSignedIn::Saml(session), Some(request)) => ask(app, session, &request.id, &parted.login_id)?,
        (StillSignedIn::Saml(_), None) => return Err(Code::Defect.into()), // it was made above
    };
    browser.remember(&mut response, &parted.login_id, &parted.browser, PARTING_LIFETIME);
    Ok(response)
}

/// A LogoutRequest, always signed (H28): by redirect where the IdP takes one, else by a form that posts itself.
fn ask(app: &App, session: &SamlSession, id: &str, relay_state: &str) -> Result<HttpResponse, Fault> {
    let (keys, region) = (app.sp_keys_of(&session.connection)?, app.region_of(&session.connection)?);
    let signing_key = keys.signing.first().ok_or(Code::Defect)?; // made at the first start, before a port is bound
    let request = |destination| LogoutRequest {
        id,
        issued: app.now(),
        destination,
        issuer: region.entity_id(),
        name: &session.name,
        session_indexes: session.index.as_slice(),
        signing_key,
    };
    let to = &session.connection.idp.saml()?.slo;
    match (&to.redirect, &to.post) {
        (Some(destination), _) => Ok(redirect(&request(destination).redirect_url(relay_state)?, true)),
        (None, Some(destination)) => {
            let fields = [("SAMLRequest", request(destination).post_value()?), ("RelayState", relay_state.to_owned())];
            Ok(pages::post_form(no_store(&mut HttpResponse::Ok()), "your identity provider", destination, &fields))
        }
        (None, None) => Err(Code::Defect.into()), // such an IdP is not asked
    }
}
