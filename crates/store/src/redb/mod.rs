//! One file for what lasts, memory for what ends: for the first run and for small installations, one process at a time.
//!
//! - Values **without a lifetime** are in the file. A batch that writes such values is one transaction, and it is answered
//!   when the disk has it.
//! - Values **with a lifetime** (logins, codes, tokens, replays, traces) are in memory and gone with the process.
//! - **Indexes and logs** are in the file, but writing them waits for no disk, because every login does: they get there with
//!   the next batch that has to be durable, after a few seconds, or when the store is closed. A crash takes the last few
//!   seconds of them. What was written later never survives what was written earlier.
//!
//! All batches run one after the other. Each takes microseconds, but for those that wait for the disk.
//!
//! After a failure of the disk redb refuses everything, because it no longer knows what is there. The next batch opens the file
//! anew, as after a crash.

mod tables;

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redb::backends::FileBackend;
use ::redb::{Database, DatabaseError, Durability, WriteTransaction};
use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Clock, Op, Reply, StoreError, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::tables::Held;
use crate::memory::Values;
use crate::verbs::{self, Failure};
use crate::{OpenError, batch};

/// How long indexes and logs may wait for the disk.
const LATEST: Duration = Duration::from_secs(5);
/// How much of the file is kept in memory. What a login needs is cached above the store.
const CACHE: usize = 4 << 20;

/// Keeps what lasts in one file, and the rest in memory.
pub struct RedbBackend {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    kept: Arc<Mutex<Kept>>,
}

/// Opens the file.
type Open = Box<dyn Fn() -> Result<Database, Failure> + Send>;

struct Kept {
    values: Values,
    open: Open,
    /// None where it could not be opened anew.
    file: Option<Database>,
    /// Whether something failed, so that the file may have to be opened anew.
    suspect: bool,
    /// Whether something was written that the disk need not have yet.
    owes: bool,
}

impl RedbBackend {
    /// Opens the file at `path`, or makes it, readable for its owner only.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let open = {
            let path = path.clone();
            move || open_file(&path)
        };
        match Self::open_with(Box::new(open), clock).await {
            Ok(backend) => Ok(backend),
            Err(failure) if is_in_use(&*failure) => Err(OpenError::InUse { path }),
            Err(source) => Err(OpenError::File { path, source }),
        }
    }

    async fn open_with(open: Open, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let kept = Kept { values: Values::default(), open, file: None, suspect: true, owes: false };
        let kept = Arc::new(Mutex::new(kept));
        mended(kept.clone().lock_owned().await).await?;
        Ok(Self { started: clock.now(), clock, kept })
    }
}

/// Opens the file, where it is not open or redb takes nothing more. Otherwise it was another failure.
async fn mended(mut kept: OwnedMutexGuard<Kept>) -> Result<OwnedMutexGuard<Kept>, Failure> {
    tokio::task::spawn_blocking(move || {
        if kept.file.as_ref().is_none_or(|file| file.begin_write().is_err()) {
            kept.file = None; // only then is the file free
            kept.file = Some((kept.open)()?);
        }
        kept.suspect = false;
        Ok(kept)
    })
    .await?
}

#[async_trait]
impl Backend for RedbBackend {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        batch::check(&batch)?;
        let mut kept = self.kept.clone().lock_owned().await;
        if kept.suspect {
            kept = mended(kept).await.map_err(StoreError::Unavailable)?;
        }
        let now = self.clock.now();
        kept.values.sweep(now, batch.len());

        // The pages that a batch needs are in the cache of the system, so reading them takes no thread of its own.
        let Kept { values, file: Some(file), suspect, .. } = &mut *kept else {
            return Err(StoreError::Unavailable("the file is not open".into())); // it was opened above
        };
        let mut held = Held::new(values, file, now);
        let replies = verbs::run(&mut held, batch).inspect_err(|_| *suspect = true)?;
        match held.finish() {
            None => {}
            Some((transaction, true)) => {
                commit_durably(kept, transaction).await.map_err(StoreError::Unavailable)?;
            }
            Some((transaction, false)) => {
                let outcome = commit(transaction, Durability::None);
                kept.suspect |= outcome.is_err();
                outcome.map_err(StoreError::Unavailable)?;
                if !std::mem::replace(&mut kept.owes, true) {
                    tokio::spawn(settle_later(Arc::downgrade(&self.kept)));
                }
            }
        }
        Ok(replies)
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        let mut kept = self.kept.clone().lock_owned().await;
        if kept.suspect {
            kept = mended(kept).await.map_err(StoreError::Unavailable)?;
        }
        let Kept { values, file: Some(file), suspect, .. } = &mut *kept else {
            return Err(StoreError::Unavailable("the file is not open".into())); // it was opened above
        };
        let mut held = Held::new(values, file, self.clock.now());
        verbs::list(&mut held, prefix, after).inspect_err(|_| *suspect = true)
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        Some(self.started)
    }
}

fn commit(mut transaction: WriteTransaction, durability: Durability) -> Result<(), Failure> {
    transaction.set_durability(durability)?;
    Ok(transaction.commit()?)
}

/// Waits for the disk on a thread that may. Everything that was written before is on it then, too. Whoever gives up waiting
/// does not stop it: the lock goes with it.
async fn commit_durably(mut kept: OwnedMutexGuard<Kept>, transaction: WriteTransaction) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || {
        let outcome = commit(transaction, Durability::Immediate);
        kept.suspect |= outcome.is_err();
        kept.owes = outcome.is_err();
        outcome
    })
    .await?
}

/// Brings to the disk what was written in the meantime.
async fn settle_later(kept: Weak<Mutex<Kept>>) {
    tokio::time::sleep(LATEST).await;
    let Some(kept) = kept.upgrade() else { return }; // closed, and so on the disk
    let mut kept = kept.lock_owned().await;
    if std::mem::take(&mut kept.owes)
        && let Some(Ok(transaction)) = kept.file.as_ref().map(Database::begin_write)
    {
        let _ = commit_durably(kept, transaction).await; // the next batch meets the same failure, and tells it
    }
}

fn open_file(path: &Path) -> Result<Database, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let backend = FileBackend::new(options.open(path)?)?;
    let database = Database::builder().set_cache_size(CACHE).create_with_backend(backend)?;
    tables::create(&database)?;
    Ok(database)
}

fn is_in_use(failure: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(failure.downcast_ref(), Some(DatabaseError::DatabaseAlreadyOpen))
}

#[cfg(test)]
mod tests;
