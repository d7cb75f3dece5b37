//! An app that signs people in through Postern with Auth.js. The apps are in `tests/apps`.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// Which app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// `@auth/core` with its provider's defaults: it sends a challenge and no state.
    AuthJs,
    /// `@auth/core` with `checks: ["pkce", "state"]`.
    AuthJsWithState,
    /// `next-auth` 4, which sends both by default.
    NextAuth4,
}

impl AppKind {
    /// Every app.
    pub const ALL: [AppKind; 3] = [AppKind::AuthJs, AppKind::AuthJsWithState, AppKind::NextAuth4];
}

/// How an app names itself and the person's organisation.
#[derive(Debug, Clone)]
pub struct Client {
    /// `clientId` of the provider.
    pub id: String,
    /// `clientSecret` of the provider.
    pub secret: String,
    /// What the app passes to `signIn()`, as a query string.
    pub sign_in_params: String,
}

/// An app that is not running yet: it has an address, which has to be registered, and no client id.
#[derive(Debug)]
pub struct App {
    /// Which.
    pub kind: AppKind,
    port: u16,
}

/// A running app.
#[derive(Debug)]
pub struct RunningApp {
    _running: Running,
    /// Its page with the "Sign in" button.
    pub home: String,
}

impl App {
    /// Reserves an address.
    pub fn new(kind: AppKind) -> Self {
        Self { kind, port: free_port() }
    }

    /// Where Auth.js takes the authorization response.
    pub fn redirect_url(&self) -> String {
        format!("http://127.0.0.1:{}/api/auth/callback/boxyhq-saml", self.port)
    }

    /// Starts it as this client of the Postern at `issuer`.
    pub async fn start(&self, issuer: &str, client: &Client) -> RunningApp {
        let (folder, checks) = match self.kind {
            AppKind::AuthJs => ("apps/authjs-core", ""),
            AppKind::AuthJsWithState => ("apps/authjs-core", "pkce,state"),
            AppKind::NextAuth4 => ("apps/next-auth-4", ""),
        };
        let running = Running::start(
            "app",
            Command::new(tools::installed("bin/node"))
                .arg("server.js")
                .current_dir(tools::ours(folder))
                .env("PORT", self.port.to_string())
                .env("ISSUER", issuer)
                .env("CLIENT_ID", &client.id)
                .env("CLIENT_SECRET", &client.secret)
                .env("SIGN_IN_PARAMS", &client.sign_in_params)
                .env("CHECKS", checks),
            tempfile::tempdir().expect("a temporary folder"),
        );
        let home = format!("http://127.0.0.1:{}/", self.port);
        RunningApp { _running: running.ready_at(&home).await, home }
    }
}
