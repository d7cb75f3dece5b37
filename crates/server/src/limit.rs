//! How often something may happen in a minute, by whom it happens to.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postern_core::ports::Timestamp;
use quick_cache::unsync::Cache;

/// How many of whom it happens to are remembered. Whoever can be more than that is not stopped by a limit for each.
const REMEMBERED: usize = 20_000;

/// For how long one may do things ahead: who did nothing for this long has the whole number again.
const WINDOW_MICROS: i64 = 60_000_000;

/// A bucket for each `K`, that a minute fills (the generic cell rate algorithm: one number each).
pub struct Limit<K> {
    /// What one costs; `None`: nothing.
    cost_micros: Option<i64>,
    /// When a bucket will be full again.
    full_at: Mutex<Cache<K, i64>>,
}

impl<K: Eq + Hash> Limit<K> {
    /// So many in a minute; `None`: no limit.
    pub fn per_minute(number: Option<NonZeroU32>) -> Self {
        let cost_micros = number.map(|number| WINDOW_MICROS / i64::from(number.get()));
        Self { cost_micros, full_at: Mutex::new(Cache::new(REMEMBERED)) }
    }

    /// Counts one, or says after how long there may be one.
    pub fn admit(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let Some(cost) = self.cost_micros else { return Ok(()) };
        let (mut full_at, now) = (self.full_at(), now.as_microsecond());
        let full = full_at.get(&key).copied().unwrap_or(now).max(now);
        wait(full + cost, now)?;
        full_at.insert(key, full + cost);
        Ok(())
    }

    /// Says after how long there may be one: for what counts only when it went wrong.
    pub fn check(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let Some(cost) = self.cost_micros else { return Ok(()) };
        let now = now.as_microsecond();
        match self.full_at().get(key) {
            Some(full) => wait(*full.max(&now) + cost, now),
            None => Ok(()),
        }
    }

    /// Counts one that went wrong. Where several are on their way at once, there may be a few more than the number.
    pub fn count(&self, key: K, now: Timestamp) {
        let Some(cost) = self.cost_micros else { return };
        let (mut full_at, now) = (self.full_at(), now.as_microsecond());
        let full = full_at.get(&key).copied().unwrap_or(now).max(now);
        full_at.insert(key, full + cost);
    }

    fn full_at(&self) -> MutexGuard<'_, Cache<K, i64>> {
        // Nothing panics while it is held; if something did, the numbers would still be good.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bucket that would be full at `full_at` lets through what it holds a minute before.
fn wait(full_at: i64, now: i64) -> Result<(), Duration> {
    match full_at - WINDOW_MICROS - now {
        wait @ 1.. => Err(Duration::from_micros(wait.unsigned_abs())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    fn limit(number: u32) -> Limit<u32> {
        Limit::per_minute(NonZeroU32::new(number))
    }

    #[test]
    fn a_minute_gives_back_what_was_used() {
        let limit = limit(3);
        for _ in 0..3 {
            assert_eq!(limit.check(&1, at(0)), Ok(()));
            assert_eq!(limit.admit(1, at(0)), Ok(()));
        }
        assert_eq!(limit.admit(1, at(0)), Err(Duration::from_secs(20)), "a third of a minute for one of three");
        assert_eq!(limit.check(&1, at(0)), Err(Duration::from_secs(20)));
        assert_eq!(limit.admit(1, at(19_999)), Err(Duration::from_millis(1)));
        assert_eq!(limit.admit(1, at(20_000)), Ok(()));
        assert_eq!(limit.admit(1, at(20_000)), Err(Duration::from_secs(20)));
        for _ in 0..3 {
            assert_eq!(limit.admit(1, at(600_000)), Ok(()));
        }
        assert!(limit.admit(1, at(600_000)).is_err(), "no more than a minute is saved up");
    }

    #[test]
    fn each_has_its_own_limit_and_looking_costs_nothing() {
        let one = limit(1);
        assert_eq!((one.admit(1, at(0)), one.admit(2, at(0))), (Ok(()), Ok(())));
        assert!(one.admit(1, at(0)).is_err());
        assert!((0..1000).all(|_| one.check(&3, at(0)).is_ok()));
        assert!((0..1000).all(|_| limit(0).admit(1, at(0)).is_ok()), "no limit");
        one.count(3, at(0));
        one.count(3, at(0));
        assert_eq!(one.check(&3, at(0)), Err(Duration::from_secs(120)), "one too many was on its way");
    }

    #[test]
    fn memory_is_bounded_however_many_there_are() {
        let limit = limit(1);
        for number in 0..3 * REMEMBERED as u32 {
            let _ = limit.admit(number, at(0));
        }
        assert!(limit.full_at.lock().unwrap().len() <= REMEMBERED);
    }
}
