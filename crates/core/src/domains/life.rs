//! The life of a claim: what each look at DNS makes of it.
//!
//! ```text
//! claimed ──proof──→ verified ──record gone──→ failing ──still gone after the grace──→ lapsed
//!    lapsed ──proof──→ verified         failing ──record back──→ verified
//! ```
//!
//! Failing domains are proven: people go on signing in while somebody looks for the record. A lapsed domain leads nobody any more
//! and can be proven by another tenant. A look that got no answer decides nothing, so that an outage of DNS, or of our way to it,
//! takes no domain from anybody.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Domain;
use crate::event::EventKind;
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;

/// How many attempts are kept.
const KEPT: usize = 10;

/// How soon a domain is looked at again whose last look was not good.
const SOON: Duration = Duration::from_secs(3600);

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// Nobody has proven it.
    Claimed,
    /// It is the tenant's.
    Verified {
        /// What shows it.
        by: Proof,
        /// Since when.
        since: Timestamp,
    },
    /// It was proven by DNS, and the record is gone.
    Failing {
        /// Since when it was proven.
        verified: Timestamp,
        /// Since when the record is gone.
        since: Timestamp,
    },
    /// It was proven, and is no longer.
    Lapsed {
        /// Since when.
        since: Timestamp,
    },
}

/// What shows that a domain is a tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// A TXT record.
    Dns,
    /// The operator's word.
    Operator,
}

impl State {
    /// Its name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            State::Claimed => "claimed",
            State::Verified { .. } => "verified",
            State::Failing { .. } => "failing",
            State::Lapsed { .. } => "lapsed",
        }
    }

    /// Whether the domain is the tenant's at present.
    pub fn is_proven(&self) -> bool {
        matches!(self, State::Verified { .. } | State::Failing { .. })
    }

    /// What a look at DNS makes of it, and what there is to tell of that.
    pub fn after(self, found: &Result<(), Fault>, now: Timestamp, grace: Duration) -> (State, Option<EventKind>) {
        match (self, found) {
            (State::Verified { by: Proof::Dns, .. }, Ok(())) => (self, None),
            (State::Failing { verified, .. }, Ok(())) => {
                (State::Verified { by: Proof::Dns, since: verified }, Some(EventKind::DomainRecovered))
            }
            (_, Ok(())) => (State::Verified { by: Proof::Dns, since: now }, Some(EventKind::DomainVerified)),
            (_, Err(fault)) if !is_an_answer(fault.code) => (self, None),
            (State::Verified { by: Proof::Dns, since }, Err(_)) => {
                (State::Failing { verified: since, since: now }, Some(EventKind::DomainFailing))
            }
            (State::Failing { since, .. }, Err(_)) if has_passed(since, grace, now) => {
                (State::Lapsed { since: now }, Some(EventKind::DomainLapsed))
            }
            // The operator's word stands without a record, and what was never proven cannot be lost.
            (_, Err(_)) => (self, None),
        }
    }

    /// What an event tells of it.
    pub(super) fn told(&self) -> Value {
        match self {
            State::Verified { by, .. } => json!({ "status": self.name(), "proof": by }),
            _ => json!({ "status": self.name() }),
        }
    }
}

/// Whether DNS answered: that there is no such record is an answer, that a server failed is none.
fn is_an_answer(code: Code) -> bool {
    !matches!(code, Code::DomainServerFailed | Code::DomainLookupTimedOut)
}

fn has_passed(since: Timestamp, grace: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(grace).is_ok_and(|grace| now.duration_since(since) >= grace)
}

/// One attempt to prove a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The code of what went wrong; `None`: nothing.
    pub code: Option<String>,
    /// What would have been right, and where.
    pub expected: Option<String>,
    /// What was found instead, or where.
    pub received: Option<String>,
}

impl Attempt {
    pub(super) fn of(found: &Result<(), Fault>, at: Timestamp) -> Self {
        match found {
            Ok(()) => Self { at, code: None, expected: None, received: None },
            Err(fault) => Self {
                at,
                code: Some(fault.code.name().to_owned()),
                expected: fault.expected.clone(),
                received: fault.received.clone(),
            },
        }
    }
}

impl Domain {
    pub(super) fn note(&mut self, attempt: Attempt) {
        self.attempts.insert(0, attempt);
        self.attempts.truncate(KEPT);
    }

    /// After which time it is looked at again; `None`: never, because only DNS can be asked.
    pub(super) fn next_look(&self, recheck: Duration) -> Option<Duration> {
        let last_was_good = self.attempts.first().is_none_or(|attempt| attempt.code.is_none());
        match self.state {
            State::Verified { by: Proof::Dns, .. } if last_was_good => Some(recheck),
            State::Verified { by: Proof::Dns, .. } | State::Failing { .. } => Some(recheck.min(SOON)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    const GRACE: Duration = Duration::from_secs(100);

    fn after(state: State, found: Result<(), Code>, second: i64) -> (State, Option<EventKind>) {
        state.after(&found.map_err(Fault::from), at(second), GRACE)
    }

    #[test]
    fn policy_5_a_domain_whose_record_vanishes_fails_through_its_grace_and_lapses() {
        let gone = Err(Code::DomainRecordMissing);
        let (verified, told) = after(State::Claimed, Ok(()), 0);
        assert_eq!(
            (verified, told),
            (State::Verified { by: Proof::Dns, since: at(0) }, Some(EventKind::DomainVerified))
        );
        assert_eq!(after(verified, Ok(()), 10), (verified, None));

        let (failing, told) = after(verified, gone, 20);
        assert_eq!(
            (failing, told),
            (State::Failing { verified: at(0), since: at(20) }, Some(EventKind::DomainFailing))
        );
        assert!(failing.is_proven());
        assert_eq!(after(failing, Err(Code::DomainRecordWrong), 119), (failing, None));
        assert_eq!(after(failing, Ok(()), 119), (verified, Some(EventKind::DomainRecovered)));

        let (lapsed, told) = after(failing, gone, 120);
        assert_eq!((lapsed, told), (State::Lapsed { since: at(120) }, Some(EventKind::DomainLapsed)));
        assert!(!lapsed.is_proven());
        assert_eq!(after(lapsed, gone, 130), (lapsed, None));
        assert_eq!(after(lapsed, Ok(()), 140).1, Some(EventKind::DomainVerified));
    }

    #[test]
    fn a_look_without_an_answer_takes_nothing_from_anybody() {
        let verified = State::Verified { by: Proof::Dns, since: at(0) };
        let failing = State::Failing { verified: at(0), since: at(1) };
        for silent in [Code::DomainServerFailed, Code::DomainLookupTimedOut] {
            assert_eq!(after(verified, Err(silent), 10_000), (verified, None));
            assert_eq!(after(failing, Err(silent), 10_000), (failing, None));
        }
    }

    #[test]
    fn policy_5_the_operators_word_stands_without_a_record() {
        let asserted = State::Verified { by: Proof::Operator, since: at(0) };
        assert_eq!(after(asserted, Err(Code::DomainRecordMissing), 10_000), (asserted, None));
        assert_eq!(after(asserted, Ok(()), 5).0, State::Verified { by: Proof::Dns, since: at(5) });
        assert_eq!(after(State::Claimed, Err(Code::DomainRecordMissing), 5), (State::Claimed, None));
    }
}
