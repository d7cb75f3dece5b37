//! `GET /.well-known/oidc-configuration`: what the administrator of an OpenID Provider enters there, to be read by people.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::sp_metadata::asked;
use crate::app::App;
use crate::fields::Fields;
use crate::pages::{self, Entry};
use crate::reply::Refusal;

/// A page with every value to copy; with `?region=` those of a region. What holds for one connection alone,
/// `GET /api/v1/sso/{id}/sp` says.
pub async fn oidc_configuration(app: Data<App>, query: Fields) -> Result<HttpResponse, Refusal> {
    let region = asked(&app, &query).map_err(Refusal::page)?;
    let entries = [
        Entry::text("Redirect URI (callback, sign-in redirect URI)", &region.url("/api/oauth/oidc/{connection}")),
        Entry::text("The same, where the provider names itself in its answers", &region.url("/api/oauth/oidc")),
        Entry::text("Sign-out redirect URI", &region.logout_return_url()),
        Entry::text("Application type", "Web application, confidential"),
        Entry::text("Grant type", "Authorization code, with PKCE (S256)"),
        Entry::text("Client authentication", "client_secret_basic, client_secret_post or private_key_jwt"),
        Entry::text("Keys for private_key_jwt (JWKS URL)", &region.url("/api/oauth/oidc/{connection}/jwks")),
        Entry::text("Scopes", "openid email profile; groups where the provider has it"),
        Entry::text(
            "{connection}",
            "The id of the connection, conn_…; whoever set it up has these addresses as they are",
        ),
    ];
    Ok(pages::html(&mut HttpResponse::Ok(), pages::entries("OpenID Connect configuration", &entries)))
}
