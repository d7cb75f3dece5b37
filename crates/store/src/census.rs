//! Counts what each data key still seals, by the number that every record names.

use std::collections::BTreeMap;
use std::time::Duration;

use postern_core::inventory::{Cursor, Item, Kept};
use postern_core::ports::{Backend, Op, Reply, StoreError, TOMBSTONE};
use postern_core::store::kind;

use crate::{KEYRING, seal};

/// What everything of ours begins with.
pub(crate) const PREFIX: &str = "p1:";
/// How many entries of a log are read at once.
pub(crate) const ENTRIES: u64 = 200;

/// What each data key seals, by its number.
pub type Census = BTreeMap<u32, Needs>;

/// What needs one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// How many records of each class, entries of logs among them.
    pub classes: BTreeMap<&'static str, u64>,
    /// How many of these only their bearers can open, so that nobody can seal them anew.
    pub borne: u64,
    /// When the last of those ends, from now on.
    pub until: Duration,
}

impl Needs {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.classes.values().sum()
    }

    /// How many of them can be sealed anew.
    pub fn renewable(&self) -> u64 {
        self.records() - self.borne
    }
}

/// Looks at everything that is stored.
pub async fn census(backend: &dyn Backend) -> Result<Census, StoreError> {
    let (mut census, mut after) = (Census::new(), None::<Cursor>);
    loop {
        let page = backend.list(PREFIX, after.as_ref()).await?;
        for Item { key, kept } in page.items {
            match kept {
                Kept::Value { head, lifetime, .. } => count(&mut census, &key, &head, lifetime),
                Kept::Log => count_log(&mut census, backend, &key).await?,
                Kept::Index => {}
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(census),
        }
    }
}

fn count(census: &mut Census, key: &str, head: &[u8], lifetime: Option<Duration>) {
    let (spent, sealed) = unmarked(head);
    // The ring itself names a root key.
    let Some(number) = seal::number(sealed).filter(|_| key != KEYRING) else { return };
    let needs = census.entry(number).or_default();
    let kind = kind(key, spent);
    *needs.classes.entry(kind.map_or("unknown", |kind| kind.class)).or_default() += 1;
    if kind.is_some_and(|kind| kind.borne) {
        needs.borne += 1;
        needs.until = needs.until.max(lifetime.unwrap_or_default());
    }
}

async fn count_log(census: &mut Census, backend: &dyn Backend, log: &str) -> Result<(), StoreError> {
    let class = kind(log, false).map_or("unknown", |kind| kind.class);
    let mut after = None;
    loop {
        let entries = entries(backend, log, after).await?;
        let Some((last, _)) = entries.last() else { return Ok(()) };
        after = Some(last.clone());
        for number in entries.iter().filter_map(|(_, sealed)| seal::number(sealed)) {
            *census.entry(number).or_default().classes.entry(class).or_default() += 1;
        }
    }
}

/// The entries of a log after a position.
pub(crate) async fn entries(
    backend: &dyn Backend,
    log: &str,
    after: Option<String>,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let read = Op::LogRead { log: log.to_owned(), after, limit: ENTRIES };
    match backend.run(vec![read]).await?.pop() {
        Some(Reply::Entries(entries)) => Ok(entries),
        reply => unreachable!("the contract answers LogRead with entries, not {reply:?}"),
    }
}

/// Whether a value is a tombstone, and the record in it.
pub(crate) fn unmarked(value: &[u8]) -> (bool, &[u8]) {
    match value.split_first() {
        Some((&TOMBSTONE, left)) => (true, left),
        _ => (false, value),
    }
}
