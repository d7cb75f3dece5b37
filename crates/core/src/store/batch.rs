//! Operations on sealed records, collected and run in one round trip.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Known;
use super::{Disbelief, Index, Key, Log, Record, Revision, Store, dated};
use crate::ports::{Consumed, Op, Place, REVISION_BYTES, Reply, StoreError, TOMBSTONE};

/// A batch under construction.
pub struct Batch<'s> {
    pub(super) store: &'s Store,
    pub(super) ops: Vec<Op>,
    pub(super) keys: Vec<Option<KeyParts>>,
    /// The revision of what lasts and is written here.
    revision: Option<Revision>,
    lasting: Vec<Lasting>,
}

/// A change of a record that lasts, which the guard hears of once it is made.
struct Lasting {
    /// Where in the batch.
    slot: usize,
    key: String,
    /// `None`: it is deleted.
    revision: Option<Revision>,
}

/// What is needed to open an answer: the key's name and the bearer's secret.
pub(super) type KeyParts = (String, zeroize::Zeroizing<Vec<u8>>);

/// Where in a batch's answers one operation's answer stands.
pub struct Slot<T>(usize, PhantomData<fn() -> T>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Slot<T> {}

/// A record and the version of it that was read, for [`Batch::replace`].
pub struct Stored<R> {
    /// The record.
    pub record: Arc<R>,
    /// When it was written, of one that lasts.
    pub written: Revision,
    revision: Vec<u8>,
}

/// What a [`Batch::consume`] found.
#[derive(Debug)]
pub enum Spent<R, T> {
    /// The record, which nobody gets again.
    Live(R),
    /// It was spent before, and this was left behind.
    Before(T),
    /// Nothing is there, or no longer.
    Absent,
}

/// What stands where a queue or a list points, which goes on whatever one record in it is like.
pub enum Pointed<R> {
    /// The record.
    Here(Arc<R>),
    /// Nothing, or no longer.
    Gone,
    /// Something that is not believed.
    Spoilt,
}

/// Marks an answer that says whether something was written.
pub enum Written {}
/// Marks an answer that is a count.
pub enum Count {}
/// Marks an answer that lists members of an index.
pub enum Members {}
/// Marks an answer to a consumption: the record and what it leaves behind.
pub struct Consumption<R, T>(PhantomData<fn() -> (R, T)>);
/// Marks an answer that lists entries of a log.
pub struct Entries<R>(PhantomData<fn() -> R>);

impl<'s> Batch<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self { store, ops: Vec::new(), keys: Vec::new(), revision: None, lasting: Vec::new() }
    }

    pub(super) fn push<T>(&mut self, op: Op, key: Option<KeyParts>) -> Slot<T> {
        self.ops.push(op);
        self.keys.push(key);
        Slot(self.ops.len() - 1, PhantomData)
    }

    /// When what lasts and is written here was written: later than all that this process has read.
    pub fn revision(&mut self) -> Revision {
        *self.revision.get_or_insert_with(|| self.store.guard.revision())
    }

    /// Seals a record that is written by the next operation.
    fn sealed<R: Record>(&mut self, key: &Key<R>, record: &R) -> Vec<u8> {
        if !R::LASTS {
            return self.seal_at::<R>(key.name(), key.bearer(), &plain(record));
        }
        let revision = self.revision();
        self.lasting.push(Lasting { slot: self.ops.len(), key: key.name().to_owned(), revision: Some(revision) });
        self.seal_at::<R>(key.name(), key.bearer(), &dated::with(revision, &plain(record)))
    }

    /// Seals `plain` as something that belongs to the class of `R`.
    fn seal_at<R: Record>(&self, key: &str, bearer: &[u8], plain: &[u8]) -> Vec<u8> {
        self.store.seal.seal(Place { class: R::CLASS, schema: R::SCHEMA, key, bearer }, plain)
    }

    /// Reads a record.
    pub fn get<R: Record>(&mut self, key: &Key<R>) -> Slot<R> {
        self.push(Op::Get { key: key.name().to_owned() }, Some(parts(key)))
    }

    /// Writes a record, whatever was there.
    pub fn put<R: Record>(&mut self, key: &Key<R>, record: &R, lifetime: Option<Duration>) {
        let value = self.sealed(key, record);
        self.push::<()>(Op::Put { key: key.name().to_owned(), value, lifetime, bound: R::BOUND }, None);
    }

    /// Writes a record where none is.
    pub fn put_new<R: Record>(&mut self, key: &Key<R>, record: &R, lifetime: Option<Duration>) -> Slot<Written> {
        let value = self.sealed(key, record);
        self.push(Op::PutNew { key: key.name().to_owned(), value, lifetime }, None)
    }

    /// Writes a record if the store still holds the version that was read, or, with `None`, nothing.
    pub fn replace<R: Record>(&mut self, key: &Key<R>, read: Option<&Stored<R>>, record: &R) -> Slot<Written> {
        let Some(read) = read else { return self.put_new(key, record, None) };
        let value = self.sealed(key, record);
        let revision = read.revision.clone();
        self.push(Op::ReplaceIf { key: key.name().to_owned(), revision, value, lifetime: None }, None)
    }

    /// Writes a record that ends, if the store still holds the version that was read.
    pub fn replace_ending<R: Record>(
        &mut self,
        key: &Key<R>,
        read: &Stored<R>,
        record: &R,
        lifetime: Duration,
    ) -> Slot<Written> {
        let value = self.sealed(key, record);
        let (key, revision) = (key.name().to_owned(), read.revision.clone());
        self.push(Op::ReplaceIf { key, revision, value, lifetime: Some(lifetime) }, None)
    }

    /// Takes a record once and leaves `tombstone` for `lifetime`.
    pub fn consume<R: Record, T: Record>(
        &mut self,
        key: &Key<R>,
        tombstone: &T,
        lifetime: Duration,
    ) -> Slot<Consumption<R, T>> {
        let tombstone = self.seal_at::<T>(key.name(), key.bearer(), &plain(tombstone));
        self.push(Op::Consume { key: key.name().to_owned(), tombstone, lifetime }, Some(parts(key)))
    }

    /// Removes a record.
    pub fn delete<R: Record>(&mut self, key: &Key<R>) -> Slot<Written> {
        self.store.cache.forget(key.name());
        if R::LASTS {
            self.lasting.push(Lasting { slot: self.ops.len(), key: key.name().to_owned(), revision: None });
        }
        self.push(Op::Delete { key: key.name().to_owned() }, None)
    }

    /// Adds a member to an index.
    pub fn index_add(&mut self, index: &Index, score: u64, member: String) {
        self.push::<()>(Op::IndexAdd { index: index.0.clone(), score, member }, None);
    }

    /// Removes a member from an index.
    pub fn index_remove(&mut self, index: &Index, member: String) -> Slot<Written> {
        self.push(Op::IndexRemove { index: index.0.clone(), member }, None)
    }

    /// Removes members with a lower score.
    pub fn index_trim(&mut self, index: &Index, below: u64) {
        self.push::<Count>(Op::IndexTrim { index: index.0.clone(), below }, None);
    }

    /// Reads members, highest score first.
    pub fn index_page(&mut self, index: &Index, offset: u64, limit: u64) -> Slot<Members> {
        self.push(Op::IndexPage { index: index.0.clone(), offset, limit }, None)
    }

    /// Counts members.
    pub fn index_count(&mut self, index: &Index) -> Slot<Count> {
        self.push(Op::IndexCount { index: index.0.clone() }, None)
    }

    /// Appends a sealed entry to a log.
    pub fn append<R: Record>(&mut self, log: &Log<R>, entry: &R, keep: u64) {
        let entry = self.seal_at::<R>(&log.name, &[], &plain(entry));
        self.push::<()>(Op::LogAppend { log: log.name.clone(), entry, keep }, None);
    }

    /// Reads sealed entries after a position.
    pub fn read<R: Record>(&mut self, log: &Log<R>, after: Option<String>, limit: u64) -> Slot<Entries<R>> {
        let key = Some((log.name.clone(), zeroize::Zeroizing::default()));
        self.push(Op::LogRead { log: log.name.clone(), after, limit }, key)
    }

    /// Runs everything in one round trip. An empty batch asks nothing.
    pub async fn run(self) -> Result<Answers<'s>, StoreError> {
        let asked = self.store.guard.moment();
        if self.ops.is_empty() {
            return Ok(Answers { store: self.store, keys: self.keys, replies: Vec::new(), known: Vec::new(), asked });
        }
        let replaces = |(_, op): &(usize, &Op)| matches!(op, Op::ReplaceIf { .. });
        let replacing: Vec<_> = self.ops.iter().enumerate().filter(replaces).map(|(at, op)| (at, op.clone())).collect();
        let mut replies = self.store.backend.run(self.ops).await?;
        for (at, op) in replacing {
            if replies.get(at) == Some(&Reply::Written(false)) {
                replies[at] = Reply::Written(self.store.replace_sealed_anew(op).await?);
            }
        }
        self.store.know_keys_of(&replies).await?;
        let answers = Answers { store: self.store, keys: self.keys, replies, known: Vec::new(), asked };
        answers.learn(self.lasting);
        Ok(answers)
    }
}

fn plain<T: serde::Serialize>(value: &T) -> zeroize::Zeroizing<Vec<u8>> {
    // Records are plain data with string keys, which serde_json always writes.
    zeroize::Zeroizing::new(serde_json::to_vec(value).unwrap_or_default())
}

fn parts<R: Record>(key: &Key<R>) -> KeyParts {
    (key.name().to_owned(), zeroize::Zeroizing::new(key.bearer().to_vec()))
}

/// What a batch found.
pub struct Answers<'s> {
    pub(super) store: &'s Store,
    pub(super) keys: Vec<Option<KeyParts>>,
    pub(super) replies: Vec<Reply>,
    /// In the place of replies, where the store was not asked ([`super::Source`]).
    pub(super) known: Vec<Option<Known>>,
    /// When it was asked, as the guard counts.
    pub(super) asked: u64,
}

impl Answers<'_> {
    /// Lets the guard know what was written, deleted and spent.
    fn learn(&self, lasting: Vec<Lasting>) {
        let guard = &self.store.guard;
        for Lasting { slot, key, revision } in lasting {
            match (revision, self.replies.get(slot)) {
                (Some(revision), Some(Reply::Done | Reply::Written(true))) => {
                    guard.wrote(&key, revision);
                    self.store.cache.forget(&key); // whatever copy there is, it is older
                }
                (None, Some(Reply::Written(_))) => guard.deleted(&key),
                _ => {}
            }
        }
        for (key, reply) in self.keys.iter().zip(&self.replies) {
            let Some((key, _)) = key else { continue };
            match reply {
                Reply::Consumed(Consumed::Live(_) | Consumed::Spent(_) | Consumed::Foreign) => guard.spent(key),
                Reply::Value(Some(value)) if value.first() == Some(&TOMBSTONE) => guard.spent(key),
                _ => {}
            }
        }
    }

    fn key(&self, slot: usize) -> Option<&KeyParts> {
        self.keys.get(slot).and_then(Option::as_ref)
    }

    fn open<R: Record>(&self, slot: usize, sealed: &[u8]) -> Result<(R, Revision), StoreError> {
        let opened = self.key(slot).and_then(|(key, bearer)| {
            let place = Place { class: R::CLASS, schema: R::SCHEMA, key, bearer };
            let plain = self.store.seal.open(place, sealed)?;
            let revision = if R::LASTS { dated::of(&plain)? } else { 0 };
            Some((serde_json::from_slice(&plain).ok()?, revision))
        });
        opened.ok_or_else(|| {
            self.store.guard.raise(R::CLASS, Disbelief::Unreadable);
            StoreError::Unreadable { class: R::CLASS }
        })
    }

    /// Whether a live value stands where this process has seen a spent one: then it is treated as if nothing were there.
    fn is_respent<R: Record>(&self, key: &str) -> bool {
        let respent = self.store.guard.is_spent(key, self.asked);
        if respent {
            self.store.guard.raise(R::CLASS, Disbelief::Respent);
        }
        respent
    }

    /// The record, if it is there. A tombstone is no record.
    pub fn get<R: Record>(&self, slot: Slot<R>) -> Result<Option<Arc<R>>, StoreError> {
        Ok(self.stored(slot)?.map(|stored| stored.record))
    }

    /// What a queue or a list points to.
    pub fn pointed<R: Record>(&self, slot: Slot<R>) -> Result<Pointed<R>, StoreError> {
        match self.get(slot) {
            Ok(Some(record)) => Ok(Pointed::Here(record)),
            Ok(None) => Ok(Pointed::Gone),
            Err(StoreError::Unreadable { .. } | StoreError::RolledBack { .. }) => Ok(Pointed::Spoilt),
            Err(error) => Err(error),
        }
    }

    /// The record and its version, if it is there.
    pub fn stored<R: Record>(&self, slot: Slot<R>) -> Result<Option<Stored<R>>, StoreError> {
        if let Some(Some(known)) = self.known.get(slot.0) {
            return Ok(known.record().map(|record| Stored {
                record,
                written: known.written,
                revision: known.bytes.header.to_vec(),
            }));
        }
        let Some((key, _)) = self.key(slot.0) else { return Ok(None) };
        let sealed = match self.replies.get(slot.0) {
            Some(Reply::Value(Some(sealed))) => sealed,
            Some(Reply::Foreign) => return Err(StoreError::Foreign { class: R::CLASS }),
            Some(Reply::Value(None)) if R::LASTS => {
                self.store.guard.gone(key, self.asked);
                return Ok(None);
            }
            _ => return Ok(None),
        };
        // What lasts is never spent, so there a tombstone is one more thing that does not open.
        if !R::LASTS && (sealed.first() == Some(&TOMBSTONE) || self.is_respent::<R>(key)) {
            return Ok(None);
        }
        let copy = R::CACHED.then(|| self.store.cache.opened(key, sealed)).flatten();
        let is_new = copy.is_none();
        let (record, written) = match copy {
            Some(copy) => copy,
            None => self.open::<R>(slot.0, sealed).map(|(record, written)| (Arc::new(record), written))?,
        };
        if R::LASTS && !self.store.guard.admits(key, written, self.asked, || self.store.backend.remembers_since()) {
            self.store.guard.raise(R::CLASS, Disbelief::RolledBack);
            return Err(StoreError::RolledBack { class: R::CLASS });
        }
        if R::CACHED && is_new {
            self.store.cache.keep(key, sealed, written, &record);
        }
        let revision = sealed.get(..REVISION_BYTES).unwrap_or_default().to_vec();
        Ok(Some(Stored { record, written, revision }))
    }

    /// What was left behind where a record was spent.
    pub fn tombstone<R: Record, T: Record>(&self, slot: Slot<R>) -> Result<Option<T>, StoreError> {
        match self.replies.get(slot.0) {
            Some(Reply::Value(Some(value))) if value.first() == Some(&TOMBSTONE) => {
                self.open::<T>(slot.0, &value[1..]).map(|(tombstone, _)| Some(tombstone))
            }
            _ => Ok(None),
        }
    }

    /// What was taken.
    pub fn consumed<R: Record, T: Record>(&self, slot: Slot<Consumption<R, T>>) -> Result<Spent<R, T>, StoreError> {
        match self.replies.get(slot.0) {
            Some(Reply::Consumed(Consumed::Live(_)))
                if self.key(slot.0).is_some_and(|key| self.is_respent::<R>(&key.0)) =>
            {
                Ok(Spent::Absent)
            }
            Some(Reply::Consumed(Consumed::Live(sealed))) => Ok(Spent::Live(self.open(slot.0, sealed)?.0)),
            Some(Reply::Consumed(Consumed::Spent(tombstone))) => Ok(Spent::Before(self.open(slot.0, tombstone)?.0)),
            Some(Reply::Consumed(Consumed::Foreign)) => Err(StoreError::Foreign { class: R::CLASS }),
            _ => Ok(Spent::Absent),
        }
    }

    /// Whether it was written. No answer counts as no.
    pub fn written(&self, slot: Slot<Written>) -> bool {
        matches!(self.replies.get(slot.0), Some(Reply::Written(true)))
    }

    /// How many.
    pub fn count(&self, slot: Slot<Count>) -> u64 {
        match self.replies.get(slot.0) {
            Some(Reply::Count(count)) => *count,
            _ => 0,
        }
    }

    /// The members of a page.
    pub fn members(&self, slot: Slot<Members>) -> impl Iterator<Item = &str> {
        self.scored(slot).map(|(member, _)| member)
    }

    /// The members of a page with their scores.
    pub fn scored(&self, slot: Slot<Members>) -> impl Iterator<Item = (&str, u64)> {
        let members = match self.replies.get(slot.0) {
            Some(Reply::Members(members)) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(member, score)| (member.as_str(), *score))
    }

    /// The entries of a log with their positions.
    pub fn entries<R: Record>(&self, slot: Slot<Entries<R>>) -> Result<Vec<(String, R)>, StoreError> {
        let entries = match self.replies.get(slot.0) {
            Some(Reply::Entries(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(position, sealed)| Ok((position.clone(), self.open(slot.0, sealed)?.0))).collect()
    }
}
