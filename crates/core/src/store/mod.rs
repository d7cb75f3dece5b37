//! Typed, sealed records over a [`Backend`](crate::ports::Backend). Key names, serialisation and sealing happen here, once;
//! `docs/STORE.md` is the table of all keys.
//!
//! A [`Batch`] collects operations and runs them in one round trip:
//!
//! ```text
//! let mut batch = store.batch();
//! let product = batch.get(&store.keys().product("crm"));
//! let scope = batch.get(&store.keys().scope(&scope));
//! let answers = batch.run().await?;
//! let product: Option<Arc<Product>> = answers.get(product)?;
//! ```

mod batch;
mod cache;
mod change;
mod keys;
mod kinds;
mod recall;
mod rotation;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::ports::{Backend, Seal, StoreError};
pub use batch::{Answers, Batch, Count, Slot, Spent, Stored};
use cache::Cache;
pub(crate) use change::ATTEMPTS;
pub use keys::{Index, Key, Keys, Log};
pub use kinds::{Kind, kind};
pub use recall::{Assumed, Confirming, Source};

/// Something that is stored sealed.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its kind; authenticated by the seal and part of every blind name.
    const CLASS: &'static str;
    /// Rises when the meaning of stored bytes changes in a way that an older release must not read.
    const SCHEMA: u16 = 1;
    /// Whether decrypted copies stay in the bounded cache. Each read still asks the store, so that a change counts at once.
    const CACHED: bool = false;
    /// Whether it is to be taken once and then no more, whatever happens to the server that it was written to. So it does not
    /// outlive that server: people begin anew.
    const BOUND: bool = false;
}

/// The store: a backend for bytes, a seal, and a bounded cache of what was opened.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    seal: Arc<dyn Seal>,
    cache: Arc<Cache>,
}

impl Store {
    /// How many decrypted records of the cached kinds stay in memory at most.
    const CACHED_RECORDS: usize = 2_000;

    /// A store over `backend`, sealed by `seal`.
    pub fn new(backend: Arc<dyn Backend>, seal: Arc<dyn Seal>) -> Self {
        Self { backend, seal, cache: Arc::new(Cache::new(Self::CACHED_RECORDS)) }
    }

    /// The names of everything that is stored.
    pub fn keys(&self) -> Keys<'_> {
        Keys::new(&*self.seal)
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Reads one record in a round trip of its own.
    pub async fn get<R: Record>(&self, key: &Key<R>) -> Result<Option<Arc<R>>, StoreError> {
        let mut batch = self.batch();
        let slot = batch.get(key);
        batch.run().await?.get(slot)
    }

    /// What the cache remembers of a record, without asking the store: a guess at what to read next, never a ground to act.
    pub fn remembered<R: Record>(&self, key: &Key<R>) -> Option<Arc<R>> {
        self.cache.remembered(key.name())
    }

    /// The keyed hash under which a subject is known to the app.
    pub fn subject(&self, parts: &[&[u8]]) -> String {
        self.seal.subject(parts)
    }
}
