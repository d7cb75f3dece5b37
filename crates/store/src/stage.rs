//! Time and chance for tests, and a shorter way to say one operation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postern_core::ports::{Backend, Clock, Op, Random, Reply, Timestamp};
use sha2::{Digest, Sha256};

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(Mutex<Timestamp>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Mutex::new("2026-11-21T20:00:00Z".parse().unwrap()))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Bytes that never repeat and are the same in every run.
#[derive(Default)]
pub(crate) struct TestRandom(AtomicU64);

impl TestRandom {
    /// Another sequence than that of other seeds.
    pub(crate) fn seeded(seed: u32) -> Self {
        Self(AtomicU64::new(u64::from(seed) << 32))
    }
}

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            part.copy_from_slice(&Sha256::digest(number.to_be_bytes())[..part.len()]);
        }
    }
}

/// Runs a single operation.
pub(crate) async fn one(backend: &dyn Backend, op: Op) -> Reply {
    let mut replies = backend.run(vec![op]).await.unwrap();
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}
