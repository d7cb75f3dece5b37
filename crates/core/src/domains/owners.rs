//! Who has a domain: one record for each proven domain, found by its name alone, however many there are.
//!
//! Which domain of an address counts is decided by distance: the very name, else the nearest name above it whose owner included
//! the names below.

use serde::{Deserialize, Serialize};

use super::{Domain, DomainId, Reach};
use crate::connection::ConnectionId;
use crate::domain_name::DomainName;
use crate::policy::Rules;
use crate::ports::StoreError;
use crate::scope::Scope;
use crate::store::{Answers, Batch, Keys, Record, Slot};

/// Among whom a domain belongs to one tenant (`domains.unique`). One tenant may prove it for several products.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unique {
    /// Among all tenants of all products.
    #[default]
    Deployment,
    /// Among the tenants of one product: the tenants of another are other people's.
    Product,
}

/// Who has a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainOwners {
    /// At most one for each scope.
    pub owners: Vec<Owner>,
}

impl Record for DomainOwners {
    const CLASS: &'static str = "domain-owners";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// A scope that has proven a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The claim.
    pub domain: DomainId,
    /// Whose it is.
    pub scope: Scope,
    /// Whether the names below it are meant too.
    #[serde(default)]
    pub include_subdomains: bool,
    /// The connection that its people are sent to; `None`: the scope's usual one. May name one that was deleted in the same moment.
    #[serde(default)]
    pub connection: Option<ConnectionId>,
}

impl Owner {
    pub(super) fn of(domain: &Domain) -> Self {
        Self {
            domain: domain.id.clone(),
            scope: domain.scope.clone(),
            include_subdomains: domain.include_subdomains,
            connection: domain.connection.clone(),
        }
    }
}

impl DomainOwners {
    /// Whether the domain is another tenant's, so that this scope cannot have it.
    pub fn excludes(&self, scope: &Scope, unique: Unique) -> bool {
        self.owners.iter().any(|owner| unique.counts(owner, scope) && owner.scope.tenant != scope.tenant)
    }
}

impl Unique {
    /// Whether an owner has anything to do with a scope.
    fn counts(self, owner: &Owner, scope: &Scope) -> bool {
        self == Unique::Deployment || owner.scope.product == scope.product
    }
}

/// Reads, in somebody's batch, who has a domain and the names above it.
pub struct Lookup(Vec<Slot<DomainOwners>>);

impl Lookup {
    /// Adds the question to a batch.
    pub fn ask(batch: &mut Batch<'_>, keys: &Keys<'_>, name: &DomainName) -> Self {
        let mut slots = vec![batch.get(&keys.domain_owners(name))];
        slots.extend(name.above().map(|above| batch.get(&keys.domain_owners(&above))));
        Self(slots)
    }

    /// What the batch found.
    pub fn answer(self, answers: &Answers<'_>) -> Result<Ownership, StoreError> {
        let mut levels = Vec::with_capacity(self.0.len());
        for (distance, slot) in self.0.into_iter().enumerate() {
            let owners = answers.get(slot)?.map(|found| found.owners.clone()).unwrap_or_default();
            levels.push(owners.into_iter().filter(|owner| distance == 0 || owner.include_subdomains).collect());
        }
        Ok(Ownership(levels))
    }
}

/// Who has a name: the owners of the name itself, then those of each name above it who included it.
#[derive(Debug, Clone, Default)]
pub struct Ownership(Vec<Vec<Owner>>);

impl Ownership {
    /// The nearest owner in a product. With [`Unique::Product`] as with [`Unique::Deployment`] there is one at each distance.
    pub fn in_product(&self, product: &str) -> Option<&Owner> {
        self.0.iter().flatten().find(|owner| owner.scope.product == product)
    }

    /// Whether the nearest owner that this scope has to mind is another tenant.
    fn is_foreign_to(&self, scope: &Scope, unique: Unique) -> bool {
        let nearest = self.0.iter().find(|level| level.iter().any(|owner| unique.counts(owner, scope)));
        nearest.is_some_and(|level| {
            !level.iter().any(|owner| unique.counts(owner, scope) && owner.scope.tenant == scope.tenant)
        })
    }
}

/// Whose the domain of an address is, to a scope whose IdP asserts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The tenant has proven it.
    Own,
    /// It is another tenant's, or outside of what this tenant has proven.
    Foreign,
    /// Nobody has proven it, and neither has this tenant anything else.
    Unproven,
}

impl Standing {
    /// Whether the rules of the scope leave open whose a name is, so that its owners have to be asked: where the scope has proven
    /// nothing itself, or another tenant may have proven a name below its own.
    pub fn needs_owners(rules: &Rules, name: &DomainName) -> bool {
        match rules.domains.reach(name) {
            Reach::Exact => false,
            Reach::Below => true,
            Reach::Outside => rules.any_proven && !rules.domains.any_proven(),
        }
    }

    /// Whose a name is to a scope; `ownership` where [`Standing::needs_owners`] asked for it.
    pub fn of(name: &DomainName, scope: &Scope, rules: &Rules, ownership: &Ownership, unique: Unique) -> Self {
        let foreign = ownership.is_foreign_to(scope, unique);
        match rules.domains.reach(name) {
            Reach::Exact => Standing::Own,
            Reach::Below if !foreign => Standing::Own,
            Reach::Below => Standing::Foreign,
            Reach::Outside if foreign || rules.domains.any_proven() => Standing::Foreign,
            Reach::Outside => Standing::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domains::{Listed, ScopeDomains};

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn scope(tenant: &str, product: &str) -> Scope {
        Scope::new(tenant, product).unwrap()
    }

    fn owner(tenant: &str, product: &str) -> Owner {
        let domain = DomainId(format!("dom_{tenant}_{product}"));
        Owner { domain, scope: scope(tenant, product), include_subdomains: true, connection: None }
    }

    /// The rules of a scope that has proven these domains; those with a dot before them with the names below.
    fn rules(proven: &[&str]) -> Rules {
        let listed = |text: &&str| Listed {
            id: DomainId(format!("dom_{text}")),
            name: name(text.trim_start_matches('.')),
            include_subdomains: text.starts_with('.'),
            proven: true,
        };
        let domains = Arc::new(ScopeDomains { domains: proven.iter().map(listed).collect() });
        Rules { domains, any_proven: true, ..Rules::default() }
    }

    #[test]
    fn f16_an_address_is_own_foreign_or_unproven() {
        let acme = scope("acme", "crm");
        let nobody = Ownership::default();
        let globex = Ownership(vec![vec![owner("globex", "crm")]]);
        let own = Ownership(vec![vec![owner("acme", "wiki")]]);
        let below_globex = Ownership(vec![vec![], vec![owner("globex", "crm")]]);
        for (proven, asserted, ownership, standing) in [
            (&["acme.example"][..], "acme.example", &nobody, Standing::Own),
            (&["acme.example"], "eu.acme.example", &nobody, Standing::Foreign),
            (&[".acme.example"], "eu.acme.example", &nobody, Standing::Own),
            (&[".acme.example"], "eu.acme.example", &globex, Standing::Foreign),
            (&[".acme.example"], "acme.example", &nobody, Standing::Own),
            (&["acme.example"], "globex.example", &nobody, Standing::Foreign),
            (&[], "globex.example", &globex, Standing::Foreign),
            (&[], "eu.globex.example", &below_globex, Standing::Foreign),
            (&[], "acme.example", &own, Standing::Unproven),
            (&[], "initech.example", &nobody, Standing::Unproven),
        ] {
            let found = Standing::of(&name(asserted), &acme, &rules(proven), ownership, Unique::Deployment);
            assert_eq!(found, standing, "{proven:?} {asserted}");
        }
    }

    #[test]
    fn policy_5_a_domain_is_unique_in_the_deployment_or_in_a_product() {
        let globex = DomainOwners { owners: vec![owner("globex", "crm")] };
        for (tenant, product, deployment, in_product) in [
            ("acme", "crm", true, true),
            ("acme", "wiki", true, false),
            ("globex", "wiki", false, false),
            ("globex", "crm", false, false),
        ] {
            let scope = scope(tenant, product);
            assert_eq!(globex.excludes(&scope, Unique::Deployment), deployment, "{tenant} {product}");
            assert_eq!(globex.excludes(&scope, Unique::Product), in_product, "{tenant} {product}");
        }
        let elsewhere = Ownership(vec![globex.owners]);
        let wiki = scope("acme", "wiki");
        let standing = |unique| Standing::of(&name("globex.example"), &wiki, &rules(&[]), &elsewhere, unique);
        assert_eq!(standing(Unique::Deployment), Standing::Foreign);
        assert_eq!(standing(Unique::Product), Standing::Unproven);
    }

    #[test]
    fn the_nearest_owner_in_a_product_counts() {
        let levels = vec![vec![owner("acme", "wiki")], vec![owner("globex", "crm"), owner("globex", "wiki")]];
        let ownership = Ownership(levels);
        assert_eq!(ownership.in_product("wiki").unwrap().scope.tenant, "acme");
        assert_eq!(ownership.in_product("crm").unwrap().scope.tenant, "globex");
        assert!(ownership.in_product("mail").is_none());
    }

    #[test]
    fn owners_are_asked_only_where_the_scope_leaves_it_open() {
        let asks = |rules: &Rules, text: &str| Standing::needs_owners(rules, &name(text));
        assert!(!asks(&rules(&["acme.example"]), "acme.example"));
        assert!(!asks(&rules(&["acme.example"]), "globex.example"), "it is foreign anyway");
        assert!(asks(&rules(&[".acme.example"]), "eu.acme.example"));
        assert!(asks(&rules(&[]), "globex.example"));
        assert!(!asks(&Rules::default(), "globex.example"), "nobody in this deployment has proven anything");
    }
}
