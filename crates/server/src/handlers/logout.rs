//! `GET POST /api/oauth/logout`: an app sends a person here to sign out (OIDC RP-Initiated Logout).

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::{Code, Fault};
use postern_core::login::logout::{Farewell, Hint, LogoutRequest};
use postern_core::redirect::with_parameters;
use postern_jose::id_token_hint;

use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::pages;
use crate::reply::{Refusal, no_store, redirect};

/// Ends a session, or asks first whether it should (§2: "the OP SHOULD ask the End-User").
pub async fn logout(app: Data<App>, browser: Browser, fields: Fields) -> Result<HttpResponse, Refusal> {
    let request = read(&app, &fields).map_err(Refusal::page)?;
    let farewell = app.logins.farewell(&request).await.map_err(Refusal::page)?;
    let confirmed = fields.one("confirm").map_err(Refusal::page)?;
    match (&request.hint, confirmed) {
        (Some(hint), _) => app.logins.sign_out(hint).await.map_err(Refusal::page)?,
        (None, Some(confirmed)) => {
            sign_out_here(&app, &browser, &farewell, confirmed).await.map_err(Refusal::page)?;
        }
        (None, None) => return Ok(question(&app, &browser, &fields)),
    }
    let mut response = goodbye(&farewell);
    if request.hint.is_none() {
        browser.forget_sessions(&mut response);
    }
    Ok(response)
}

fn read(app: &App, fields: &Fields) -> Result<LogoutRequest, Fault> {
    let text = |name| Ok::<_, Fault>(fields.one(name)?.map(str::to_owned));
    let hint = match fields.one("id_token_hint")? {
        Some(token) => Some(hint(app, token)?),
        None => None,
    };
    let (client_id, state) = (text("client_id")?, text("state")?);
    Ok(LogoutRequest { client_id, redirect_uri: text("post_logout_redirect_uri")?, state, hint })
}

/// An ID token of ours, which may have expired.
fn hint(app: &App, token: &str) -> Result<Hint, Fault> {
    let keys = app.token_keys();
    let hint = id_token_hint::verify(token, keys.public(), app.public_url.as_str())
        .map_err(|why| Code::LogoutHintInvalid.fault().because(why))?;
    Ok(Hint { client_id: hint.client_id, session: hint.session })
}

/// What the person confirmed on our own page, in this browser (RFC 9700 §4.16; A17).
async fn sign_out_here(app: &App, browser: &Browser, farewell: &Farewell, confirmed: &str) -> Result<(), Fault> {
    if !browser.confirmation().matches(confirmed) {
        return Err(Code::LogoutNotConfirmed.into());
    }
    for (session, secret) in browser.sessions() {
        app.logins.sign_out_here(session, secret.expose(), farewell.product.as_deref()).await?;
    }
    Ok(())
}

/// The page that asks. It posts what the app asked, and what only this browser knows.
fn question(app: &App, browser: &Browser, fields: &Fields) -> HttpResponse {
    let confirmation = browser.confirmation();
    let asked = ["client_id", "post_logout_redirect_uri", "state"];
    let asked = asked.into_iter().filter_map(|name| Some((name, fields.one(name).ok().flatten()?)));
    let hidden: Vec<_> = asked.chain([("confirm", confirmation.expose())]).collect();
    pages::ask_logout(no_store(&mut HttpResponse::Ok()), &app.url("/api/oauth/logout"), &hidden)
}

/// To the app, or to a page of ours.
fn goodbye(farewell: &Farewell) -> HttpResponse {
    match &farewell.return_to {
        Some(return_to) => {
            let state = return_to.state.as_deref().map(|state| ("state", state));
            redirect(&with_parameters(&return_to.redirect_uri, state), true)
        }
        None => pages::html(no_store(&mut HttpResponse::Ok()), pages::signed_out()),
    }
}
