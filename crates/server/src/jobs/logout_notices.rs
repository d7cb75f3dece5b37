//! Tells apps that sessions of theirs were ended (OIDC Back-Channel Logout), within seconds: this replica's own notices at
//! once, because whoever queues one wakes this job, and those that another replica left behind at the next look.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use postern_core::fault::Fault;
use postern_core::logout_notices::{Attempt, LogoutNotice};
use postern_fetch::FetchError;

use crate::app::App;

/// How often a replica looks without being woken.
const ROUND: Duration = Duration::from_secs(3);
/// How many notices are taken at once.
const AT_ONCE: u64 = 200;
/// How many of them go to one app at the same time.
const TO_ONE_APP: usize = 8;
/// What an app may answer; nothing of it is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Tells, for ever. A slow app delays its own notices alone: each round runs beside the next.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.notices_queued.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
        }
        match app.logout_notices.take(AT_ONCE).await {
            Ok(notices) if notices.is_empty() => {}
            Ok(notices) => {
                if notices.len() as u64 == AT_ONCE {
                    app.notices_queued.notify_one(); // there may be more
                }
                let app = app.clone();
                actix_web::rt::spawn(async move { tell(&app, notices).await });
            }
            Err(fault) => tracing::warn!(fault.code = fault.code.name(), "logout notices could not be read"),
        }
    }
}

/// One round, to its end.
pub async fn round(app: &App) -> Result<(), Fault> {
    let notices = app.logout_notices.take(AT_ONCE).await?;
    tell(app, notices).await;
    Ok(())
}

async fn tell(app: &App, notices: Vec<LogoutNotice>) {
    let mut by_app: BTreeMap<String, Vec<LogoutNotice>> = BTreeMap::new();
    for notice in notices {
        by_app.entry(notice.url.clone()).or_default().push(notice);
    }
    join_all(by_app.into_values().map(|notices| tell_one(app, notices))).await;
}

/// Tells one app. Where it does not answer, the rest of its notices wait with the one that it did not answer.
async fn tell_one(app: &App, notices: Vec<LogoutNotice>) {
    let silent = Cell::new(false);
    let silent = &silent;
    let tell = async |notice| {
        if let Err(fault) = deliver(app, &notice, silent).await {
            // Its lease ends by itself, and somebody takes it again.
            tracing::warn!(fault.code = fault.code.name(), "a logout notice was not settled");
        }
    };
    stream::iter(notices).for_each_concurrent(TO_ONE_APP, tell).await;
}

async fn deliver(app: &App, notice: &LogoutNotice, silent: &Cell<bool>) -> Result<(), Fault> {
    let attempt = match silent.get() {
        true => Attempt::Unreached,
        false => attempt(app, notice).await?,
    };
    silent.set(silent.get() || attempt == Attempt::Unreached);
    app.logout_notices.settle(notice, attempt).await
}

/// Back-Channel Logout §2.5: the token goes in the body of a POST, as `logout_token`.
async fn attempt(app: &App, notice: &LogoutNotice) -> Result<Attempt, Fault> {
    let claims = notice.claims(app.public_url.as_str(), &*app.random, app.now());
    let token = app.token_keys().sign(notice.algorithm, "logout+jwt", &claims)?;
    Ok(match app.fetch.post_form(&notice.url, &[("logout_token", &token)], LARGEST_ANSWER).await {
        // What follows a good status says nothing more.
        Ok(_) | Err(FetchError::TooLarge) => Attempt::Delivered,
        Err(FetchError::Status(status)) => Attempt::of_status(status),
        Err(error) => {
            tracing::info!(cause = %error, "an app could not be told of a logout");
            Attempt::Unreached
        }
    })
}
