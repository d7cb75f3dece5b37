//! A store that fails where a test wants it to, or lets something else happen first.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Consumed, Op, Reply, StoreError, Timestamp};

/// Passes everything on to another backend, but for what is to fail.
pub(crate) struct Brittle {
    backend: Arc<dyn Backend>,
    breaks_at: Mutex<Option<&'static str>>,
    breaks_once_at: Mutex<Option<&'static str>>,
    /// Since when it is the server that it is now, if it was another before.
    since: Mutex<Option<Timestamp>>,
    /// What was bound, to the server that began then.
    bound: Mutex<HashMap<String, Option<Timestamp>>>,
    interrupted_at: Mutex<Option<(&'static str, Interruption)>>,
}

type Interruption = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Brittle {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            breaks_at: Mutex::default(),
            breaks_once_at: Mutex::default(),
            interrupted_at: Mutex::default(),
            since: Mutex::default(),
            bound: Mutex::default(),
        }
    }

    /// From now on every batch fails that names a key which begins like this.
    pub(crate) fn break_at(&self, keys: Option<&'static str>) {
        *self.breaks_at.lock().unwrap() = keys;
    }

    /// From now on the next batch fails that writes a value under a key which begins like this; those after it do not.
    pub(crate) fn break_once_at(&self, keys: &'static str) {
        *self.breaks_once_at.lock().unwrap() = Some(keys);
    }

    /// Right before the next batch that writes a value under a key which begins like this, `something` happens.
    pub(crate) fn before(&self, keys: &'static str, something: impl Future<Output = ()> + Send + 'static) {
        *self.interrupted_at.lock().unwrap() = Some((keys, Box::pin(something)));
    }

    fn breaks_now(&self, batch: &[Op]) -> bool {
        let mut once = self.breaks_once_at.lock().unwrap();
        once.take_if(|keys| writes(batch, keys)).is_some()
    }

    fn interruption(&self, batch: &[Op]) -> Option<Interruption> {
        let mut at = self.interrupted_at.lock().unwrap();
        at.take_if(|(keys, _)| writes(batch, keys)).map(|(_, something)| something)
    }

    /// From now on it is another server, as after a failover.
    pub(crate) fn fail_over(&self, now: Timestamp) {
        *self.since.lock().unwrap() = Some(now);
    }

    fn is_foreign(&self, key: &str) -> bool {
        self.bound.lock().unwrap().get(key).is_some_and(|since| *since != *self.since.lock().unwrap())
    }
}

#[async_trait]
impl Backend for Brittle {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        let breaks_at = *self.breaks_at.lock().unwrap();
        if breaks_at.is_some_and(|keys| format!("{batch:?}").contains(&format!("\"{keys}"))) {
            return Err(StoreError::Unavailable("as the test wants it".into()));
        }
        if self.breaks_now(&batch) {
            return Err(StoreError::Unavailable("as the test wants it, once".into()));
        }
        if let Some(something) = self.interruption(&batch) {
            something.await;
        }
        let mut replies = self.backend.run(batch.clone()).await?;
        for (op, reply) in batch.into_iter().zip(&mut replies) {
            match (op, &mut *reply) {
                (Op::Put { key, bound: true, .. }, _) => {
                    self.bound.lock().unwrap().insert(key, *self.since.lock().unwrap());
                }
                (Op::Get { key }, Reply::Value(Some(_))) if self.is_foreign(&key) => *reply = Reply::Foreign,
                (Op::Consume { key, .. }, Reply::Consumed(Consumed::Live(_))) if self.is_foreign(&key) => {
                    *reply = Reply::Consumed(Consumed::Foreign);
                }
                _ => {}
            }
        }
        Ok(replies)
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        self.backend.list(prefix, after).await
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.backend.remembers_since().max(*self.since.lock().unwrap())
    }
}

/// Whether one of these writes a value under a key which begins like this.
fn writes(batch: &[Op], keys: &str) -> bool {
    batch.iter().any(|op| written(op).is_some_and(|key| key.starts_with(keys)))
}

/// The key under which an operation writes a value.
fn written(op: &Op) -> Option<&str> {
    match op {
        Op::Put { key, .. } | Op::PutNew { key, .. } | Op::ReplaceIf { key, .. } => Some(key),
        _ => None,
    }
}
