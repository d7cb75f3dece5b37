//! Every process reads the key ring anew every few seconds, so that it seals with the key that is active, and forgets those that
//! were retired.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::cli::story;

const ROUND: Duration = Duration::from_secs(5);

/// Reads, for ever. Where the ring cannot be read, the present one goes on; that is told once.
pub async fn run(app: Arc<App>) {
    let mut told = None;
    loop {
        tokio::time::sleep(ROUND).await;
        let trouble = round(&app).await;
        if let Some(cause) = trouble.as_ref().filter(|_| trouble != told) {
            tracing::error!(cause, "the key ring could not be read anew; the present one stays in use");
        }
        told = trouble;
    }
}

/// Reads once. → what kept it from being read
pub async fn round(app: &App) -> Option<String> {
    match app.ring.refresh(&*app.backend).await {
        Ok(changed) => {
            if changed {
                let keys = app.ring.data_keys();
                tracing::info!(seals = keys.active, open = ?keys.open_only, "the key ring has changed");
            }
            None
        }
        Err(error) => Some(story(&error)),
    }
}
