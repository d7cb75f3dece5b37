//! `GET /.well-known/saml.cer`: the certificate of the key that signs our requests, as Jackson has it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::Code;

use super::api::describe::pem;
use crate::app::App;
use crate::reply::Refusal;

/// PEM.
pub async fn saml_cer(app: Data<App>) -> Result<HttpResponse, Refusal> {
    let keys = app.sp_keys();
    let key = keys.signing.first().ok_or_else(|| Refusal::page(Code::RouteUnknown))?;
    let pem = pem(key.certificate());
    Ok(HttpResponse::Ok().content_type("application/x-x509-ca-cert").body(pem))
}
