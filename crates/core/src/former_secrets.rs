//! Secrets of clients that were replaced and are still accepted for a while, so that an app can be given its new one without
//! being refused meanwhile.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::ports::Timestamp;
use crate::products::invalid;
use crate::secret::SecretHash;

/// For how long a secret goes on after it was replaced, where nobody says otherwise.
pub const USUAL_OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The longest overlap that is taken, in seconds: 30 days.
const LONGEST_OVERLAP: u64 = 30 * 24 * 3600;

/// How many are kept. Whoever changes a secret more often than that within the overlap ends the oldest.
const MOST: usize = 4;

/// The secrets that a client had before, the newest last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormerSecrets(Vec<FormerSecret>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FormerSecret {
    hash: SecretHash,
    /// From this instant on it opens nothing.
    until: Timestamp,
}

impl FormerSecrets {
    /// A secret was replaced now, and goes on for `overlap`. With none, it ends at once, and so do those before it: whoever wants that
    /// knows that one of them is in wrong hands.
    pub fn retire(&mut self, hash: SecretHash, overlap: Duration, now: Timestamp) {
        if overlap.is_zero() {
            self.0.clear();
            return;
        }
        self.0.retain(|former| now < former.until);
        let until = now.checked_add(jiff::SignedDuration::try_from(overlap).unwrap_or_default()).unwrap_or(now);
        self.0.push(FormerSecret { hash, until });
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    /// Whether `secret` is one of those that still go on. All are compared, each in constant time.
    pub fn accept(&self, secret: &str, now: Timestamp) -> bool {
        self.0.iter().fold(false, |right, former| right | (former.hash.matches(secret) & (now < former.until)))
    }

    /// When the last of them ends; `None`: all have.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().map(|former| former.until).filter(|until| now < *until).max()
    }
}

/// The overlap that a request names, in seconds.
pub fn overlap(seconds: Option<&str>) -> Result<Duration, Fault> {
    let Some(seconds) = seconds else { return Ok(USUAL_OVERLAP) };
    match seconds.parse() {
        Ok(seconds) if seconds <= LONGEST_OVERLAP => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid("overlap_seconds", format!("is not 0 to {LONGEST_OVERLAP}"))),
    }
}

/// What an event says of a secret that was replaced: when those before it end that still go on.
pub(crate) fn changed(former_end: Option<Timestamp>) -> Value {
    json!({ "client_secret": { "former_secret_ends_at": former_end } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn former_secrets_are_accepted_until_their_end() {
        let mut former = FormerSecrets::default();
        former.retire(SecretHash::of("first"), Duration::from_secs(60), at(0));
        assert!(former.accept("first", at(59)) && !former.accept("first", at(60)) && !former.accept("other", at(0)));
        assert_eq!((former.end(at(59)), former.end(at(60))), (Some(at(60)), None));

        former.retire(SecretHash::of("second"), Duration::from_secs(60), at(30));
        assert!(former.accept("first", at(59)) && former.accept("second", at(89)) && !former.accept("second", at(90)));
        former.retire(SecretHash::of("third"), Duration::ZERO, at(31));
        assert!(["first", "second", "third"].iter().all(|secret| !former.accept(secret, at(31))));
    }

    #[test]
    fn they_are_few() {
        let mut former = FormerSecrets::default();
        for number in 0..10 {
            former.retire(SecretHash::of(&number.to_string()), Duration::from_secs(60), at(0));
        }
        let accepted: Vec<_> = (0..10).filter(|number: &i32| former.accept(&number.to_string(), at(1))).collect();
        assert_eq!(accepted, [6, 7, 8, 9]);
    }

    #[test]
    fn overlaps_are_up_to_thirty_days() {
        assert_eq!((overlap(None).unwrap(), overlap(Some("0")).unwrap()), (USUAL_OVERLAP, Duration::ZERO));
        assert!(overlap(Some("2592000")).is_ok());
        for wrong in ["2592001", "-1", "a day", ""] {
            assert!(overlap(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
