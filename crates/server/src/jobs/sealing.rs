//! After a change of the key that seals what is stored, one process at a time seals anew in the background what the keys before it
//! sealed (`docs/STORE.md`, "Rotation").

use std::sync::Arc;
use std::time::Duration;

use postern_core::ports::{StoreError, Timestamp};
use postern_store::{DataKeys, Progress, census, reseal};

use crate::app::App;
use crate::cli::story;

/// How often it is looked whether there is something to do.
const ROUND: Duration = Duration::from_secs(5);
/// How long a ring has to have been the same before older records are sealed anew: by then nobody seals with an older key.
pub const SETTLED: Duration = Duration::from_secs(15);
/// When it is looked once more whether there is anything, as long as there are keys that only open.
const AGAIN: Duration = Duration::from_secs(3600);
/// For how long nobody else begins, unless this process goes on.
const LEASE: Duration = Duration::from_secs(60);
/// What others have of the store and of this machine between two pages.
const PAUSE: Duration = Duration::from_millis(20);

/// What this process has done.
pub struct Sealing {
    /// Under which keys.
    keys: DataKeys,
    /// Since when.
    since: Timestamp,
    /// When everything was last gone through, here.
    done: Option<Timestamp>,
}

/// Looks, for ever.
pub async fn run(app: Arc<App>) {
    let mut sealing = Sealing::new(&app);
    loop {
        tokio::time::sleep(ROUND).await;
        sealing.round(&app).await;
    }
}

impl Sealing {
    /// What the process began with.
    pub fn new(app: &App) -> Self {
        Self { keys: app.ring.data_keys(), since: app.now(), done: None }
    }

    /// One round.
    pub async fn round(&mut self, app: &App) {
        let (keys, now) = (app.ring.data_keys(), app.now());
        if keys != self.keys {
            (self.keys, self.since, self.done) = (keys, now, None);
        }
        let due = self.done.map_or((self.since, SETTLED), |done| (done, AGAIN));
        if self.keys.open_only.is_empty() || now.duration_since(due.0).unsigned_abs() < due.1 {
            return;
        }
        match app.connections.lease("sealing", LEASE).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(fault) => {
                tracing::warn!(fault.code = fault.code.name(), "records could not be sealed anew");
                return;
            }
        }
        match seal_anew(app).await {
            Ok(()) => self.done = Some(now),
            Err(error) => {
                tracing::warn!(cause = %story(&error), "records could not be sealed anew; it is tried again")
            }
        }
    }
}

/// Seals everything anew that an older key sealed and that opens without a bearer.
async fn seal_anew(app: &App) -> Result<(), StoreError> {
    let waiting = waiting(app).await?;
    app.metrics.to_be_sealed_anew(waiting);
    if waiting == 0 {
        return Ok(());
    }
    tracing::info!(records = waiting, "what older keys sealed is sealed anew");
    let pause = async |progress: Progress| {
        app.metrics.to_be_sealed_anew(waiting.saturating_sub(progress.sealed));
        // Where the lease is lost, somebody else does the same, which harms nobody.
        let _ = app.connections.keep_lease("sealing", LEASE).await;
        tokio::time::sleep(PAUSE).await;
        Ok(())
    };
    let Progress { sealed, unreadable } = reseal(&app.ring, &*app.backend, pause).await?;
    app.metrics.to_be_sealed_anew(self::waiting(app).await?);
    tracing::info!(records = sealed, unreadable, "what older keys sealed has been sealed anew");
    Ok(())
}

/// How many records are still to be sealed anew.
async fn waiting(app: &App) -> Result<u64, StoreError> {
    let active = app.ring.data_keys().active;
    let census = census(&*app.backend).await?;
    Ok(census.iter().filter(|(number, _)| **number != active).map(|(_, needs)| needs.renewable()).sum())
}
