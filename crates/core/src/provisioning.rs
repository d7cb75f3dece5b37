//! Whether the app may make an account for somebody whom it does not know. Postern says so, the app acts: a login that is refused
//! altogether does not come here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domains::owners::Standing;
use crate::fault::Fault;
use crate::mapping::Claims;
use crate::products::invalid;

/// What a scope says of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provisioning {
    /// Whether the app makes accounts for people by itself.
    pub auto_provision: bool,
}

impl Default for Provisioning {
    fn default() -> Self {
        Self { auto_provision: true }
    }
}

impl Provisioning {
    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these.
    pub fn set(&mut self, name: &str, sent: &str) -> Result<bool, Fault> {
        match (name, sent) {
            ("auto_provision", "true" | "") => self.auto_provision = true,
            ("auto_provision", "false") => self.auto_provision = false,
            ("auto_provision", _) => return Err(invalid(name, "is not true or false")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        Map::from_iter([("auto_provision".to_owned(), json!(self.auto_provision))])
    }

    /// Why somebody gets no account; `None`: they may have one. The first reason that fits is told.
    pub fn refuses(&self, standing: Standing) -> Option<Reason> {
        match standing {
            Standing::Foreign => Some(Reason::ForeignDomain),
            Standing::Unproven => Some(Reason::DomainNotVerified),
            Standing::Own if !self.auto_provision => Some(Reason::AutoProvisionOff),
            Standing::Own => None,
        }
    }
}

/// Why somebody gets no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Their address is at a domain that is not the tenant's.
    ForeignDomain,
    /// The tenant has not proven the domain of their address, or they have none.
    DomainNotVerified,
    /// The tenant's administrators make the accounts.
    AutoProvisionOff,
}

impl Reason {
    /// Its name in the claim and in traces.
    pub fn name(self) -> &'static str {
        match self {
            Reason::ForeignDomain => "foreign_domain",
            Reason::DomainNotVerified => "domain_not_verified",
            Reason::AutoProvisionOff => "auto_provision_off",
        }
    }

    /// Says so in the claim `provisioning`.
    pub fn tell(refused: Option<Reason>, claims: &mut Claims) {
        let told = match refused {
            None => json!({ "allowed": true }),
            Some(reason) => json!({ "allowed": false, "reason": reason.name() }),
        };
        claims.insert("provisioning".to_owned(), told);
    }
}
