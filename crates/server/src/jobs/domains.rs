//! Looks at the records of proven domains again, in the background. One that is gone is told of, looked for during the grace,
//! and lost after it (`postern_core::domains::life`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use postern_core::domains::{Domain, proof};
use postern_core::fault::{Code, Fault};

use crate::app::App;

/// How often a replica looks whether something is due, at most.
const ROUND: Duration = Duration::from_secs(60);
/// How many domains are looked at in a round.
const AT_ONCE: u64 = 1_000;
/// How many of them at the same time.
const TOGETHER: usize = 16;

/// Looks at what is due, for ever.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(interval(&app)).await;
        if let Err(fault) = round(&app).await {
            tracing::warn!(fault.code = fault.code.name(), "domains could not be looked at again");
        }
    }
}

fn interval(app: &App) -> Duration {
    app.domains.settings().recheck.min(ROUND)
}

/// One round: nothing, where another replica has the lease.
pub async fn round(app: &App) -> Result<(), Fault> {
    if !app.connections.lease("domains", interval(app) * 9 / 10).await? {
        return Ok(());
    }
    let due = app.domains.due(AT_ONCE).await?;
    stream::iter(due)
        .for_each_concurrent(TOGETHER, async |domain| {
            match look(app, &domain).await {
                // Somebody changed or deleted it at this moment; it stays in the queue, or left it.
                Err(fault) if !matches!(fault.code, Code::ChangedMeanwhile | Code::DomainNotFound) => {
                    tracing::warn!(fault.code = fault.code.name(), "a domain could not be looked at again");
                }
                _ => {}
            }
        })
        .await;
    Ok(())
}

async fn look(app: &App, domain: &Domain) -> Result<(), Fault> {
    let found = proof::look(&*app.dns, &domain.name, &domain.challenge).await;
    app.domains.looked(&domain.id, &found).await.map(drop)
}
