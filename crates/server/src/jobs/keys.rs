//! Every replica learns of changed keys within a minute: a key is announced long before it is used.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

const ROUND: Duration = Duration::from_secs(60);

/// Reads our own keys anew, for ever. Where the store does not answer, the present ones go on.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = app.load_keys().await {
            tracing::warn!(fault.code = fault.code.name(), "our own keys could not be read anew");
        }
    }
}
