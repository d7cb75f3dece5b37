//! A store that fails where a test wants it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
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
}

impl Brittle {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        let (breaks_at, breaks_once_at) = (Mutex::default(), Mutex::default());
        Self { backend, breaks_at, breaks_once_at, since: Mutex::default(), bound: Mutex::default() }
    }

    /// From now on every batch fails that names a key which begins like this.
    pub(crate) fn break_at(&self, keys: Option<&'static str>) {
        *self.breaks_at.lock().unwrap() = keys;
    }

    /// From now on the next batch fails that writes a value under a key which begins like this; those after it do not.
    pub(crate) fn break_once_at(&self, keys: &'static str) {
        *self.breaks_once_at.lock().unwrap() = Some(keys);
    }

    fn breaks_now(&self, batch: &[Op]) -> bool {
        let mut once = self.breaks_once_at.lock().unwrap();
        let breaks =
            once.is_some_and(|keys| batch.iter().any(|op| written(op).is_some_and(|key| key.starts_with(keys))));
        if breaks {
            *once = None;
        }
        breaks
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

    fn remembers_since(&self) -> Option<Timestamp> {
        self.backend.remembers_since().max(*self.since.lock().unwrap())
    }
}

/// The key under which an operation writes a value.
fn written(op: &Op) -> Option<&str> {
    match op {
        Op::Put { key, .. } | Op::PutNew { key, .. } | Op::ReplaceIf { key, .. } => Some(key),
        _ => None,
    }
}
