//! How well the IdPs are that have an address at which to look: told to operators, and never in the way of a login.
//!
//! An index lists these connections by when they are looked at again; whoever holds the lease looks. What a look came to lies beside
//! the connection and not in it, so that looking changes nothing that a login reads.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection::{Connection, Idp};
use crate::connections::Connections;
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::login::start::after;
use crate::ports::{Random, Timestamp};
use crate::refresh::countdown;
use crate::store::Record;

/// An answer that takes longer is a bad sign.
const SLOW: SignedDuration = SignedDuration::from_secs(2);

/// After so many failures in a row an IdP is down.
const DOWN_AFTER: u32 = 3;

/// How long a new connection is left alone at least, so that it is whole when it is looked at.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// What the looks at an IdP came to. None yet: the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// When it was last looked at.
    pub looked: Option<Timestamp>,
    /// How long it took to answer or to fail, in milliseconds.
    pub latency_ms: u64,
    /// When it last answered.
    pub last_success: Option<Timestamp>,
    /// How often in a row it failed.
    pub failures: u32,
    /// Why it failed the last time.
    pub code: Option<String>,
}

impl Record for Health {
    const CLASS: &'static str = "health";
    const LASTS: bool = true;
}

/// How well an IdP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Ok,
    /// It failed once or twice, or takes its time.
    Degraded,
    /// It failed three times in a row.
    Down,
    /// Nobody looked: it has no address, or is new.
    Unknown,
}

impl Status {
    /// Its name in the API, in events and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Degraded => "degraded",
            Status::Down => "down",
            Status::Unknown => "unknown",
        }
    }
}

impl Health {
    /// What that means.
    pub fn status(&self) -> Status {
        match self.failures {
            _ if self.looked.is_none() => Status::Unknown,
            0 if i128::from(self.latency_ms) > SLOW.as_millis() => Status::Degraded,
            0 => Status::Ok,
            failures if failures < DOWN_AFTER => Status::Degraded,
            _ => Status::Down,
        }
    }

    /// The same after one look more.
    fn after(&self, look: &Look) -> Self {
        let latency_ms = look.ended.duration_since(look.began).as_millis().try_into().unwrap_or_default();
        let base = Self { looked: Some(look.ended), latency_ms, ..self.clone() };
        match look.outcome {
            Ok(()) => Self { last_success: Some(look.ended), failures: 0, code: None, ..base },
            Err(code) => Self { failures: self.failures.saturating_add(1), code: Some(code.name().to_owned()), ..base },
        }
    }
}

/// One look at an IdP.
#[derive(Debug, Clone)]
pub struct Look {
    /// When the question was sent.
    pub began: Timestamp,
    /// When the answer was there.
    pub ended: Timestamp,
    /// Whether it was one.
    pub outcome: Result<(), Code>,
}

impl Idp {
    /// The address at which to see whether it is there: that of its metadata, or of its keys.
    pub fn watched_url(&self) -> Option<&str> {
        match self {
            Idp::Saml(idp) => idp.metadata_url.as_deref(),
            Idp::Oidc(idp) => idp.discovery_url.as_deref().or(idp.provider.jwks_uri.as_deref()),
        }
    }
}

impl Connections {
    /// The connections whose IdPs are to be looked at, the longest due first.
    pub async fn to_look_at(&self, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        self.due_in(&self.store.keys().health_looks(), limit).await
    }

    /// Says when to look again, without having looked.
    pub async fn look_later(&self, connection: &Connection, interval: Duration) -> Result<(), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        batch.index_add(&keys.health_looks(), self.next_look(interval), keys.connection_name(&connection.id));
        batch.run().await?;
        Ok(())
    }

    /// Notes what a look came to, and looks again after the interval. A change of status is an event.
    pub async fn looked_at(&self, connection: &Connection, look: &Look, interval: Duration) -> Result<Status, Fault> {
        let keys = self.store.keys();
        let key = keys.health(&connection.id);
        let before = self.store.get(&key).await?.unwrap_or_default();
        let health = before.after(look);
        let mut batch = self.store.batch();
        batch.put(&key, &health, None);
        batch.index_add(&keys.health_looks(), self.next_look(interval), keys.connection_name(&connection.id));
        let (was, is) = (before.status(), health.status());
        if was != is && (was, is) != (Status::Unknown, Status::Ok) {
            let data =
                json!({ "connection": connection.id, "before": was.name(), "status": is.name(), "code": health.code });
            let event = Event::of(EventKind::ConnectionHealth, &connection.scope, self.clock.now(), data);
            event.append(&mut batch, &self.store);
        }
        // Deleted meanwhile: nobody else would remove what was just written.
        let connection = batch.get(&keys.connection(&connection.id));
        if batch.run().await?.get(connection)?.is_none() {
            let mut batch = self.store.batch();
            batch.delete(&key);
            batch.run().await?;
        }
        Ok(is)
    }

    /// How well the IdP of a connection is.
    pub async fn health(&self, connection: &Connection) -> Result<Health, Fault> {
        let known = self.store.get(&self.store.keys().health(&connection.id)).await?.unwrap_or_default();
        Ok((*known).clone())
    }

    /// The place in the queue of a connection that nobody has looked at, or of which something was changed.
    pub(crate) fn first_look(&self) -> u64 {
        self.next_look(FIRST_LOOK)
    }

    /// The interval, more or less a tenth by chance, so that what was created at once is not looked at at once for ever.
    fn next_look(&self, interval: Duration) -> u64 {
        countdown(after(self.clock.now(), about(interval, &*self.random)))
    }
}

/// From nine to eleven tenths of it.
fn about(interval: Duration, random: &dyn Random) -> Duration {
    let mut byte = [0];
    random.fill(&mut byte);
    interval * 9 / 10 + interval / 5 * u32::from(byte[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn look(second: i64, took_ms: i64, outcome: Result<(), Code>) -> Look {
        Look { began: at(second), ended: at(second) + SignedDuration::from_millis(took_ms), outcome }
    }

    #[test]
    fn policy_7_three_failures_in_a_row_are_down_and_one_answer_is_ok() {
        let mut health = Health::default();
        assert_eq!(health.status(), Status::Unknown);
        let failed = Err(Code::FetchTimeout);
        for (number, (outcome, status)) in [
            (Ok(()), Status::Ok),
            (failed, Status::Degraded),
            (failed, Status::Degraded),
            (Ok(()), Status::Ok),
            (failed, Status::Degraded),
            (failed, Status::Degraded),
            (failed, Status::Down),
            (failed, Status::Down),
            (Ok(()), Status::Ok),
        ]
        .into_iter()
        .enumerate()
        {
            health = health.after(&look(300 * i64::try_from(number).unwrap(), 40, outcome));
            assert_eq!((health.status(), health.latency_ms), (status, 40), "{number}");
            assert_eq!(health.code.as_deref(), outcome.is_err().then_some("FetchTimeout"), "{number}");
        }
        assert_eq!(health.last_success, Some(at(2400) + SignedDuration::from_millis(40)));
    }

    #[test]
    fn policy_7_an_answer_slower_than_two_seconds_is_degraded() {
        for (took_ms, status) in [(1_999, Status::Ok), (2_000, Status::Ok), (2_001, Status::Degraded)] {
            assert_eq!(Health::default().after(&look(0, took_ms, Ok(()))).status(), status, "{took_ms}");
        }
    }

    #[test]
    fn the_interval_varies_by_a_tenth() {
        struct Always(u8);
        impl Random for Always {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        let minutes = Duration::from_secs(300);
        assert_eq!(about(minutes, &Always(0)), Duration::from_secs(270));
        assert_eq!(about(minutes, &Always(255)), Duration::from_secs(330));
    }
}
