//! Keeping connections as fresh as their IdPs' metadata: which are due, and who may fetch.
//!
//! Replicas share the work by leases in the store. A connection whose metadata has an address is in an index by the time at
//! which it is due; whoever holds the lease takes the due ones, fetches, and puts them back with their next time.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection::{Connection, Idp, SamlIdp};
use crate::connections::Connections;
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;
use crate::store::Record;
use crate::trace::milliseconds;

/// How often metadata is fetched, unless it asks for more or less.
pub const INTERVAL: Duration = Duration::from_secs(3600);

/// That somebody does a piece of work, or did it a moment ago.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {}

impl Record for Lease {
    const CLASS: &'static str = "lease";
}

/// What fetching a connection's metadata came to.
#[derive(Debug)]
pub enum Renewal {
    /// It says what it said before.
    Unchanged,
    /// It says something else, and the connection does now too.
    Changed(Arc<Connection>),
}

impl Connections {
    /// Takes a lease, if nobody has it. It ends by itself.
    pub async fn lease(&self, name: &str, lifetime: Duration) -> Result<bool, Fault> {
        let mut batch = self.store.batch();
        let taken = batch.put_new(&self.store.keys().lease(name), &Lease {}, Some(lifetime));
        Ok(batch.run().await?.written(taken))
    }

    /// The connections whose metadata is due, the longest due first.
    pub async fn due(&self, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        let now = self.clock.now();
        let due = self.page_with_scores(&self.store.keys().refreshes(), limit).await?;
        Ok(due.into_iter().filter(|(score, _)| *score >= countdown(now)).map(|(_, connection)| connection).collect())
    }

    /// Puts a connection back into the queue.
    pub async fn due_at(&self, connection: &Connection, at: Timestamp) -> Result<(), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        batch.index_add(&keys.refreshes(), countdown(at), keys.connection_name(&connection.id));
        batch.run().await?;
        Ok(())
    }

    /// Takes over what fresh metadata says: keys and addresses. The entity ID never changes by itself (M6); what an operator
    /// settled stays.
    pub async fn renew(&self, connection: &Connection, fresh: SamlIdp) -> Result<Renewal, Fault> {
        let Idp::Saml(present) = &connection.idp;
        if fresh.entity_id != present.entity_id {
            let fault = Code::ConnectionEntityIdChanged.fault();
            return Err(fault.expected(&present.entity_id).received(fresh.entity_id));
        }
        let renewed = SamlIdp {
            sso: fresh.sso,
            slo: fresh.slo,
            signing_keys: fresh.signing_keys,
            wants_signed_requests: fresh.wants_signed_requests,
            ..present.clone()
        };
        if renewed == *present {
            return Ok(Renewal::Unchanged);
        }
        let changed = json!({
            "by": "metadata",
            "signing_keys": renewed.signing_keys != present.signing_keys,
            "sso": renewed.sso != present.sso,
            "slo": renewed.slo != present.slo,
        });
        let connection = self.replace_idp(&connection.id, renewed, changed).await?;
        Ok(Renewal::Changed(connection))
    }

    /// Records that fresh metadata was refused or did not come; the last good copy goes on.
    pub async fn not_renewed(&self, connection: &Connection, fault: &Fault) -> Result<(), Fault> {
        let data = json!({ "connection": connection.id, "code": fault.code.name() });
        let event = Event::of(EventKind::MetadataFailed, &connection.scope, self.clock.now(), data);
        let mut batch = self.store.batch();
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Ok(())
    }
}

/// Indexes are read from the highest score down, and what is due first has to come first: so time counts down here.
pub(crate) fn countdown(at: Timestamp) -> u64 {
    const END_OF_TIME: u64 = 1 << 52;
    END_OF_TIME.saturating_sub(milliseconds(at))
}
