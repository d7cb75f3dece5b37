//! Which run of a server keeps what is to be taken once.
//!
//! A server that takes the place of another may lack what that one did last: a code that was redeemed there is whole again
//! here. The same goes for one that starts anew from what it last saved. So a bound value carries the epoch in which it was written,
//! a hash of the server's `run_id`, which changes with every start and is never that of another; and a value of another epoch than
//! that of the very connection that an answer came over is not given away. It is written and judged below the seal,
//! because only here it is certain which connection that is. Whoever can change it can bring spent values back anyway.
//!
//! ```text
//!   0   1  2: a bound value. Never 0, which marks what was left in the place of a spent record, nor 1, a sealed record
//!   1  16  the epoch: the first bytes of SHA-256(run_id)
//!  17   n  the value
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisResult};
use postern_core::ports::{Clock, Timestamp};
use sha2::{Digest, Sha256};

use super::words;
use crate::url::Address;

const BOUND: u8 = 2;
/// How many bytes a bound value is longer than it was written.
pub(crate) const HEADER: usize = 1 + 16;

/// One run of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch([u8; HEADER - 1]);

impl Epoch {
    fn of(run_id: &str) -> Self {
        let mut epoch = [0; HEADER - 1];
        epoch.copy_from_slice(&Sha256::digest(run_id)[..HEADER - 1]);
        Self(epoch)
    }

    /// The value as it is worth something to this run alone.
    pub(crate) fn bind(&self, value: &[u8]) -> Vec<u8> {
        [&[BOUND], &self.0[..], value].concat()
    }
}

/// A value that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// As it was written.
    Value(Vec<u8>),
    /// It is bound to another run.
    Foreign,
}

/// What a value is worth that came in an epoch. Where that is not known, it is not asked for.
pub(crate) fn judge(mut value: Vec<u8>, here: Option<Epoch>) -> Found {
    match value.split_first_chunk::<HEADER>() {
        Some(([BOUND, epoch @ ..], _)) => {
            if here.is_some_and(|here| here.0 != *epoch) {
                return Found::Foreign;
            }
            value.drain(..HEADER);
            Found::Value(value)
        }
        _ => Found::Value(value),
    }
}

/// Whether a value is bound, and the value itself, of both perhaps only the first bytes.
pub(crate) fn told_apart(mut value: Vec<u8>) -> (bool, Vec<u8>) {
    let bound = value.first() == Some(&BOUND);
    if bound {
        value.drain(..HEADER.min(value.len()));
    }
    (bound, value)
}

/// What this process has seen of its servers' epochs.
pub(crate) struct Epochs {
    /// None: they do not matter.
    clock: Option<Arc<dyn Clock>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The last epoch of each node of a cluster; of the one server, whichever it was, under no address.
    last: HashMap<Option<Address>, Epoch>,
    /// When one of them changed last.
    changed: Option<Timestamp>,
}

impl Epochs {
    /// Epochs that matter, or do not.
    pub(crate) fn new(clock: Option<Arc<dyn Clock>>) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// Whether they matter.
    pub(crate) fn matter(&self) -> bool {
        self.clock.is_some()
    }

    /// Asks a server for its epoch.
    pub(crate) async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
        node: Option<&Address>,
    ) -> RedisResult<Option<Epoch>> {
        let Some(clock) = &self.clock else { return Ok(None) };
        let told: String = words::INFO.cmd().arg("server").query_async(connection).await?;
        let run_id = told.lines().find_map(|line| line.strip_prefix("run_id:")).filter(|run_id| !run_id.is_empty());
        let Some(run_id) = run_id else {
            return Err((ErrorKind::Client, "INFO tells no run_id; store.failover = \"available\" needs none").into());
        };
        let epoch = Epoch::of(run_id);
        let mut seen = self.seen();
        if seen.last.insert(node.cloned(), epoch).is_some_and(|last| last != epoch) {
            seen.changed = Some(clock.now());
        }
        Ok(Some(epoch))
    }

    /// Others keep what these servers kept.
    pub(crate) fn moved(&self) {
        if let Some(clock) = &self.clock {
            self.seen().changed = Some(clock.now());
        }
    }

    /// When something changed last.
    pub(crate) fn changed(&self) -> Option<Timestamp> {
        self.seen().changed
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_values_are_worth_something_in_their_epoch_alone() {
        let (here, there) = (Epoch::of("a"), Epoch::of("b"));
        let value = || Found::Value(b"\x01sealed".to_vec());
        let bound = here.bind(b"\x01sealed");
        assert_eq!(judge(bound.clone(), Some(here)), value());
        assert_eq!(judge(bound.clone(), Some(there)), Found::Foreign);
        assert_eq!(judge(bound.clone(), None), value(), "where epochs do not matter");
        assert_eq!(judge(b"\x01sealed".to_vec(), Some(here)), value(), "what was not bound");
        for length in 1..HEADER {
            assert_eq!(judge(bound[..length].to_vec(), Some(there)), Found::Value(bound[..length].to_vec()));
        }
    }
}
