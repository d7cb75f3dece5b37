//! What scripts of other sites may read (CORS): what a browser app needs of an authorization server, and nothing else. No
//! cookie decides anything there, so every site may ask. The authorization endpoint is not among them (RFC 9700 §2.6).

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue,
};

/// The open addresses, without the path of the public URL.
const OPEN: &[&str] = &[
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/oauth/jwks",
    "/api/oauth/token",
    "/api/oauth/userinfo",
    "/api/discover",
];

/// Marks the answer of an open address, also where it is a refusal. `route` is the pattern that answered.
pub fn mark(route: &str, prefix: &str, headers: &mut HeaderMap) {
    // The one address that has the public path at its end (RFC 8414 §3.1).
    let bare = route.strip_prefix(prefix).unwrap_or_else(|| route.strip_suffix(prefix).unwrap_or(route));
    if OPEN.contains(&bare) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After"),
        );
    }
}

/// `OPTIONS`: the question that a browser asks before it sends a token or a form with credentials along.
pub async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, DPoP"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}
