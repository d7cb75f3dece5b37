//! `POST /api/oauth/saml`, the assertion consumer service. **What happens when a SAML response arrives** is told here, a
//! line a step; `docs/LOGIN.md` tells it in prose.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use postern_core::fault::{Code, Fault};
use postern_core::login::Login;
use postern_core::login::finish::{Answer, Issued, UsedOnce};
use postern_saml::response;

use super::authorize::{ask, question};
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::lookup;
use crate::reply::{Refusal, signed_in};

/// Answers an IdP's response to a request of ours.
pub async fn acs(app: Data<App>, browser: Browser, form: Fields) -> Result<HttpResponse, Refusal> {
    solicited(&app, &browser, &form).await
}

/// The same at any address that takes responses.
pub(super) async fn solicited(app: &App, browser: &Browser, form: &Fields) -> Result<HttpResponse, Refusal> {
    let login_id = relay_state(form).map_err(Refusal::page)?;
    let taken = app.logins.take(login_id, browser.secret_of(login_id)).await; // cookie first, and once
    let mut login = taken.map_err(Refusal::page)?; // until here, failures are pages

    let outcome = match finish(app, &mut login, form).await {
        Ok(issued) => {
            let mut response = signed_in(app, browser, &login.return_to, &issued, true);
            browser.repetition.count(&mut response, &login.connection);
            Ok(response)
        }
        Err(fault) if login.asked.again(fault.code) => ask_again(app, browser, &login).await,
        Err(fault) => Err(fault),
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(fault) => {
            let refusal = Refusal::app(fault, &login.return_to, true).with_trace(login.trace.id.clone());
            app.tell_failure(login.trace, &refusal.fault, true).await;
            return Err(refusal); // from here on, the app hears
        }
    };
    Browser::forget(&mut response, login_id);
    Ok(response)
}

async fn finish(app: &App, login: &mut Login, form: &Fields) -> Result<Issued, Fault> {
    let connection = app.connections.answering(&login.connection).await?; // as it is now, not as it was at authorize
    let connection = lookup::current(app, connection).await?; // strict federation alone may fetch here
    let xml = response::decode(form.one("SAMLResponse")?.ok_or(Code::SamlResponseMissing)?)?; // size, base64
    let acs_url = app.acs_url_of(&connection);
    let request_id = login.upstream.saml()?;
    let assertion = lookup::verify(app, &connection, &xml, &acs_url, Some(request_id)).await?; // gate, signature, rules: pure
    app.logins.finish(login, &connection, answer(assertion)).await // used once, identity, claims, code
}

/// Sends the person to the IdP once more, with a question that it can answer better.
async fn ask_again(app: &App, browser: &Browser, login: &Login) -> Result<HttpResponse, Fault> {
    let connection = app.connections.answering(&login.connection).await?;
    let upstream = question(app, &connection)?;
    let started = app.logins.start_again(login, upstream.clone()).await?;
    let mut response = ask(app, &connection, &upstream, &started.login_id, &login.asked)?;
    if response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER; // RFC 9700 §4.12: the browser posted here
    }
    browser.remember(&mut response, &started.login_id, &started.browser, app.logins.settings().login_lifetime);
    Ok(response)
}

/// SAML ends here: from a verified assertion to what a login needs of it.
pub(super) fn answer(assertion: response::VerifiedAssertion) -> Answer {
    Answer {
        assertion: Some(UsedOnce { id: assertion.assertion_id().to_owned(), usable_until: assertion.usable_until() }),
        notes: assertion.notes().to_vec(),
        anomalies: assertion.anomalies().to_vec(),
        identity: assertion.into_identity(),
    }
}

/// SAML Bindings §3.5.3: RelayState comes back as it was sent, at most 80 bytes of it.
fn relay_state(form: &Fields) -> Result<&str, Fault> {
    form.one("RelayState")?.filter(|id| id.len() <= 80).ok_or_else(|| Code::RelayStateMissing.into())
}
