//! How long an IdP's metadata describes it, and what strict federation demands of it (M4, SDP-MD02 and SDP-MD03).
//!
//! Commercial IdPs publish metadata without an end, federations with one of days. Outside strict federation a missing, far
//! or past end is told and decides nothing. In strict federation a document has to have one that is near, comes from a
//! source that TLS verified or from whoever has an API key, and binds: past it nobody gets in until there is a fresh one.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connection::{Idp, SamlIdp};
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;
use crate::redirect::is_loopback;

/// How far ahead `validUntil` may lie in strict federation. Federations publish for days, or for four weeks.
pub const FURTHEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How often metadata is fetched that says nothing about it.
pub const INTERVAL: Duration = Duration::from_secs(3600);
/// Never more often, whatever it says.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(600);
/// Never more seldom: a withdrawn key has to go within a day.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// What a metadata document says about its own life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifetime {
    /// From then on it describes the IdP no longer.
    pub valid_until: Option<Timestamp>,
    /// After so many seconds it wants to be fetched again.
    pub cache_seconds: Option<u64>,
}

impl Lifetime {
    /// After which time the document is fetched again: as it asks, within bounds, and twice before it ends.
    pub fn interval(&self, now: Timestamp) -> Duration {
        let asked = self.cache_seconds.map_or(INTERVAL, Duration::from_secs);
        let left = self.valid_until.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
        left.map_or(asked, |left| asked.min(left / 2)).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }

    /// What strict federation minds about it.
    fn fault(&self, now: Timestamp) -> Option<Fault> {
        match self.valid_until {
            None => Some(Code::MetadataValidUntilMissing.fault().expected("validUntil").received("none")),
            Some(until) if until <= now => Some(Code::MetadataExpired.fault().received(until.to_string())),
            Some(until) if until.duration_since(now) > FURTHEST => {
                Some(Code::MetadataValidUntilTooFar.fault().expected("within 31 days").received(until.to_string()))
            }
            Some(_) => None,
        }
    }

    /// The same for whom it only warns.
    pub fn note(&self, now: Timestamp) -> Option<String> {
        let fault = self.fault(now)?;
        let until = fault.received.unwrap_or_default();
        Some(match fault.code {
            Code::MetadataValidUntilMissing => "the metadata does not say until when it holds".to_owned(),
            Code::MetadataExpired => format!("the metadata was valid until {until}"),
            _ => format!("the metadata says that it holds until {until}, which is more than 31 days"),
        })
    }
}

/// Refuses an address from which strict federation takes no metadata: what comes from it has to be verified by TLS. This very
/// machine needs none.
pub fn check_source(metadata_url: &str) -> Result<(), Fault> {
    let plain = Url::parse(metadata_url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url));
    if plain { Err(Code::MetadataSourceUnverified.fault().expected("an https address")) } else { Ok(()) }
}

impl SamlIdp {
    /// Refuses metadata that strict federation does not take, where this connection is strict. A pasted document is taken
    /// on the word of whoever pasted it, and ends like any other.
    pub fn check_metadata(&self, now: Timestamp) -> Result<(), Fault> {
        if !self.strict_federation {
            return Ok(());
        }
        self.metadata_url.as_deref().map_or(Ok(()), check_source)?;
        self.lifetime.fault(now).map_or(Ok(()), Err)
    }

    /// Refuses a login by metadata that has ended, where this connection is strict (M4, M5: "until validUntil").
    pub fn check_current(&self, now: Timestamp) -> Result<(), Fault> {
        match self.lifetime.valid_until {
            Some(until) if self.strict_federation && until <= now => {
                Err(Code::SamlMetadataExpired.fault().expected("current metadata").received(format!("until {until}")))
            }
            _ => Ok(()),
        }
    }
}

/// The same for whatever a connection leads to. OpenID Providers belong to no federation of this kind.
impl Idp {
    /// After which time its documents are fetched again.
    pub fn renewal_interval(&self, now: Timestamp) -> Duration {
        self.lifetime().interval(now)
    }
    /// How long its documents describe it.
    pub fn lifetime(&self) -> Lifetime {
        match self {
            Idp::Saml(idp) => idp.lifetime,
            Idp::Oidc(_) => Lifetime::default(),
        }
    }
    /// See [`SamlIdp::check_metadata`].
    pub fn check_metadata(&self, now: Timestamp) -> Result<(), Fault> {
        match self {
            Idp::Saml(idp) => idp.check_metadata(now),
            Idp::Oidc(_) => Ok(()),
        }
    }
    /// See [`SamlIdp::check_current`].
    pub fn check_current(&self, now: Timestamp) -> Result<(), Fault> {
        match self {
            Idp::Saml(idp) => idp.check_current(now),
            Idp::Oidc(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn m4_only_a_near_end_is_taken() {
        let now = at("2026-01-31T12:00:00Z");
        let code = |until: Option<&str>| {
            let lifetime = Lifetime { valid_until: until.map(at), cache_seconds: None };
            let fault = lifetime.fault(now);
            assert_eq!(fault.is_some(), lifetime.note(now).is_some());
            fault.map(|fault| fault.code)
        };
        assert_eq!(code(None), Some(Code::MetadataValidUntilMissing));
        assert_eq!(code(Some("2026-01-31T12:00:00Z")), Some(Code::MetadataExpired));
        assert_eq!(code(Some("2026-01-31T12:00:01Z")), None);
        assert_eq!(code(Some("2026-03-03T12:00:00Z")), None);
        assert_eq!(code(Some("2026-03-03T12:00:01Z")), Some(Code::MetadataValidUntilTooFar));
        assert_eq!(
            Lifetime { valid_until: Some(Timestamp::MAX), cache_seconds: None }.fault(now).map(|fault| fault.code),
            Some(Code::MetadataValidUntilTooFar)
        );
    }

    #[test]
    fn m5_a_document_is_fetched_as_it_asks_within_bounds_and_before_it_ends() {
        let now = at("2026-01-31T12:00:00Z");
        let hours = |hours| Some(now + SignedDuration::from_hours(hours));
        for (valid_until, cache_seconds, seconds) in [
            (None, None, 3600),
            (None, Some(1), 600),
            (None, Some(7200), 7200),
            (None, Some(u64::MAX), 86_400),
            (hours(4), Some(86_400), 7200),
            (hours(1), None, 1800),
            (hours(24 * 14), None, 3600),
            (hours(0), None, 600),
            (hours(-1), None, 3600),
        ] {
            let interval = Lifetime { valid_until, cache_seconds }.interval(now);
            assert_eq!(interval.as_secs(), seconds, "{valid_until:?} {cache_seconds:?}");
        }
    }
}
