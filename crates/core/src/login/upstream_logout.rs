//! After our own session ends, the person is signed out at their IdP too, where that can be done: the browser is sent there, and
//! comes back from there to an address of ours that does not depend on the app, and goes on to where the app wanted it.
//!
//! | IdP | is asked | and answers at |
//! |---|---|---|
//! | OpenID Provider | at its `end_session_endpoint`, of which we are the app (RP-Initiated Logout §2) | one fixed address |
//! | SAML | by a LogoutRequest (SAML Profiles §4.4.3.1) | our single logout service |
//!
//! H28: our session is over before the IdP hears anything, and stays so whatever becomes of it there. Only a person who signs out
//! is taken along: a session that an idle timeout, an operator or a stolen token ends says nothing about the one at the IdP.
//!
//! No ID token of an OpenID Provider is kept, so it gets no `id_token_hint`: it knows us by `client_id`, and may ask the person.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::start::Started;
use super::{Logins, ReturnTo};
use crate::connection::{Connection, ConnectionId, Idp};
use crate::fault::{Code, Fault};
use crate::identity::SubjectName;
use crate::redirect::with_parameters;
use crate::store::Record;

/// How long the browser may stay with the IdP.
pub const PARTING_LIFETIME: Duration = Duration::from_secs(600);

/// Where somebody is still signed in.
#[derive(Debug, Clone)]
pub enum StillSignedIn {
    /// At an OpenID Provider.
    Openid(OpenidSession),
    /// At a SAML IdP.
    Saml(SamlSession),
}

/// A session at an OpenID Provider that can be asked to end it.
#[derive(Debug, Clone)]
pub struct OpenidSession {
    endpoint: String,
    client_id: String,
    /// The region of its connection.
    pub region: Option<String>,
}

impl OpenidSession {
    /// The address that signs the person out there and sends them back to `our_return` with `state`.
    pub fn url(&self, our_return: &str, state: &str) -> String {
        let parameters =
            [("client_id", self.client_id.as_str()), ("post_logout_redirect_uri", our_return), ("state", state)];
        with_parameters(&self.endpoint, parameters)
    }
}

/// A session at a SAML IdP that takes logout requests, by the IdP's own names.
#[derive(Debug, Clone)]
pub struct SamlSession {
    /// Whose IdP it is.
    pub connection: Arc<Connection>,
    /// Whose session, as the assertion said it.
    pub name: SubjectName,
    /// Which one, if the IdP gave it a name.
    pub index: Option<String>,
}

/// A LogoutRequest of ours, which a response has to answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentRequest {
    /// Whose IdP was asked.
    pub connection: ConnectionId,
    /// The ID of the request.
    pub id: String,
}

/// Where the browser goes after the IdP. It leads to a registered address alone, so it may be used again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parting {
    /// `None`: to no app.
    pub return_to: Option<ReturnTo>,
    /// What a SAML IdP was asked.
    #[serde(default)]
    pub request: Option<SentRequest>,
}

impl Record for Parting {
    const CLASS: &'static str = "parting";
    const BOUND: bool = true;
}

impl Parting {
    /// The ID of the request that an answer of this connection's IdP has to name.
    pub fn request_to(&self, connection: &ConnectionId) -> Result<&str, Fault> {
        let request = self.request.as_ref().filter(|request| request.connection == *connection);
        request.map(|request| request.id.as_str()).ok_or_else(|| Code::LogoutOtherRequest.into())
    }
}

impl Logins {
    /// The IdP at which the person of a session is still signed in, if it can be asked to end that, and is to be.
    pub(super) async fn still_signed_in(&self, session: &Session) -> Result<Option<StillSignedIn>, Fault> {
        let connection = self.store.get(&self.store.keys().connection(&session.connection)).await?;
        let asked = |connection: &Arc<Connection>| {
            connection.single_logout && connection.signs_in() && connection.idp.check_current(self.clock.now()).is_ok()
        };
        Ok(connection.filter(asked).and_then(|connection| match &connection.idp {
            Idp::Oidc(idp) => {
                let endpoint = idp.provider.end_session_endpoint.clone()?;
                let (client_id, region) = (idp.client_id.clone(), connection.region.clone());
                Some(StillSignedIn::Openid(OpenidSession { endpoint, client_id, region }))
            }
            Idp::Saml(idp) => {
                let upstream = &session.authentication.upstream;
                let name = upstream.subject_name.clone().filter(|_| idp.takes_logout_requests())?;
                Some(StillSignedIn::Saml(SamlSession { connection, name, index: upstream.index.clone() }))
            }
        }))
    }

    /// Lets a browser go to the IdP. Like a login, what it finds its way on by is named by what goes through the IdP and by what
    /// stays in the browser, together.
    pub async fn part(&self, parting: &Parting) -> Result<Started, Fault> {
        let started = self.started();
        let key = self.store.keys().parting(&started.login_id, started.browser.expose());
        let mut batch = self.store.batch();
        batch.put(&key, parting, Some(PARTING_LIFETIME));
        batch.run().await?;
        Ok(started)
    }

    /// What is known of somebody who comes back from their IdP with this `state`, in the browser that has this secret; `None`:
    /// nothing, because they come too late, from elsewhere, or never left.
    pub async fn parted(&self, state: &str, browser: Option<&str>) -> Result<Option<Arc<Parting>>, Fault> {
        let Some(browser) = browser else { return Ok(None) };
        Ok(self.store.get(&self.store.keys().parting(state, browser)).await?)
    }
}
