//! Single logout (SAML Profiles §4.4, H28): an IdP that ends a session of its own ends ours that came from it. The other way
//! round, [`super::upstream_logout`].
//!
//! A session is found by the NameID of its assertion, in a list of the connection, and only what the IdP of that very connection
//! asks is done: the message is verified before it gets here.

use serde_json::json;

use super::Logins;
use super::finish::UsedOnce;
use super::session::{ListedBy, Session};
use crate::connection::Connection;
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::identity::SubjectName;
use crate::sessions::Why;
use crate::trace::{Trace, TraceId};

/// A verified request of an IdP to end sessions.
#[derive(Debug)]
pub struct Dismissal {
    /// The request, which is used once.
    pub request: UsedOnce,
    /// Whose.
    pub name: SubjectName,
    /// Which of them, by the IdP's names; none: all.
    pub session_indexes: Vec<String>,
}

impl Logins {
    /// Ends the sessions that are meant, on every replica. Returns how many there were: nobody known is no fault.
    pub async fn dismiss(&self, connection: &Connection, dismissal: &Dismissal) -> Result<u64, Fault> {
        let key = self.store.keys().logout_request(&connection.id, &dismissal.request.id);
        if !self.remember(&key, &dismissal.request).await? {
            return Err(Code::LogoutReplayed.into());
        }
        let theirs = ListedBy::Upstream(&connection.id, &dismissal.name.value);
        self.sessions.end_those(theirs, Why::IdentityProvider, |session| dismissal.means(session)).await
    }

    /// Keeps the story of a logout in which something was wrong with what the IdP of `connection` said. Returns its reference.
    pub async fn logout_failed(&self, connection: &Connection, fault: &Fault) -> Result<TraceId, Fault> {
        let now = self.clock.now();
        let mut trace = Trace::of_logout(TraceId::random(&*self.random), connection, now);
        trace.fail(fault);
        let data = json!({ "trace": trace.id, "connection": connection.id, "code": fault.code.name() });
        let mut batch = self.store.batch();
        trace.save_first(&mut batch, &self.store);
        Event::of(EventKind::LogoutFailed, &connection.scope, now, data).append(&mut batch, &self.store);
        batch.run().await?;
        Ok(trace.id)
    }
}

impl Dismissal {
    /// A session whose IdP gave it no index cannot be told from the others of this person, and ends with each.
    fn means(&self, session: &Session) -> bool {
        let upstream = &session.authentication.upstream;
        let named = upstream.subject_name.as_ref().is_none_or(|name| name.can_mean(&self.name));
        let index = upstream.index.as_ref();
        named && (self.session_indexes.is_empty() || index.is_none_or(|index| self.session_indexes.contains(index)))
    }
}
