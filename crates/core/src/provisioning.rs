//! Who comes in, and whether the app may make an account for somebody whom it does not know. Postern refuses whom the scope does not
//! want at all; of the others it says what the policy is, and the app acts. [`Provisioning::judge`] is the table.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domains::owners::Standing;
use crate::fault::{Code, Fault};
use crate::mapping::Claims;
use crate::policy::ForeignDomains;
use crate::products::invalid;
use crate::requirements::MissingClaims;

/// What a scope says of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provisioning {
    /// Whether the app makes accounts for people by itself.
    pub auto_provision: bool,
    /// For whom it is open at all.
    pub access_policy: AccessPolicy,
    /// What becomes of the others.
    pub uninvited: Uninvited,
}

impl Default for Provisioning {
    fn default() -> Self {
        Self { auto_provision: true, access_policy: AccessPolicy::default(), uninvited: Uninvited::default() }
    }
}

/// For whom a scope is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessPolicy {
    /// For everybody for whom its IdP may speak.
    #[default]
    AnyoneInDomain,
    /// For those of them who are invited.
    InvitedOnly,
}

/// What becomes of somebody who is not invited, where they would have to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uninvited {
    /// The login is refused.
    #[default]
    Refuse,
    /// It goes on, and the claim `provisioning` tells of it.
    Tell,
}

/// What is known of somebody who wants in.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the scope blocks them.
    pub blocked: bool,
    /// Whether it has invited them.
    pub invited: bool,
    /// Whose the domain of their address is.
    pub standing: Standing,
    /// What becomes of it that they lack a required claim, if they do.
    pub lacks: Option<MissingClaims>,
}

impl Provisioning {
    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these.
    pub fn set(&mut self, name: &str, sent: &str) -> Result<bool, Fault> {
        match (name, sent) {
            ("auto_provision", "true" | "") => self.auto_provision = true,
            ("auto_provision", "false") => self.auto_provision = false,
            ("auto_provision", _) => return Err(invalid(name, "is not true or false")),
            ("access_policy", "anyone_in_domain" | "") => self.access_policy = AccessPolicy::AnyoneInDomain,
            ("access_policy", "invited_only") => self.access_policy = AccessPolicy::InvitedOnly,
            ("access_policy", _) => return Err(invalid(name, "is not anyone_in_domain or invited_only")),
            ("uninvited", "refuse" | "") => self.uninvited = Uninvited::Refuse,
            ("uninvited", "tell") => self.uninvited = Uninvited::Tell,
            ("uninvited", _) => return Err(invalid(name, "is not refuse or tell")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        Map::from_iter([
            ("auto_provision".to_owned(), json!(self.auto_provision)),
            ("access_policy".to_owned(), json!(self.access_policy)),
            ("uninvited".to_owned(), json!(self.uninvited)),
        ])
    }

    /// Whether an invitation makes a difference to whom the scope is open for.
    pub fn is_by_invitation(&self) -> bool {
        self.access_policy == AccessPolicy::InvitedOnly
    }

    /// Whether nobody gets in without an invitation.
    pub fn needs_invitation(&self) -> bool {
        self.is_by_invitation() && self.uninvited == Uninvited::Refuse
    }

    /// Refuses a login, or says why the app may make no account; `None`: it may. The first row that fits decides. Somebody who is
    /// invited passes every row but those about blocks and foreign domains.
    pub fn judge(&self, person: Facts, foreign: ForeignDomains) -> Result<Option<Reason>, Code> {
        let uninvited = !person.invited;
        match person.standing {
            _ if person.blocked => Err(Code::PersonBlocked),
            // No row of accounts: without what is required nobody can be judged.
            _ if person.lacks == Some(MissingClaims::Refuse) => Err(Code::AttributeMissing),
            _ if uninvited && self.needs_invitation() => Err(Code::NotInvited),
            // Before anything that is only told: no setting about invitations lets an IdP speak for another's domain (F16).
            Standing::Foreign if foreign == ForeignDomains::Refuse => Err(Code::EmailDomainForeign),
            _ if uninvited && self.is_by_invitation() => Ok(Some(Reason::NotInvited)),
            Standing::Foreign => Ok(Some(Reason::ForeignDomain)),
            Standing::Unproven if uninvited => Ok(Some(Reason::DomainNotVerified)),
            _ if uninvited && !self.auto_provision => Ok(Some(Reason::AutoProvisionOff)),
            _ if uninvited && person.lacks.is_some() => Ok(Some(Reason::AttributeMissing)),
            _ => Ok(None),
        }
    }
}

/// Why somebody gets no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The scope is open to those who are invited.
    NotInvited,
    /// Their address is at a domain that is not the tenant's.
    ForeignDomain,
    /// The tenant has not proven the domain of their address, or they have none.
    DomainNotVerified,
    /// The tenant's administrators make the accounts.
    AutoProvisionOff,
    /// Something did not arrive that the tenant wants to know of them.
    AttributeMissing,
}

impl Reason {
    /// Its name in the claim and in traces.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotInvited => "not_invited",
            Reason::ForeignDomain => "foreign_domain",
            Reason::DomainNotVerified => "domain_not_verified",
            Reason::AutoProvisionOff => "auto_provision_off",
            Reason::AttributeMissing => "attribute_missing",
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
