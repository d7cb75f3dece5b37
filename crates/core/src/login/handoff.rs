//! A login that began at the IdP, handed over to the app so that the app begins it.
//!
//! The app's own state, PKCE and nonce protect a login only if the app began it. So the verified person waits here, bound to
//! the browser, while that browser is sent to the app's `initiate_login_url` (OIDC Core §4). The authorize request that comes
//! from there, with the handle as its `login_hint`, is answered at once. Without the handle it takes the usual way to the IdP.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::door::Door;
use super::finish::{Answer, Issued};
use super::request::AuthorizeRequest;
use super::start::{Started, after};
use super::{Logins, Person, SpentLogin, Upstream};
use crate::connection::{Connection, ConnectionId};
use crate::fault::Fault;
use crate::mapping;
use crate::policy::Rules;
use crate::ports::Timestamp;
use crate::store::{Record, Spent};
use crate::trace::Trace;

/// How long a person waits for the app.
pub const HANDOFF_LIFETIME: Duration = Duration::from_secs(60);

/// A verified person who waits for the app to begin its login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Handoff {
    connection: ConnectionId,
    #[serde(flatten)]
    person: Person,
    attributes: Vec<String>,
    notes: Vec<String>,
    #[serde(default)]
    anomalies: Vec<String>,
    expires: Timestamp,
}

impl Record for Handoff {
    const CLASS: &'static str = "handoff";
    const BOUND: bool = true;
}

impl Logins {
    /// Uses the answer and lets the person wait. What is kept are claims, never the assertion.
    pub async fn hand_off(&self, connection: &Connection, rules: &Rules, mut answer: Answer) -> Result<Started, Fault> {
        let attributes = mapping::names(&answer.identity);
        let person = self.admit(connection, rules, &mut answer).await?;
        let handoff = Handoff {
            connection: connection.id.clone(),
            person,
            attributes,
            notes: answer.notes,
            anomalies: answer.anomalies,
            expires: after(self.clock.now(), HANDOFF_LIFETIME),
        };
        let started = self.started();
        let mut batch = self.store.batch();
        let key = self.store.keys().handoff(&started.login_id, started.browser.expose());
        batch.put(&key, &handoff, Some(HANDOFF_LIFETIME));
        batch.run().await?;
        Ok(started)
    }

    /// Takes the person who waits under this handle in this browser for this connection, once, and issues the app's code.
    /// `None`: nobody waits, or what the app asks of the authentication needs a question to the IdP.
    pub async fn pick_up(
        &self,
        request: &AuthorizeRequest,
        door: &Door,
        connection: &Connection,
        browser: &str,
        trace: &Trace,
    ) -> Result<Option<Issued>, Fault> {
        let Some(handle) = request.login_hint.as_deref().filter(|_| !request.asked.anew) else { return Ok(None) };
        let mut batch = self.store.batch();
        let slot = batch.consume(&self.store.keys().handoff(handle, browser), &SpentLogin {}, HANDOFF_LIFETIME);
        let handoff = match batch.run().await?.consumed(slot)? {
            Spent::Live(handoff) if handoff.expires > self.clock.now() && handoff.connection == connection.id => {
                handoff
            }
            _ => return Ok(None),
        };
        let mut login = self.login(request, door, connection, Upstream::none(), trace.clone());
        let now = self.clock.now();
        let asked = login.asked.check(&handoff.person, now, now, self.settings.clock_skew);
        if asked.and_then(|()| self.check_age(&mut login, &handoff.person)).is_err() {
            return Ok(None);
        }
        login.trace.step("handoff", now);
        login.trace.attributes = handoff.attributes;
        login.trace.notes = handoff.notes;
        login.trace.anomalies = handoff.anomalies;
        let mut batch = self.store.batch();
        login.trace.save_first(&mut batch, &self.store);
        batch.run().await?;
        self.issue_code(&login, connection, handoff.person, "idp-initiated").await.map(Some)
    }
}
