//! An app that signs people in through Postern, with a library that many apps use. The apps are in `tests/apps`.

use std::process::Command;

use serde_json::Value;

use crate::process::{Running, free_port};
use crate::tools;

/// Which app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// `@auth/core` with its provider's defaults: it sends a challenge and no state, and asks for `openid` without looking at
    /// the ID token.
    AuthJs,
    /// `@auth/core` with `checks: ["pkce", "state"]` and an empty scope.
    AuthJsWithState,
    /// `next-auth` 4, which sends both by default.
    NextAuth4,
    /// `@auth/core` with the same provider, told to speak OpenID Connect.
    AuthJsSamlOidc,
    /// `@auth/core` with a provider of type `oidc`.
    AuthJsOidc,
    /// `next-auth` 4 with the same provider, told to speak OpenID Connect.
    NextAuth4SamlOidc,
    /// `next-auth` 4 with a provider that reads our discovery document.
    NextAuth4Oidc,
    /// `openid-client` 6.
    OpenidClient,
    /// `openid-client` 6 as the FAPI 2.0 Security Profile wants it; its secret is a private key from [`App::client_key`].
    OpenidClientFapi,
    /// `oauth4webapi` 3.
    Oauth4webapi,
    /// Authlib, in Flask.
    Authlib,
}

impl AppKind {
    /// Those that speak OAuth, with Auth.js' own `boxyhq-saml` provider.
    pub const OAUTH: [AppKind; 3] = [AppKind::AuthJs, AppKind::AuthJsWithState, AppKind::NextAuth4];
    /// Those that speak OpenID Connect.
    pub const OPENID: [AppKind; 7] = [
        AppKind::AuthJsSamlOidc,
        AppKind::AuthJsOidc,
        AppKind::NextAuth4SamlOidc,
        AppKind::NextAuth4Oidc,
        AppKind::OpenidClient,
        AppKind::Oauth4webapi,
        AppKind::Authlib,
    ];

    /// Whether it renews its tokens, and signs people out at Postern too.
    pub fn signs_out(self) -> bool {
        let such = [AppKind::OpenidClient, AppKind::OpenidClientFapi, AppKind::Oauth4webapi, AppKind::Authlib];
        such.contains(&self)
    }

    /// Its folder in `tests/apps`, its provider if it has a choice, and where it takes the authorization response.
    fn shape(self) -> (&'static str, &'static str, &'static str) {
        match self {
            AppKind::AuthJs | AppKind::AuthJsWithState => ("authjs-core", "saml", "/api/auth/callback/boxyhq-saml"),
            AppKind::AuthJsSamlOidc => ("authjs-core", "saml-oidc", "/api/auth/callback/boxyhq-saml"),
            AppKind::AuthJsOidc => ("authjs-core", "oidc", "/api/auth/callback/postern"),
            AppKind::NextAuth4 => ("next-auth-4", "saml", "/api/auth/callback/boxyhq-saml"),
            AppKind::NextAuth4SamlOidc => ("next-auth-4", "saml-oidc", "/api/auth/callback/boxyhq-saml"),
            AppKind::NextAuth4Oidc => ("next-auth-4", "oidc", "/api/auth/callback/postern"),
            AppKind::OpenidClient | AppKind::OpenidClientFapi => ("openid-client", "", "/callback"),
            AppKind::Oauth4webapi => ("oauth4webapi", "", "/callback"),
            AppKind::Authlib => ("authlib", "", "/callback"),
        }
    }

    /// What runs it.
    fn command(self) -> Command {
        self.command_of(if self == AppKind::Authlib { "app.py" } else { "server.js" })
    }

    /// What runs a script in its folder.
    fn command_of(self, script: &str) -> Command {
        let (folder, ..) = self.shape();
        let folder = tools::ours(&format!("apps/{folder}"));
        let mut command = match self {
            AppKind::Authlib => Command::new(folder.join(".venv/bin/python")),
            _ => Command::new(tools::installed("bin/node")),
        };
        command.arg(script).current_dir(folder);
        command
    }
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
    /// Its page that says who is signed in, where it uses Auth.js.
    pub session: String,
    /// Its address that signs people out, where [`AppKind::signs_out`] says that it does.
    pub sign_out: String,
}

impl App {
    /// Reserves an address.
    pub fn new(kind: AppKind) -> Self {
        Self { kind, port: free_port() }
    }

    /// Where it takes the authorization response.
    pub fn redirect_url(&self) -> String {
        let (.., path) = self.kind.shape();
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where people come back to when they have signed out at Postern.
    pub fn signed_out_url(&self) -> String {
        format!("http://127.0.0.1:{}/session", self.port)
    }

    /// Where it begins a login that somebody else asks for; the Auth.js app has such a page.
    pub fn initiate_login_url(&self) -> String {
        format!("http://127.0.0.1:{}/start", self.port)
    }

    /// A new private key for a client of this kind, as a JWK.
    pub fn client_key(&self) -> Value {
        let made = self.kind.command_of("make-key.js").output().expect("node runs");
        serde_json::from_slice(&made.stdout).expect("a JWK")
    }

    /// Starts it as this client of the Postern at `issuer`.
    pub async fn start(&self, issuer: &str, client: &Client) -> RunningApp {
        let (_, provider, _) = self.kind.shape();
        let mut command = self.kind.command();
        command
            .env("PORT", self.port.to_string())
            .env("ISSUER", issuer)
            .env("CLIENT_ID", &client.id)
            .env(if self.kind == AppKind::OpenidClientFapi { "CLIENT_KEY" } else { "CLIENT_SECRET" }, &client.secret)
            .env("SIGN_IN_PARAMS", &client.sign_in_params)
            .env("PROVIDER", provider)
            .env_remove("CHECKS")
            .env_remove("SCOPE");
        match self.kind {
            AppKind::AuthJsWithState => command.env("CHECKS", "pkce,state").env("SCOPE", ""),
            kind if kind.signs_out() => command.env("SCOPE", "openid email profile"),
            _ => &mut command,
        };
        let running = Running::start("app", &mut command, tempfile::tempdir().expect("a temporary folder"));
        let home = format!("http://127.0.0.1:{}/", self.port);
        let (session, sign_out) = (format!("{home}api/auth/session"), format!("{home}sign-out"));
        RunningApp { _running: running.ready_at(&home).await, home, session, sign_out }
    }
}
