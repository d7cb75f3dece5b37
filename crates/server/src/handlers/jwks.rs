//! `GET /oauth/jwks`: the keys by which apps verify our tokens (RFC 7517 §5, OIDC Core §10.1.1).

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

use super::discovery::MAX_AGE;
use crate::app::App;

/// The key set: keys in use, those that will be, and those whose tokens may still live.
pub async fn jwks(app: Data<App>) -> HttpResponse {
    let keys = app.token_keys();
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, MAX_AGE))
        .body(keys.published().to_owned())
}
