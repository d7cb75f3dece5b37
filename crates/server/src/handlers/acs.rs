//! `POST /api/oauth/saml`, the assertion consumer service. **What happens when a SAML response arrives** is told here, a
//! line a step; `docs/LOGIN.md` tells it in prose.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::{Code, Fault};
use postern_core::login::Login;
use postern_core::login::answering::{Beside, Taken};
use postern_core::login::finish::{Answer, Ended, UsedOnce};
use postern_saml::response;

use super::answered::conclude;
use super::start_again::untaken;
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::lookup;
use crate::reply::Refusal;

/// Answers an IdP's response to a request of ours.
pub async fn acs(app: Data<App>, browser: Browser, form: Fields) -> Result<HttpResponse, Refusal> {
    solicited(&app, &browser, &form).await
}

/// The same at any address that takes responses.
pub(super) async fn solicited(app: &App, browser: &Browser, form: &Fields) -> Result<HttpResponse, Refusal> {
    let login_id = relay_state(form).map_err(Refusal::page)?;
    let taken = app.logins.take(login_id, browser.secret_of(login_id)).await; // cookie first, and once
    let Taken { mut login, beside } = match taken {
        Ok(taken) => taken,
        Err(why) => return Err(untaken(app, why).await), // until here, failures are pages
    };

    let outcome = finish(app, &mut login, beside, form).await;

    conclude(app, browser, login_id, login, outcome, true).await // from here on, the app hears
}

async fn finish(app: &App, login: &mut Login, beside: Option<Beside>, form: &Fields) -> Result<Ended, Fault> {
    let (connection, rules) = app.logins.answering(login, beside).await?; // as they are now, not at authorize
    let connection = lookup::current(app, connection).await?; // strict federation alone may fetch here
    let xml = response::decode(form.one("SAMLResponse")?.ok_or(Code::SamlResponseMissing)?)?; // size, base64
    let request_id = login.upstream.saml()?;
    let assertion = lookup::verify(app, &connection, &xml, Some(request_id)).await?; // gate, signature, rules: pure
    app.logins.finish(login, &connection, &rules, answer(assertion)).await // used once, identity, claims, code
}

/// SAML ends here: from a verified assertion to what a login needs of it.
pub(super) fn answer(assertion: response::VerifiedAssertion) -> Answer {
    Answer {
        assertion: Some(UsedOnce { id: assertion.assertion_id().to_owned(), usable_until: assertion.usable_until() }),
        subject_name: assertion.subject_name().cloned(),
        notes: assertion.notes().to_vec(),
        anomalies: assertion.anomalies().to_vec(),
        identity: assertion.into_identity(),
    }
}

/// SAML Bindings §3.5.3: RelayState comes back as it was sent, at most 80 bytes of it.
fn relay_state(form: &Fields) -> Result<&str, Fault> {
    form.one("RelayState")?.filter(|id| id.len() <= 80).ok_or_else(|| Code::RelayStateMissing.into())
}
