//! The customer organisations, as far as that is not a matter of one product: which there are, and who may sign in at all.
//!
//! A tenant is known from its first connection, domain or policy on, or from the moment at which an operator names it, until it is
//! deleted. Its record says in which products it is something ([`Tenant::products`]), so that everything under it can be found.
//! One that has no record yet is active, and as good as any other.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::ports::{Clock, Timestamp};
use crate::products::invalid;
use crate::scope::{Scope, check_name};
use crate::store::{Record, Store, Stored};
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
}

impl TenantStatus {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            TenantStatus::Active => "active",
            TenantStatus::Suspended => "suspended",
        }
    }
    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        [TenantStatus::Active, TenantStatus::Suspended].into_iter().find(|status| status.name() == name)
    }
}

/// Whether a record, where there is one, keeps its people out.
pub(crate) fn is_suspended(tenant: Option<&Tenant>) -> bool {
    tenant.is_some_and(|tenant| tenant.status == TenantStatus::Suspended)
}

/// Keeps tenants.
#[derive(Clone)]
pub struct Tenants {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// How often a change is tried again that somebody else's came before.
const ATTEMPTS: usize = 20;

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
        let tenant = self.change(name, |tenant| tenant.status = status).await?;
        let data = json!({ "status": status });
        let event = Event {
            kind: EventKind::TenantUpdated,
            time: self.clock.now(),
            tenant: Some(name.to_owned()),
            product: None,
            data,
        };
        let mut batch = self.store.batch();
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Ok(tenant)
    }

    /// Notes that a tenant is something in a product, before it is.
    pub(crate) async fn enter(&self, scope: &Scope) -> Result<(), Fault> {
        self.change(&scope.tenant, |tenant| {
            tenant.products.insert(scope.product.clone());
        })
        .await?;
        Ok(())
    }

    /// Changes a record in one atomic step, again from its present state where somebody else changed it at the same time.
    async fn change(&self, name: &str, change: impl Fn(&mut Tenant)) -> Result<Arc<Tenant>, Fault> {
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
            change(&mut tenant);
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
        assert_eq!(TenantStatus::named("Suspended"), None);
    }
}
