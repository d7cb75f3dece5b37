//! Decrypted copies of connections and products, bounded in number. A copy is used only while the store still holds the
//! very bytes it was made from: the first bytes of a sealed record hold a salt that no other version has.

use std::any::Any;
use std::sync::Arc;

use crate::ports::REVISION_BYTES;

type Copy = Arc<dyn Any + Send + Sync>;

pub(super) struct Cache {
    copies: quick_cache::sync::Cache<String, Known>,
}

/// A copy, and the version of the record that it was made from.
#[derive(Clone)]
pub(super) struct Known {
    /// The first bytes of the sealed record.
    pub(super) revision: Vec<u8>,
    copy: Copy,
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

    /// The copy made from this version of the record.
    pub(super) fn opened<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8]) -> Option<Arc<R>> {
        self.known(key).filter(|known| sealed.get(..REVISION_BYTES) == Some(known.revision.as_slice()))?.record()
    }

    /// The copy last made, whatever the store holds by now.
    pub(super) fn remembered<R: Any + Send + Sync>(&self, key: &str) -> Option<Arc<R>> {
        self.known(key)?.record()
    }

    /// The same with its version.
    pub(super) fn known(&self, key: &str) -> Option<Known> {
        self.copies.get(key)
    }

    pub(super) fn keep<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8], copy: &Arc<R>) {
        if let Some(revision) = sealed.get(..REVISION_BYTES) {
            let known = Known { revision: revision.to_vec(), copy: copy.clone() };
            self.copies.insert(key.to_owned(), known);
        }
    }

    pub(super) fn forget(&self, key: &str) {
        self.copies.remove(key);
    }
}
