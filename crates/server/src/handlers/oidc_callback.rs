//! `GET /api/oauth/oidc`, where OpenID Providers send people back to. **What happens when one answers** is told here, a line a
//! step; `docs/LOGIN.md` tells it in prose.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::Connection;
use postern_core::fault::{Code, Fault};
use postern_core::identity::Identity;
use postern_core::login::Login;
use postern_core::login::answering::{Beside, Taken};
use postern_core::login::finish::{Answer, Ended};
use postern_core::mapping::is_wanting;
use postern_core::policy::Rules;
use postern_core::requirements::Requirements;
use postern_oidc::callback::Callback;
use postern_oidc::id_token::VerifiedIdToken;
use postern_oidc::identity::{Notes, identity};
use postern_oidc::redeem::{Redemption, Tokens, redeem};
use postern_oidc::userinfo::{self, Failure};
use serde_json::Map;

use super::answered::conclude;
use super::start_again::untaken;
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::lookup;
use crate::reply::Refusal;

/// The address of all connections.
pub async fn shared(app: Data<App>, browser: Browser, query: Fields) -> Result<HttpResponse, Refusal> {
    answered(&app, &browser, &query, "/api/oauth/oidc").await
}

/// The address of one connection.
pub async fn own(app: Data<App>, browser: Browser, id: Path<String>, query: Fields) -> Result<HttpResponse, Refusal> {
    answered(&app, &browser, &query, &format!("/api/oauth/oidc/{id}")).await
}

async fn answered(app: &App, browser: &Browser, query: &Fields, path: &str) -> Result<HttpResponse, Refusal> {
    let login_id = state(query).map_err(Refusal::page)?;
    let taken = app.logins.take(login_id, browser.secret_of(login_id)).await; // cookie first, and once
    let Taken { mut login, beside } = match taken {
        Ok(taken) => taken,
        Err(why) => return Err(untaken(app, why).await), // until here, failures are pages
    };

    let outcome = finish(app, &mut login, beside, query, path).await;

    conclude(app, browser, login_id, login, outcome, false).await // from here on, the app hears
}

async fn finish(
    app: &App,
    login: &mut Login,
    beside: Option<Beside>,
    query: &Fields,
    path: &str,
) -> Result<Ended, Fault> {
    let (connection, rules) = app.logins.answering(login, beside).await?; // as they are now, not at authorize
    let (idp, (nonce, pkce_verifier)) = (connection.idp.oidc()?, login.upstream.oidc()?);
    let region = app.region_of(&connection)?;
    let callback = region.oidc_callback_of(&connection, idp.callback);
    let code = said(query)?.code(idp, &callback, &region.url(path))?; // whose answer it is, and whether it is one
    let redemption = Redemption { code, callback: &callback, pkce_verifier };
    let tokens = redeem(&app.fetch, idp, redemption, app.now(), &*app.random).await?; // from here on in memory alone
    let id_token = lookup::verify_id_token(app, &connection, &tokens, nonce).await?; // signature, rules
    let answer = person(app, (&connection, &rules), &tokens, &id_token).await?; // more claims, where some are missing
    app.logins.finish(login, &connection, &rules, answer).await // identity, claims, code
}

/// OpenID Connect ends here: from a verified ID token to what a login needs of it.
async fn person(
    app: &App,
    (connection, rules): (&Connection, &Rules),
    tokens: &Tokens,
    id_token: &VerifiedIdToken,
) -> Result<Answer, Fault> {
    let (first, notes) = identity(id_token, Map::new());
    let endpoint = connection.idp.oidc()?.provider.userinfo_endpoint.as_deref();
    let roles = connection.roles.reads().chain(rules.policy.roles.reads()).map(|claim| -> &str { claim });
    let read: Vec<&str> =
        Requirements::claims(connection, &rules.policy.requirements).into_iter().chain(roles).collect();
    let Some(endpoint) = endpoint.filter(|_| is_wanting(&first, &connection.mapping, &read)) else {
        return Ok(answer(first, notes));
    };
    let (identity, notes) = match userinfo::ask(&app.fetch, endpoint, &tokens.access_token, id_token).await {
        Ok(more) => identity(id_token, more),
        Err(Failure::Without(why)) => (first, notes.into_iter().chain([format!("userinfo: {why}")]).collect()),
        Err(Failure::AnotherPerson(fault)) => return Err(fault),
    };
    Ok(answer(identity, notes))
}

/// The nonce binds the ID token to its login, which is taken once, so that nothing has to be remembered as used.
fn answer(identity: Identity, notes: Notes) -> Answer {
    Answer { identity, subject_name: None, assertion: None, notes, anomalies: Vec::new() }
}

/// OIDC Core §3.1.2.5: `state` comes back as it was sent.
fn state(query: &Fields) -> Result<&str, Fault> {
    query.one("state")?.filter(|id| id.len() <= 80).ok_or_else(|| Code::OidcStateMissing.into())
}

fn said(query: &Fields) -> Result<Callback<'_>, Fault> {
    Ok(Callback {
        code: query.one("code")?,
        error: query.one("error")?,
        error_description: query.one("error_description")?,
        issuer: query.one("iss")?,
    })
}
