//! The story of one login, kept sealed for whoever has to find out why it failed: facts and attribute names, never
//! documents, tokens or values. A logout has one where the IdP's part of it failed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::{Connection, ConnectionId};
use crate::fault::Fault;
use crate::ports::{Random, Timestamp};
use crate::scope::Scope;
use crate::store::{Batch, Index, Record, Store};

/// How long a trace is kept.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// The reference of a login, shown on error pages and at the head of every `error_description`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(pub String);

impl TraceId {
    /// 130 random bits in an alphabet that can be read out over the telephone.
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 17];
        random.fill(&mut bytes);
        let mut text = data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
        text.truncate(26);
        Self(text)
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One login, from authorize to token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trace {
    /// Its reference.
    pub id: TraceId,
    /// Whose login it was.
    pub scope: Scope,
    /// Which connection was used, once that was known.
    pub connection: Option<ConnectionId>,
    /// The `client_id` that the app sent.
    pub client_id: String,
    /// Where the app wanted its answer.
    pub redirect_uri: String,
    /// The entity ID of the IdP.
    pub idp: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
    /// The names of the attributes that arrived.
    pub attributes: Vec<String>,
    /// What an admin should mind though it did not stop the login.
    pub notes: Vec<String>,
    /// What security people should hear of though it did not stop the login.
    #[serde(default)]
    pub anomalies: Vec<String>,
}

/// A point that a login reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// What was done: `authorize`, `response`, `code`, `token`; `test`, `response`, `result`; `logout`.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// How a login ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// The app has its code.
    Succeeded,
    /// It was refused.
    Failed {
        /// The fault's code.
        code: String,
        /// What would have been right.
        expected: Option<String>,
        /// What came instead.
        received: Option<String>,
    },
}

impl Record for Trace {
    const CLASS: &'static str = "trace";
}

impl Trace {
    /// A login that begins.
    pub fn begin(id: TraceId, scope: Scope, client_id: &str, redirect_uri: &str, now: Timestamp) -> Self {
        Self {
            id,
            scope,
            connection: None,
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            idp: None,
            began: now,
            steps: vec![Step { name: "authorize".to_owned(), at: now }],
            outcome: None,
            attributes: Vec::new(),
            notes: Vec::new(),
            anomalies: Vec::new(),
        }
    }

    /// A logout message that the IdP of a connection sent.
    pub fn of_logout(id: TraceId, connection: &Connection, now: Timestamp) -> Self {
        Self {
            connection: Some(connection.id.clone()),
            idp: Some(connection.idp.name().to_owned()),
            steps: vec![Step { name: "logout".to_owned(), at: now }],
            ..Self::begin(id, connection.scope.clone(), "", "", now)
        }
    }

    /// A test login of a connection.
    pub fn of_test(id: TraceId, connection: &Connection, now: Timestamp) -> Self {
        let steps = vec![Step { name: "test".to_owned(), at: now }];
        Self { steps, ..Self::begin(id, connection.scope.clone(), "", "", now) }
    }

    /// The login reached a point.
    pub fn step(&mut self, name: &str, at: Timestamp) {
        self.steps.push(Step { name: name.to_owned(), at });
    }

    /// The same with something that an admin should mind.
    pub fn noting(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    /// The login was refused.
    pub fn fail(&mut self, fault: &Fault) {
        let (expected, received) = (fault.expected.clone(), fault.received.clone());
        self.outcome = Some(Outcome::Failed { code: fault.code.name().to_owned(), expected, received });
    }

    /// `succeeded`, `failed`, `started`, or `incomplete` when it began more than `login_lifetime` ago and never ended.
    pub fn status(&self, now: Timestamp, login_lifetime: Duration) -> &'static str {
        match &self.outcome {
            Some(Outcome::Succeeded) => "succeeded",
            Some(Outcome::Failed { .. }) => "failed",
            None if now.duration_since(self.began).unsigned_abs() > login_lifetime => "incomplete",
            None => "started",
        }
    }

    /// Adds the trace as it stands to a batch.
    pub fn save(&self, batch: &mut Batch<'_>, store: &Store) {
        batch.put(&store.keys().trace(&self.id), self, Some(RETENTION));
    }

    /// Adds the trace to a batch for the first time: with its entry in the product's list, from which old ones go.
    pub fn save_first(&self, batch: &mut Batch<'_>, store: &Store) {
        let index = store.keys().traces(&self.scope.product);
        self.save(batch, store);
        batch.index_add(&index, milliseconds(self.began), store.keys().trace_name(&self.id));
        trim(batch, &index, self.began);
    }

    /// Takes it back, with its entry.
    pub(crate) fn forget(&self, batch: &mut Batch<'_>, store: &Store) {
        batch.delete(&store.keys().trace(&self.id));
        batch.index_remove(&store.keys().traces(&self.scope.product), store.keys().trace_name(&self.id));
    }
}

/// Removes from a list what is no longer kept.
fn trim(batch: &mut Batch<'_>, index: &Index, now: Timestamp) {
    batch.index_trim(index, milliseconds(now).saturating_sub(RETENTION.as_millis() as u64));
}

/// Milliseconds since 1970, the score under which things are listed by time.
pub fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

/// Finds traces.
#[derive(Clone)]
pub struct Traces {
    store: Store,
}

impl Traces {
    /// Traces in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The trace with this id.
    pub async fn find(&self, id: &TraceId) -> Result<Option<Arc<Trace>>, Fault> {
        Ok(self.store.get(&self.store.keys().trace(id)).await?)
    }

    /// The traces of a product, newest first. What the list names and has expired is skipped.
    pub async fn of_product(
        &self,
        product: &str,
        offset: u64,
        limit: u64,
        now: Timestamp,
    ) -> Result<Vec<Arc<Trace>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        trim(&mut batch, &keys.traces(product), now);
        let page = batch.index_page(&keys.traces(product), offset, limit);
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let slots: Vec<_> = answers.members(page).map(|member| batch.get(&keys.trace_member(member))).collect();
        let answers = batch.run().await?;
        let found = slots.into_iter().filter_map(|slot| answers.get(slot).transpose());
        let mut found: Vec<Arc<Trace>> = found.collect::<Result<_, _>>()?;
        // Nobody vouches for an index.
        found.retain(|trace| trace.scope.product == product);
        Ok(found)
    }

    /// How many traces the product's list has.
    pub async fn count(&self, product: &str, now: Timestamp) -> Result<u64, Fault> {
        let index = self.store.keys().traces(product);
        let mut batch = self.store.batch();
        trim(&mut batch, &index, now);
        let count = batch.index_count(&index);
        Ok(batch.run().await?.count(count))
    }

    /// Removes all traces of a product. Returns how many there were.
    pub async fn delete_of_product(&self, product: &str) -> Result<u64, Fault> {
        let index = self.store.keys().traces(product);
        let mut deleted = 0;
        loop {
            let members = self.members(&index, 0).await?;
            if members.is_empty() {
                return Ok(deleted);
            }
            deleted += self.delete(&index, members).await?;
        }
    }

    /// Removes the traces of a scope. They are found by reading all of the product: those of seven days. Returns how many there were.
    pub(crate) async fn delete_of_scope(&self, scope: &Scope) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let index = keys.traces(&scope.product);
        let (mut deleted, mut others) = (0, 0);
        loop {
            let members = self.members(&index, others).await?;
            if members.is_empty() {
                return Ok(deleted);
            }
            let mut batch = self.store.batch();
            let slots: Vec<_> = members.iter().map(|member| batch.get(&keys.trace_member(member))).collect();
            let answers = batch.run().await?;
            let mut doomed = Vec::new();
            for (member, slot) in members.into_iter().zip(slots) {
                match answers.get(slot)?.is_some_and(|trace| trace.scope == *scope) {
                    true => doomed.push(member),
                    false => others += 1,
                }
            }
            deleted += self.delete(&index, doomed).await?;
        }
    }

    async fn members(&self, index: &Index, offset: u64) -> Result<Vec<String>, Fault> {
        const AT_ONCE: u64 = 500;
        let mut batch = self.store.batch();
        let page = batch.index_page(index, offset, AT_ONCE);
        Ok(batch.run().await?.members(page).map(str::to_owned).collect())
    }

    async fn delete(&self, index: &Index, members: Vec<String>) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let mut slots = Vec::with_capacity(members.len());
        for member in members {
            slots.push(batch.delete(&keys.trace_member(&member)));
            batch.index_remove(index, member);
        }
        let answers = batch.run().await?;
        Ok(slots.into_iter().filter(|slot| answers.written(*slot)).count() as u64)
    }
}
