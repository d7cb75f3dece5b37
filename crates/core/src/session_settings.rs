//! How long sessions last where a tenant says so: its policy stands in the place of what the product and the operator settled.
//!
//! What a tenant says of the length counts from the authentication at the IdP, because it is about how old that may become. Where the
//! tenant says nothing, a session's length counts from the IdP's answer: some IdPs (Google is one) tell of authentications that are days
//! old, and an app that never asked for a fresh one should not find its sessions over before they began.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::identity::Authentication;
use crate::login::session::SessionTerms;
use crate::login::start::after;
use crate::ports::Timestamp;
use crate::products::invalid;

/// What a policy says of sessions; `None`: nothing, so that the product's settings count, or the operator's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionSettings {
    /// How many hours after the authentication at the IdP a session ends.
    pub session_duration_hours: Option<u32>,
    /// How many minutes the app may leave it unused; 0: as many as it likes.
    pub idle_timeout_minutes: Option<u32>,
    /// How many sessions a person may have; the oldest ends. `None`: as many as they like.
    pub max_sessions_per_user: Option<u32>,
    /// How many days after the login offline tokens end.
    pub refresh_days: Option<u32>,
}

impl SessionSettings {
    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these. `limit` is how long the operator lets
    /// sessions last.
    pub fn set(&mut self, name: &str, sent: &str, limit: Duration) -> Result<bool, Fault> {
        let hours = u32::try_from(limit.as_secs() / 3600).unwrap_or(u32::MAX);
        match name {
            "session_duration_hours" => self.session_duration_hours = number(name, sent, 1..=hours)?,
            "idle_timeout_minutes" if sent == "0" => self.idle_timeout_minutes = Some(0),
            "idle_timeout_minutes" => self.idle_timeout_minutes = number(name, sent, 30..=480)?,
            "max_sessions_per_user" => self.max_sessions_per_user = number(name, sent, 1..=1000)?,
            "refresh_days" => self.refresh_days = number(name, sent, 1..=90)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        Map::from_iter([
            ("session_duration_hours".to_owned(), json!(self.session_duration_hours)),
            ("idle_timeout_minutes".to_owned(), json!(self.idle_timeout_minutes)),
            ("max_sessions_per_user".to_owned(), json!(self.max_sessions_per_user)),
            ("refresh_days".to_owned(), json!(self.refresh_days)),
        ])
    }

    /// How long a session lasts from the authentication on, where the tenant says so.
    fn duration(&self, limit: Duration) -> Option<Duration> {
        self.session_duration_hours.map(|hours| Duration::from_secs(3600 * u64::from(hours)).min(limit))
    }

    /// What remains of what was settled when the login began.
    pub fn over(&self, terms: &SessionTerms) -> SessionTerms {
        let minutes = |minutes: u32| (minutes > 0).then(|| Duration::from_secs(60 * u64::from(minutes)));
        let days = |days: u32| Duration::from_secs(24 * 3600 * u64::from(days));
        SessionTerms {
            idle: self.idle_timeout_minutes.map_or(terms.idle, minutes),
            // An app that is not registered for refresh tokens gets none by a policy.
            refresh: terms.refresh.map(|usual| self.refresh_days.map_or(usual, days)),
            ..terms.clone()
        }
    }

    /// When a session ends that begins now. An authentication of which the IdP does not say when it was counts as one of now, and so
    /// does one of the future: clocks differ.
    pub fn end(&self, terms: &SessionTerms, how: &Authentication, now: Timestamp, limit: Duration) -> Timestamp {
        match self.duration(limit) {
            None => after(now, terms.lifetime),
            Some(duration) => after(how.at.map_or(now, |at| at.min(now)), duration),
        }
    }

    /// When the person had authenticated of whom a session would be over before it began.
    pub fn too_old(&self, how: &Authentication, now: Timestamp, limit: Duration) -> Option<Timestamp> {
        let duration = self.duration(limit)?;
        how.at.filter(|at| after(*at, duration) <= now)
    }
}

/// A number within limits; none, where nothing is sent.
fn number(name: &str, sent: &str, limits: RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
    match sent.parse() {
        _ if sent.is_empty() => Ok(None),
        Ok(number) if limits.contains(&number) => Ok(Some(number)),
        _ => Err(invalid(name, format!("is not a number from {} to {}", limits.start(), limits.end()))),
    }
}
