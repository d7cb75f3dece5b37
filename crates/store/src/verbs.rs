//! What each operation means to whoever has the store to himself: the backends inside this process. Redis says the same
//! with its own commands (`redis/command.rs`), and the contract suite shows that it is the same.

use std::ops::Bound;
use std::time::Duration;

use postern_core::inventory::{Cursor, HEAD_BYTES, Item, Kept, Page};
use postern_core::ports::{Consumed, Op, Reply, StoreError, TOMBSTONE};

/// Why an operation failed.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Keeps values, indexes and logs, for one caller at a time.
pub(crate) trait Shelf {
    fn value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure>;
    fn set(&mut self, key: &str, value: Vec<u8>, lifetime: Option<Duration>) -> Result<(), Failure>;
    /// Another form of a value that is there, for as long as that one has left.
    fn rewrite(&mut self, key: &str, value: Vec<u8>) -> Result<(), Failure>;
    fn remove(&mut self, key: &str) -> Result<bool, Failure>;
    fn index_add(&mut self, index: &str, score: u64, member: &str) -> Result<(), Failure>;
    fn index_remove(&mut self, index: &str, member: &str) -> Result<bool, Failure>;
    fn index_trim(&mut self, index: &str, below: u64) -> Result<u64, Failure>;
    fn index_page(&mut self, index: &str, offset: u64, limit: u64) -> Result<Vec<(String, u64)>, Failure>;
    fn index_count(&mut self, index: &str) -> Result<u64, Failure>;
    fn log_append(&mut self, log: &str, entry: Vec<u8>, keep: u64) -> Result<String, Failure>;
    fn log_read(&mut self, log: &str, after: Option<&str>, limit: u64) -> Result<Vec<(String, Vec<u8>)>, Failure>;
    /// Other forms of those entries that are there.
    fn log_rewrite(&mut self, log: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), Failure>;
    /// What is kept from a key on, in the order of the keys.
    fn list(&mut self, from: Bound<&str>, limit: usize) -> Result<Vec<Item>, Failure>;
}

/// How many keys are on a page of a list.
const LISTED: usize = 200;

/// A page of the list of everything.
pub(crate) fn list(shelf: &mut dyn Shelf, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
    let from = after.map_or(Bound::Included(prefix), |Cursor(key)| Bound::Excluded(key.as_str()));
    let mut items = shelf.list(from, LISTED).map_err(StoreError::Unavailable)?;
    let full = items.len() == LISTED;
    items.retain(|item| item.key.starts_with(prefix));
    let next = items.last().filter(|_| full && items.len() == LISTED).map(|last| Cursor(last.key.clone()));
    Ok(Page { items, next })
}

/// A value as a list shows it. Nobody can take the place of this process, so none is bound to it.
pub(crate) fn listed(key: &str, value: &[u8], lifetime: Option<Duration>) -> Item {
    let head = value[..value.len().min(HEAD_BYTES)].to_vec();
    Item { key: key.to_owned(), kept: Kept::Value { head, lifetime, bound: false } }
}

/// The first of what is kept in several places, in the order of the keys.
pub(crate) fn merged(places: impl IntoIterator<Item = Vec<Item>>, limit: usize) -> Vec<Item> {
    let mut all: Vec<Item> = places.into_iter().flatten().collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all.truncate(limit);
    all
}

/// Runs operations in order.
pub(crate) fn run(shelf: &mut dyn Shelf, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
    batch.into_iter().map(|op| apply(shelf, op)).collect::<Result<_, _>>().map_err(StoreError::Unavailable)
}

fn apply(shelf: &mut dyn Shelf, op: Op) -> Result<Reply, Failure> {
    Ok(match op {
        Op::Get { key } => Reply::Value(shelf.value(&key)?),
        // Nobody can take the place of this process.
        Op::Put { key, value, lifetime, bound: _ } => {
            shelf.set(&key, value, lifetime)?;
            Reply::Done
        }
        Op::PutNew { key, value, lifetime } => {
            let new = shelf.value(&key)?.is_none();
            if new {
                shelf.set(&key, value, lifetime)?;
            }
            Reply::Written(new)
        }
        Op::Consume { key, tombstone, lifetime } => Reply::Consumed(match shelf.value(&key)? {
            None => Consumed::Absent,
            Some(found) => {
                let mut left = Vec::with_capacity(1 + tombstone.len());
                left.push(TOMBSTONE);
                left.extend(tombstone);
                shelf.set(&key, left, Some(lifetime))?;
                consumed(found)
            }
        }),
        Op::ReplaceIf { key, revision, value, lifetime } => {
            let same = shelf.value(&key)?.is_some_and(|present| present.starts_with(&revision));
            if same {
                shelf.set(&key, value, lifetime)?;
            }
            Reply::Written(same)
        }
        Op::Rewrite { key, revision, value } => {
            let same = shelf.value(&key)?.is_some_and(|present| present.starts_with(&revision));
            if same {
                shelf.rewrite(&key, value)?;
            }
            Reply::Written(same)
        }
        Op::Delete { key } => Reply::Written(shelf.remove(&key)?),
        Op::IndexAdd { index, score, member } => {
            shelf.index_add(&index, score, &member)?;
            Reply::Done
        }
        Op::IndexRemove { index, member } => Reply::Written(shelf.index_remove(&index, &member)?),
        Op::IndexTrim { index, below } => Reply::Count(shelf.index_trim(&index, below)?),
        Op::IndexPage { index, offset, limit } => Reply::Members(shelf.index_page(&index, offset, limit)?),
        Op::IndexCount { index } => Reply::Count(shelf.index_count(&index)?),
        Op::LogAppend { log, entry, keep } => Reply::Position(shelf.log_append(&log, entry, keep)?),
        Op::LogRead { log, after, limit } => Reply::Entries(shelf.log_read(&log, after.as_deref(), limit)?),
        // Each entry is changed where it stands, so nobody can come in between.
        Op::LogRewrite { log, entries, .. } => {
            shelf.log_rewrite(&log, entries)?;
            Reply::Written(true)
        }
    })
}

/// Tells a live value from what was left in the place of a spent one.
pub(crate) fn consumed(found: Vec<u8>) -> Consumed {
    match found.split_first() {
        Some((&TOMBSTONE, left)) => Consumed::Spent(left.to_vec()),
        _ => Consumed::Live(found),
    }
}
