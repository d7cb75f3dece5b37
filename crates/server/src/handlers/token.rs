//! `POST /api/oauth/token`: the app redeems its code, or its refresh token.

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use postern_core::fault::{Code, Fault};
use postern_core::login::id_token::IdToken;
use postern_core::login::redeem::{TokenRequest, Tokens};
use postern_core::login::refresh_tokens::RefreshRequest;
use postern_core::signing::SigningAlgorithm;
use serde_json::json;

use crate::app::App;
use crate::client::ClientRequest;
use crate::reply::{Refusal, no_store};

/// Gives tokens.
pub async fn token(app: Data<App>, client: ClientRequest) -> Result<HttpResponse, Refusal> {
    let refusal = client.refusal();
    let tokens = tokens(&app, client).await.map_err(&refusal)?;
    let id_token = match tokens.id_token {
        Some(token) => Some(signed(&app, token).await.map_err(refusal)?),
        None => None,
    };
    let mut body = json!({
        "access_token": tokens.access_token.expose(),
        "token_type": if tokens.bound { "DPoP" } else { "bearer" },
        "expires_in": tokens.expires_in,
    });
    if let Some(token) = &tokens.refresh_token {
        body["refresh_token"] = json!(token.expose());
    }
    if let Some(scope) = tokens.scope {
        body["scope"] = json!(scope);
    }
    if let Some(id_token) = id_token {
        body["id_token"] = id_token.into();
    }
    Ok(no_store(&mut HttpResponse::Ok()).json(body))
}

/// The text of an ID token. RSA takes most of a millisecond, for which the other requests of this thread would wait.
async fn signed(app: &App, token: IdToken) -> Result<String, Fault> {
    let keys = app.token_keys();
    let sign = move || keys.sign(token.algorithm, "JWT", &token.claims);
    match token.algorithm {
        SigningAlgorithm::Rs256 => web::block(sign).await.map_err(|why| Code::Defect.fault().because(why))?,
        SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => sign(),
    }
}

async fn tokens(app: &App, client: ClientRequest) -> Result<Tokens, Fault> {
    match client.form.one("grant_type")? {
        // Clients of Jackson may leave it out.
        None | Some("authorization_code") => app.logins.redeem(&redemption(client)?).await,
        Some("refresh_token") => app.logins.refresh(&renewal(client)?).await,
        Some(other) => Err(Code::GrantTypeUnsupported.fault().received(other)),
    }
}

fn redemption(client: ClientRequest) -> Result<TokenRequest, Fault> {
    Ok(TokenRequest {
        code: client.secret("code")?,
        redirect_uri: client.form.one("redirect_uri")?.map(str::to_owned),
        code_verifier: client.secret("code_verifier")?,
        credentials: client.credentials,
        possession: client.possession,
    })
}

fn renewal(client: ClientRequest) -> Result<RefreshRequest, Fault> {
    let scope = client.form.one("scope")?;
    Ok(RefreshRequest {
        refresh_token: client.secret("refresh_token")?,
        scope: scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
        credentials: client.credentials,
        possession: client.possession,
    })
}
