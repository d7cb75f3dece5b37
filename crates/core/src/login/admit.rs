//! Who may come in: a verified answer is used up and becomes a person, if this tenant's IdP may speak for them.
//!
//! A tenant that has proven domains speaks for these, and for no others; nobody speaks for a domain that another tenant has
//! proven (F16). What the IdP says of its own people is believed, so `email_verified` is true for an address at a domain that the
//! tenant has proven, and for no other.
//!
//! Beside that the scope's policy says whom it wants: [`Provisioning::judge`](crate::provisioning::Provisioning::judge) is its table.

use std::time::Duration;

use serde_json::{Value, json};

use super::finish::{Answer, UsedOnce};
use super::{Admission, Logins, Person, Replay};
use crate::connection::Connection;
use crate::domain_name::{DomainName, NotADomain, NotAnAddress};
use crate::domains::owners::{Lookup, Ownership, Standing};
use crate::fault::{Code, Fault};
use crate::mapping;
use crate::people::{self, List, PersonName};
use crate::policy::Rules;
use crate::provisioning::{Facts, Reason};
use crate::requirements::Requirements;
use crate::roles::place;
use crate::store::Key;

impl Logins {
    /// Uses the answer, and says who came.
    pub(super) async fn admit(
        &self,
        connection: &Connection,
        rules: &Rules,
        answer: &mut Answer,
    ) -> Result<Person, Fault> {
        // An answer is used up also where nobody comes in by it.
        let person = answer.keep_own(connection).and_then(|()| self.person(connection, answer));
        let known = self.use_once(connection, rules, answer, person.as_ref().ok()).await?;
        let mut person = person?;
        let standing = self.standing(connection, rules, &known.ownership, &person);
        self.judge(connection, rules, (&known, standing), answer, &mut person)?;
        // The IdP may doubt the address itself.
        if standing == Standing::Own && answer.identity.email_verified != Some(false) {
            person.claims.insert("email_verified".into(), json!(true));
        }
        let placed = place(&connection.roles, &rules.policy.roles, rules.product.as_deref(), &person.claims);
        answer.notes.extend(placed.tell(&mut person.claims));
        Ok(person)
    }

    /// SAML Profiles §4.1.4.5: "the service provider MUST ensure that bearer assertions are not replayed, by maintaining the
    /// set of used ID values for the length of time for which the assertion would be considered valid". The lifetime is
    /// the verifier's own last instant, so the memory cannot be shorter than the acceptance. What the store knows of the person is asked
    /// in the same round trip.
    async fn use_once(
        &self,
        connection: &Connection,
        rules: &Rules,
        answer: &Answer,
        person: Option<&Person>,
    ) -> Result<Known, Fault> {
        let (keys, scope) = (self.store.keys(), &connection.scope);
        let domain = person.and_then(|person| Address::of(person)?.domain.ok());
        let domain = domain.filter(|name| Standing::needs_owners(rules, name));
        let names = person.map(|person| PersonName::of(&person.claims)).unwrap_or_default();
        let mut batch = self.store.batch();
        let first = answer.assertion.as_ref().map(|assertion| {
            batch.put_new(&keys.replay(&connection.id, &assertion.id), &Replay {}, Some(self.memory(assertion)))
        });
        let owners = domain.map(|name| Lookup::ask(&mut batch, &keys, &name));
        let mut listed = |list| people::Lookup::ask(&mut batch, &keys, (list, scope), &names);
        let blocked = rules.any_blocked.then(|| listed(List::Blocked));
        let invited = rules.any_invited.then(|| listed(List::Invited));
        let answers = batch.run().await?;
        if first.is_some_and(|first| !answers.written(first)) {
            return Err(Code::SamlAssertionReplayed.into());
        }
        let now = self.clock.now();
        let is_listed = |lookup: Option<people::Lookup>| match lookup {
            Some(lookup) => lookup.answer(&answers, now),
            None => Ok(false),
        };
        Ok(Known {
            ownership: owners.map(|lookup| lookup.answer(&answers)).transpose()?.unwrap_or_default(),
            blocked: is_listed(blocked)?,
            invited: is_listed(invited)?,
        })
    }

    /// Whose the domain of somebody's address is; nobody's, where there is no address.
    fn standing(&self, connection: &Connection, rules: &Rules, ownership: &Ownership, person: &Person) -> Standing {
        let unique = self.settings.domains_unique;
        let address = Address::of(person);
        address.map_or(Standing::Unproven, |address| address.standing(connection, rules, ownership, unique))
    }

    /// Refuses somebody whom the scope does not want, and says of the others on what terms they come in and whether they may have an
    /// account.
    fn judge(
        &self,
        connection: &Connection,
        rules: &Rules,
        (known, standing): (&Known, Standing),
        answer: &mut Answer,
        person: &mut Person,
    ) -> Result<(), Fault> {
        let (policy, provisioning) = (&rules.policy, &rules.policy.provisioning);
        let lacks = Requirements::lacks(connection, &policy.requirements, &person.claims);
        let facts = Facts {
            blocked: known.blocked,
            invited: known.invited,
            standing,
            lacks: lacks.map(|(_, becomes)| becomes),
        };
        let reason = provisioning.judge(facts, policy.foreign_domains).map_err(|code| match code {
            Code::AttributeMissing => {
                let expected = lacks.map(|(claim, _)| claim).unwrap_or_default();
                code.fault().expected(expected).received(mapping::names(&answer.identity).join(", "))
            }
            Code::EmailDomainForeign if rules.domains.any_proven() => {
                let own: Vec<_> = rules.domains.proven().map(DomainName::as_str).collect();
                code.fault().expected(own.join(", "))
            }
            _ => code.into(),
        })?;
        Requirements::check_context(connection, &policy.requirements, person.authentication.context.as_deref())?;
        // F16: a login that goes on all the same is something that security people hear of.
        if standing == Standing::Foreign {
            answer.anomalies.push("the e-mail address is at a domain that is not the tenant's".to_owned());
        }
        answer.notes.extend(reason.map(|reason| format!("provisioning: {}", reason.name())));
        Reason::tell(reason, &mut person.claims);
        let needs_invitation = provisioning.is_by_invitation() && known.invited;
        person.admission = Admission { needs_invitation, sessions: policy.sessions };
        Ok(())
    }

    /// Remembers that something was used, for as long as it could be presented again. Whether this was the first time.
    pub(super) async fn remember(&self, key: &Key<Replay>, used: &UsedOnce) -> Result<bool, Fault> {
        let mut batch = self.store.batch();
        let first = batch.put_new(key, &Replay {}, Some(self.memory(used)));
        Ok(batch.run().await?.written(first))
    }

    /// How long something used is remembered at most, whatever its IdP calls its lifetime ("the year 9999"). No request
    /// lives longer than an hour, and no unsolicited assertion is taken much more than an hour after it was issued.
    const LONGEST_MEMORY: Duration = Duration::from_secs(24 * 3600);

    fn memory(&self, used: &UsedOnce) -> Duration {
        let lifetime = used.usable_until.duration_since(self.clock.now());
        let lifetime = Duration::try_from(lifetime).unwrap_or_default() + Duration::from_secs(1);
        lifetime.min(Self::LONGEST_MEMORY)
    }
}

/// What the store knows of somebody who wants in.
struct Known {
    ownership: Ownership,
    blocked: bool,
    invited: bool,
}

/// The e-mail address that the app is told, as far as its domain can be.
struct Address {
    domain: Result<DomainName, Untold>,
}

/// Why the domain of an address cannot be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Untold {
    /// Whoever reads it sees that it is at no domain that anybody could have proven.
    Nowhere,
    /// One reader may see another domain in it than the next.
    Ambiguous,
}

impl Address {
    /// What a person is known by; `None`: by no address.
    fn of(person: &Person) -> Option<Self> {
        let domain = match person.claims.get("email")? {
            Value::String(address) => DomainName::of_email(address).map_err(|why| match why {
                NotAnAddress::AtSigns if !address.contains('@') => Untold::Nowhere,
                NotAnAddress::Domain(NotADomain::SingleLabel | NotADomain::Address) => Untold::Nowhere,
                _ => Untold::Ambiguous,
            }),
            _ => Err(Untold::Ambiguous), // a list: a connection may map it so
        };
        Some(Self { domain })
    }

    fn standing(
        &self,
        connection: &Connection,
        rules: &Rules,
        ownership: &Ownership,
        unique: crate::domains::owners::Unique,
    ) -> Standing {
        match &self.domain {
            Ok(name) => Standing::of(name, &connection.scope, rules, ownership, unique),
            Err(Untold::Ambiguous) if rules.any_proven => Standing::Foreign,
            Err(_) if rules.domains.any_proven() => Standing::Foreign,
            Err(_) => Standing::Unproven,
        }
    }
}
