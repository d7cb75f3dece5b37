//! What has to be so before single sign-on is enforced, so that nobody locks an organisation out: somebody has signed in by a
//! connection that is in use and as it was tested, a domain is proven, and there is an address that may always use a password.
//!
//! The last one holds for as long as enforcement does: the policy that lists these addresses is the one that enforces, so that a
//! change which leaves none is refused in the same way. What may go away later takes enforcement with it by itself
//! ([`crate::discover::decide`]): without a connection that is in use nobody has to use one, and an address at a domain that is no
//! longer proven is not covered. An operator may do all of it nevertheless, by `force`; then an event tells what was missing.

use crate::enforcement::Enforcement;
use crate::fault::{Code, Fault};
use crate::policy::Policies;
use crate::scope::Scope;

/// Something that has to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A test login of a connection that is in use has passed, and the connection is the same still.
    TestLogin,
    /// A domain of the tenant is proven.
    ProvenDomain,
    /// An address may always use a password.
    BreakGlass,
}

impl Guard {
    /// Its name in the API and in events.
    pub fn name(self) -> &'static str {
        match self {
            Guard::TestLogin => "test_login",
            Guard::ProvenDomain => "proven_domain",
            Guard::BreakGlass => "break_glass",
        }
    }
}

/// Refuses what is missing, unless somebody means it.
pub(crate) fn check(missing: &[Guard], forced: bool) -> Result<(), Fault> {
    match missing.is_empty() || forced {
        true => Ok(()),
        false => Err(Code::EnforcementUnready.fault().expected(names(missing).join(", "))),
    }
}

/// The names of guards.
pub(crate) fn names(guards: &[Guard]) -> Vec<&'static str> {
    guards.iter().map(|guard| guard.name()).collect()
}

impl Policies {
    /// What is missing for a scope to have these settings, where it had those before.
    pub(crate) async fn missing(
        &self,
        scope: &Scope,
        before: &Enforcement,
        after: &Enforcement,
    ) -> Result<Vec<Guard>, Fault> {
        let mut missing = Vec::new();
        if after.enforced_since().is_none() {
            return Ok(missing);
        }
        if before.enforced_since().is_none() {
            let (is_tested, has_domain) = self.readiness(scope).await?;
            missing.extend((!is_tested).then_some(Guard::TestLogin));
            missing.extend((!has_domain).then_some(Guard::ProvenDomain));
        }
        missing.extend(after.break_glass.is_empty().then_some(Guard::BreakGlass));
        Ok(missing)
    }

    /// Whether a connection of the scope that is in use has passed its test, and whether a domain is proven. 2 round trips.
    async fn readiness(&self, scope: &Scope) -> Result<(bool, bool), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let (list, domains) = (batch.get(&keys.scope(scope)), batch.get(&keys.scope_domains(scope)));
        let answers = batch.run().await?;
        let (list, domains) = (answers.get(list)?.unwrap_or_default(), answers.get(domains)?.unwrap_or_default());
        let mut batch = self.store.batch();
        let slots: Vec<_> =
            list.ids.iter().map(|id| (batch.get(&keys.connection(id)), batch.get(&keys.last_test(id)))).collect();
        let answers = batch.run().await?;
        let mut is_tested = false;
        for (connection, test) in slots {
            let (Some(connection), Some(test)) = (answers.get(connection)?, answers.get(test)?) else { continue };
            is_tested |= connection.signs_in() && connection.scope == *scope && test.vouches_for(&connection);
        }
        Ok((is_tested, domains.any_proven()))
    }
}
