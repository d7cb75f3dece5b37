//! Who may come in: a verified answer is used up and becomes a person, if this tenant's IdP may speak for them.
//!
//! A tenant that has proven domains speaks for these, and for no others; nobody speaks for a domain that another tenant has
//! proven (F16). What the IdP says of its own people is believed, so `email_verified` is true for an address at a domain that the
//! tenant has proven, and for no other.

use std::time::Duration;

use serde_json::{Value, json};

use super::finish::{Answer, UsedOnce};
use super::{Logins, Person, Replay};
use crate::connection::Connection;
use crate::domain_name::{DomainName, NotADomain, NotAnAddress};
use crate::domains::owners::{Lookup, Ownership, Standing};
use crate::fault::{Code, Fault};
use crate::policy::{ForeignDomains, Rules};
use crate::provisioning::Reason;
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
        let name = person.as_ref().ok().and_then(|person| Address::of(person)?.domain.ok());
        let asked = name.as_ref().filter(|name| Standing::needs_owners(rules, name));
        let ownership = self.use_once(connection, answer, asked).await?;
        let mut person = person?;
        let standing = self.judge_address(connection, rules, &ownership, answer, &mut person)?;
        let refused = rules.policy.provisioning.refuses(standing);
        answer.notes.extend(refused.map(|reason| format!("provisioning: {}", reason.name())));
        Reason::tell(refused, &mut person.claims);
        let placed = place(&connection.roles, &rules.policy.roles, rules.product.as_deref(), &person.claims);
        answer.notes.extend(placed.tell(&mut person.claims));
        Ok(person)
    }

    /// SAML Profiles §4.1.4.5: "the service provider MUST ensure that bearer assertions are not replayed, by maintaining the
    /// set of used ID values for the length of time for which the assertion would be considered valid". The lifetime is
    /// the verifier's own last instant, so the memory cannot be shorter than the acceptance. Who has a domain is asked in the
    /// same round trip.
    async fn use_once(
        &self,
        connection: &Connection,
        answer: &Answer,
        name: Option<&DomainName>,
    ) -> Result<Ownership, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let first = answer.assertion.as_ref().map(|assertion| {
            batch.put_new(&keys.replay(&connection.id, &assertion.id), &Replay {}, Some(self.memory(assertion)))
        });
        let lookup = name.map(|name| Lookup::ask(&mut batch, &keys, name));
        let answers = batch.run().await?;
        if first.is_some_and(|first| !answers.written(first)) {
            return Err(Code::SamlAssertionReplayed.into());
        }
        Ok(lookup.map(|lookup| lookup.answer(&answers)).transpose()?.unwrap_or_default())
    }

    /// Refuses an address at a domain for which this tenant's IdP does not speak, or lets it pass and says so; vouches for one
    /// at a domain that the tenant has proven. Whose the domain is; nobody's, where there is no address.
    fn judge_address(
        &self,
        connection: &Connection,
        rules: &Rules,
        ownership: &Ownership,
        answer: &mut Answer,
        person: &mut Person,
    ) -> Result<Standing, Fault> {
        let Some(address) = Address::of(person) else { return Ok(Standing::Unproven) };
        let standing = address.standing(connection, rules, ownership, self.settings.domains_unique);
        match (standing, rules.policy.foreign_domains) {
            // The IdP may doubt the address itself.
            (Standing::Own, _) if answer.identity.email_verified == Some(false) => {}
            (Standing::Own, _) => {
                person.claims.insert("email_verified".into(), json!(true));
            }
            (Standing::Foreign, ForeignDomains::Refuse) => {
                let own: Vec<_> = rules.domains.proven().map(DomainName::as_str).collect();
                let fault = Code::EmailDomainForeign.fault();
                return Err(if own.is_empty() { fault } else { fault.expected(own.join(", ")) });
            }
            (Standing::Foreign, ForeignDomains::Flag) => {
                answer.anomalies.push("the e-mail address is at a domain that is not the tenant's".to_owned());
            }
            (Standing::Unproven, _) => {}
        }
        Ok(standing)
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
