//! What is stored of a domain: the claim, and the list of a scope's claims. The record of owners is beside it ([`super::owners`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::life::{Attempt, State};
use crate::connection::ConnectionId;
use crate::domain_name::DomainName;
use crate::ports::Timestamp;
use crate::scope::Scope;
use crate::store::Record;

/// A domain that a tenant claims in a product.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Domain {
    /// Random, `dom_…`.
    pub id: DomainId,
    /// Who claims it.
    pub scope: Scope,
    /// Which.
    pub name: DomainName,
    /// What its TXT record has to hold: 160 random bits, for this claim alone.
    pub challenge: String,
    /// Whether the names below it are meant too.
    #[serde(default)]
    pub include_subdomains: bool,
    /// The connection that its people are sent to; `None`: the scope's usual one. May name one that was deleted in the same moment.
    #[serde(default)]
    pub connection: Option<ConnectionId>,
    /// Where it stands.
    pub state: State,
    /// When it was claimed.
    pub claimed: Timestamp,
    /// The last attempts to prove it, the newest first.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
}

/// The id of a claim: `dom_` and 160 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainId(pub String);

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Record for Domain {
    const CLASS: &'static str = "domain";
    const LASTS: bool = true;
}

/// The domains of a scope, in the order in which they were claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDomains {
    /// Each of them.
    pub domains: Vec<Listed>,
}

/// What the list of a scope says of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The claim.
    pub id: DomainId,
    /// Which domain.
    pub name: DomainName,
    /// Whether the names below it are meant too.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Whether it is proven at present.
    #[serde(default)]
    pub proven: bool,
}

impl Listed {
    /// What it says of a claim as it is.
    pub(super) fn of(domain: &Domain) -> Self {
        Self {
            id: domain.id.clone(),
            name: domain.name.clone(),
            include_subdomains: domain.include_subdomains,
            proven: domain.state.is_proven(),
        }
    }
}

impl Record for ScopeDomains {
    const CLASS: &'static str = "scope-domains";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// How far the proven domains of a scope reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This very name is proven.
    Exact,
    /// A name above it is, with the names below.
    Below,
    /// Neither.
    Outside,
}

impl ScopeDomains {
    /// Whether any of them is proven.
    pub fn any_proven(&self) -> bool {
        self.domains.iter().any(|domain| domain.proven)
    }

    /// The names of those that are proven.
    pub fn proven(&self) -> impl Iterator<Item = &DomainName> {
        self.domains.iter().filter(|domain| domain.proven).map(|domain| &domain.name)
    }

    /// Whether the proven ones among them reach to this name.
    pub fn reach(&self, name: &DomainName) -> Reach {
        let proven = || self.domains.iter().filter(|domain| domain.proven);
        match () {
            () if proven().any(|domain| domain.name == *name) => Reach::Exact,
            () if proven().any(|domain| domain.include_subdomains && name.is_below(&domain.name)) => Reach::Below,
            () => Reach::Outside,
        }
    }
}
