//! Opens the store that a URL names.

use std::path::PathBuf;
use std::sync::Arc;

use postern_core::ports::{Backend, Clock, Op, StoreError};

use crate::redis::{RedisBackend, RedisOptions};
use crate::{MemoryBackend, RedbBackend, StoreUrl};

/// Opens a store. A file is opened here and now; a Redis is called when it is first needed, so one that is away does not
/// keep a process from starting.
pub async fn open(
    url: &StoreUrl,
    clock: Arc<dyn Clock>,
    options: &RedisOptions,
) -> Result<Arc<dyn Backend>, OpenError> {
    Ok(match url {
        StoreUrl::Memory => Arc::new(MemoryBackend::new(clock)),
        StoreUrl::Redb(path) => Arc::new(RedbBackend::open(path, clock).await?),
        StoreUrl::Redis(url) => Arc::new(RedisBackend::new(url, clock, options)?),
    })
}

/// Asks a store for nothing, and hears whether it answers.
pub async fn ping(backend: &dyn Backend) -> Result<(), StoreError> {
    backend.run(vec![Op::Get { key: "p1:ping".into() }]).await.map(|_| ())
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the file.
    #[error("{} is in use by another process; a redb file serves one Postern at a time", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, or is no store.
    #[error("the store {} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of certificates, or of a key, cannot be used.
    #[error("the PEM file {} cannot be read", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client refuses what it was given.
    #[error("the Redis client cannot be set up")]
    Redis(#[source] Box<dyn std::error::Error + Send + Sync>),
}
