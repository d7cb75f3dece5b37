//! What every backend asks of an operation before it runs, so that none of them accepts what another would refuse.

use std::time::Duration;

use postern_core::ports::{Op, StoreError};

/// The highest score of an index: Redis keeps scores as IEEE 754 doubles, which are exact up to here. Milliseconds since
/// 1970 stay below it for the next 285,000 years.
pub(crate) const HIGHEST_SCORE: u64 = 1 << 53;

/// Refuses operations that not every backend could carry out alike. A batch is checked whole before any of it runs.
pub(crate) fn check(batch: &[Op]) -> Result<(), StoreError> {
    let unfit = |what| Err(StoreError::Unavailable(Box::new(what)));
    for op in batch {
        if let Op::IndexAdd { score, .. } | Op::IndexTrim { below: score, .. } = op
            && *score > HIGHEST_SCORE
        {
            return unfit(Unfit::Score);
        }
        let name = key(op);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return unfit(Unfit::Name);
        }
    }
    Ok(())
}

/// The one key that an operation touches.
pub(crate) fn key(op: &Op) -> &str {
    match op {
        Op::Get { key } | Op::Put { key, .. } | Op::PutNew { key, .. } => key,
        Op::Consume { key, .. } | Op::ReplaceIf { key, .. } | Op::Rewrite { key, .. } | Op::Delete { key } => key,
        Op::IndexAdd { index, .. } | Op::IndexRemove { index, .. } | Op::IndexTrim { index, .. } => index,
        Op::IndexPage { index, .. } | Op::IndexCount { index } => index,
        Op::LogAppend { log, .. } | Op::LogRead { log, .. } | Op::LogRewrite { log, .. } => log,
    }
}

/// An operation that no backend carries out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("a key is empty or not printable ASCII")]
    Name,
    #[error("a score of an index is above 2^53")]
    Score,
}

/// A lifetime as every backend keeps it: whole milliseconds, rounded up, at least one.
pub(crate) fn milliseconds(lifetime: Duration) -> u64 {
    // Redis counts lifetimes in signed 64 bits from 1970, so one that never ends in practice is cut to a thousand years.
    const LONGEST: u128 = 1000 * 365 * 24 * 60 * 60 * 1000;
    let whole = lifetime.as_nanos().div_ceil(1_000_000).clamp(1, LONGEST);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_rounded_up_and_never_none() {
        for (lifetime, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(1001), 2),
            (Duration::from_secs(60), 60_000),
        ] {
            assert_eq!(milliseconds(lifetime), expected);
        }
        assert!(milliseconds(Duration::MAX) < i64::MAX as u64 / 1000);
    }
}
