//! Whether people of a scope have to sign in by single sign-on: the settings. What follows from them for one address is
//! [`crate::discover::decide`]; what has to be so before it is switched on, [`crate::enforcement_guards`].
//!
//! It is switched on in two steps. While it is *observed*, everything is as before, and it is counted whom it would concern
//! ([`crate::observed`]). Then it is *enforced*. The way back is one call, always.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::fault::Fault;
use crate::login::start::after;
use crate::mail_address::MailAddress;
use crate::ports::Timestamp;
use crate::products::invalid;

/// How many addresses may always use a password.
const MOST_BREAK_GLASS: usize = 20;

/// How many days a grace may have.
const LONGEST_GRACE: u32 = 90;

/// How long an address may be (RFC 5321 §4.5.3.1.3, without its brackets).
const LONGEST_ADDRESS: usize = 254;

/// What a scope says of passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enforcement {
    /// Whether single sign-on is enforced, and since when.
    pub stage: Stage,
    /// Whom that is about.
    pub scope: EnforcementScope,
    /// Whether people who have a password may go on using it.
    pub allow_password_fallback: bool,
    /// How many days after enforcement began that ends; 0: never.
    pub grace_period_days: u32,
    /// Whether people whom the app knows as its administrators may always use a password. Who they are, only the app knows.
    pub bypass_admins: bool,
    /// Addresses that may always use a password, for the day on which the IdP is gone.
    pub break_glass: Vec<String>,
}

impl Default for Enforcement {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            scope: EnforcementScope::default(),
            allow_password_fallback: true,
            grace_period_days: 0,
            bypass_admins: true,
            break_glass: Vec::new(),
        }
    }
}

/// How far enforcement is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Stage {
    /// Nobody has to use single sign-on.
    #[default]
    Off,
    /// Nobody has to, and whom it would concern is counted.
    Observed {
        /// Since when.
        since: Timestamp,
    },
    /// People have to.
    Enforced {
        /// Since when: a grace counts from here.
        since: Timestamp,
    },
}

impl Stage {
    /// What somebody wants, who writes `false`, `observe` or `true`. It begins now.
    fn wanted(sent: &str, now: Timestamp) -> Option<Self> {
        match sent {
            "" | "false" => Some(Stage::Off),
            "observe" => Some(Stage::Observed { since: now }),
            "true" => Some(Stage::Enforced { since: now }),
            _ => None,
        }
    }

    /// The same, where it was so before: then it goes on.
    pub(crate) fn continuing(self, before: Self) -> Self {
        match (self, before) {
            (Stage::Observed { .. }, Stage::Observed { .. }) | (Stage::Enforced { .. }, Stage::Enforced { .. }) => {
                before
            }
            _ => self,
        }
    }

    /// As the API writes it.
    fn shown(self) -> Value {
        match self {
            Stage::Off => json!(false),
            Stage::Observed { .. } => json!("observe"),
            Stage::Enforced { .. } => json!(true),
        }
    }
}

/// Whom enforcement is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnforcementScope {
    /// Addresses at the tenant's proven domains.
    #[default]
    VerifiedDomains,
    /// Those, and everybody of whom the app says that they belong to the tenant.
    Organisation,
}

impl Enforcement {
    /// Since when people have to use single sign-on, if they do.
    pub fn enforced_since(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Enforced { since } => Some(since),
            Stage::Off | Stage::Observed { .. } => None,
        }
    }

    /// Since when it is counted whom it would concern, if it is.
    pub fn observed_since(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Observed { since } => Some(since),
            Stage::Off | Stage::Enforced { .. } => None,
        }
    }

    /// When passwords end where enforcement began `since` then; `None`: never by time alone.
    pub fn grace_period_ends(&self, since: Timestamp) -> Option<Timestamp> {
        let days = Duration::from_secs(24 * 3600 * u64::from(self.grace_period_days));
        (self.grace_period_days > 0).then(|| after(since, days))
    }

    /// Whether people keep their passwords for good, though single sign-on is enforced.
    pub fn keeps_passwords(&self) -> bool {
        self.allow_password_fallback && self.grace_period_days == 0
    }

    /// Whether an address may always use a password, in whatever case it is written.
    pub fn is_break_glass(&self, email: &str) -> bool {
        let Some(asked) = MailAddress::read(email) else { return false };
        self.break_glass.iter().any(|address| MailAddress::read(address).is_some_and(|address| address == asked))
    }

    /// Sets one setting; an empty text goes back to the default. `false`: it is none of these.
    pub fn set(&mut self, name: &str, sent: &str, now: Timestamp) -> Result<bool, Fault> {
        let yes_or_no = |default| match sent {
            "" => Ok(default),
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(invalid(name, "is not true or false")),
        };
        match name {
            "enforce_sso" => {
                let unknown = || invalid(name, "is not false, observe or true");
                self.stage = Stage::wanted(sent, now).ok_or_else(unknown)?;
            }
            "enforcement_scope" => {
                self.scope = match sent {
                    "" | "verified_domains" => EnforcementScope::VerifiedDomains,
                    "organisation" => EnforcementScope::Organisation,
                    _ => return Err(invalid(name, "is not verified_domains or organisation")),
                }
            }
            "allow_password_fallback" => self.allow_password_fallback = yes_or_no(true)?,
            "grace_period_days" => {
                let days = if sent.is_empty() { Some(0) } else { sent.parse().ok() };
                let days = days.filter(|days| *days <= LONGEST_GRACE);
                self.grace_period_days = days.ok_or_else(|| invalid(name, "is not a number of days from 0 to 90"))?;
            }
            "bypass_admins" => self.bypass_admins = yes_or_no(true)?,
            "break_glass" => self.break_glass = read_addresses(name, sent)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        let settings = [
            ("enforce_sso", self.stage.shown()),
            ("enforcement_scope", json!(self.scope)),
            ("allow_password_fallback", json!(self.allow_password_fallback)),
            ("grace_period_days", json!(self.grace_period_days)),
            ("bypass_admins", json!(self.bypass_admins)),
            ("break_glass", json!(self.break_glass)),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Addresses in a JSON list, each once.
fn read_addresses(name: &str, sent: &str) -> Result<Vec<String>, Fault> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let sent: Vec<String> =
        serde_json::from_str(sent).map_err(|_| invalid(name, "is not a list of e-mail addresses"))?;
    if sent.len() > MOST_BREAK_GLASS {
        return Err(invalid(name, format!("has more than {MOST_BREAK_GLASS} addresses")));
    }
    let mut read: Vec<(String, MailAddress)> = Vec::with_capacity(sent.len());
    for address in sent {
        let address = address.trim().to_owned();
        let known = MailAddress::read(&address).filter(|_| is_one(&address));
        let key = known.ok_or_else(|| invalid(name, "has something that is no e-mail address"))?;
        if !read.iter().any(|(_, other)| *other == key) {
            read.push((address, key));
        }
    }
    Ok(read.into_iter().map(|(address, _)| address).collect())
}

/// Whether a text that can be read as an address is one that somebody could have.
fn is_one(address: &str) -> bool {
    address.len() <= LONGEST_ADDRESS && !address.starts_with('@') && !address.chars().any(char::is_control)
}

/// An address as events tell it: which it is, to somebody who knows it, and nobody's name.
pub(crate) fn masked(address: &str) -> String {
    let (local, domain) = address.split_once('@').unwrap_or_default();
    format!("{}…@{domain}", local.chars().next().map(String::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_stage_begins_when_it_is_set_and_goes_on_when_it_is_set_again() {
        let mut settings = Enforcement::default();
        for (sent, second, stage) in [
            ("observe", 1, Stage::Observed { since: at(1) }),
            ("observe", 2, Stage::Observed { since: at(1) }),
            ("true", 3, Stage::Enforced { since: at(3) }),
            ("true", 4, Stage::Enforced { since: at(3) }),
            ("observe", 5, Stage::Observed { since: at(5) }),
            ("false", 6, Stage::Off),
            ("true", 7, Stage::Enforced { since: at(7) }),
            ("", 8, Stage::Off),
        ] {
            let before = settings.stage;
            assert!(settings.set("enforce_sso", sent, at(second)).unwrap());
            settings.stage = settings.stage.continuing(before);
            assert_eq!(settings.stage, stage, "{sent}");
            let stored = serde_json::to_value(&settings).unwrap();
            assert_eq!(serde_json::from_value::<Enforcement>(stored).unwrap(), settings);
        }
        assert!(settings.set("enforce_sso", "enforce", at(9)).is_err());
    }

    #[test]
    fn a_break_glass_address_is_known_however_it_is_written() {
        let settings = Enforcement { break_glass: vec!["Root@Acme.Example".into()], ..Enforcement::default() };
        for (address, known) in [
            ("root@acme.example", true),
            (" ROOT@ACME.EXAMPLE. ", true),
            ("root@eu.acme.example", false),
            ("roots@acme.example", false),
            ("root@x@acme.example", false),
            ("root", false),
        ] {
            assert_eq!(settings.is_break_glass(address), known, "{address}");
        }
    }

    #[test]
    fn events_do_not_name_whose_address_it_is() {
        assert_eq!(masked("root@acme.example"), "r…@acme.example");
        assert_eq!(masked("ärger@acme.example"), "ä…@acme.example");
    }
}
