//! An app that signs people in through Postern, with a library that many apps use. The apps are in `tests/apps`.

use std::process::Command;

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

    /// Its folder in `tests/apps`, its provider if it has a choice, and where it takes the authorization response.
    fn shape(self) -> (&'static str, &'static str, &'static str) {
        match self {
            AppKind::AuthJs | AppKind::AuthJsWithState => ("authjs-core", "saml", "/api/auth/callback/boxyhq-saml"),
            AppKind::AuthJsSamlOidc => ("authjs-core", "saml-oidc", "/api/auth/callback/boxyhq-saml"),
            AppKind::AuthJsOidc => ("authjs-core", "oidc", "/api/auth/callback/postern"),
            AppKind::NextAuth4 => ("next-auth-4", "saml", "/api/auth/callback/boxyhq-saml"),
            AppKind::NextAuth4SamlOidc => ("next-auth-4", "saml-oidc", "/api/auth/callback/boxyhq-saml"),
            AppKind::NextAuth4Oidc => ("next-auth-4", "oidc", "/api/auth/callback/postern"),
            AppKind::OpenidClient => ("openid-client", "", "/callback"),
            AppKind::Oauth4webapi => ("oauth4webapi", "", "/callback"),
            AppKind::Authlib => ("authlib", "", "/callback"),
        }
    }

    /// What runs it.
    fn command(self) -> Command {
        let (folder, ..) = self.shape();
        let folder = tools::ours(&format!("apps/{folder}"));
        let mut command = match self {
            AppKind::Authlib => Command::new(folder.join(".venv/bin/python")),
            _ => Command::new(tools::installed("bin/node")),
        };
        command.arg(if self == AppKind::Authlib { "app.py" } else { "server.js" }).current_dir(folder);
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

    /// Where it begins a login that somebody else asks for; the Auth.js app has such a page.
    pub fn initiate_login_url(&self) -> String {
        format!("http://127.0.0.1:{}/start", self.port)
    }

    /// Starts it as this client of the Postern at `issuer`.
    pub async fn start(&self, issuer: &str, client: &Client) -> RunningApp {
        let (_, provider, _) = self.kind.shape();
        let mut command = self.kind.command();
        command
            .env("PORT", self.port.to_string())
            .env("ISSUER", issuer)
            .env("CLIENT_ID", &client.id)
            .env("CLIENT_SECRET", &client.secret)
            .env("SIGN_IN_PARAMS", &client.sign_in_params)
            .env("PROVIDER", provider)
            .env_remove("CHECKS")
            .env_remove("SCOPE");
        match self.kind {
            AppKind::AuthJsWithState => command.env("CHECKS", "pkce,state").env("SCOPE", ""),
            AppKind::OpenidClient | AppKind::Oauth4webapi | AppKind::Authlib => {
                command.env("SCOPE", "openid email profile")
            }
            _ => &mut command,
        };
        let running = Running::start("app", &mut command, tempfile::tempdir().expect("a temporary folder"));
        let home = format!("http://127.0.0.1:{}/", self.port);
        let session = format!("{home}api/auth/session");
        RunningApp { _running: running.ready_at(&home).await, home, session }
    }
}
