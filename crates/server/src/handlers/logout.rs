//! `GET POST /api/oauth/logout`: an app sends a person here to sign out (OIDC RP-Initiated Logout).

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::{Code, Fault};
use postern_core::login::ReturnTo;
use postern_core::login::logout::{Farewell, Hint, LogoutRequest};
use postern_core::login::upstream_logout::StillSignedIn;
use postern_core::redirect::with_parameters;
use postern_jose::id_token_hint;

use super::leave::leave;
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
    let ended = match (&request.hint, confirmed) {
        (Some(hint), _) => app.logins.sign_out(hint).await,
        (None, Some(confirmed)) => sign_out_here(&app, &browser, &farewell, confirmed).await,
        (None, None) => return Ok(question(&app, &browser, &fields)),
    };
    let mut response = match ended.map_err(Refusal::page)? {
        Some(there) => leave(&app, &browser, &there, farewell.return_to).await.map_err(Refusal::page)?,
        None => goodbye(farewell.return_to.as_ref()),
    };
    if request.hint.is_none() {
        browser.forget_sessions(&mut response);
    }
    Ok(response)
}

/// The one address to which providers send people back, and which their administrators register.
pub const RETURN: &str = "/api/oauth/logout/return";

/// `GET /api/oauth/logout/return`: the person was at their provider, to sign out there too.
pub async fn back(app: Data<App>, browser: Browser, fields: Fields) -> Result<HttpResponse, Refusal> {
    let state = fields.one("state").map_err(Refusal::page)?.unwrap_or_default();
    let parting = app.logins.parted(state, browser.secret_of(state)).await.map_err(Refusal::page)?;
    let mut response = goodbye(parting.as_ref().and_then(|parting| parting.return_to.as_ref()));
    Browser::forget(&mut response, state);
    Ok(response)
}

/// `GET /api/oauth/logout/return/{region}`: the same at the address of a region. The cookie that knows the way on is at our own.
pub async fn back_from_region(app: Data<App>, fields: Fields) -> Result<HttpResponse, Refusal> {
    let state = fields.one("state").map_err(Refusal::page)?.unwrap_or_default();
    Ok(redirect(&home(&app, state), false))
}

/// Where a browser finds the way on that comes back to a region's address with this state.
pub(super) fn home(app: &App, state: &str) -> String {
    with_parameters(&app.home().url(RETURN), [("state", state)])
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

/// What the person confirmed on our own page, in this browser (RFC 9700 §4.16; A17). Of several providers at which they are
/// still signed in, the browser visits the first.
async fn sign_out_here(
    app: &App,
    browser: &Browser,
    farewell: &Farewell,
    confirmed: &str,
) -> Result<Option<StillSignedIn>, Fault> {
    if !browser.confirmation().matches(confirmed) {
        return Err(Code::LogoutNotConfirmed.into());
    }
    let mut still_signed_in = None;
    for (session, secret) in browser.sessions() {
        let there = app.logins.sign_out_here(session, secret.expose(), farewell.product.as_deref()).await?;
        still_signed_in = still_signed_in.or(there);
    }
    Ok(still_signed_in)
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
pub(super) fn goodbye(return_to: Option<&ReturnTo>) -> HttpResponse {
    match return_to {
        Some(return_to) => redirect(&way_on(return_to), true),
        None => pages::html(no_store(&mut HttpResponse::Ok()), pages::signed_out()),
    }
}

/// The address that the app registered, with its state (§3).
pub(super) fn way_on(return_to: &ReturnTo) -> String {
    let state = return_to.state.as_deref().map(|state| ("state", state));
    with_parameters(&return_to.redirect_uri, state)
}
