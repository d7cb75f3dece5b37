//! `GET /.well-known/oidc-configuration`: what the administrator of an OpenID Provider enters there, to be read by people.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::app::App;
use crate::pages::{self, Entry};

/// A page with every value to copy. What holds for one connection alone, `GET /api/v1/sso/{id}/sp` says.
pub async fn oidc_configuration(app: Data<App>) -> HttpResponse {
    let entries = [
        Entry::text("Redirect URI (callback, sign-in redirect URI)", &app.url("/api/oauth/oidc/{connection}")),
        Entry::text("The same, where the provider names itself in its answers", &app.url("/api/oauth/oidc")),
        Entry::text("Sign-out redirect URI", &app.url("/api/oauth/logout/return")),
        Entry::text("Application type", "Web application, confidential"),
        Entry::text("Grant type", "Authorization code, with PKCE (S256)"),
        Entry::text("Client authentication", "client_secret_basic, client_secret_post or private_key_jwt"),
        Entry::text("Keys for private_key_jwt (JWKS URL)", &app.url("/api/oauth/oidc/{connection}/jwks")),
        Entry::text("Scopes", "openid email profile; groups where the provider has it"),
        Entry::text(
            "{connection}",
            "The id of the connection, conn_…; whoever set it up has these addresses as they are",
        ),
    ];
    pages::html(&mut HttpResponse::Ok(), pages::entries("OpenID Connect configuration", &entries))
}
