//! `GET /.well-known/openid-configuration` (OIDC Discovery §4) and `/.well-known/oauth-authorization-server` (RFC 8414 §3):
//! one document, which lists what is offered and nothing else. Whatever a client may ask of Postern has its line here, in the
//! same commit.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use postern_core::client_metadata::ClientKeys;
use postern_core::login::{ResponseMode, oauth_scope};
use postern_core::signing::SigningAlgorithm;
use postern_jose::jws::Algorithm;
use serde_json::{Value, json};

use crate::app::App;

/// How long clients may keep this document and the key set. A key is announced for longer before it is used
/// (`postern_core::own_keys::ANNOUNCED`).
pub const MAX_AGE: &str = "public, max-age=300";

/// How clients prove who they are, at every endpoint alike.
const AUTHENTICATION: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// Tells a client everything that it has to know of us.
pub async fn discovery(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, MAX_AGE)).json(document(&app))
}

/// Made from the configuration alone, never from the request (RFC 9700 §4.13). RFC 8414 §3.2: "Claims with zero elements MUST
/// be omitted from the response."
fn document(app: &App) -> Value {
    json!({
        "issuer": app.public_url.as_str(),
        "authorization_endpoint": app.url("/api/oauth/authorize"),
        "token_endpoint": app.url("/api/oauth/token"),
        "userinfo_endpoint": app.url("/api/oauth/userinfo"),
        "introspection_endpoint": app.url("/api/oauth/introspect"),
        "revocation_endpoint": app.url("/api/oauth/revoke"),
        "pushed_authorization_request_endpoint": app.url("/api/oauth/par"),
        "end_session_endpoint": app.url("/api/oauth/logout"),
        "jwks_uri": app.url("/oauth/jwks"),
        "scopes_supported": oauth_scope::KNOWN,
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.iter().map(|mode| mode.name()).collect::<Vec<_>>(),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": AUTHENTICATION,
        "token_endpoint_auth_signing_alg_values_supported": ClientKeys::OFFERED,
        // Public clients may not ask.
        "introspection_endpoint_auth_methods_supported": AUTHENTICATION.iter().filter(|way| **way != "none").collect::<Vec<_>>(),
        "introspection_endpoint_auth_signing_alg_values_supported": ClientKeys::OFFERED,
        "revocation_endpoint_auth_methods_supported": AUTHENTICATION,
        "revocation_endpoint_auth_signing_alg_values_supported": ClientKeys::OFFERED,
        "dpop_signing_alg_values_supported": Algorithm::FAPI.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>(),
        // Two products never learn the same `sub` of a person.
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": SigningAlgorithm::ALL.map(SigningAlgorithm::name),
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
            "id", "idHash", "email", "name", "firstName", "lastName", "given_name", "family_name", "username",
            "preferred_username", "department", "roles", "groups", "raw", "requested", "tenant", "session_expires_at",
        ],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "authorization_response_iss_parameter_supported": true,
        // OIDC Discovery §3: without this member it would be true.
        "request_uri_parameter_supported": false,
    })
}
