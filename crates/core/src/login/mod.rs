//! A login, from the app's question to the app's answer. Each step is one function; each arrow is one type.
//!
//! ```text
//! authorize   AuthorizeRequest ─ Logins::door ─→ Door ─ Logins::start ─→ Login saved; the browser goes to the IdP
//! ACS         RelayState + cookie ─ Logins::take ─→ Login, once
//!             response ─ postern_saml::response::verify ─→ VerifiedAssertion ─→ Identity
//!             Identity ─ Logins::finish ─→ Claims, Grant; the browser goes back to the app with a code
//! token       code + client + PKCE verifier ─ Logins::redeem ─→ AccessToken, RefreshToken
//!             refresh token + client ─ Logins::refresh ─→ AccessToken, RefreshToken
//! userinfo    access token ─ Logins::userinfo ─→ Claims
//! ```
//!
//! | step | file |
//! |---|---|
//! | what the app may ask | [`request`] |
//! | how the person is to be authenticated | [`authentication`] |
//! | which client, which redirect, which connection | [`door`] |
//! | begin, and find again | [`start`] |
//! | who answers, by which rules | [`answering`] |
//! | whom the IdP may speak for | [`admit`] |
//! | identity to code | [`finish`] |
//! | a login that began at the IdP | [`handoff`], or [`direct`] |
//! | which client calls | [`client`] |
//! | a question that the app hands over by itself | [`pushed`] |
//! | code to token to claims | [`redeem`] |
//! | who was blocked meanwhile | [`recheck`] |
//! | who brought an older connection back | [`pins`] |
//! | tokens that are bound to a key | [`possession`] |
//! | what the app reads without asking again | [`id_token`] |
//! | token to tokens | [`refresh_tokens`] |
//! | what a token is worth, and taking it back | [`presented`] |
//! | what tokens belong to | [`session`] |
//! | trying a connection out | [`test_login`] |
//! | signing out | [`logout`], and at the IdP [`upstream_logout`] |
//! | the IdP signs somebody out | [`single_logout`] |
//! | which OAuth scopes are granted | [`oauth_scope`] |
//!
//! Until the redirect URI is proven, a refusal is a page. From then on the app hears of it, under the trace id that the
//! operator finds the sealed story of the login by. `docs/LOGIN.md` tells all this in prose.

mod admit;
pub mod answering;
pub mod authentication;
pub mod client;
pub mod direct;
pub mod door;
pub mod finish;
pub mod handoff;
pub mod id_token;
pub mod logout;
pub mod oauth_scope;
mod pins;
pub mod possession;
pub mod presented;
pub mod pushed;
mod recheck;
pub mod redeem;
pub mod refresh_tokens;
pub mod request;
pub mod session;
pub mod single_logout;
pub mod start;
pub mod test_login;
pub mod upstream_logout;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::authentication::Asked;
use self::session::{Reach, SessionTerms};
use self::test_login::Test;
use crate::connection::ConnectionId;
use crate::domains::owners::Unique;
use crate::fault::{Code, Fault};
use crate::identity::Authentication;
use crate::mapping::Claims;
use crate::ports::{Clock, Random, Timestamp};
use crate::proof::Verify;
use crate::scope::Scope;
use crate::secret::{Secret, SecretHash};
use crate::session_settings::SessionSettings;
use crate::sessions::Sessions;
use crate::signing::SigningAlgorithm;
use crate::store::{Record, Revision, Store};
use crate::trace::Trace;
pub use id_token::IdTokenWish;
pub use session::SessionId;

/// Runs logins. One for the process; stateless but for the store.
pub struct Logins {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    verify: Arc<dyn Verify>,
    sessions: Sessions,
    settings: Settings,
}

/// What the operator decides about logins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a person has to sign in at the IdP.
    pub login_lifetime: Duration,
    /// How long a code can be redeemed.
    pub code_lifetime: Duration,
    /// How long an access token works, and the ID token beside it.
    pub access_token_lifetime: Duration,
    /// Who we are to apps: the issuer of ID tokens.
    pub issuer: String,
    /// How far the clocks of IdPs may be off.
    pub clock_skew: Duration,
    /// How long a tenant may let its sessions last.
    pub longest_session: Duration,
    /// How long a session lives, unless its product says otherwise.
    pub session_lifetime: Duration,
    /// How long an app may leave a session unused, unless its product says otherwise; `None`: as long as it likes.
    pub session_idle: Option<Duration>,
    /// How long after the login offline tokens end, unless the product says otherwise.
    pub refresh_lifetime: Duration,
    /// How long an offline token lives that nobody uses.
    pub refresh_idle: Duration,
    /// Whether proofs of possession have to repeat a nonce of ours.
    pub dpop_nonce: bool,
    /// Among whom a domain belongs to one tenant.
    pub domains_unique: Unique,
    /// Opens products without a registration to clients that name no connection of their own.
    pub client_secret_verifier: Option<SecretHash>,
}

impl Logins {
    /// Logins over `store`.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        verify: Arc<dyn Verify>,
        sessions: Sessions,
        settings: Settings,
    ) -> Self {
        Self { store, clock, random, verify, sessions, settings }
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Settings {
    /// How long a login is kept: twice as long as the person has, so that whoever comes too late finds the way back to the app.
    pub fn login_kept(&self) -> Duration {
        2 * self.login_lifetime
    }
}

/// A login that waits for the IdP's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// What the IdP was asked, which the answer has to fit.
    #[serde(flatten)]
    pub upstream: Upstream,
    /// Whose people may answer.
    pub connection: ConnectionId,
    /// What the connection was like when it began: by an older one it does not end.
    #[serde(default)]
    pub connection_revised: Revision,
    /// Where the app hears of the outcome.
    pub return_to: ReturnTo,
    /// What the app asked for.
    pub requested: Requested,
    /// How the person is to be authenticated.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// The reference under which the app pushed its question, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<Secret>,
    /// Whether it is a test, and which; `None`: an app waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// How long its session will live.
    #[serde(default)]
    pub session_terms: SessionTerms,
    /// From when on it is too late.
    pub expires: Timestamp,
    /// Its story so far.
    pub trace: Trace,
}

/// What an IdP was asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Upstream {
    /// By an AuthnRequest.
    Saml {
        /// Its id, which the response has to answer.
        request_id: String,
    },
    /// By an OpenID Connect authentication request.
    Oidc {
        /// What the ID token has to repeat (OIDC Core §3.1.2.1).
        nonce: Secret,
        /// What proves that the code is ours (RFC 7636).
        pkce_verifier: Secret,
    },
}

impl Upstream {
    /// Nothing: the IdP spoke first.
    pub(crate) fn none() -> Self {
        Self::Saml { request_id: String::new() }
    }
    /// The nonce and the code verifier of an OpenID Connect login.
    pub fn oidc(&self) -> Result<(&Secret, &Secret), Fault> {
        match self {
            Self::Oidc { nonce, pkce_verifier } => Ok((nonce, pkce_verifier)),
            Self::Saml { .. } => Err(Code::ConnectionOtherProtocol.fault().expected("saml").received("oidc")),
        }
    }
    /// The AuthnRequest that a SAML response has to answer.
    pub fn saml(&self) -> Result<&str, Fault> {
        match self {
            Self::Saml { request_id } => Ok(request_id),
            Self::Oidc { .. } => Err(Code::ConnectionOtherProtocol.fault().expected("oidc").received("saml")),
        }
    }
}

impl Record for Login {
    const CLASS: &'static str = "login";
    const BOUND: bool = true;
}

/// What a spent login leaves behind: nothing but that it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpentLogin {}

impl Record for SpentLogin {
    const CLASS: &'static str = "spent-login";
}

/// A proven way back to the app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReturnTo {
    /// A registered redirect URI, as the app sent it.
    pub redirect_uri: String,
    /// The app's own state, returned byte for byte.
    pub state: Option<String>,
    /// In which form the answer comes.
    #[serde(default)]
    pub mode: ResponseMode,
}

/// How an answer is brought to a redirect URI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect (RFC 6749 §4.1.2).
    #[default]
    Query,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode §2).
    FormPost,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: &'static [ResponseMode] = &[ResponseMode::Query, ResponseMode::FormPost];

    /// Its value of `response_mode`.
    pub fn name(self) -> &'static str {
        match self {
            ResponseMode::Query => "query",
            ResponseMode::FormPost => "form_post",
        }
    }
    /// The mode of this name.
    pub fn named(name: &str) -> Option<ResponseMode> {
        Self::ALL.iter().copied().find(|mode| mode.name() == name)
    }
}

/// What the app asked for, as far as it matters later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Requested {
    /// The `client_id` as the app sent it; the audience of what it is told.
    pub client_id: String,
    /// Whose people were asked for.
    pub scope: Scope,
    /// The OAuth scope.
    pub oauth_scope: Vec<String>,
    /// The PKCE challenge, method S256.
    pub code_challenge: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
    #[serde(default)]
    pub dpop_key: Option<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// How the ID token is to be signed.
    #[serde(default)]
    pub id_token_algorithm: SigningAlgorithm,
    /// Which connection of several was asked for.
    pub idp_hint: Option<String>,
    /// Who the app believes it is.
    pub login_hint: Option<String>,
    /// Whether the app asked for nothing: see [`direct`].
    #[serde(default)]
    pub unasked: bool,
}

impl Requested {
    /// Whether it is OpenID Connect that the app speaks, and not OAuth alone (OIDC Core §3.1.2.1).
    pub fn is_openid(&self) -> bool {
        self.oauth_scope.iter().any(|scope| scope == "openid")
    }
    /// What the ID token has to be like; `None`: none was asked for.
    fn id_token(&self) -> Option<IdTokenWish> {
        self.is_openid().then(|| IdTokenWish { nonce: self.nonce.clone(), algorithm: self.id_token_algorithm })
    }
}

/// A person, as an app will know them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// What the app is told.
    pub claims: Claims,
    /// How they were authenticated.
    #[serde(default)]
    pub authentication: Authentication,
    /// On what terms they were let in.
    #[serde(default)]
    pub admission: Admission,
}

/// On what terms the policy of a scope let somebody in.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Admission {
    /// Whether they come in by an invitation, and without it would not.
    pub needs_invitation: bool,
    /// How long they stay.
    pub sessions: SessionSettings,
}

/// That an assertion was used (SAML Profiles §4.1.4.5).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {}

impl Record for Replay {
    const CLASS: &'static str = "replay";
}

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// What a redemption has to fit.
    pub terms: Terms,
    /// The OAuth scope that was asked for.
    pub oauth_scope: Vec<String>,
    /// What was granted of it.
    #[serde(default)]
    pub granted: Vec<String>,
    /// Until when refresh tokens follow each other; `None`: the app gets none.
    #[serde(default)]
    pub refresh_until: Option<Timestamp>,
    /// What the app is told.
    pub claims: Claims,
    /// See [`Admission::needs_invitation`].
    #[serde(default)]
    pub needs_invitation: bool,
    /// How the person was authenticated.
    #[serde(default)]
    pub authentication: Authentication,
    /// What the ID token has to be like; `None`: none was asked for.
    #[serde(default)]
    pub id_token: Option<IdTokenWish>,
    /// From when on it is too late.
    pub expires: Timestamp,
    /// The story of the login so far.
    pub trace: Trace,
}

impl Record for Grant {
    const CLASS: &'static str = "code";
    const BOUND: bool = true;
}

/// What the redemption of a code has to fit. Stays behind when the code is spent, so that a replay can be told from a
/// guess, and the session of the first redemption be ended. Racing redemptions leave the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Terms {
    /// The `client_id` that the app sent.
    pub client_id: String,
    /// Whose people were asked for.
    pub scope: Scope,
    /// Whose people answered.
    pub connection: ConnectionId,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The PKCE challenge, method S256.
    pub code_challenge: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
    #[serde(default)]
    pub dpop_key: Option<String>,
    /// The session that its tokens belong to.
    pub session: SessionId,
    /// Whether the app asked for nothing: then `client_id` names it in one of its ways, and it may use any other.
    #[serde(default)]
    pub unasked: bool,
}

impl Record for Terms {
    const CLASS: &'static str = "spent-code";
}

/// What an access token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessToken {
    /// The client it was issued to.
    pub client_id: String,
    /// What the app is told.
    pub claims: Claims,
    /// What was granted.
    #[serde(default)]
    pub oauth_scope: Vec<String>,
    /// Which clock of its session it goes by.
    pub reach: Reach,
    /// The thumbprint of the key that it is bound to (RFC 9449 §6).
    #[serde(default)]
    pub dpop_key: Option<String>,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on it is worthless.
    pub expires: Timestamp,
}

impl Record for AccessToken {
    const CLASS: &'static str = "access-token";
}
