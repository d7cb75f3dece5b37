//! `GET /`: says what this is, to somebody who typed the address.

use actix_web::HttpResponse;

use crate::pages;

/// A page with one sentence.
pub async fn root() -> HttpResponse {
    pages::html(&mut HttpResponse::Ok(), pages::root())
}
