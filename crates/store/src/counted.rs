//! A backend that counts: the budget of round trips of a login is a test.

use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Op, Reply, StoreError, Timestamp};

/// Passes everything on to another backend and counts it.
pub struct Counted {
    backend: Arc<dyn Backend>,
    round_trips: AtomicU64,
    operations: AtomicU64,
}

/// How much was asked of a backend so far. The difference of two is what happened between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Batches.
    pub round_trips: u64,
    /// Operations in them.
    pub operations: u64,
}

impl Counted {
    /// Counts what goes to `backend` from now on.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, round_trips: AtomicU64::new(0), operations: AtomicU64::new(0) }
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        Counts {
            round_trips: self.round_trips.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
        }
    }
}

impl Sub for Counts {
    type Output = Counts;
    fn sub(self, earlier: Counts) -> Counts {
        Counts { round_trips: self.round_trips - earlier.round_trips, operations: self.operations - earlier.operations }
    }
}

#[async_trait]
impl Backend for Counted {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.backend.run(batch).await
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        self.backend.list(prefix, after).await
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.backend.remembers_since()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryBackend;
    use crate::stage::TestClock;

    #[tokio::test]
    async fn a_batch_is_one_round_trip() {
        let counted = Counted::new(Arc::new(MemoryBackend::new(Arc::new(TestClock::default()))));
        let get = |key: &str| Op::Get { key: key.into() };
        counted.run(vec![get("a")]).await.unwrap();
        let before = counted.counts();
        counted.run(vec![get("a"), get("b"), get("c")]).await.unwrap();
        assert_eq!(counted.counts() - before, Counts { round_trips: 1, operations: 3 });
    }
}
