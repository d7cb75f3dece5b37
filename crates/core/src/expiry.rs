//! Certificates of IdPs that are about to expire (M8). Their dates never decide a login, but an IdP that goes by them will
//! change its key, and whoever copied its metadata by hand has to copy them again: so they warn in time.
//!
//! An index lists connections by when the last of their signing certificates expires. Each threshold warns once, by an event:
//! whoever writes its mark first, on whichever replica, appends it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::connection::{Connection, Idp};
use crate::connections::Connections;
use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::login::start::after;
use crate::ports::Timestamp;
use crate::refresh::{Lease, countdown};
use crate::store::{Key, Keys};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many days before a certificate expires an event warns; 0: when it has.
const THRESHOLDS: [u32; 6] = [0, 1, 7, 14, 30, 60];

/// How long a warning is not repeated.
const ONCE: Duration = Duration::from_secs(90 * 24 * 3600);

/// When the last of a connection's signing certificates expires, if its IdP has such.
pub fn last_expiry(connection: &Connection) -> Option<Timestamp> {
    let Idp::Saml(idp) = &connection.idp else { return None };
    idp.signing_keys.certificates().iter().map(|certificate| certificate.not_after).max()
}

/// Where it is kept that a warning was given: what goes with the connection.
pub(crate) fn marks(keys: &Keys<'_>, connection: &Connection) -> impl Iterator<Item = Key<Lease>> {
    let marks = |at| THRESHOLDS.map(|days| mark(keys, connection, at, days));
    last_expiry(connection).map(marks).into_iter().flatten()
}

fn mark(keys: &Keys<'_>, connection: &Connection, at: Timestamp, days: u32) -> Key<Lease> {
    keys.lease(&format!("certificate of {}, {at}, {days}", connection.id))
}

impl Connections {
    /// The connections that answer logins and whose certificates will all have expired 60 days from now, with the date of the
    /// last, the soonest first.
    pub async fn expiring(&self, limit: u64) -> Result<Vec<(Arc<Connection>, Timestamp)>, Fault> {
        let horizon = countdown(after(self.clock.now(), THRESHOLDS[THRESHOLDS.len() - 1] * DAY));
        let found = self.page_with_scores(&self.store.keys().expiries(), limit).await?;
        let expiring = found.into_iter().filter(|(score, connection)| *score >= horizon && connection.signs_in());
        Ok(expiring.filter_map(|(_, connection)| last_expiry(&connection).map(|at| (connection, at))).collect())
    }

    /// Appends an event where a threshold is passed that nobody has warned of yet. Whether it did.
    pub async fn warn_of_expiry(&self, connection: &Connection, at: Timestamp) -> Result<bool, Fault> {
        let now = self.clock.now();
        let Some(days) = THRESHOLDS.into_iter().find(|days| after(now, *days * DAY) >= at) else { return Ok(false) };
        let mark = mark(&self.store.keys(), connection, at, days);
        let mut batch = self.store.batch();
        let first = batch.put_new(&mark, &Lease {}, Some(ONCE));
        if !batch.run().await?.written(first) {
            return Ok(false);
        }
        let data = json!({ "connection": connection.id, "expires": at, "days": days });
        let event = Event::of(EventKind::CertificateExpiring, &connection.scope, now, data);
        let mut batch = self.store.batch();
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Ok(true)
    }
}
