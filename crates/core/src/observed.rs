//! Whom enforcement would concern, counted while it is observed: the addresses about which the app's own server asks
//! ([`crate::discover`]), each once. What is kept of an address is its blind index, so that nobody can read whose it is.

use crate::enforcement::Enforcement;
use crate::fault::Fault;
use crate::mail_address::MailAddress;
use crate::policy::Policies;
use crate::ports::Timestamp;
use crate::scope::Scope;
use crate::store::{Batch, Count, Slot, Store};
use crate::trace::milliseconds;

/// How many addresses are told apart. More are not counted.
pub const MOST_OBSERVED: u64 = 10_000;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Since when.
    pub since: Timestamp,
    /// How many addresses enforcement would be about.
    pub addresses: u64,
    /// How many of them could not use a password, once any grace is over.
    pub kept_out: u64,
}

/// Reads the count in somebody's batch.
pub(crate) fn ask(batch: &mut Batch<'_>, store: &Store, scope: &Scope) -> Slot<Count> {
    batch.index_count(&store.keys().observed(scope))
}

/// Counts an address, if there is room. What is counted where nobody observes any more is forgotten at once. 1 round trip.
pub(crate) async fn note(store: &Store, scope: &Scope, email: &str, count: u64, now: Timestamp) -> Result<(), Fault> {
    let Some(address) = MailAddress::read(email).filter(|_| count < MOST_OBSERVED) else { return Ok(()) };
    let keys = store.keys();
    let member = keys.observed_address(scope, address.as_str());
    let mut batch = store.batch();
    batch.index_add(&keys.observed(scope), milliseconds(now), member);
    let policy = batch.get(&keys.policy(scope));
    if batch.run().await?.get(policy)?.and_then(|policy| policy.enforcement.observed_since()).is_none() {
        let mut batch = store.batch();
        forget(&mut batch, store, scope);
        batch.run().await?;
    }
    Ok(())
}

/// Forgets everybody who was counted.
pub(crate) fn forget(batch: &mut Batch<'_>, store: &Store, scope: &Scope) {
    batch.index_trim(&store.keys().observed(scope), 1 << 53); // no score is higher
}

impl Policies {
    /// What was counted for a scope with these settings; `None`: it is not observed. 1 round trip.
    pub async fn observed(&self, scope: &Scope, settings: &Enforcement) -> Result<Option<Observed>, Fault> {
        let Some(since) = settings.observed_since() else { return Ok(None) };
        let mut batch = self.store.batch();
        let count = ask(&mut batch, &self.store, scope);
        let addresses = batch.run().await?.count(count);
        let kept_out = if settings.keeps_passwords() { 0 } else { addresses };
        Ok(Some(Observed { since, addresses, kept_out }))
    }
}
