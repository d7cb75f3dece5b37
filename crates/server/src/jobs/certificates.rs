//! Looks every hour which certificates of identity providers are about to expire (M8): for the gauge of this replica, and for
//! an event at each threshold.

use std::sync::Arc;
use std::time::Duration;

use postern_core::fault::Fault;

use crate::app::App;

const ROUND: Duration = Duration::from_secs(3600);
/// How many connections are watched: those that expire first.
const MOST: u64 = 1_000;

/// Looks, for ever.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(fault) = round(&app).await {
            tracing::warn!(fault.code = fault.code.name(), "certificates could not be looked at");
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// Looks once.
pub async fn round(app: &App) -> Result<(), Fault> {
    let expiring = app.connections.expiring(MOST).await?;
    app.metrics.certificates_expire(expiring.iter().map(|(connection, at)| (connection.id.clone(), *at)));
    for (connection, at) in expiring {
        if app.connections.warn_of_expiry(&connection, at).await? {
            tracing::warn!("the certificates of a connection expire; GET /api/v1/events tells which");
        }
    }
    Ok(())
}
