//! Values by key, with the instants at which they end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use postern_core::inventory::Item;
use postern_core::ports::Timestamp;

use crate::batch::milliseconds;
use crate::verbs;

/// Values in memory. Expired ones are never seen; they are removed a few at a time, by those who come after.
pub(crate) struct Values {
    entries: BTreeMap<Arc<str>, Entry>,
    /// The same keys by the instant of their end, for sweeping.
    ends: BTreeSet<(Timestamp, Arc<str>)>,
    bytes: usize,
    room: usize,
}

struct Entry {
    value: Vec<u8>,
    end: Option<Timestamp>,
}

/// There is no room for another value. Anybody can begin a login: what all of them take has to have a bound.
#[derive(Debug, thiserror::Error)]
#[error("the memory of the store is full")]
pub(crate) struct Full;

/// How much memory values may take unless said otherwise: about 100,000 logins under way.
const ROOM: usize = 256 << 20;

/// How many expired values each operation removes at most. More than it can add, so that they never pile up.
const SWEPT_PER_OPERATION: usize = 4;

impl Default for Values {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Values {
    /// None yet, and at most about `room` bytes of them.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { entries: BTreeMap::new(), ends: BTreeSet::new(), bytes: 0, room }
    }

    /// The value at a key. It is gone from the very instant at which its lifetime ends.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<&[u8]> {
        self.entries.get(key).filter(|entry| entry.lives(now)).map(|entry| &*entry.value)
    }

    /// The keys that have a value.
    pub(crate) fn keys(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(move |(_, entry)| entry.lives(now)).map(|(key, _)| &**key)
    }

    /// The values from a key on, as a list shows them.
    pub(crate) fn list(&self, from: Bound<&str>, limit: usize, now: Timestamp) -> Vec<Item> {
        let live = self.entries.range::<str, _>((from, Bound::Unbounded)).filter(|(_, entry)| entry.lives(now));
        live.take(limit).map(|(key, entry)| verbs::listed(key, &entry.value, entry.left(now))).collect()
    }

    /// Writes a value, whatever was there.
    pub(crate) fn set(
        &mut self,
        key: &str,
        value: Vec<u8>,
        lifetime: Option<Duration>,
        now: Timestamp,
    ) -> Result<(), Full> {
        let size = size(key, &value);
        if self.without(key) + size > self.room {
            self.sweep(now, usize::MAX / SWEPT_PER_OPERATION);
            if self.without(key) + size > self.room {
                return Err(Full);
            }
        }
        self.drop_entry(key);
        let key: Arc<str> = key.into();
        let end = lifetime.map(|lifetime| end_of(lifetime, now));
        if let Some(end) = end {
            self.ends.insert((end, key.clone()));
        }
        self.bytes += size;
        self.entries.insert(key, Entry { value, end });
        Ok(())
    }

    /// Writes another form of a value that is there, for as long as that one has left.
    pub(crate) fn rewrite(&mut self, key: &str, value: Vec<u8>) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.bytes = self.bytes - entry.value.len() + value.len();
            entry.value = value;
        }
    }

    /// Removes a value, and says whether there was a live one.
    pub(crate) fn remove(&mut self, key: &str, now: Timestamp) -> bool {
        self.drop_entry(key).is_some_and(|entry| entry.lives(now))
    }

    /// Makes room: a few expired values for each operation that is about to run.
    pub(crate) fn sweep(&mut self, now: Timestamp, operations: usize) {
        for _ in 0..operations.saturating_mul(SWEPT_PER_OPERATION) {
            match self.ends.first() {
                Some((end, key)) if *end <= now => {
                    let key = key.clone();
                    self.drop_entry(&key);
                }
                _ => break,
            }
        }
    }

    /// How many bytes there would be without this key.
    fn without(&self, key: &str) -> usize {
        self.bytes - self.entries.get(key).map_or(0, |entry| size(key, &entry.value))
    }

    fn drop_entry(&mut self, key: &str) -> Option<Entry> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.bytes -= size(&key, &entry.value);
        if let Some(end) = entry.end {
            self.ends.remove(&(end, key));
        }
        Some(entry)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn lives(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| now < end)
    }

    fn left(&self, now: Timestamp) -> Option<Duration> {
        self.end.map(|end| end.duration_since(now).try_into().unwrap_or_default())
    }
}

/// About what an entry takes: its bytes, and those of the two tables that know it.
fn size(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + 128
}

fn end_of(lifetime: Duration, now: Timestamp) -> Timestamp {
    let lifetime = SignedDuration::from_millis(i64::try_from(milliseconds(lifetime)).unwrap_or(i64::MAX));
    now.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}
