//! Takes sessions that are over off the lists in which they are found, so that these hold what lives and no more.

use std::sync::Arc;
use std::time::Duration;

use postern_core::fault::Fault;

use crate::app::App;

/// How often a replica looks whether something is over.
const ROUND: Duration = Duration::from_secs(60);

/// Sweeps, for ever.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = round(&app).await {
            tracing::warn!(fault.code = fault.code.name(), "the lists of sessions could not be swept");
        }
    }
}

/// One round: nothing, where another replica has the lease.
pub async fn round(app: &App) -> Result<(), Fault> {
    if !app.connections.lease("sessions", ROUND * 9 / 10).await? {
        return Ok(());
    }
    while app.sessions.sweep().await? > 0 {}
    Ok(())
}
