//! What a scope wants of its logins, as far as that is not a matter of one connection.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domains::ScopeDomains;
use crate::fault::Fault;
use crate::ports::{Clock, StoreError};
use crate::products::Product;
use crate::provisioning::Provisioning;
use crate::roles::RoleSettings;
use crate::scope::Scope;
use crate::store::{Answers, Batch, Keys, Record, Slot, Store};

/// The settings of a scope. One that never set any has the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// How often they were changed: what a change is based on.
    pub revision: u64,
    /// What becomes of an identity whose e-mail domain is not the tenant's.
    pub foreign_domains: ForeignDomains,
    /// As what people come in.
    pub roles: RoleSettings,
    /// For whom the app may make accounts.
    pub provisioning: Provisioning,
}

impl Record for Policy {
    const CLASS: &'static str = "policy";
    const CACHED: bool = true;
}

/// What becomes of an identity whose e-mail domain is not the tenant's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignDomains {
    /// The login is refused.
    #[default]
    Refuse,
    /// It goes on, and an event tells of it.
    Flag,
}

/// What a login of a scope is judged by, as it is when the IdP answers.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The product, if it is registered.
    pub product: Option<Arc<Product>>,
    /// The scope's settings.
    pub policy: Arc<Policy>,
    /// The scope's domains.
    pub domains: Arc<ScopeDomains>,
    /// Whether anybody in this deployment has proven a domain. Where nobody has, nobody's domains have to be looked up.
    pub any_proven: bool,
}

/// Reads the rules in somebody's batch.
pub struct Reading {
    product: Slot<Product>,
    policy: Slot<Policy>,
    domains: Slot<ScopeDomains>,
    proven: Slot<crate::store::Count>,
}

impl Rules {
    /// Adds the question to a batch.
    pub fn ask(batch: &mut Batch<'_>, keys: &Keys<'_>, scope: &Scope) -> Reading {
        Reading {
            product: batch.get(&keys.product(&scope.product)),
            policy: batch.get(&keys.policy(scope)),
            domains: batch.get(&keys.scope_domains(scope)),
            proven: batch.index_count(&keys.domain_checks()),
        }
    }
}

impl Reading {
    /// What the batch found.
    pub fn answer(self, answers: &Answers<'_>) -> Result<Rules, StoreError> {
        Ok(Rules {
            product: answers.get(self.product)?,
            policy: answers.get(self.policy)?.unwrap_or_default(),
            domains: answers.get(self.domains)?.unwrap_or_default(),
            any_proven: answers.count(self.proven) > 0,
        })
    }
}

/// Keeps the settings of scopes.
#[derive(Clone)]
pub struct Policies {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Policies {
    /// Settings in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Replaces the settings of a scope.
    pub async fn set(&self, scope: &Scope, policy: &Policy) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().policy(scope), policy, None);
        batch.run().await?;
        Ok(())
    }
}
