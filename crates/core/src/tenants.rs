//! The customer organisations, as far as that is not a matter of one product: which there are, and who may sign in at all.
//!
//! A tenant is known from its first connection, domain or policy on, or from the moment at which an operator names it, until it is
//! deleted. Its record says in which products it is something ([`Tenant::products`]), so that everything under it can be found.
//! One that has no record yet is active, and as good as any other.
//!
//! Whatever is made under a scope [enters](Tenants::enter) it twice, before it is written and after: before, so that nothing lies
//! where nobody would look for it; after, because the scope may have been deleted in between ([`crate::removal`]).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::ports::{Clock, Timestamp};
use crate::products::invalid;
use crate::scope::{Scope, check_name};
use crate::store::{ATTEMPTS, Record, Store, Stored};
use crate::trace::milliseconds;

/// A customer organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The `tenant` of its scopes.
    pub name: String,
    /// Whether its people may sign in.
    #[serde(default)]
    pub status: TenantStatus,
    /// The products in which it has, or had, connections, domains or a policy.
    #[serde(default)]
    pub products: BTreeSet<String>,
    /// Since when it is known.
    pub created: Timestamp,
}

impl Record for Tenant {
    const CLASS: &'static str = "tenant";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// Whether the people of a tenant may sign in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    /// They may.
    #[default]
    Active,
    /// Nobody signs in, and no refresh token works. Everything is kept.
    Suspended,
    /// Nobody signs in, nothing new is made, and what there is goes. Once it is gone, so is this record.
    Deleting,
}

impl TenantStatus {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            TenantStatus::Active => "active",
            TenantStatus::Suspended => "suspended",
            TenantStatus::Deleting => "deleting",
        }
    }
    /// The status of this name, among those that an operator may set.
    pub fn named(name: &str) -> Option<Self> {
        [TenantStatus::Active, TenantStatus::Suspended].into_iter().find(|status| status.name() == name)
    }
}

/// Whether a record, where there is one, keeps its people out.
pub(crate) fn is_suspended(tenant: Option<&Tenant>) -> bool {
    tenant.is_some_and(|tenant| tenant.status != TenantStatus::Active)
}

impl Tenant {
    /// Refuses what would change a tenant that is being deleted.
    fn check_stays(&self) -> Result<(), Fault> {
        match self.status {
            TenantStatus::Active | TenantStatus::Suspended => Ok(()),
            TenantStatus::Deleting => Err(Code::TenantDeleting.into()),
        }
    }
}

/// Keeps tenants.
#[derive(Clone)]
pub struct Tenants {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Tenants {
    /// Tenants in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// The tenant of this name.
    pub async fn find(&self, name: &str) -> Result<Arc<Tenant>, Fault> {
        self.store.get(&self.store.keys().tenant(name)).await?.ok_or_else(|| Code::TenantNotFound.into())
    }

    /// Tenants, the newest first.
    pub async fn list(&self, offset: u64, limit: u64) -> Result<Vec<Arc<Tenant>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.tenants(), offset, limit);
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let slots: Vec<_> = answers.members(page).map(|member| batch.get(&keys.tenant_member(member))).collect();
        let answers = batch.run().await?;
        Ok(slots.into_iter().filter_map(|slot| answers.get(slot).transpose()).collect::<Result<_, _>>()?)
    }

    /// Says whether the people of a tenant may sign in. One that was not known is from now on.
    pub async fn set(&self, name: &str, status: TenantStatus) -> Result<Arc<Tenant>, Fault> {
        check_name(name).map_err(|why| invalid("tenant", why))?;
        let change = |tenant: &mut Tenant| {
            tenant.check_stays()?;
            tenant.status = status;
            Ok(())
        };
        let tenant = self.change(name, change).await?;
        let mut batch = self.store.batch();
        self.event(EventKind::TenantUpdated, name, json!({ "status": status })).append(&mut batch, &self.store);
        batch.run().await?;
        Ok(tenant)
    }

    /// Notes that a tenant is something in a product: before what it is there is written, and once more after.
    pub(crate) async fn enter(&self, scope: &Scope) -> Result<(), Fault> {
        let change = |tenant: &mut Tenant| {
            tenant.check_stays()?;
            tenant.products.insert(scope.product.clone());
            Ok(())
        };
        self.change(&scope.tenant, change).await?;
        Ok(())
    }

    /// Notes that a tenant has nothing in a product any more.
    pub(crate) async fn leave(&self, scope: &Scope) -> Result<(), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        batch.index_remove(&keys.tenants_of_product(&scope.product), keys.tenant_name(&scope.tenant));
        let known = batch.get(&keys.tenant(&scope.tenant));
        if batch.run().await?.get(known)?.is_some() {
            let change = |tenant: &mut Tenant| {
                tenant.products.remove(&scope.product);
                Ok(())
            };
            self.change(&scope.tenant, change).await?;
        }
        Ok(())
    }

    /// Tells that everything of a tenant in a product was deleted, and how much there was.
    pub(crate) async fn tell_left(&self, scope: &Scope, had: Value) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        Event::of(EventKind::TenantDeleted, scope, self.clock.now(), had).append(&mut batch, &self.store);
        batch.run().await?;
        Ok(())
    }

    /// Begins the end of a tenant: from now on nobody signs in, and nothing enters.
    pub(crate) async fn close(&self, name: &str) -> Result<Arc<Tenant>, Fault> {
        let change = |tenant: &mut Tenant| {
            tenant.status = TenantStatus::Deleting;
            Ok(())
        };
        let tenant = self.change(name, change).await?;
        let mut batch = self.store.batch();
        self.event(EventKind::TenantUpdated, name, json!({ "status": tenant.status })).append(&mut batch, &self.store);
        batch.run().await?;
        Ok(tenant)
    }

    /// Removes the record of a tenant that was closed and has nothing any more, and tells how much it had.
    pub(crate) async fn forget(&self, name: &str, had: Value) -> Result<(), Fault> {
        let (keys, member) = (self.store.keys(), self.store.keys().tenant_name(name));
        let is_empty = |tenant: &Tenant| tenant.status == TenantStatus::Deleting && tenant.products.is_empty();
        let stored = self.stored(name).await?.filter(|stored| is_empty(&stored.record));
        let stored = stored.ok_or(Code::ChangedMeanwhile)?;
        // Off the list first: it may not miss who is made anew as soon as the record is gone.
        let mut batch = self.store.batch();
        batch.index_remove(&keys.tenants(), member.clone());
        // There is no verb that deletes what was read; one that ends at once does the same.
        let moment = Duration::from_millis(1);
        let written = batch.replace_ending(&keys.tenant(name), &stored, &stored.record, moment);
        if batch.run().await?.written(written) {
            let mut batch = self.store.batch();
            self.event(EventKind::TenantDeleted, name, had).append(&mut batch, &self.store);
            batch.run().await?;
            return Ok(());
        }
        // Somebody else deleted it at the same time. Has it been made anew since, it belongs on the list.
        if let Some(anew) = self.stored(name).await? {
            let mut batch = self.store.batch();
            batch.index_add(&keys.tenants(), milliseconds(anew.record.created), member);
            batch.run().await?;
        }
        Err(Code::ChangedMeanwhile.into())
    }

    fn event(&self, kind: EventKind, name: &str, data: Value) -> Event {
        Event { kind, time: self.clock.now(), tenant: Some(name.to_owned()), product: None, data }
    }

    /// Changes a record in one atomic step, again from its present state where somebody else changed it at the same time.
    async fn change(
        &self,
        name: &str,
        change: impl Fn(&mut Tenant) -> Result<(), Fault>,
    ) -> Result<Arc<Tenant>, Fault> {
        let keys = self.store.keys();
        for _ in 0..ATTEMPTS {
            let stored = self.stored(name).await?;
            let mut tenant = match &stored {
                Some(stored) => (*stored.record).clone(),
                None => Tenant {
                    name: name.to_owned(),
                    status: TenantStatus::default(),
                    products: BTreeSet::new(),
                    created: self.clock.now(),
                },
            };
            change(&mut tenant)?;
            if let Some(stored) = stored.as_ref().filter(|stored| *stored.record == tenant) {
                return Ok(stored.record.clone());
            }
            // The indexes first: they may name what is not there, and never miss what is.
            let (score, member) = (milliseconds(tenant.created), keys.tenant_name(name));
            let mut batch = self.store.batch();
            batch.index_add(&keys.tenants(), score, member.clone());
            for product in &tenant.products {
                batch.index_add(&keys.tenants_of_product(product), score, member.clone());
            }
            let written = batch.replace(&keys.tenant(name), stored.as_ref(), &tenant);
            if batch.run().await?.written(written) {
                return Ok(Arc::new(tenant));
            }
        }
        Err(Code::ChangedMeanwhile.into())
    }

    async fn stored(&self, name: &str) -> Result<Option<Stored<Tenant>>, Fault> {
        let mut batch = self.store.batch();
        let slot = batch.get(&self.store.keys().tenant(name));
        Ok(batch.run().await?.stored(slot)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_stored_under_its_name() {
        for status in [TenantStatus::Active, TenantStatus::Suspended] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(TenantStatus::named(status.name()), Some(status));
        }
        for other in ["Suspended", "deleting"] {
            assert_eq!(TenantStatus::named(other), None, "{other} is nothing that anybody sets");
        }
    }
}
