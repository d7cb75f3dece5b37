//! `oidc-provider` as a customer's OpenID provider. It is in `tests/idps/oidc-provider`.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// A running OpenID provider, whose only user is `alice`.
#[derive(Debug)]
pub struct OidcProvider {
    running: Running,
    /// Its name, below which it publishes its discovery document.
    pub issuer: String,
}

impl Default for OidcProviderSettings {
    fn default() -> Self {
        Self { alg: "RS256", claims_in_id_token: true, client_authentication: "client_secret_basic" }
    }
}

/// What its administrator has set.
#[derive(Debug, Clone, Copy)]
pub struct OidcProviderSettings {
    /// What ID tokens are signed by: `RS256` or `ES256`.
    pub alg: &'static str,
    /// Whether they hold the person's claims, or those are only at the userinfo endpoint.
    pub claims_in_id_token: bool,
    /// How Postern authenticates there: `client_secret_basic`, `client_secret_post` or `private_key_jwt`.
    pub client_authentication: &'static str,
}

impl OidcProvider {
    /// The name and the password of its user.
    pub const USER: (&str, &str) = ("alice", "wonderland");
    /// Postern, as its client.
    pub const CLIENT: (&str, &str) = ("postern", "a client secret of this test alone");

    /// Starts one with keys of its own that trusts the Postern at this public URL.
    pub async fn start(postern: &str, settings: OidcProviderSettings) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = Running::start(
            "oidc-provider",
            Command::new(tools::installed("bin/node"))
                .arg("server.js")
                .current_dir(tools::ours("idps/oidc-provider"))
                .env("PORT", port.to_string())
                .env("REDIRECT_URI", format!("{postern}/api/oauth/oidc"))
                .env("SIGNED_OUT_URI", format!("{postern}/api/oauth/logout/return"))
                .env("ALG", settings.alg)
                .env("CLAIMS", if settings.claims_in_id_token { "id_token" } else { "userinfo" })
                .env("CLIENT_AUTH", settings.client_authentication)
                .env("CLIENT_SECRET", Self::CLIENT.1)
                .env("IDP_STATE", folder.path()),
            folder,
        );
        let issuer = format!("http://127.0.0.1:{port}");
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        Self { running: running.ready_at(&discovery).await, issuer }
    }

    /// Its administrator notes where Postern publishes the keys that it authenticates with.
    pub fn set_client_keys(&self, jwks_uri: &str) {
        std::fs::write(self.running.file("jwks-uri"), jwks_uri).expect("a file in its folder");
    }
}
