//! What an outside system may want to hear: one sealed log, read by cursor.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::ports::Timestamp;
use crate::scope::Scope;
use crate::store::{Batch, Record, Store};

/// How many events stay at least.
const KEPT: u64 = 100_000;

/// Something that happened. Its id is its position in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// What: `login.succeeded`, `connection.created`, …
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When.
    pub time: Timestamp,
    /// The tenant it concerns.
    pub tenant: Option<String>,
    /// The product it concerns.
    pub product: Option<String>,
    /// Facts: ids, codes, attribute names; never secrets or attribute values.
    pub data: serde_json::Value,
}

/// The kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The app was given a code.
    #[serde(rename = "login.succeeded")]
    LoginSucceeded,
    /// A login was refused.
    #[serde(rename = "login.failed")]
    LoginFailed,
    /// A login that succeeded although something about it was impossible, or another's: `anomalies` says what.
    #[serde(rename = "login.anomaly")]
    LoginAnomaly,
    /// A code was redeemed again by its own client; what it gave is revoked.
    #[serde(rename = "code.replayed")]
    CodeReplayed,
    /// A refresh token was used again after its successor; its session is ended.
    #[serde(rename = "refresh_token.reused")]
    RefreshTokenReused,
    /// A logout message of an IdP was refused, or the IdP did not end what it was asked to.
    #[serde(rename = "logout.failed")]
    LogoutFailed,
    /// An app could not be told that a session was ended.
    #[serde(rename = "logout.undelivered")]
    LogoutUndelivered,
    /// A session was ended before its time.
    #[serde(rename = "session.ended")]
    SessionEnded,
    /// A connection was created.
    #[serde(rename = "connection.created")]
    ConnectionCreated,
    /// A connection was changed.
    #[serde(rename = "connection.updated")]
    ConnectionUpdated,
    /// A connection was deleted.
    #[serde(rename = "connection.deleted")]
    ConnectionDeleted,
    /// A connection's metadata could not be fetched, or was refused; the last good copy goes on.
    #[serde(rename = "connection.metadata_failed")]
    MetadataFailed,
    /// The last signing certificate of a connection's IdP expires soon, or has expired.
    #[serde(rename = "connection.certificate_expiring")]
    CertificateExpiring,
    /// Another `status` than `before` was found when it was looked whether a connection's IdP is there.
    #[serde(rename = "connection.health")]
    ConnectionHealth,
    /// A test login of a connection ended: `passed`, or with which `code`.
    #[serde(rename = "connection.tested")]
    ConnectionTested,
    /// A product was registered.
    #[serde(rename = "product.created")]
    ProductCreated,
    /// A product was changed.
    #[serde(rename = "product.updated")]
    ProductUpdated,
    /// A product was deleted.
    #[serde(rename = "product.deleted")]
    ProductDeleted,
    /// The policy of a tenant, or what a connection overrides of it, was changed: `before` and `after` say what.
    #[serde(rename = "policy.updated")]
    PolicyUpdated,
    /// An operator said whether the people of a tenant may sign in.
    #[serde(rename = "tenant.updated")]
    TenantUpdated,
    /// A tenant was deleted with everything that it had, or, where a `product` is named, with what it had there.
    #[serde(rename = "tenant.deleted")]
    TenantDeleted,
    /// Somebody is blocked: `person` says who, to whoever reads the list.
    #[serde(rename = "person.blocked")]
    PersonBlocked,
    /// Somebody is blocked no longer.
    #[serde(rename = "person.unblocked")]
    PersonUnblocked,
    /// Somebody is invited.
    #[serde(rename = "person.invited")]
    PersonInvited,
    /// An invitation was withdrawn.
    #[serde(rename = "person.uninvited")]
    PersonUninvited,
    /// A tenant claims a domain.
    #[serde(rename = "domain.claimed")]
    DomainClaimed,
    /// What is set about a claim was changed.
    #[serde(rename = "domain.updated")]
    DomainUpdated,
    /// A domain was proven: `proof` says whether by DNS or by the operator's word.
    #[serde(rename = "domain.verified")]
    DomainVerified,
    /// The record of a proven domain is gone. Once the grace is over, the domain is lost.
    #[serde(rename = "domain.failing")]
    DomainFailing,
    /// The record is back.
    #[serde(rename = "domain.recovered")]
    DomainRecovered,
    /// A domain is no longer proven: nobody is sent to the tenant's identity provider by it.
    #[serde(rename = "domain.lapsed")]
    DomainLapsed,
    /// A claim was deleted.
    #[serde(rename = "domain.deleted")]
    DomainDeleted,
}

impl Record for Event {
    const CLASS: &'static str = "event";
}

impl Event {
    /// An event of a scope.
    pub fn of(kind: EventKind, scope: &Scope, time: Timestamp, data: serde_json::Value) -> Self {
        Self { kind, time, tenant: Some(scope.tenant.clone()), product: Some(scope.product.clone()), data }
    }

    /// Adds the event to a batch.
    pub fn append(&self, batch: &mut Batch<'_>, store: &Store) {
        batch.append(&store.keys().events(), self, KEPT);
    }
}

/// Reads events.
pub struct Events {
    store: Store,
}

impl Events {
    /// Events in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Events after a position, oldest first, each with its own position. Without one, from the oldest that is kept.
    pub async fn read(&self, after: Option<String>, limit: u64) -> Result<Vec<(String, Event)>, Fault> {
        let mut batch = self.store.batch();
        let entries = batch.read(&self.store.keys().events(), after, limit);
        Ok(batch.run().await?.entries(entries)?)
    }
}
