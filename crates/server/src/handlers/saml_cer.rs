//! `GET /.well-known/saml.cer`: the certificate of the key that signs our requests, as Jackson has it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::Code;

use crate::app::App;
use crate::reply::Refusal;

/// PEM.
pub async fn saml_cer(app: Data<App>) -> Result<HttpResponse, Refusal> {
    let keys = app.sp_keys();
    let key = keys.signing.first().ok_or_else(|| Refusal::page(Code::RouteUnknown))?;
    let base64 = data_encoding::BASE64.encode(&key.certificate().der);
    let lines: Vec<&str> = (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    Ok(HttpResponse::Ok().content_type("application/x-x509-ca-cert").body(pem))
}
