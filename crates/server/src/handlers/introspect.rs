//! `POST /api/oauth/introspect` (RFC 7662): an app's backend asks what a token is worth.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::Fault;
use postern_core::login::presented::{Active, TokenQuestion};
use serde_json::{Value, json};

use crate::app::App;
use crate::client::ClientRequest;
use crate::reply::{Refusal, no_store};

/// Says it.
pub async fn introspect(app: Data<App>, client: ClientRequest) -> Result<HttpResponse, Refusal> {
    let refusal = client.refusal();
    let ask = async { app.logins.introspect(&question(client)?).await };
    let body = match ask.await.map_err(refusal)? {
        Some(active) => describe(&active, app.public_url.as_str()),
        None => json!({ "active": false }),
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(body))
}

pub(super) fn question(client: ClientRequest) -> Result<TokenQuestion, Fault> {
    Ok(TokenQuestion { token: client.secret("token")?, credentials: client.credentials })
}

/// RFC 7662 §2.2, and whose person it is.
fn describe(active: &Active, issuer: &str) -> Value {
    let session = &active.session;
    let mut body = json!({
        "active": true,
        "iss": issuer,
        "aud": session.client_id,
        "client_id": session.client_id,
        "sub": session.subject,
        "sid": session.id,
        "iat": active.issued.as_second(),
        "exp": active.expires.as_second(),
        "scope": active.oauth_scope.join(" "),
        "tenant": session.scope.tenant,
        "product": session.scope.product,
        "session_expires_at": session.ends.as_second(),
    });
    let authentication = &session.authentication;
    if let Some(context) = &authentication.context {
        body["acr"] = json!(context);
    }
    if !authentication.methods.is_empty() {
        body["amr"] = json!(authentication.methods);
    }
    for (name, value) in &active.placed {
        body[name.as_str()] = value.clone();
    }
    if active.is_access_token {
        body["token_type"] = json!(if active.dpop_key.is_some() { "DPoP" } else { "bearer" });
    }
    // RFC 9449 §6.2.
    if let Some(thumbprint) = &active.dpop_key {
        body["cnf"] = json!({ "jkt": thumbprint });
    }
    body
}
