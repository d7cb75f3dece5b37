//! `GET /api/oauth/oidc/{connection}/jwks`: the public keys with which we authenticate to a connection's OpenID Provider.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use postern_core::connection::ConnectionId;
use postern_oidc::client_keys;

use crate::app::App;
use crate::reply::Refusal;

/// The keys; of a connection that authenticates by a secret there are none. A new key is here for a day before it signs, so
/// that a copy may be kept for an hour.
pub async fn oidc_jwks(app: Data<App>, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let connection = app.connections.present(&ConnectionId(id.into_inner())).await.map_err(Refusal::page)?;
    let idp = connection.idp.oidc().map_err(Refusal::page)?;
    let keys = client_keys::jwks(idp.authentication.keys());
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=3600")).json(keys))
}
