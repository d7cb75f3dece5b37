//! What a scope wants of its logins, as far as that is not a matter of one connection.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domains::ScopeDomains;
use crate::enforcement::Enforcement;
use crate::fault::{Code, Fault};
use crate::login::start::after;
use crate::observed;
use crate::people::List;
use crate::ports::{Clock, Timestamp};
use crate::products::Product;
use crate::provisioning::Provisioning;
use crate::requirements::Requirements;
use crate::roles::RoleSettings;
use crate::scope::Scope;
use crate::session_settings::SessionSettings;
use crate::store::{Answers, Batch, Count, Keys, Record, Slot, Store};
use crate::tenants::{Tenant, Tenants, is_suspended};

/// The settings of a scope. One that never set any has the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// How often they were changed: what a change is based on.
    pub revision: u64,
    /// Whether people have to sign in by single sign-on.
    pub enforcement: Enforcement,
    /// What becomes of an identity whose e-mail domain is not the tenant's.
    pub foreign_domains: ForeignDomains,
    /// For how many minutes after a login an app may refresh its tokens before the IdP has to be asked again; `None`: as long as
    /// the session lasts.
    pub revalidate_minutes: Option<u32>,
    /// As what people come in.
    pub roles: RoleSettings,
    /// Who comes in, and for whom the app may make accounts.
    pub provisioning: Provisioning,
    /// What they have to bring along.
    pub requirements: Requirements,
    /// How long they stay.
    pub sessions: SessionSettings,
}

impl Policy {
    /// Whether the IdP has to be asked again about somebody of whom it last spoke at `proven`.
    pub fn wants_proof(&self, proven: Timestamp, now: Timestamp) -> bool {
        let lasts = |minutes| Duration::from_secs(60 * u64::from(minutes));
        self.revalidate_minutes.is_some_and(|minutes| now >= after(proven, lasts(minutes)))
    }
}

impl Record for Policy {
    const CLASS: &'static str = "policy";
    const LASTS: bool = true;
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
    /// Whether the scope blocks anybody.
    pub any_blocked: bool,
    /// Whether it has invited anybody.
    pub any_invited: bool,
}

/// Reads the rules in somebody's batch.
pub struct Reading {
    product: Slot<Product>,
    policy: Slot<Policy>,
    domains: Slot<ScopeDomains>,
    proven: Slot<Count>,
    blocked: Slot<Count>,
    invited: Slot<Count>,
    tenant: Slot<Tenant>,
}

impl Rules {
    /// Adds the question to a batch.
    pub fn ask(batch: &mut Batch<'_>, keys: &Keys<'_>, scope: &Scope) -> Reading {
        Reading {
            product: batch.get(&keys.product(&scope.product)),
            policy: batch.get(&keys.policy(scope)),
            domains: batch.get(&keys.scope_domains(scope)),
            proven: batch.index_count(&keys.domain_checks()),
            blocked: batch.index_count(&keys.people(List::Blocked, scope)),
            invited: batch.index_count(&keys.people(List::Invited, scope)),
            tenant: batch.get(&keys.tenant(&scope.tenant)),
        }
    }
}

impl Reading {
    /// What the batch found. Nobody of a suspended tenant signs in, also where the login began before.
    pub fn answer(self, answers: &Answers<'_>) -> Result<Rules, Fault> {
        if is_suspended(answers.get(self.tenant)?.as_deref()) {
            return Err(Code::TenantSuspended.into());
        }
        Ok(Rules {
            product: answers.get(self.product)?,
            policy: answers.get(self.policy)?.unwrap_or_default(),
            domains: answers.get(self.domains)?.unwrap_or_default(),
            any_proven: answers.count(self.proven) > 0,
            any_blocked: answers.count(self.blocked) > 0,
            any_invited: answers.count(self.invited) > 0,
        })
    }
}

/// Keeps the settings of scopes.
#[derive(Clone)]
pub struct Policies {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenants: Tenants,
    pub(crate) longest_session: Duration,
}

impl Policies {
    /// Settings in `store`. `longest_session` is how long the operator lets a tenant's sessions last.
    pub fn new(store: Store, clock: Arc<dyn Clock>, longest_session: Duration) -> Self {
        Self { tenants: Tenants::new(store.clone(), clock.clone()), store, clock, longest_session }
    }

    /// Takes back what was written under a scope that is being deleted.
    pub(crate) async fn stay(&self, scope: &Scope) -> Result<(), Fault> {
        match self.tenants.enter(scope).await {
            Err(fault) if fault.code == Code::TenantDeleting => {
                self.forget(scope).await?;
                Err(fault)
            }
            entered => entered,
        }
    }

    /// Removes the settings of a scope, and what was counted by them. Whether there were any.
    pub(crate) async fn forget(&self, scope: &Scope) -> Result<bool, Fault> {
        let mut batch = self.store.batch();
        let was_there = batch.delete(&self.store.keys().policy(scope));
        observed::forget(&mut batch, &self.store, scope);
        Ok(batch.run().await?.written(was_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_a_setting_existed_has_its_default() {
        let stored: Policy = serde_json::from_str("{\"foreign_domains\":\"flag\"}").unwrap();
        assert_eq!(stored, Policy { foreign_domains: ForeignDomains::Flag, ..Policy::default() });
        assert!(stored.enforcement.allow_password_fallback);
    }
}
