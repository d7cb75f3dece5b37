//! A test login: somebody tries a connection out, and no app notices.
//!
//! The operator asks for one and passes its address on; whoever opens that reads what will happen and presses a button. From there on
//! it is a login like any other, by the same path and the same rules, up to the point where an app would get its code:
//! [`Logins::finish`] forks there. No code is issued, no session begins, and what the answer came to is kept as the result, whether it
//! was good or not. Assertions are used up as always.
//!
//! The address holds a secret; the operator's name for the test is a hash of it, so that who may read the result may
//! not begin the login. The values that the IdP sent lie apart from the result, and who takes them first is the only one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::door::Door;
use super::finish::of_authentication;
use super::request::{AuthorizeRequest, Parameters};
use super::start::{Started, after};
use super::{Login, Logins, Person, ResponseMode, ReturnTo, SpentLogin, Upstream};
use crate::connection::{Connection, ConnectionId};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::identity::Identity;
use crate::last_test::{LastTest, Likeness};
use crate::mapping::{self, Claims};
use crate::ports::Timestamp;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::{Record, Spent};
use crate::trace::{Outcome, RETENTION, Trace, TraceId};

/// For how long an address can be used, and values be asked for.
pub const TEST_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The operator's name for a test login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TestId(pub String);

impl TestId {
    /// `test_` and 160 bits of the hash of the secret in its address.
    pub fn of(token: &Secret) -> Self {
        let hash = Sha256::digest(token.expose().as_bytes());
        Self(format!("test_{}", data_encoding::BASE32_NOPAD.encode(&hash[..20]).to_ascii_lowercase()))
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes a login a test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Test {
    /// Which.
    pub id: TestId,
    /// Its address, where the result is shown.
    pub page: Secret,
    /// What the connection was like when it began.
    pub likeness: Likeness,
}

/// A test login and how far it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestLogin {
    /// What is tried out.
    pub connection: ConnectionId,
    /// Whose it is.
    pub scope: Scope,
    /// From when on it cannot be begun any more.
    pub expires: Timestamp,
    /// How far it came.
    #[serde(flatten)]
    pub state: TestState,
}

impl Record for TestLogin {
    const CLASS: &'static str = "test-login";
}

/// How far a test login came.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum TestState {
    /// Somebody may begin it.
    Ready,
    /// Somebody is with the IdP, or never came back.
    Begun {
        /// Since when.
        at: Timestamp,
        /// Its story.
        trace: TraceId,
    },
    /// The IdP has answered.
    Ended(Box<TestResult>),
}

/// What a test login came to, without a value that the IdP sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestResult {
    /// When it ended.
    pub at: Timestamp,
    /// Its story.
    pub trace: TraceId,
    /// Whether it passed, or why not.
    pub outcome: Outcome,
    /// The names of the attributes that arrived.
    pub attributes: Vec<String>,
    /// The claims that they became, and the attributes that each comes from.
    pub mapping: BTreeMap<String, Vec<String>>,
    /// The names of the claims that the app would be told; none, where it would be told nothing.
    pub claims: Vec<String>,
    /// What an admin should mind.
    pub notes: Vec<String>,
    /// What security people should hear of.
    pub anomalies: Vec<String>,
}

/// The values of a test login.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TestValues {
    /// Of the attributes that arrived, in their order.
    pub attributes: Vec<(String, Vec<String>)>,
    /// What the app would be told.
    pub claims: Claims,
}

impl Record for TestValues {
    const CLASS: &'static str = "test-values";
}

/// What a verified answer came to.
#[derive(Debug)]
pub struct Tested {
    values: TestValues,
    mapping: BTreeMap<String, Vec<String>>,
    refused: Option<Fault>,
}

impl Tested {
    /// Of an identity, and of the person that it became.
    pub(super) fn of(identity: &Identity, connection: &Connection, judged: Result<Person, Fault>) -> Self {
        let name_id = identity.name_id.iter().map(|name| (mapping::NAME_ID.to_owned(), vec![name.value.clone()]));
        let attributes = identity.attributes.iter().map(|attribute| (attribute.name.clone(), attribute.values.clone()));
        let (claims, refused) = match judged {
            Ok(person) => (told(person, connection), None),
            Err(fault) => (Claims::new(), Some(fault)),
        };
        Self {
            values: TestValues { attributes: name_id.chain(attributes).collect(), claims },
            mapping: mapping::sources(identity, &connection.mapping),
            refused,
        }
    }

    /// Why an app would not have let the person in.
    pub fn refused(&self) -> Option<Code> {
        self.refused.as_ref().map(|fault| fault.code)
    }
}

/// What an app would be told of a person, but for what only a session or a question of its own brings.
fn told(person: Person, connection: &Connection) -> Claims {
    let mut claims = person.claims;
    claims.remove("raw"); // the attributes once more
    claims.insert("tenant".to_owned(), json!(connection.scope.tenant));
    claims.extend(of_authentication(&person.authentication));
    claims
}

impl Logins {
    /// A test login of a connection that somebody may begin, once. Its address holds the secret.
    pub async fn offer_test(&self, connection: &Connection) -> Result<(Secret, TestLogin), Fault> {
        let token = Secret::random(&*self.random, "");
        let test = TestLogin {
            connection: connection.id.clone(),
            scope: connection.scope.clone(),
            expires: after(self.clock.now(), TEST_LIFETIME),
            state: TestState::Ready,
        };
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().test_login(&TestId::of(&token)), &test, Some(TEST_LIFETIME));
        batch.run().await?;
        Ok((token, test))
    }

    /// The test login of this name.
    pub async fn test_login(&self, id: &TestId) -> Result<Arc<TestLogin>, Fault> {
        self.store.get(&self.store.keys().test_login(id)).await?.ok_or_else(|| Code::TestLoginUnknown.into())
    }

    /// Begins a test login, once, as a login that waits for `connection` to answer what `upstream` asks; `page` is its address. 2 round
    /// trips.
    pub async fn begin_test(
        &self,
        id: TestId,
        page: Secret,
        connection: &Connection,
        upstream: Upstream,
    ) -> Result<Started, Fault> {
        let keys = self.store.keys();
        let key = keys.test_login(&id);
        let mut batch = self.store.batch();
        let slot = batch.get(&key);
        let stored = batch.run().await?.stored(slot)?.ok_or(Code::TestLoginUnknown)?;
        if !matches!(stored.record.state, TestState::Ready) {
            return Err(Code::TestLoginSpent.into());
        }
        let now = self.clock.now();
        let trace = Trace::of_test(TraceId::random(&*self.random), connection, now);
        let state = TestState::Begun { at: now, trace: trace.id.clone() };
        let begun = TestLogin { state, ..(*stored.record).clone() };
        let return_to = ReturnTo { redirect_uri: String::new(), state: None, mode: ResponseMode::default() };
        let door = Door::of_nobody(connection.scope.clone(), String::new(), None, return_to);
        let nothing = AuthorizeRequest::read(Parameters::default());
        let mut login = self.login(&nothing, &door, connection, upstream, trace);
        login.test = Some(Test { id, page, likeness: Likeness::of(connection) });
        let started = self.started().answered_by(&connection.id);
        // Whoever comes second leaves a login behind that nobody has the names of.
        let mut batch = self.store.batch();
        let first = batch.replace_ending(&key, &stored, &begun, RETENTION);
        let login_key = keys.login(&started.login_id, started.browser.expose());
        batch.put(&login_key, &login, Some(self.settings.login_kept()));
        login.trace.save_first(&mut batch, &self.store);
        match batch.run().await?.written(first) {
            true => Ok(started),
            false => Err(Code::TestLoginSpent.into()),
        }
    }

    /// Ends a test login with what the answer came to, or with what was wrong about it: its result, its story, an event, and a note
    /// beside the connection. Gives its address back. 1 round trip.
    pub async fn end_test<'l>(&self, login: &'l Login, outcome: Result<Tested, Fault>) -> Result<&'l Secret, Fault> {
        let test = login.test.as_ref().ok_or(Code::Defect)?; // no other login ends here
        let (now, connection, mut trace) = (self.clock.now(), &login.connection, login.trace.clone());
        let (values, mapping, refused) = match outcome {
            Ok(Tested { values, mapping, refused }) => (values, mapping, refused),
            Err(fault) => (TestValues::default(), BTreeMap::new(), Some(fault)),
        };
        trace.step("result", now);
        match &refused {
            Some(fault) => trace.fail(fault),
            None => trace.outcome = Some(Outcome::Succeeded),
        }
        let code = refused.map(|fault| fault.code.name().to_owned());
        let result = TestResult {
            at: now,
            trace: trace.id.clone(),
            outcome: trace.outcome.clone().unwrap_or(Outcome::Succeeded),
            attributes: values.attributes.iter().map(|(name, _)| name.clone()).collect(),
            mapping,
            claims: values.claims.keys().cloned().collect(),
            notes: trace.notes.clone(),
            anomalies: trace.anomalies.clone(),
        };
        let ended = TestLogin {
            connection: connection.clone(),
            scope: trace.scope.clone(),
            expires: now,
            state: TestState::Ended(Box::new(result)),
        };
        let last = LastTest { at: now, code: code.clone(), likeness: test.likeness.clone() };
        let data = json!({ "connection": connection, "trace": trace.id, "passed": code.is_none(), "code": code });
        let (id, keys) = (&test.id, self.store.keys());
        let mut batch = self.store.batch();
        batch.put(&keys.test_login(id), &ended, Some(RETENTION));
        if !values.attributes.is_empty() {
            batch.put(&keys.test_values(id), &values, Some(TEST_LIFETIME));
        }
        batch.put(&keys.last_test(connection), &last, None);
        trace.save(&mut batch, &self.store);
        Event::of(EventKind::ConnectionTested, &trace.scope, now, data).append(&mut batch, &self.store);
        let present = batch.get(&keys.connection(connection));
        if batch.run().await?.get(present)?.is_none() {
            // It was deleted meanwhile, and nothing stays beside it.
            let mut batch = self.store.batch();
            batch.delete(&keys.last_test(connection));
            batch.run().await?;
        }
        Ok(&test.page)
    }

    /// The values of a test login, once: whoever asks first has them.
    pub async fn take_test_values(&self, id: &TestId) -> Result<Option<TestValues>, Fault> {
        let mut batch = self.store.batch();
        let slot = batch.consume(&self.store.keys().test_values(id), &SpentLogin {}, TEST_LIFETIME);
        match batch.run().await?.consumed(slot)? {
            Spent::Live(values) => Ok(Some(values)),
            Spent::Before(_) | Spent::Absent => Ok(None),
        }
    }

    /// Whether the values of a test login are still there to be taken.
    pub async fn has_test_values(&self, id: &TestId) -> Result<bool, Fault> {
        Ok(self.store.get(&self.store.keys().test_values(id)).await?.is_some())
    }
}
