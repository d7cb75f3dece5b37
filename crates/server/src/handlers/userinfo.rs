//! `GET POST /api/oauth/userinfo`: the app asks who it is.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use postern_core::fault::Code;
use postern_core::login::possession::Presentation;

use crate::app::App;
use crate::client::possession;
use crate::reply::{Refusal, no_store};

/// Tells the claims. RFC 6750 §2.1: the token comes in the header. In the URL and in a form it is ignored: both ways are
/// optional, and end in logs (OAuth 2.1 §5.1.1). A token that is bound to a key comes with a proof of it (RFC 9449 §7.1).
pub async fn userinfo(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = match header.and_then(|header| header.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Presentation::Bearer(token.trim()),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => {
            Presentation::Dpop(token.trim(), possession(&request).map_err(Refusal::bearer)?)
        }
        _ => return Err(Refusal::bearer(Code::TokenMissing)),
    };
    let claims = app.logins.userinfo(&presented).await.map_err(Refusal::bearer)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(claims))
}
