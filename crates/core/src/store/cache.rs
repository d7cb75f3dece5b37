//! Decrypted copies of connections and products, bounded in number. A copy is used only while the store still holds the
//! very bytes it was made from: the first bytes of a sealed record hold a salt that no other version has.

use std::any::Any;
use std::sync::Arc;

use crate::ports::REVISION_BYTES;

type Copy = Arc<dyn Any + Send + Sync>;

pub(super) struct Cache {
    copies: quick_cache::sync::Cache<String, (Vec<u8>, Copy)>,
}

impl Cache {
    pub(super) fn new(records: usize) -> Self {
        Self { copies: quick_cache::sync::Cache::new(records) }
    }

    /// The copy made from this version of the record.
    pub(super) fn opened<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8]) -> Option<Arc<R>> {
        let (revision, copy) = self.copies.get(key)?;
        (sealed.get(..REVISION_BYTES) == Some(revision.as_slice())).then_some(copy)?.downcast().ok()
    }

    /// The copy last made, whatever the store holds by now.
    pub(super) fn remembered<R: Any + Send + Sync>(&self, key: &str) -> Option<Arc<R>> {
        self.copies.get(key)?.1.downcast().ok()
    }

    pub(super) fn keep<R: Any + Send + Sync>(&self, key: &str, sealed: &[u8], copy: &Arc<R>) {
        if let Some(revision) = sealed.get(..REVISION_BYTES) {
            let copy: Copy = copy.clone();
            self.copies.insert(key.to_owned(), (revision.to_vec(), copy));
        }
    }

    pub(super) fn forget(&self, key: &str) {
        self.copies.remove(key);
    }
}
