//! Looks every few minutes whether the identity providers are there that have an address to look at, in the background. Logins neither
//! wait for it nor go by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use postern_core::connection::Connection;
use postern_core::fault::Fault;
use postern_core::health::Look;

use super::metadata::LARGEST;
use crate::app::App;

/// How often a replica looks whether something is due.
const ROUND: Duration = Duration::from_secs(15);
/// How many connections are looked at in a round. Where there are more than that at an interval, each has to wait longer.
const AT_ONCE: u64 = 500;
/// How many addresses at the same time.
const TOGETHER: usize = 16;

/// Looks at what is due, for ever; not at all, where the operator wants it so.
pub async fn run(app: Arc<App>) {
    let Some(interval) = app.health_interval else { return };
    loop {
        tokio::time::sleep(ROUND.min(interval)).await;
        if let Err(fault) = round(&app, interval).await {
            tracing::warn!(fault.code = fault.code.name(), "identity providers could not be looked at");
        }
    }
}

/// One round: nothing, where another replica has the lease. Connections that share an address are looked at together.
pub async fn round(app: &App, interval: Duration) -> Result<(), Fault> {
    if !app.connections.lease("health", ROUND.min(interval) * 9 / 10).await? {
        return Ok(());
    }
    let mut by_address: BTreeMap<String, Vec<Arc<Connection>>> = BTreeMap::new();
    for connection in app.connections.to_look_at(AT_ONCE).await? {
        match connection.idp.watched_url().filter(|_| connection.signs_in()) {
            Some(url) => by_address.entry(url.to_owned()).or_default().push(connection),
            None => app.connections.look_later(&connection, interval).await?,
        }
    }
    stream::iter(by_address)
        .for_each_concurrent(TOGETHER, async |(url, connections)| {
            let look = look(app, &url).await;
            for connection in connections {
                match app.connections.looked_at(&connection, &look, interval).await {
                    Ok(status) => app.metrics.looked_at(status),
                    Err(fault) => {
                        tracing::warn!(fault.code = fault.code.name(), "the health of a connection could not be noted");
                    }
                }
            }
        })
        .await;
    Ok(())
}

async fn look(app: &App, url: &str) -> Look {
    let began = app.now();
    let answer = app.fetch.get(url, LARGEST).await;
    let outcome = answer.map(drop).map_err(|error| crate::fetched::fault(error).code);
    Look { began, ended: app.now(), outcome }
}
