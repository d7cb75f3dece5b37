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
mod dated;
mod guard;
mod keys;
mod kinds;
mod recall;
mod rotation;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::ports::{Backend, Clock, Seal, StoreError};
pub use batch::{Answers, Batch, Count, Pointed, Slot, Spent, Stored, Written};
use cache::Cache;
pub(crate) use change::ATTEMPTS;
use guard::Guard;
pub use guard::{Alarm, Disbelief, Revision};
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
    /// Whether it has no end of its own. Then it says when it was written, and an older one in its place is refused
    /// (`store/guard.rs`).
    const LASTS: bool = false;
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
    guard: Arc<Guard>,
}

impl Store {
    /// How many decrypted records of the cached kinds stay in memory at most.
    const CACHED_RECORDS: usize = 2_000;

    /// A store over `backend`, sealed by `seal`. `alarm` hears of every value in it that is not believed.
    pub fn new(backend: Arc<dyn Backend>, seal: Arc<dyn Seal>, clock: Arc<dyn Clock>, alarm: Alarm) -> Self {
        let (cache, guard) = (Cache::new(Self::CACHED_RECORDS), Guard::new(clock, alarm));
        Self { backend, seal, cache: Arc::new(cache), guard: Arc::new(guard) }
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

    /// Refuses a record that is older than another one says that it is by now.
    pub(crate) fn check_pinned<R: Record>(&self, revised: Revision, least: Revision) -> Result<(), StoreError> {
        if self.is_pinned(revised, least) {
            return Ok(());
        }
        self.guard.raise(R::CLASS, Disbelief::RolledBack);
        Err(StoreError::RolledBack { class: R::CLASS })
    }

    /// Whether a record is as new as another one says. A release that did not say when it wrote may have written it since, and a
    /// server that took the place of another may lack what was written last.
    pub(crate) fn is_pinned(&self, revised: Revision, least: Revision) -> bool {
        revised >= least || revised == 0 || guard::may_be_lost(least, self.backend.remembers_since())
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
