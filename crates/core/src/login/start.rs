//! The beginning of a login, and the moment in which the IdP's answer finds it again.
//!
//! RFC 9700 §4.7: the login is bound to the browser that began it. RelayState carries the login's id, a cookie carries a
//! secret, and only both together name the record. A stranger's post cannot spend a login that it cannot name.

use std::time::Duration;

use super::answering::{Asking, Taken, ticket};
use super::door::{Door, Lobby};
use super::request::AuthorizeRequest;
use super::session::SessionTerms;
use super::{Login, Logins, Requested, SpentLogin, Upstream};
use crate::connection::{Connection, ConnectionId};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;
use crate::products::Product;
use crate::scope::Scope;
use crate::secret::{Secret, random_text};
use crate::store::Spent;
use crate::trace::{Trace, TraceId};

/// A login that waits, and the two halves of its name.
#[derive(Debug)]
pub struct Started {
    /// Goes through the IdP as RelayState or `state`; 30 characters (SAML Bindings §3.4.3: at most 80 bytes).
    pub login_id: String,
    /// Stays in the browser, as a cookie: a secret, and of a login which connection answers.
    pub browser: Secret,
}

impl Started {
    /// Lets the browser remember whose answer it waits for.
    pub(super) fn answered_by(self, connection: &ConnectionId) -> Self {
        Self { browser: ticket(&self.browser, connection), ..self }
    }
}

/// Why there is no login to go on with.
#[derive(Debug)]
pub struct Untaken {
    /// What is told.
    pub fault: Fault,
    /// The login, where all that is wrong is that it is too late.
    pub late: Option<Box<Login>>,
}

impl From<Fault> for Untaken {
    fn from(fault: Fault) -> Self {
        Self { fault, late: None }
    }
}

impl From<Code> for Untaken {
    fn from(code: Code) -> Self {
        Fault::from(code).into()
    }
}

impl Logins {
    /// The story of a login that begins now.
    pub fn trace(&self, scope: &Scope, client_id: &str, redirect_uri: &str) -> Trace {
        Trace::begin(TraceId::random(&*self.random), scope.clone(), client_id, redirect_uri, self.clock.now())
    }

    /// Checks what a client with a proven redirect URI asks for. What fails here, the app hears.
    pub fn check(&self, request: &AuthorizeRequest, door: &Door) -> Result<(), Fault> {
        if door.suspended {
            return Err(Code::TenantSuspended.into());
        }
        // RFC 9126 §5, `require_pushed_authorization_requests`.
        if request.pushed.is_none() && door.product.as_ref().is_some_and(|product| product.require_pushed_requests) {
            return Err(Code::PushRequired.into());
        }
        request.check(door.needs_challenge())
    }

    /// The same before it is known whose people are asked for. OIDC Core §3.1.2.1: with prompt=none nobody may be asked.
    pub fn check_in_lobby(&self, request: &AuthorizeRequest, lobby: &Lobby) -> Result<(), Fault> {
        if request.pushed.is_none() && lobby.product.require_pushed_requests {
            return Err(Code::PushRequired.into());
        }
        request.check(lobby.needs_challenge())?;
        if request.asked.silently { Err(Code::AddressNeeded.into()) } else { Ok(()) }
    }

    /// Saves a login that waits for `connection` to answer what `upstream` asked. `None`: what the door was remembered by is no
    /// longer so, and nothing has begun.
    pub async fn start(
        &self,
        request: &AuthorizeRequest,
        door: &Door,
        connection: &Connection,
        upstream: Upstream,
        trace: Trace,
    ) -> Result<Option<Started>, Fault> {
        let login = self.login(request, door, connection, upstream, trace);
        let started = self.started().answered_by(&connection.id);
        let mut batch = self.store.batch();
        let confirming = batch.confirm(&door.assumed);
        let key = self.store.keys().login(&started.login_id, started.browser.expose());
        batch.put(&key, &login, Some(self.settings.login_kept()));
        login.trace.save_first(&mut batch, &self.store);
        if batch.run().await?.confirm(&door.assumed, confirming) {
            return Ok(Some(started));
        }
        let mut batch = self.store.batch();
        batch.delete(&key);
        login.trace.forget(&mut batch, &self.store);
        batch.run().await?;
        Ok(None)
    }

    /// Saves a login that goes to the IdP a second time, with another question.
    pub async fn start_again(&self, login: &Login, upstream: Upstream) -> Result<Started, Fault> {
        let now = self.clock.now();
        let expires = after(now, self.settings.login_lifetime);
        let mut login = Login { upstream, expires, ..login.clone() };
        login.trace.step("authorize again", now);
        let started = self.started().answered_by(&login.connection);
        let mut batch = self.store.batch();
        let key = self.store.keys().login(&started.login_id, started.browser.expose());
        batch.put(&key, &login, Some(self.settings.login_kept()));
        login.trace.save(&mut batch, &self.store);
        batch.run().await?;
        Ok(started)
    }

    /// What the app asks for, as a login that `connection` is to answer.
    pub(super) fn login(
        &self,
        request: &AuthorizeRequest,
        door: &Door,
        connection: &Connection,
        upstream: Upstream,
        mut trace: Trace,
    ) -> Login {
        trace.connection = Some(connection.id.clone());
        trace.idp = Some(connection.idp.name().to_owned());
        Login {
            upstream,
            connection: connection.id.clone(),
            connection_revised: connection.revised,
            return_to: door.return_to.clone(),
            requested: Requested {
                client_id: door.client_id.clone(),
                scope: door.scope.clone(),
                oauth_scope: request.scope.clone(),
                code_challenge: request.code_challenge.clone(),
                dpop_key: request.dpop_key.clone(),
                nonce: request.nonce.clone(),
                id_token_algorithm: door.product.as_ref().map(|product| product.id_token_algorithm).unwrap_or_default(),
                idp_hint: request.chosen.clone().or_else(|| request.idp_hint.clone()),
                login_hint: request.login_hint.clone(),
                unasked: false,
            },
            asked: request.asked.clone(),
            pushed: request.pushed.clone(),
            test: None,
            session_terms: self.session_terms(door.product.as_deref()),
            expires: after(self.clock.now(), self.settings.login_lifetime),
            trace,
        }
    }

    /// How long sessions of an app live: as its registration says, or else the settings. Refresh tokens are for apps that are
    /// registered for them (F10).
    fn session_terms(&self, product: Option<&Product>) -> SessionTerms {
        let limits = product.map(|product| product.session_limits).unwrap_or_default();
        let idle =
            limits.idle_minutes.map(|minutes| (minutes > 0).then(|| Duration::from_secs(60 * u64::from(minutes))));
        let hours = |hours: u32| Duration::from_secs(3600 * u64::from(hours));
        let refresh = limits.refresh_days.map_or(self.settings.refresh_lifetime, |days| hours(24 * days));
        SessionTerms {
            lifetime: limits.session_hours.map_or(self.settings.session_lifetime, hours),
            idle: idle.unwrap_or(self.settings.session_idle),
            refresh: product.is_some_and(|product| product.refresh_tokens).then_some(refresh),
        }
    }

    /// Two new halves of a name.
    pub(super) fn started(&self) -> Started {
        Started { login_id: self.login_id(self.clock.now()), browser: Secret::random(&*self.random, "") }
    }

    /// Takes the login that an IdP's answer belongs to, once. `browser` is what the browser's cookie for this login holds.
    pub async fn take(&self, login_id: &str, browser: Option<&str>) -> Result<Taken, Untaken> {
        let browser = browser.ok_or(Code::LoginOtherBrowser)?;
        let mut batch = self.store.batch();
        let key = self.store.keys().login(login_id, browser);
        let slot = batch.consume(&key, &SpentLogin {}, self.settings.login_lifetime);
        let asking = Asking::ask(&mut batch, &self.store, browser);
        let answers = batch.run().await.map_err(Fault::from)?;
        match answers.consumed(slot).map_err(Fault::from)? {
            Spent::Live(login) if login.expires > self.clock.now() => {
                Ok(Taken { login, beside: asking.map(|asking| asking.answer(&answers)) })
            }
            Spent::Live(late) => Err(Untaken { fault: Code::LoginUnknown.into(), late: Some(Box::new(late)) }),
            Spent::Absent => Err(Code::LoginUnknown.into()),
            Spent::Before(_) => Err(Code::LoginSpent.into()),
        }
    }

    /// Ends the story of a login that was refused. `begun` says whether it was saved before.
    pub async fn fail(&self, mut trace: Trace, fault: &Fault, begun: bool) -> Result<(), Fault> {
        trace.fail(fault);
        let data = serde_json::json!({ "trace": trace.id, "connection": trace.connection, "code": fault.code.name() });
        let event = Event::of(EventKind::LoginFailed, &trace.scope, self.clock.now(), data);
        let mut batch = self.store.batch();
        match begun {
            true => trace.save(&mut batch, &self.store),
            false => trace.save_first(&mut batch, &self.store),
        }
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Ok(())
    }

    /// When it was made, so that a browser's oldest cookies can be told, and 132 random bits.
    fn login_id(&self, now: Timestamp) -> String {
        format!("{:08x}{}", now.as_second(), &random_text(&*self.random)[..22])
    }
}

/// `now` plus a lifetime; at the end of time where that is beyond it.
pub(crate) fn after(now: Timestamp, lifetime: std::time::Duration) -> Timestamp {
    now.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}
