//! Proof by DNS: a TXT record that only whoever runs the domain can publish.
//!
//! It stands at `_postern-challenge.<domain>`, or at the domain itself where a panel refuses underscores, and holds
//! `postern-challenge=<challenge>` (the bare challenge does too). Where it is not, the usual mistakes are looked for, so that the
//! administrator is told which one it is.

use crate::domain_name::DomainName;
use crate::fault::{Code, Fault};
use crate::ports::{Dns, DnsError};

/// What stands before the challenge.
const PREFIX: &str = "postern-challenge=";

/// Where the record belongs.
pub fn record_name(name: &DomainName) -> String {
    format!("_postern-challenge.{name}")
}

/// What it holds.
pub fn record_value(challenge: &str) -> String {
    format!("{PREFIX}{challenge}")
}

/// Asks DNS whether the domain shows this challenge, and if not, what is wrong.
pub async fn look(dns: &dyn Dns, name: &DomainName, challenge: &str) -> Result<(), Fault> {
    let own_name = record_name(name);
    let own = dns.txt(&own_name).await;
    if holds(&own, challenge) {
        return Ok(());
    }
    let apex = dns.txt(name.as_str()).await;
    if holds(&apex, challenge) {
        return Ok(());
    }
    for found in [&own, &apex] {
        let silent = match found {
            Err(DnsError::ServerFailed) => Code::DomainServerFailed,
            Err(DnsError::TimedOut) => Code::DomainLookupTimedOut,
            Ok(_) | Err(DnsError::NoSuchName) => continue,
        };
        return Err(silent.fault().expected(own_name));
    }
    for place in misplaced(name) {
        if holds(&dns.txt(&place).await, challenge) {
            return Err(Code::DomainRecordMisplaced.fault().expected(own_name).received(place));
        }
    }
    let expected = format!("{own_name} TXT {}", record_value(challenge));
    // At the domain itself stand records of others too; those at our own name are all meant for us.
    let wrong = values(&own).next().or_else(|| values(&apex).find(|value| value.starts_with(PREFIX)));
    if let Some(wrong) = wrong {
        return Err(Code::DomainRecordWrong.fault().expected(expected).received(wrong));
    }
    match (&own, &apex) {
        (Err(DnsError::NoSuchName), Err(DnsError::NoSuchName)) => {
            Err(Code::DomainUnknownToDns.fault().expected(name.as_str()))
        }
        _ => Err(Code::DomainRecordMissing.fault().expected(expected)),
    }
}

/// Where the record ends up by mistake: in a panel that adds the domain by itself, without the underscore, or at a domain above.
fn misplaced(name: &DomainName) -> impl Iterator<Item = String> {
    let own = record_name(name);
    let usual = [format!("{own}.{name}"), format!("postern-challenge.{name}")];
    let above: Vec<_> = name.above().take(2).map(|above| record_name(&above)).collect();
    usual.into_iter().chain(above).filter(|place| place.len() <= 253)
}

fn holds(found: &Result<Vec<String>, DnsError>, challenge: &str) -> bool {
    values(found).any(|value| value.strip_prefix(PREFIX).unwrap_or(value) == challenge)
}

/// The values, without the blanks and quotation marks that copying adds.
fn values(found: &Result<Vec<String>, DnsError>) -> impl Iterator<Item = &str> {
    let values = found.as_deref().unwrap_or_default();
    values.iter().map(|value| value.trim().trim_matches('"').trim())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use async_trait::async_trait;

    use super::*;

    /// DNS as a table.
    struct Table(BTreeMap<&'static str, Result<Vec<String>, DnsError>>);

    #[async_trait]
    impl Dns for Table {
        async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
            self.0.get(name).cloned().unwrap_or(Err(DnsError::NoSuchName))
        }
    }

    const CHALLENGE: &str = "k5y2wr7nqxkfz3v6m4t7ahc2bd5ujosp";

    fn records(values: &[&str]) -> Result<Vec<String>, DnsError> {
        Ok(values.iter().map(|value| (*value).to_owned()).collect())
    }

    fn look_at(table: &[(&'static str, Result<Vec<String>, DnsError>)]) -> Result<(), (Code, Option<String>)> {
        let (table, name) = (Table(table.iter().cloned().collect()), DomainName::parse("eu.acme.example").unwrap());
        let mut look = pin!(look(&table, &name, CHALLENGE));
        match look.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found.map_err(|fault| (fault.code, fault.received)),
            Poll::Pending => unreachable!("a table answers at once"),
        }
    }

    const OWN: &str = "_postern-challenge.eu.acme.example";
    const APEX: &str = "eu.acme.example";

    #[test]
    fn policy_5_a_record_at_its_name_or_at_the_domain_proves_it() {
        let value = record_value(CHALLENGE);
        for (place, values) in [
            (OWN, vec![value.as_str()]),
            (OWN, vec!["postern-challenge=of-another-product", &value]),
            (OWN, vec![CHALLENGE]),
            (OWN, vec![" \"postern-challenge=k5y2wr7nqxkfz3v6m4t7ahc2bd5ujosp\" "]),
            (APEX, vec!["v=spf1 -all", &value]),
        ] {
            assert_eq!(look_at(&[(place, records(&values))]), Ok(()), "{place} {values:?}");
        }
        // A server that fails at one of the two places does not matter once the other shows the record.
        assert_eq!(look_at(&[(OWN, Err(DnsError::ServerFailed)), (APEX, records(&[&value]))]), Ok(()));
    }

    #[test]
    fn every_mistake_is_told_by_its_name() {
        let value = record_value(CHALLENGE);
        let doubled = "_postern-challenge.eu.acme.example.eu.acme.example";
        let longer = format!("{value}x");
        for (table, code, received) in [
            (vec![], Code::DomainUnknownToDns, None),
            (vec![(APEX, records(&[]))], Code::DomainRecordMissing, None),
            (vec![(APEX, records(&["v=spf1 -all"]))], Code::DomainRecordMissing, None),
            (vec![(OWN, records(&["something"]))], Code::DomainRecordWrong, Some("something")),
            (vec![(OWN, records(&[&longer]))], Code::DomainRecordWrong, Some(longer.as_str())),
            (vec![(APEX, records(&["postern-challenge=x"]))], Code::DomainRecordWrong, Some("postern-challenge=x")),
            (vec![(doubled, records(&[&value]))], Code::DomainRecordMisplaced, Some(doubled)),
            (
                vec![("postern-challenge.eu.acme.example", records(&[&value]))],
                Code::DomainRecordMisplaced,
                Some("postern-challenge.eu.acme.example"),
            ),
            (
                vec![("_postern-challenge.acme.example", records(&[&value]))],
                Code::DomainRecordMisplaced,
                Some("_postern-challenge.acme.example"),
            ),
            (vec![(OWN, Err(DnsError::ServerFailed))], Code::DomainServerFailed, None),
            (vec![(APEX, Err(DnsError::ServerFailed))], Code::DomainServerFailed, None),
            (vec![(OWN, Err(DnsError::TimedOut)), (APEX, records(&[]))], Code::DomainLookupTimedOut, None),
        ] {
            assert_eq!(look_at(&table), Err((code, received.map(str::to_owned))), "{table:?}");
        }
    }
}
