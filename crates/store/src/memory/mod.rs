//! Everything in the memory of one process, gone with it: for tests and for trying things out. Its parts also keep what
//! [`RedbBackend`](crate::RedbBackend) does not write to its file.

mod index;
mod log;
mod values;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use postern_core::inventory::{Cursor, Item, Kept, Page};
use postern_core::ports::{Backend, Clock, Op, Reply, StoreError, Timestamp};

use self::index::Index;
use self::log::Log;
pub(crate) use self::values::Values;
use crate::verbs::{self, Failure, Shelf};
use crate::{batch, position::Position};

/// Keeps everything in memory, behind one lock that is held for microseconds.
pub struct MemoryBackend {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    kept: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    values: Values,
    indexes: BTreeMap<String, Index>,
    logs: BTreeMap<String, Log>,
}

impl Shelves {
    /// An index without members is no index, as in Redis.
    fn drop_if_empty(&mut self, index: &str) {
        if self.indexes.get(index).is_some_and(|index| index.count() == 0) {
            self.indexes.remove(index);
        }
    }
}

impl MemoryBackend {
    /// An empty store in which values expire by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { started: clock.now(), clock, kept: Mutex::default() }
    }

    /// The indexes that there are, and how many members each has, for tests that see what stays behind.
    pub fn indexes(&self) -> Vec<(String, u64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.indexes.iter().map(|(name, index)| (name.clone(), index.count())).collect()
    }

    /// The keys that have a value, for the same tests.
    pub fn keys(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.keys(self.clock.now()).map(str::to_owned).collect()
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        batch::check(&batch)?;
        let now = self.clock.now();
        // A panic of another caller leaves no half-done change behind that a later one could not live with.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.sweep(now, batch.len());
        verbs::run(&mut Present { kept: &mut kept, now }, batch)
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        verbs::list(&mut Present { kept: &mut kept, now: self.clock.now() }, prefix, after)
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        Some(self.started)
    }
}

/// What is kept, at one instant.
struct Present<'a> {
    kept: &'a mut Shelves,
    now: Timestamp,
}

impl Shelf for Present<'_> {
    fn value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.kept.values.get(key, self.now).map(<[u8]>::to_vec))
    }
    fn set(&mut self, key: &str, value: Vec<u8>, lifetime: Option<Duration>) -> Result<(), Failure> {
        Ok(self.kept.values.set(key, value, lifetime, self.now)?)
    }
    fn rewrite(&mut self, key: &str, value: Vec<u8>) -> Result<(), Failure> {
        self.kept.values.rewrite(key, value);
        Ok(())
    }
    fn remove(&mut self, key: &str) -> Result<bool, Failure> {
        Ok(self.kept.values.remove(key, self.now))
    }
    fn index_add(&mut self, index: &str, score: u64, member: &str) -> Result<(), Failure> {
        self.kept.indexes.entry(index.to_owned()).or_default().add(score, member);
        Ok(())
    }
    fn index_remove(&mut self, index: &str, member: &str) -> Result<bool, Failure> {
        let removed = self.kept.indexes.get_mut(index).is_some_and(|index| index.remove(member));
        self.kept.drop_if_empty(index);
        Ok(removed)
    }
    fn index_trim(&mut self, index: &str, below: u64) -> Result<u64, Failure> {
        let trimmed = self.kept.indexes.get_mut(index).map_or(0, |index| index.trim(below));
        self.kept.drop_if_empty(index);
        Ok(trimmed)
    }
    fn index_page(&mut self, index: &str, offset: u64, limit: u64) -> Result<Vec<(String, u64)>, Failure> {
        Ok(self.kept.indexes.get(index).map(|index| index.page(offset, limit)).unwrap_or_default())
    }
    fn index_count(&mut self, index: &str) -> Result<u64, Failure> {
        Ok(self.kept.indexes.get(index).map_or(0, Index::count))
    }
    fn log_append(&mut self, log: &str, entry: Vec<u8>, keep: u64) -> Result<String, Failure> {
        Ok(self.kept.logs.entry(log.to_owned()).or_default().append(entry, keep, self.now).to_string())
    }
    fn log_read(&mut self, log: &str, after: Option<&str>, limit: u64) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let after = after.and_then(Position::parse);
        Ok(self.kept.logs.get(log).map(|log| log.read(after, limit)).unwrap_or_default())
    }
    fn log_rewrite(&mut self, log: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
        let Some(log) = self.kept.logs.get_mut(log) else { return Ok(()) };
        entries.into_iter().for_each(|(position, entry)| log.rewrite(Position::parse(&position), entry));
        Ok(())
    }
    fn list(&mut self, from: Bound<&str>, limit: usize) -> Result<Vec<Item>, Failure> {
        let Shelves { values, indexes, logs } = &*self.kept;
        let range = (from, Bound::Unbounded);
        let indexes = indexes.range::<str, _>(range).take(limit);
        let indexes = indexes.map(|(key, _)| Item { key: key.clone(), kept: Kept::Index }).collect();
        let logs = logs.range::<str, _>(range).take(limit);
        let logs = logs.map(|(key, _)| Item { key: key.clone(), kept: Kept::Log }).collect();
        Ok(verbs::merged([values.list(from, limit, self.now), indexes, logs], limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::TestClock;
    use crate::{contract, stage};

    fn empty() -> (Arc<dyn Backend>, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        (Arc::new(MemoryBackend::new(clock.clone())), clock)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_contract() {
        let (backend, clock) = empty();
        contract::suite(backend, async |time| clock.advance(time)).await;
    }

    #[tokio::test]
    async fn values_end_at_their_instant() {
        let (backend, clock) = empty();
        contract::values_end_at_their_instant(&backend, |time| clock.advance(time)).await;
    }

    #[tokio::test]
    async fn what_has_expired_makes_room_while_others_write() {
        let clock = Arc::new(TestClock::default());
        let backend = MemoryBackend::new(clock.clone());
        for round in 0..10_000_u32 {
            let key = format!("login:{round}");
            let lifetime = Some(Duration::from_secs(10));
            backend.run(vec![Op::Put { key, value: vec![1; 100], lifetime, bound: false }]).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        let kept = backend.kept.lock().unwrap().values.len();
        assert!(kept <= 11, "{kept} values are kept, of which 10 are alive");
    }

    #[tokio::test]
    async fn a_full_store_refuses_and_recovers() {
        let clock = Arc::new(TestClock::default());
        let backend = MemoryBackend::new(clock.clone());
        backend.kept.lock().unwrap().values = Values::with_room(10_000);
        let put = |key: u32| Op::Put {
            key: key.to_string(),
            value: vec![1; 1000],
            lifetime: Some(Duration::from_secs(10)),
            bound: false,
        };
        let mut written = 0;
        while backend.run(vec![put(written)]).await.is_ok() {
            written += 1;
        }
        assert!((5..10).contains(&written));
        assert!(
            matches!(stage::one(&backend, Op::Get { key: "0".into() }).await, Reply::Value(Some(_))),
            "what is there stays"
        );
        clock.advance(Duration::from_secs(10));
        backend.run(vec![put(99)]).await.expect("everything else has expired");
    }
}
