//! Seals anew what other keys than the active one sealed: everything that opens without a bearer. Any number of processes may do
//! it at the same time, and any may stop at any moment; whoever begins again passes over what is done.

use postern_core::inventory::{Cursor, Item, Kept};
use postern_core::ports::{Backend, Op, Place, REVISION_BYTES, Reply, StoreError};
use postern_core::store::{Kind, kind};

use crate::census::{PREFIX, entries, unmarked};
use crate::{KEYRING, KeyRing, seal};

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many records are sealed by the active key now.
    pub sealed: u64,
    /// How many do not open, with any key that we have. They stay as they are.
    pub unreadable: u64,
}

/// Goes through everything that is stored. After each page `pause` hears how far it is, and may take its time.
pub async fn reseal(
    ring: &KeyRing,
    backend: &dyn Backend,
    pause: impl AsyncFn(Progress) -> Result<(), StoreError>,
) -> Result<Progress, StoreError> {
    let (mut progress, mut after) = (Progress::default(), None::<Cursor>);
    loop {
        let page = backend.list(PREFIX, after.as_ref()).await?;
        let (mut values, mut logs) = (Vec::new(), Vec::new());
        for Item { key, kept } in page.items {
            match kept {
                Kept::Value { head, .. } => values.extend(due(ring, key, &head)),
                Kept::Log => logs.push(key),
                Kept::Index => {}
            }
        }
        seal_values(ring, backend, values, &mut progress).await?;
        for log in logs {
            seal_log(ring, backend, &log, &pause, &mut progress).await?;
        }
        pause(progress).await?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(progress),
        }
    }
}

/// The key of a value, and its kind, if it is to be sealed anew.
fn due(ring: &KeyRing, key: String, head: &[u8]) -> Option<(String, Kind)> {
    let (spent, sealed) = unmarked(head);
    let kind = kind(&key, spent).filter(|kind| !kind.borne)?;
    (is_old(ring, sealed) && key != KEYRING).then_some((key, kind))
}

fn is_old(ring: &KeyRing, sealed: &[u8]) -> bool {
    seal::number(sealed).is_some_and(|number| number != ring.keys().active.number)
}

async fn seal_values(
    ring: &KeyRing,
    backend: &dyn Backend,
    due: Vec<(String, Kind)>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    if due.is_empty() {
        return Ok(());
    }
    let found = backend.run(due.iter().map(|(key, _)| Op::Get { key: key.clone() }).collect()).await?;
    let mut rewrites = Vec::new();
    for ((key, kind), reply) in due.into_iter().zip(found) {
        // What is gone is done; what is another tombstone or record by now was sealed a moment ago.
        let Reply::Value(Some(value)) = reply else { continue };
        let (spent, sealed) = unmarked(&value);
        if !is_old(ring, sealed) || postern_core::store::kind(&key, spent) != Some(kind) {
            continue;
        }
        let place = Place { class: kind.class, schema: kind.schema, key: &key, bearer: b"" };
        let Some(anew) = ring.seal_anew(place, sealed) else {
            progress.unreadable += 1;
            continue;
        };
        let mark = value.len() - sealed.len();
        let revision = value[..(mark + REVISION_BYTES).min(value.len())].to_vec();
        rewrites.push(Op::Rewrite { revision, value: [&value[..mark], &anew].concat(), key });
    }
    if rewrites.is_empty() {
        return Ok(());
    }
    let written = backend.run(rewrites).await?;
    progress.sealed += written.iter().filter(|reply| **reply == Reply::Written(true)).count() as u64;
    Ok(())
}

/// Writes all of a log anew, if anything in it is to be sealed anew.
async fn seal_log(
    ring: &KeyRing,
    backend: &dyn Backend,
    log: &str,
    pause: &impl AsyncFn(Progress) -> Result<(), StoreError>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let Some(kind) = kind(log, false) else { return Ok(()) };
    if !has_old_entries(ring, backend, log).await? {
        return Ok(());
    }
    let place = Place { class: kind.class, schema: kind.schema, key: log, bearer: b"" };
    let mut after: Option<String> = None;
    loop {
        let mut part = entries(backend, log, after.clone()).await?;
        let last = part.is_empty();
        for (_, entry) in part.iter_mut().filter(|(_, entry)| is_old(ring, entry)) {
            match ring.seal_anew(place, entry) {
                Some(anew) => *entry = anew,
                None => progress.unreadable += 1,
            }
        }
        let (done, end) = (part.len() as u64, part.last().map(|(position, _)| position.clone()));
        let rewrite = Op::LogRewrite { log: log.to_owned(), after, entries: part, last };
        // Where somebody else does the same at this moment, it gets done.
        if backend.run(vec![rewrite]).await? != [Reply::Written(true)] || last {
            return Ok(());
        }
        after = end;
        progress.sealed += done;
        pause(*progress).await?;
    }
}

async fn has_old_entries(ring: &KeyRing, backend: &dyn Backend, log: &str) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let part = entries(backend, log, after).await?;
        let Some((last, _)) = part.last() else { return Ok(false) };
        if part.iter().any(|(_, entry)| is_old(ring, entry)) {
            return Ok(true);
        }
        after = Some(last.clone());
    }
}
