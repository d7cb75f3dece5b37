//! By e-mail to the right door: whether a person signs in by single sign-on, whether they have to, and where.
//!
//! The domain of an address decides, never the person: nobody is looked up, so the answer cannot tell whether somebody exists and
//! takes the same time either way. [`decide`] is the table of enforcement, as one function of what is known of the scope.

use std::sync::Arc;

use crate::connection::{Connection, ConnectionId};
use crate::domain_name::{DomainName, NotAnAddress};
use crate::domains::owners::{Lookup, Owner};
use crate::enforcement::{Enforcement, EnforcementScope};
use crate::fault::{Code, Fault};
use crate::observed;
use crate::policy::Policy;
use crate::ports::{Clock, Timestamp};
use crate::scope::Scope;
use crate::scope_connections::sort;
use crate::store::Store;
use crate::tenants::is_suspended;

/// What somebody is told who asks about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether there is single sign-on for it.
    pub sso: bool,
    /// Whether nothing else will do.
    pub required: bool,
    /// Who may use a password.
    pub password: Password,
    /// Until when people who have a password may go on using it; `None`: nobody said when that ends.
    pub grace_period_ends: Option<Timestamp>,
    /// Where to sign in: the default first.
    pub connections: Vec<Offer>,
}

/// Who may sign in with a password instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// Whoever has one or makes one.
    Anyone,
    /// People who have one already.
    ExistingUsers,
    /// No one.
    Nobody,
}

impl Password {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Password::Anyone => "anyone",
            Password::ExistingUsers => "existing_users",
            Password::Nobody => "nobody",
        }
    }
}

/// A connection that somebody may sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id, good as `idp_hint`.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// The template of its provider (`GET /api/v1/providers`).
    pub provider: String,
    /// Whether it is the one that people are sent to who choose nothing.
    pub default: bool,
}

/// What is known of an address and of the scope whose door it leads to.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The scope's settings.
    pub settings: &'a Enforcement,
    /// Whether enforcement is about this address.
    pub covered: bool,
    /// Whether it is one of those that may always use a password: a break-glass address, or an administrator of the app.
    pub break_glass: bool,
    /// The instant of the question. A grace is over from the instant on at which it ends.
    pub now: Timestamp,
}

/// The table of enforcement. `offers` are the scope's active connections.
pub fn decide(situation: Situation<'_>, offers: Vec<Offer>) -> Answer {
    let Situation { settings, covered, break_glass, now } = situation;
    if offers.is_empty() {
        return Answer::nothing();
    }
    let open = |password, ends| Answer {
        sso: true,
        required: false,
        password,
        grace_period_ends: ends,
        connections: offers.clone(),
    };
    let Some(since) = settings.enforced_since().filter(|_| covered && !break_glass) else {
        return open(Password::Anyone, None);
    };
    match settings.grace_period_ends(since) {
        _ if !settings.allow_password_fallback => Answer { required: true, ..open(Password::Nobody, None) },
        None => open(Password::ExistingUsers, None),
        Some(end) if now < end => open(Password::ExistingUsers, Some(end)),
        Some(end) => Answer { required: true, ..open(Password::Nobody, Some(end)) },
    }
}

impl Answer {
    /// There is no single sign-on.
    fn nothing() -> Self {
        let (sso, required) = (false, false);
        Self { sso, required, password: Password::Anyone, grace_period_ends: None, connections: Vec::new() }
    }

    /// Whether anybody may use a password.
    pub fn password_allowed(&self) -> bool {
        self.password != Password::Nobody
    }
}

/// Who asks, and hence how much they may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The app's own server, with an API key.
    Backend {
        /// Whether the app knows the person as one of its administrators.
        of_admin: bool,
    },
    /// Anybody. They are answered by the domain alone, so that nobody finds out who is an administrator.
    Anybody,
}

/// A question about an address.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The app.
    pub product: &'a str,
    /// The organisation, where the app knows it.
    pub tenant: Option<&'a str>,
    /// The address.
    pub email: &'a str,
    /// Who asks.
    pub asker: Asker,
}

/// Answers such questions.
pub struct Discovery {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Discovery {
    /// Discovery among what `store` holds.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// The answer: whose the domain is, then the settings of that scope and its connections. 3 round trips, or 1 where the domain
    /// leads nowhere.
    pub async fn answer(&self, question: Question<'_>) -> Result<Answer, Fault> {
        Ok(self.find(question).await?.1)
    }

    /// The same, with the scope that it is about, if there is one.
    pub async fn find(&self, question: Question<'_>) -> Result<(Option<Scope>, Answer), Fault> {
        let domain = domain_of(question.email)?;
        let owner = self.owner(question.product, &domain).await?;
        let scope = match (question.tenant, &owner) {
            (Some(tenant), _) => Some(scope(tenant, question.product)?),
            (None, owner) => owner.as_ref().map(|owner| owner.scope.clone()),
        };
        let Some(scope) = scope else { return Ok((None, Answer::nothing())) };
        let Found { policy, connections, observed } = self.scope(&scope).await?;
        let (settings, now) = (&policy.enforcement, self.clock.now());
        let owned = owner.filter(|owner| owner.scope == scope);
        let covered = covers(settings, question.tenant.is_some(), owned.is_some());
        let break_glass = match question.asker {
            Asker::Backend { of_admin } => {
                settings.is_break_glass(question.email) || (settings.bypass_admins && of_admin)
            }
            Asker::Anybody => false,
        };
        let linked = owned.and_then(|owner| owner.connection);
        let answer = decide(Situation { settings, covered, break_glass, now }, offers(connections, linked.as_ref()));
        let concerns = answer.sso && covered && !break_glass && question.asker != Asker::Anybody;
        if let Some(count) = observed.filter(|_| concerns) {
            observed::note(&self.store, &scope, question.email, count, now).await?;
        }
        Ok((Some(scope), answer))
    }

    /// What is told of a tenant to somebody whose address is not known yet.
    pub async fn of_tenant(&self, scope: &Scope) -> Result<Answer, Fault> {
        let Found { policy, connections, .. } = self.scope(scope).await?;
        let settings = &policy.enforcement;
        let covered = covers(settings, true, false);
        let situation = Situation { settings, covered, break_glass: false, now: self.clock.now() };
        Ok(decide(situation, offers(connections, None)))
    }

    /// Who has a domain in a product.
    async fn owner(&self, product: &str, domain: &DomainName) -> Result<Option<Owner>, Fault> {
        let mut batch = self.store.batch();
        let lookup = Lookup::ask(&mut batch, &self.store.keys(), domain);
        let answers = batch.run().await?;
        Ok(lookup.answer(&answers)?.in_product(product).cloned())
    }

    /// The settings of a scope, and its connections in their order: none, where the tenant is suspended.
    async fn scope(&self, scope: &Scope) -> Result<Found, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let (policy, list) = (batch.get(&keys.policy(scope)), batch.get(&keys.scope(scope)));
        let tenant = batch.get(&keys.tenant(&scope.tenant));
        let answers = batch.run().await?;
        let (policy, list) = (answers.get(policy)?.unwrap_or_default(), answers.get(list)?);
        if is_suspended(answers.get(tenant)?.as_deref()) {
            return Ok(Found { policy, connections: Vec::new(), observed: None });
        }
        let mut batch = self.store.batch();
        let ids = list.iter().flat_map(|list| &list.ids);
        let slots: Vec<_> = ids.map(|id| batch.get(&keys.connection(id))).collect();
        let is_observed = policy.enforcement.observed_since().is_some();
        let observed = is_observed.then(|| observed::ask(&mut batch, &self.store, scope));
        let answers = batch.run().await?;
        let mut connections =
            slots.into_iter().filter_map(|slot| answers.get(slot).transpose()).collect::<Result<Vec<_>, _>>()?;
        connections.retain(|connection| connection.scope == *scope);
        sort(&mut connections, list.as_ref().map(|list| list.default.as_slice()).unwrap_or_default());
        Ok(Found { policy, connections, observed: observed.map(|slot| answers.count(slot)) })
    }
}

/// What is known of a scope.
struct Found {
    policy: Arc<Policy>,
    connections: Vec<Arc<Connection>>,
    /// How many addresses enforcement would be about, as far as that was counted; `None`: it is not.
    observed: Option<u64>,
}

/// The domain of an address that a person or an app wrote.
pub fn domain_of(email: &str) -> Result<DomainName, Fault> {
    DomainName::of_email(email.trim()).map_err(|why: NotAnAddress| Code::EmailMalformed.fault().because(why))
}

/// Whether enforcement is about an address; `owned`: its domain is one of the tenant's proven ones. One that is claimed and not
/// proven is never enforced.
fn covers(settings: &Enforcement, tenant_named: bool, owned: bool) -> bool {
    owned || (settings.scope == EnforcementScope::Organisation && tenant_named)
}

/// The active ones of a scope's connections, the first of which is the default: the one that the domain is linked to, or else the
/// first in the scope's order.
fn offers(mut connections: Vec<Arc<Connection>>, linked: Option<&ConnectionId>) -> Vec<Offer> {
    connections.retain(|connection| connection.signs_in());
    connections.sort_by_key(|connection| linked != Some(&connection.id)); // stable: the others keep their order
    let offer = |(place, connection): (usize, &Arc<Connection>)| Offer {
        id: connection.id.clone(),
        name: connection.known_as(),
        provider: connection.template().id.clone(),
        default: place == 0,
    };
    connections.iter().enumerate().map(offer).collect()
}

fn scope(tenant: &str, product: &str) -> Result<Scope, Fault> {
    Scope::new(tenant, product).map_err(|why| Code::FieldInvalid.fault().expected(format!("tenant or product {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforcement::Stage;

    const DAY: i64 = 24 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn offer() -> Offer {
        let id = ConnectionId("conn_acme".into());
        Offer { id, name: "Okta".into(), provider: "okta".into(), default: true }
    }

    /// Enforced since [`at`] 0.
    fn enforced(allow_password_fallback: bool, grace_period_days: u32) -> Enforcement {
        let stage = Stage::Enforced { since: at(0) };
        Enforcement { stage, allow_password_fallback, grace_period_days, ..Enforcement::default() }
    }

    /// `required` and `password` of a policy, for an address that is covered or not, of a break-glass address or not.
    fn decided(
        settings: &Enforcement,
        covered: bool,
        break_glass: bool,
        second: i64,
    ) -> (bool, Password, Option<Timestamp>) {
        let answer = decide(Situation { settings, covered, break_glass, now: at(second) }, vec![offer()]);
        assert!(answer.sso);
        assert_eq!(answer.connections, [offer()]);
        assert_eq!(answer.password_allowed(), answer.password != Password::Nobody);
        assert_eq!(answer.required, answer.password == Password::Nobody);
        (answer.required, answer.password, answer.grace_period_ends)
    }

    const EITHER: [bool; 2] = [false, true];

    #[test]
    fn policy_2_row_1_without_enforcement_anyone_may_use_a_password() {
        for (covered, break_glass, fallback) in
            EITHER.into_iter().flat_map(|a| EITHER.into_iter().flat_map(move |b| EITHER.map(|c| (a, b, c))))
        {
            for stage in [Stage::Off, Stage::Observed { since: at(0) }] {
                let settings = Enforcement { stage, ..enforced(fallback, 30) };
                assert_eq!(decided(&settings, covered, break_glass, 90 * DAY), (false, Password::Anyone, None));
            }
        }
    }

    #[test]
    fn policy_2_row_2_enforcement_is_not_about_addresses_that_it_does_not_cover() {
        for (break_glass, fallback, days) in [(false, false, 0), (false, true, 30), (true, false, 0), (true, true, 30)]
        {
            let settings = enforced(fallback, days);
            assert_eq!(decided(&settings, false, break_glass, 90 * DAY), (false, Password::Anyone, None));
        }
    }

    #[test]
    fn policy_2_row_3_a_break_glass_address_may_always_use_a_password() {
        for (fallback, days) in [(false, 0), (false, 30), (true, 0), (true, 30)] {
            assert_eq!(decided(&enforced(fallback, days), true, true, 90 * DAY), (false, Password::Anyone, None));
        }
    }

    #[test]
    fn policy_2_row_4_without_fallback_nobody_uses_a_password() {
        for days in [0, 30] {
            assert_eq!(decided(&enforced(false, days), true, false, 0), (true, Password::Nobody, None));
        }
    }

    #[test]
    fn policy_2_row_5_a_fallback_without_an_end_stays() {
        for second in [0, 90 * DAY] {
            let decided = decided(&enforced(true, 0), true, false, second);
            assert_eq!(decided, (false, Password::ExistingUsers, None));
        }
    }

    #[test]
    fn policy_2_row_6_before_its_end_the_grace_lets_existing_passwords_be_used() {
        for second in [0, 30 * DAY - 1] {
            let decided = decided(&enforced(true, 30), true, false, second);
            assert_eq!(decided, (false, Password::ExistingUsers, Some(at(30 * DAY))));
        }
    }

    #[test]
    fn policy_2_row_7_from_the_end_of_the_grace_on_nobody_uses_a_password() {
        for second in [30 * DAY, 90 * DAY] {
            let decided = decided(&enforced(true, 30), true, false, second);
            assert_eq!(decided, (true, Password::Nobody, Some(at(30 * DAY))));
        }
    }

    #[test]
    fn policy_2_a_scope_without_an_active_connection_has_no_sso() {
        let settings = enforced(false, 0);
        let answer = decide(Situation { settings: &settings, covered: true, break_glass: false, now: at(0) }, vec![]);
        assert_eq!(answer, Answer::nothing());
        assert!(answer.password_allowed());
    }

    #[test]
    fn policy_2_an_organisation_or_its_proven_domains_are_covered() {
        for (scope, tenant_named, owned, covered) in [
            (EnforcementScope::VerifiedDomains, false, true, true),
            (EnforcementScope::VerifiedDomains, true, true, true),
            (EnforcementScope::VerifiedDomains, true, false, false),
            (EnforcementScope::Organisation, false, true, true),
            (EnforcementScope::Organisation, false, false, false),
            (EnforcementScope::Organisation, true, false, true),
        ] {
            let settings = Enforcement { scope, ..Enforcement::default() };
            assert_eq!(covers(&settings, tenant_named, owned), covered, "{scope:?} {tenant_named} {owned}");
        }
    }
}
