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
use crate::openid::{OidcIdp, Provider};
use crate::ports::Timestamp;
use crate::store::Record;
use crate::trace::milliseconds;

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
    /// It says something else, perhaps only until when it holds, and the connection does now too.
    Changed(Arc<Connection>),
}

impl Connections {
    /// Takes a lease, if nobody has it. It ends by itself.
    pub async fn lease(&self, name: &str, lifetime: Duration) -> Result<bool, Fault> {
        let mut batch = self.store.batch();
        let taken = batch.put_new(&self.store.keys().lease(name), &Lease {}, Some(lifetime));
        Ok(batch.run().await?.written(taken))
    }

    /// Has a lease for longer: only whoever has it may say so.
    pub async fn keep_lease(&self, name: &str, lifetime: Duration) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().lease(name), &Lease {}, Some(lifetime));
        batch.run().await?;
        Ok(())
    }

    /// The connections whose metadata is due, the longest due first.
    pub async fn due(&self, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        self.due_in(&self.store.keys().refreshes(), limit).await
    }

    /// Puts a connection back into the queue.
    pub async fn due_at(&self, connection: &Connection, at: Timestamp) -> Result<(), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        batch.index_add(&keys.refreshes(), countdown(at), keys.connection_name(&connection.id));
        batch.run().await?;
        Ok(())
    }

    /// Takes over what fresh documents say: keys and addresses. Whose people these are never changes by itself (M6); what an
    /// operator settled stays, also what they settled while the documents came: `seen` is the connection by which they were
    /// fetched. In strict federation a document that does not bind is refused (M4).
    pub async fn renew(&self, seen: &Connection, fresh: Idp) -> Result<Renewal, Fault> {
        let stored = self.stored(&seen.id).await?;
        let present = &stored.record.idp;
        present.check_same(&fresh)?;
        let (renewed, changed) = match (present, &seen.idp, fresh) {
            (Idp::Saml(present), Idp::Saml(seen), Idp::Saml(fresh)) if present.metadata_url == seen.metadata_url => {
                renewed_saml(present, fresh)
            }
            (Idp::Oidc(present), Idp::Oidc(seen), Idp::Oidc(fresh)) if present == seen => renewed_oidc(present, fresh),
            _ => return Err(Code::ChangedMeanwhile.into()),
        };
        renewed.check_metadata(self.clock.now())?;
        let news = changed.as_object().is_some_and(|members| members.values().any(|changed| *changed == true));
        if !news && renewed.lifetime() == present.lifetime() {
            return Ok(Renewal::Unchanged);
        }
        // Federations publish anew every day with a later end: that is no news.
        let connection = self.replace_idp(&stored, renewed, news.then_some(changed)).await?;
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

/// A SAML IdP as its metadata describes it now, and what of it changed.
fn renewed_saml(present: &SamlIdp, fresh: SamlIdp) -> (Idp, serde_json::Value) {
    let renewed = present.described_by(SamlIdp { metadata_url: present.metadata_url.clone(), ..fresh });
    let changed = json!({
        "by": "metadata",
        "signing_keys": renewed.signing_keys != present.signing_keys,
        "sso": renewed.sso != present.sso,
        "slo": (&renewed.slo, &renewed.slo_responses) != (&present.slo, &present.slo_responses),
        "scopes": renewed.metadata_scopes != present.metadata_scopes,
        "wants_signed_requests": renewed.wants_signed_requests != present.wants_signed_requests,
    });
    (Idp::Saml(renewed), changed)
}

/// An OpenID Provider as its documents describe it now, with our keys as they were rotated, and what of it changed. A provider
/// that once named itself in its answers has to go on: that protection is not lost by a document (RFC 9207 §2.4).
fn renewed_oidc(present: &OidcIdp, fresh: OidcIdp) -> (Idp, serde_json::Value) {
    let names_itself = present.provider.names_itself || fresh.provider.names_itself;
    let provider = Provider { names_itself, ..fresh.provider };
    let otherwise_alike = Provider {
        keys: present.provider.keys.clone(),
        names_itself: present.provider.names_itself,
        ..provider.clone()
    };
    let changed = json!({
        "by": "metadata",
        "signing_keys": provider.keys != present.provider.keys,
        "endpoints": otherwise_alike != present.provider,
        "names_itself": provider.names_itself != present.provider.names_itself,
        "client_keys": fresh.authentication != present.authentication,
    });
    let renewed = OidcIdp { provider, authentication: fresh.authentication, ..present.clone() };
    (Idp::Oidc(renewed), changed)
}

/// Indexes are read from the highest score down, and what is due first has to come first: so time counts down here.
pub(crate) fn countdown(at: Timestamp) -> u64 {
    const END_OF_TIME: u64 = 1 << 52;
    END_OF_TIME.saturating_sub(milliseconds(at))
}
