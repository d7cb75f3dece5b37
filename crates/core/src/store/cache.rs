//! Decrypted copies of connections and products, bounded in number. A copy is used only while the store still holds the
//! very bytes it was made from: the first bytes of a sealed record hold a salt that no other version has, and a hash of all of them
//! tells where somebody changed the rest. Whoever makes two of the same hash gains nothing: the copy is what was sealed.

use std::any::Any;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use super::Revision;
use crate::ports::REVISION_BYTES;

type Opened = Arc<dyn Any + Send + Sync>;

pub(super) struct Cache {
    copies: quick_cache::sync::Cache<String, Known>,
}

/// A copy, and the version of the record that it was made from.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) bytes: Bytes,
    /// When it was written, of a record that lasts.
    pub(super) written: Revision,
    copy: Opened,
}

/// What a copy was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes {
    /// The first bytes of the sealed record.
    pub(super) header: [u8; REVISION_BYTES],
    hash: u64,
}

impl Bytes {
    /// None, where there are too few for a record.
    pub(super) fn of(sealed: &[u8]) -> Option<Self> {
        let header = *sealed.first_chunk()?;
        let mut hasher = DefaultHasher::new();
        hasher.write(sealed);
        Some(Self { header, hash: hasher.finish() })
    }
}

impl Known {
    pub(super) fn record<R: Any + Send + Sync>(&self) -> Option<Arc<R>> {
        self.copy.clone().downcast().ok()
    }
}

impl Cache {
    pub(super) fn new(records: usize) -> Self {
        Self { copies: quick_cache::sync::Cache::new(records) }
    }

    /// The copy made from this version of the record, and when that was written.
    pub(super) fn opened<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8]) -> Option<(Arc<R>, Revision)> {
        let known = self.known(key)?;
        (Bytes::of(sealed)? == known.bytes).then(|| known.record().map(|record| (record, known.written)))?
    }

    /// The copy last made, whatever the store holds by now.
    pub(super) fn remembered<R: Any + Send + Sync>(&self, key: &str) -> Option<Arc<R>> {
        self.known(key)?.record()
    }

    /// The same with its version.
    pub(super) fn known(&self, key: &str) -> Option<Known> {
        self.copies.get(key)
    }

    pub(super) fn keep<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8], written: Revision, copy: &Arc<R>) {
        if let Some(bytes) = Bytes::of(sealed) {
            self.copies.insert(key.to_owned(), Known { bytes, written, copy: copy.clone() });
        }
    }

    pub(super) fn forget(&self, key: &str) {
        self.copies.remove(key);
    }
}
