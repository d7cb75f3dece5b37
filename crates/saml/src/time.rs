//! Times in SAML, and when they are near enough.

use std::time::Duration;

use jiff::SignedDuration;
use roxmltree::Node;

use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;

use crate::element::{attribute, required};

/// More tolerance than this is no longer a difference of clocks. SDP-G01: "clock skew of 3-5 minutes".
const MOST_SKEW: Duration = Duration::from_secs(300);

/// The present, give or take a tolerance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Present {
    now: Timestamp,
    skew: SignedDuration,
}

impl Present {
    pub(crate) fn new(now: Timestamp, skew: Duration) -> Self {
        let skew = SignedDuration::try_from(skew.min(MOST_SKEW)).unwrap_or(SignedDuration::ZERO);
        Present { now, skew }
    }

    /// SAML Core §2.5.1.2: `NotBefore` "specifies the earliest time instant at which the assertion is valid".
    pub(crate) fn reached(&self, not_before: Timestamp) -> Result<(), Fault> {
        if later(self.now, self.skew) < not_before {
            return Err(self.differs(Code::SamlNotYetValid, "from", not_before));
        }
        Ok(())
    }

    /// SAML Core §2.5.1.2: `NotOnOrAfter` "specifies the time instant at which the assertion has expired".
    pub(crate) fn before(&self, not_on_or_after: Timestamp, code: Code) -> Result<(), Fault> {
        if self.now >= later(not_on_or_after, self.skew) {
            return Err(self.differs(code, "before", not_on_or_after));
        }
        Ok(())
    }

    /// Whether an instant lies ahead of us, however wrong our clock or theirs.
    pub(crate) fn is_ahead(&self, instant: Timestamp) -> bool {
        self.give(self.now) < instant
    }

    /// An instant by the latest clock that is tolerated.
    pub(crate) fn give(&self, instant: Timestamp) -> Timestamp {
        later(instant, self.skew)
    }

    /// The instant at which something valid until `not_on_or_after` is refused by every rule here.
    pub(crate) fn refused_from(&self, not_on_or_after: Timestamp) -> Timestamp {
        later(not_on_or_after, self.skew)
    }

    fn differs(&self, code: Code, word: &str, limit: Timestamp) -> Fault {
        let off = self.now.duration_since(limit).abs();
        // No clock runs that wrong by itself.
        let why =
            if off > SignedDuration::from_hours(24) { ": an old response, or a clock set for a test" } else { "" };
        code.fault().expected(format!("{word} {limit}, give or take {} s", self.skew.as_secs())).received(format!(
            "{}: {} s off{why}",
            self.now,
            off.as_secs()
        ))
    }
}

/// `time + by`, at most the end of time.
pub(crate) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A time in an attribute, where there is one.
pub(crate) fn optional(element: Node<'_, '_>, name: &str) -> Result<Option<Timestamp>, Fault> {
    attribute(element, name).map(|value| instant(value, name)).transpose()
}

/// A time in an attribute that has to be there.
pub(crate) fn instant_of(element: Node<'_, '_>, name: &str) -> Result<Timestamp, Fault> {
    instant(required(element, name)?, name)
}

/// An `xs:dateTime` with a time zone. SAML Core §1.3.3: times "MUST be expressed in UTC form"; an offset is unusual but
/// says the same, no zone at all says nothing. Digits beyond nanoseconds are dropped.
fn instant(value: &str, name: &str) -> Result<Timestamp, Fault> {
    let malformed =
        || Code::SamlTimeMalformed.fault().expected(format!("{name} like 2026-01-31T12:00:00Z")).received(value);
    if !is_date_time(value.as_bytes()) {
        return Err(malformed());
    }
    // "Never" is written as a time at the end of year 9999, which jiff's calendar has and its timeline has not.
    if value.starts_with("9999-12-3") {
        return Ok(Timestamp::MAX);
    }
    let (seconds, rest) = value.split_at(19);
    let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let (fraction, zone) = if rest.starts_with('.') { rest.split_at(digits + 1) } else { ("", rest) };
    let fraction = &fraction[..fraction.len().min(10)];
    format!("{seconds}{fraction}{zone}").parse().map_err(|_| malformed())
}

/// XML Schema Part 2 §3.2.7.1: `yyyy-mm-ddThh:mm:ss('.'s+)?(Z|(+|-)hh:mm)`; no sign and four digits of year here.
fn is_date_time(value: &[u8]) -> bool {
    let fits = |value: &[u8], pattern: &[u8]| {
        value.len() == pattern.len()
            && value.iter().zip(pattern).all(|(v, p)| if *p == b'd' { v.is_ascii_digit() } else { v == p })
    };
    let Some((seconds, rest)) = value.split_at_checked(19) else { return false };
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        zone => zone,
    };
    fits(seconds, b"dddd-dd-ddTdd:dd:dd") && (zone == b"Z" || fits(zone, b"+dd:dd") || fits(zone, b"-dd:dd"))
}
