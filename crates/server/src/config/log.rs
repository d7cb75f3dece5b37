//! What is logged, and how.

use tracing_subscriber::EnvFilter;

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The log, on standard error. It holds no assertions, tokens, codes, addresses or names of tenants at any level.
    struct Written in "log." {
        /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a list such as `info,postern_store=debug`.
        filter: String = "info,actix_server=warn",
        /// `human`, or `json` with one object a line.
        format: String = "human",
    }
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// A filter in the syntax of `tracing_subscriber::EnvFilter`, which parses.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines: one JSON object a line.
    Json,
}

impl Log {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        if EnvFilter::try_new(&written.filter).is_err() {
            let instead = "Write error, warn, info, debug or trace, or a list such as info,postern_store=debug.";
            reading.refuse("log.filter", format!("is '{}', which is not a filter", written.filter), instead);
        }
        let format = match written.format.as_str() {
            "human" => LogFormat::Human,
            "json" => LogFormat::Json,
            other => {
                reading.refuse("log.format", format!("is '{other}'"), "Write human or json.");
                LogFormat::Human
            }
        };
        Self { filter: written.filter, format }
    }
}
