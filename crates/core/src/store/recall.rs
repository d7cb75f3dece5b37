//! Answers out of memory: what usually saves a login the round trip in which everything is found as it was. They are a guess.
//! Whoever acts on them lets the store confirm them in the very batch in which it writes, and begins anew where it does not.

use super::cache::{Bytes, Known};
use super::{Answers, Batch};
use crate::ports::{Op, Reply, StoreError};

/// Where answers come from.
#[derive(Debug)]
pub enum Source {
    /// The store, in a round trip each.
    Store,
    /// What is remembered of it; what is not remembered counts as missing.
    Memory(Assumed),
}

/// What was assumed to be in the store.
#[derive(Debug, Default)]
pub struct Assumed {
    /// Names of keys, with what is there.
    reads: Vec<(String, Option<Bytes>)>,
}

/// Where in a batch's answers those stand that confirm.
pub struct Confirming(std::ops::Range<usize>);

impl Source {
    /// Answers a batch that only reads.
    pub async fn run<'s>(&mut self, batch: Batch<'s>) -> Result<Answers<'s>, StoreError> {
        match self {
            Source::Store => batch.run().await,
            Source::Memory(assumed) => Ok(batch.recall(assumed)),
        }
    }

    /// What is still to be confirmed; nothing, where the store was asked.
    pub fn assumed(self) -> Assumed {
        match self {
            Source::Store => Assumed::default(),
            Source::Memory(assumed) => assumed,
        }
    }
}

impl<'s> Batch<'s> {
    fn recall(self, assumed: &mut Assumed) -> Answers<'s> {
        let mut known: Vec<Option<Known>> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let Op::Get { key } = op else {
                known.push(None);
                continue;
            };
            let found = self.store.cache.known(key);
            assumed.reads.push((key.clone(), found.as_ref().map(|known| known.bytes)));
            known.push(found);
        }
        Answers { store: self.store, keys: self.keys, replies: Vec::new(), known, asked: self.store.guard.moment() }
    }

    /// Asks whether the store still holds what was assumed.
    pub fn confirm(&mut self, assumed: &Assumed) -> Confirming {
        let first = self.ops.len();
        for (key, _) in &assumed.reads {
            self.push::<()>(Op::Get { key: key.clone() }, None);
        }
        Confirming(first..self.ops.len())
    }
}

impl Answers<'_> {
    /// Whether it does, all of it.
    pub fn confirm(&self, assumed: &Assumed, Confirming(slots): Confirming) -> bool {
        let Some(replies) = self.replies.get(slots) else { return false };
        let as_assumed = |(reply, (_, bytes)): (&Reply, &(String, Option<Bytes>))| match (reply, bytes) {
            (Reply::Value(Some(value)), Some(bytes)) => Bytes::of(value) == Some(*bytes),
            (Reply::Value(None), None) => true,
            _ => false,
        };
        replies.len() == assumed.reads.len() && replies.iter().zip(&assumed.reads).all(as_assumed)
    }
}
