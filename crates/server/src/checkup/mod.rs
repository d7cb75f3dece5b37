//! What may be wrong around Postern: its servers, its clock, the names it looks up, the address at which it is reached. `postern doctor` tells
//! all of it; at the start the log tells what is to be changed, and what is dangerous keeps Postern from starting.

mod names;
mod reach;
mod records;
mod servers;

use std::fmt;
use std::sync::Arc;

use postern_core::ports::{Clock, Timestamp};
use postern_store::StoreUrl;

pub use self::reach::public_addresses;
pub use self::records::opened;
use crate::config::Config;

/// How much there is to what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is as it should be.
    Fine,
    /// It works, and could be better.
    Advice,
    /// Something does not work, or will not one day.
    Problem,
    /// It would lose what has to be kept, unnoticed.
    Danger,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much there is to it.
    pub weight: Weight,
    /// The setting, the server or the file that it is about.
    pub subject: String,
    /// How it is.
    pub what: String,
    /// What to change; empty where it is fine.
    pub instead: String,
}

impl Finding {
    /// Something that is as it should be.
    pub fn fine(subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { weight: Weight::Fine, subject: subject.into(), what: what.into(), instead: String::new() }
    }

    /// Something that is not, and what to change.
    pub fn new(
        weight: Weight,
        subject: impl Into<String>,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { weight, subject: subject.into(), what: what.into(), instead: instead.into() }
    }

    /// Tells it by the log, unless it is fine.
    fn log(&self) {
        match self.weight {
            Weight::Fine => {}
            Weight::Advice => tracing::warn!("{self}"),
            Weight::Problem | Weight::Danger => tracing::error!("{self}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)?;
        if self.instead.is_empty() { Ok(()) } else { write!(f, ". {}", self.instead) }
    }
}

/// What is dangerous, and keeps Postern from starting.
#[derive(Debug)]
pub struct Dangerous(Finding);

impl fmt::Display for Dangerous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Dangerous {}

/// Looks at what does not depend on what is stored.
pub async fn surroundings(config: &Config, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let mut found = vec![self::clock(clock.now()), names::system()];
    if let StoreUrl::Redis(url) = &config.store.url {
        match postern_store::examine(url, &config.store.redis, clock).await {
            Ok(servers) => found.extend(servers::judge(&servers, &config.store)),
            Err(error) => found.push(Finding::new(
                Weight::Problem,
                "store",
                crate::cli::story(&error),
                "Check the settings of the store.",
            )),
        }
    }
    found
}

/// Tells by the log what is to be changed around Postern, and refuses what is dangerous.
pub async fn at_start(config: &Config, clock: Arc<dyn Clock>) -> Result<(), Dangerous> {
    let found = surroundings(config, clock).await;
    found.iter().for_each(Finding::log);
    match found.into_iter().find(|finding| finding.weight == Weight::Danger) {
        Some(dangerous) => Err(Dangerous(dangerous)),
        None => Ok(()),
    }
}

/// Nothing here tells the right time; a clock that was never set, however, is far off.
fn clock(now: Timestamp) -> Finding {
    let plausible = Timestamp::from_second(1_767_225_600).unwrap_or_default(); // 2026-01-01
    match now < plausible {
        true => Finding::new(
            Weight::Problem,
            "clock",
            format!("it says {now}, which is before this release"),
            "Set it by NTP.",
        ),
        false => Finding::fine("clock", format!("it says {now}; compare it with a clock you trust")),
    }
}
