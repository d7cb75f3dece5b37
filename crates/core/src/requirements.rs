//! What an identity has to bring along: claims, and how the person was authenticated. A connection may demand something else than its
//! scope.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::connection::Connection;
use crate::fault::{Code, Fault};
use crate::mapping::{Claims, is_reserved};
use crate::products::invalid;

/// The claim that is always there, unless somebody says that it need not be.
const EMAIL: &str = "email";

/// How many claims, or ways to authenticate, a setting may name.
const MOST: usize = 50;

/// How long each may be, in bytes.
const LONGEST: usize = 256;

/// What a scope, or a connection instead of its scope, says of that; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// The claims that have to arrive.
    pub required_claims: Option<Vec<String>>,
    /// What becomes of a login where one does not.
    pub missing_claims: Option<MissingClaims>,
    /// The ways to authenticate, one of which it has to be; none: any.
    pub required_acr: Option<Vec<String>>,
}

/// What becomes of a login that lacks a required claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingClaims {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes on, and the claim `provisioning` tells of it; but not without an e-mail address that is required.
    Tell,
}

impl Requirements {
    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these.
    pub fn set(&mut self, name: &str, sent: &str) -> Result<bool, Fault> {
        match (name, sent) {
            ("required_claims", _) => {
                let claims = names(name, sent)?;
                if let Some(claim) = claims.iter().flatten().find(|claim| is_reserved(claim)) {
                    return Err(invalid(
                        name,
                        format!("names {claim}, which does not come from the identity provider"),
                    ));
                }
                self.required_claims = claims;
            }
            ("required_acr", _) => self.required_acr = names(name, sent)?,
            ("missing_claims", "") => self.missing_claims = None,
            ("missing_claims", "refuse") => self.missing_claims = Some(MissingClaims::Refuse),
            ("missing_claims", "tell") => self.missing_claims = Some(MissingClaims::Tell),
            ("missing_claims", _) => return Err(invalid(name, "is not refuse or tell")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting of a scope with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        let claims = self.required_claims.clone().unwrap_or_else(|| vec![EMAIL.to_owned()]);
        let contexts = self.required_acr.clone().unwrap_or_default();
        Map::from_iter([
            ("required_claims".to_owned(), json!(claims)),
            ("missing_claims".to_owned(), json!(self.missing_claims.unwrap_or_default())),
            ("required_acr".to_owned(), json!(contexts)),
        ])
    }

    /// Every setting of a connection; `null`: that of its scope.
    pub fn overrides(&self) -> Map<String, Value> {
        Map::from_iter([
            ("required_claims".to_owned(), json!(self.required_claims)),
            ("missing_claims".to_owned(), json!(self.missing_claims)),
            ("required_acr".to_owned(), json!(self.required_acr)),
        ])
    }

    /// The claims that have to arrive by a connection: as it says itself, or its mapping, or else its scope.
    pub fn claims<'a>(connection: &'a Connection, scope: &'a Self) -> Vec<&'a str> {
        let layers = [
            connection.requirements.required_claims.as_ref(),
            connection.mapping.required.as_ref(),
            scope.required_claims.as_ref(),
        ];
        match layers.into_iter().flatten().next() {
            Some(claims) => claims.iter().map(String::as_str).collect(),
            None => vec![EMAIL],
        }
    }

    /// The first required claim that somebody lacks, and what becomes of that.
    pub fn lacks<'a>(connection: &'a Connection, scope: &'a Self, claims: &Claims) -> Option<(&'a str, MissingClaims)> {
        let lacked = |claim: &&str| !claims.contains_key(*claim);
        let required = Self::claims(connection, scope);
        // Without the address nobody can say whether the person may come in, so its lack goes before any other.
        let missing = required.iter().copied().find(|claim| *claim == EMAIL && lacked(claim));
        if let Some(email) = missing {
            return Some((email, MissingClaims::Refuse));
        }
        let missing = required.into_iter().find(lacked)?;
        Some((missing, connection.requirements.missing_claims.or(scope.missing_claims).unwrap_or_default()))
    }

    /// Refuses somebody whom the IdP did not authenticate in one of the ways that are demanded, or of whom it does not say how.
    pub fn check_context(connection: &Connection, scope: &Self, context: Option<&str>) -> Result<(), Fault> {
        let demanded = connection.requirements.required_acr.as_ref().or(scope.required_acr.as_ref());
        let Some(demanded) = demanded.filter(|demanded| !demanded.is_empty()) else { return Ok(()) };
        match context {
            Some(context) if demanded.iter().any(|demanded| demanded == context) => Ok(()),
            other => {
                let fault = Code::AuthenticationTooWeak.fault().expected(demanded.join(" "));
                Err(fault.received(other.unwrap_or("none")))
            }
        }
    }
}

/// A JSON list of names; none, where nothing is sent.
fn names(field: &str, sent: &str) -> Result<Option<Vec<String>>, Fault> {
    if sent.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = serde_json::from_str(sent).map_err(|_| invalid(field, "is not a list of names"))?;
    let is_fit = |name: &String| {
        !name.is_empty() && name.len() <= LONGEST && !name.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    match names.len() <= MOST && names.iter().all(is_fit) {
        true => Ok(Some(names)),
        false => Err(invalid(field, "is not a list of at most 50 names, each of 1 to 256 bytes without blanks")),
    }
}
