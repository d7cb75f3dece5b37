//! Instants in claims (RFC 7519 §2, NumericDate).

use postern_core::ports::Timestamp;
use serde_json::{Map, Value};

/// An instant that a claim gives in seconds, of which a fraction is cut off. `None`: no such claim. `Err`: no instant.
pub(crate) fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, ()> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64)).ok_or(())?;
    Timestamp::from_second(seconds).map(Some).map_err(|_| ())
}

/// How far `instant` lies after `now`, in seconds; negative before.
pub(crate) fn ahead(instant: Timestamp, now: Timestamp) -> i64 {
    instant.as_second().saturating_sub(now.as_second())
}
