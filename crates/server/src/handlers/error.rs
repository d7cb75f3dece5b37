//! `GET /error/{code}`: what a fault means, for whoever follows the `error_uri` of an error response.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::fault::Code;

use crate::pages;
use crate::reply::Refusal;

/// Explains a code of the fault table.
pub async fn error(path: Path<String>) -> Result<HttpResponse, Refusal> {
    let code = Code::named(&path).ok_or_else(|| Refusal::page(Code::RouteUnknown))?;
    Ok(pages::html(&mut HttpResponse::Ok(), pages::error(code, None, None, None)))
}
