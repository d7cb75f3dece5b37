//! A store that fails where a test wants it to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postern_core::ports::{Backend, Op, Reply, StoreError};

/// Passes everything on to another backend, but for what is to fail.
pub(crate) struct Brittle {
    backend: Arc<dyn Backend>,
    breaks_at: Mutex<Option<&'static str>>,
    breaks_once_at: Mutex<Option<&'static str>>,
}

impl Brittle {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, breaks_at: Mutex::new(None), breaks_once_at: Mutex::new(None) }
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
        self.backend.run(batch).await
    }
}

/// The key under which an operation writes a value.
fn written(op: &Op) -> Option<&str> {
    match op {
        Op::Put { key, .. } | Op::PutNew { key, .. } | Op::ReplaceIf { key, .. } => Some(key),
        _ => None,
    }
}
