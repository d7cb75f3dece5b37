//! What this process remembers of the store, so that older bytes which somebody brings back are noticed.
//!
//! The seal ties a record to its place and not to a time: yesterday's bytes of the same key open today. So
//!
//! * every record of a class that [lasts](super::Record::LASTS) says within the seal when it was written, as a [`Revision`] that only
//!   rises. The guard keeps the highest that this process has read or written of each key, and refuses lower ones. What it has seen
//!   deleted stays deleted, unless somebody writes it anew.
//! * what was spent stays spent: where this process has spent a value, or has seen that it was, a live value in its place is taken for
//!   what it is, and treated as if there were nothing.
//!
//! Both are bounded; what was not met for longest is forgotten first. A process that starts anew has seen nothing: what it is told
//! beyond this is in records that pin others (`docs/STORE.md`).
//!
//! **A race is no rollback.** Two threads may read two versions and look at them in the other order. So a value is compared only with
//! what was known before it was asked for ([`Guard::moment`]).
//!
//! **Nor is a failover.** A server that takes the place of another may lack what that one was told last, so what was written or deleted
//! within [`LOSABLE`] before that is no reason to refuse what is there now.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;

use crate::ports::{Clock, Timestamp};

/// When a record was written: microseconds since 1970 by the writer's clock, and later than everything that the writer had seen by
/// then, whatever its clock said. Zero: a release wrote it that did not say.
pub type Revision = u64;

/// How much of what it was told last a server may have lost that was replaced.
const LOSABLE: Duration = Duration::from_secs(30);
/// How far apart the clocks of replicas may be, where nothing better is known than when something was deleted.
const SKEW: Duration = Duration::from_secs(5);
/// How many keys are remembered of each kind; about 5 MB in all when it is full.
const KEYS: usize = 65_536;

/// Why a value of the store is not believed. Each is told to whoever watches over Postern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disbelief {
    /// It does not open: changed, truncated, moved from another key, or sealed with a key that we do not have.
    Unreadable,
    /// There was a newer one in its place, or it was deleted.
    RolledBack,
    /// It was spent.
    Respent,
}

impl Disbelief {
    /// Its name in metrics and the log.
    pub fn name(self) -> &'static str {
        match self {
            Disbelief::Unreadable => "unreadable",
            Disbelief::RolledBack => "rolled_back",
            Disbelief::Respent => "respent",
        }
    }
}

/// Called with the class of every value that is not believed.
pub type Alarm = Arc<dyn Fn(&'static str, Disbelief) + Send + Sync>;

pub(super) struct Guard {
    clock: Arc<dyn Clock>,
    alarm: Alarm,
    seen: Mutex<Seen>,
}

struct Seen {
    /// The highest revision that was given or seen.
    latest: Revision,
    /// Counts what was learnt.
    moment: u64,
    versions: Cache<u64, Version>,
    spent: Cache<u64, u64>,
}

/// What is known of a key.
#[derive(Clone, Copy)]
struct Version {
    revision: Revision,
    /// Whether that revision was deleted.
    gone: bool,
    /// When that came about, in microseconds.
    since: u64,
    /// The moment in which it was learnt.
    learnt: u64,
}

impl Guard {
    pub(super) fn new(clock: Arc<dyn Clock>, alarm: Alarm) -> Self {
        let seen = Seen { latest: 0, moment: 0, versions: Cache::new(KEYS), spent: Cache::new(KEYS) };
        Self { clock, alarm, seen: Mutex::new(seen) }
    }

    /// Tells that a value is not believed.
    pub(super) fn raise(&self, class: &'static str, why: Disbelief) {
        (self.alarm)(class, why);
    }

    /// A revision for what is written now.
    pub(super) fn revision(&self) -> Revision {
        let now = microseconds(self.clock.now());
        let mut seen = self.seen();
        seen.latest = now.max(seen.latest + 1);
        seen.latest
    }

    /// Now, in the order of what this process learns.
    pub(super) fn moment(&self) -> u64 {
        self.seen().moment
    }

    /// Takes note of a version that this process wrote.
    pub(super) fn wrote(&self, key: &str, revision: Revision) {
        self.seen().learn(hash(key), |known| known.is_none_or(|known| known.revision < revision), revision);
    }

    /// Whether a version may stand at a key, by what was known in the moment in which it was asked for. `replaced` is when another server
    /// took the place of the store's.
    pub(super) fn admits(
        &self,
        key: &str,
        revision: Revision,
        asked: u64,
        replaced: impl FnOnce() -> Option<Timestamp>,
    ) -> bool {
        let (key, mut seen) = (hash(key), self.seen());
        seen.latest = seen.latest.max(revision);
        match seen.versions.get(&key).copied() {
            // A release wrote it that did not say when.
            _ if revision == 0 => true,
            Some(known) if known.is_above(revision) && known.learnt > asked => true,
            Some(known) if known.is_above(revision) && !may_be_lost(known.since, replaced()) => false,
            Some(known) if known.revision == revision && !known.gone => true,
            _ => {
                seen.learn(key, |_| true, revision);
                true
            }
        }
    }

    /// Takes note that nothing is at a key by now.
    pub(super) fn gone(&self, key: &str, asked: u64) {
        let (key, now, mut seen) = (hash(key), microseconds(self.clock.now()), self.seen());
        if let Some(known) = seen.versions.get(&key).copied()
            && !known.gone
            && known.learnt <= asked
        {
            seen.moment += 1;
            let learnt = seen.moment;
            seen.versions.insert(key, Version { gone: true, since: now, learnt, ..known });
        }
    }

    /// Takes note that this process deleted a record.
    pub(super) fn deleted(&self, key: &str) {
        let (key, now, mut seen) = (hash(key), microseconds(self.clock.now()), self.seen());
        let known = seen.versions.get(&key).map_or(0, |known| known.revision);
        let revision = known.max(now.saturating_sub(SKEW.as_micros() as u64));
        seen.moment += 1;
        let learnt = seen.moment;
        seen.versions.insert(key, Version { revision, gone: true, since: now, learnt });
    }

    /// Takes note that what is at a key was spent.
    pub(super) fn spent(&self, key: &str) {
        let (key, mut seen) = (hash(key), self.seen());
        if seen.spent.get(&key).is_none() {
            seen.moment += 1;
            let learnt = seen.moment;
            seen.spent.insert(key, learnt);
        }
    }

    /// Whether what is at a key was spent before it was asked for.
    pub(super) fn is_spent(&self, key: &str, asked: u64) -> bool {
        self.seen().spent.get(&hash(key)).is_some_and(|learnt| *learnt <= asked)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn learn(&mut self, key: u64, news: impl FnOnce(Option<&Version>) -> bool, revision: Revision) {
        if news(self.versions.get(&key)) {
            self.moment += 1;
            let version = Version { revision, gone: false, since: revision, learnt: self.moment };
            self.versions.insert(key, version);
        }
    }
}

impl Version {
    /// Whether this revision is older than what is known, or deleted.
    fn is_above(&self, revision: Revision) -> bool {
        revision < self.revision || (self.gone && revision == self.revision)
    }
}

/// Whether what came about then may be unknown to a server that took the place of another later.
pub(super) fn may_be_lost(since: u64, replaced: Option<Timestamp>) -> bool {
    let losable = LOSABLE.as_micros() as u64;
    replaced.map(microseconds).is_some_and(|replaced| since < replaced && replaced <= since.saturating_add(losable))
}

fn microseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_microsecond()).unwrap_or_default()
}

/// Names of keys hold 132 bits that nobody chooses, so nobody makes two of them meet here.
fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct TestClock(AtomicI64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    fn guard() -> (Guard, Arc<TestClock>) {
        let clock = Arc::new(TestClock(AtomicI64::new(1_000)));
        (Guard::new(clock.clone(), Arc::new(|_, _| {})), clock)
    }

    fn admits(guard: &Guard, key: &str, revision: Revision) -> bool {
        guard.admits(key, revision, guard.moment(), || None)
    }

    #[test]
    fn revisions_rise_also_when_the_clock_goes_back_or_another_is_ahead() {
        let (guard, clock) = guard();
        let first = guard.revision();
        assert_eq!(first, 1_000_000_000);
        clock.0.store(900, Ordering::Relaxed);
        assert_eq!(guard.revision(), first + 1);
        assert!(admits(&guard, "a", 5_000_000_000));
        assert_eq!(guard.revision(), 5_000_000_001);
    }

    #[test]
    fn a_lower_revision_is_refused_at_its_own_key_alone() {
        let (guard, _) = guard();
        assert!(admits(&guard, "a", 7) && admits(&guard, "a", 9) && admits(&guard, "a", 9));
        assert!(!admits(&guard, "a", 7) && admits(&guard, "b", 7));
        guard.wrote("b", 8);
        assert!(!admits(&guard, "b", 7), "what was written counts as what was read");
        guard.wrote("b", 6);
        assert!(!admits(&guard, "b", 7));
        assert!(admits(&guard, "a", 0), "what a release wrote that did not say when");
    }

    #[test]
    fn what_was_deleted_comes_back_by_being_written_anew_alone() {
        let (guard, _) = guard();
        assert!(admits(&guard, "a", 7));
        guard.gone("a", guard.moment());
        assert!(!admits(&guard, "a", 7) && admits(&guard, "a", 8) && admits(&guard, "a", 8));
        guard.deleted("a");
        let before = 1_000_000_000 - SKEW.as_micros() as u64;
        assert!(!admits(&guard, "a", before) && admits(&guard, "a", before + 1));
    }

    #[test]
    fn two_versions_that_are_read_at_once_are_no_rollback() {
        let (guard, _) = guard();
        assert!(admits(&guard, "a", 7));
        let asked = guard.moment();
        assert!(admits(&guard, "a", 9));
        assert!(guard.admits("a", 7, asked, || None));
        assert!(!admits(&guard, "a", 7), "asked for afterwards");
        guard.gone("a", asked);
        assert!(admits(&guard, "a", 9), "absence that was asked for before");
    }

    #[test]
    fn what_a_server_may_have_lost_is_not_held_against_its_successor() {
        let (guard, clock) = guard();
        let at = |second| Timestamp::from_second(second).unwrap();
        let (old, new) = (990_000_000, guard.revision());
        for (replaced, admitted) in [(1_000, false), (1_001, true), (1_030, true), (1_031, false)] {
            assert!(admits(&guard, "a", new));
            let asked = guard.moment();
            assert_eq!(guard.admits("a", old, asked, || Some(at(replaced))), admitted, "{replaced}");
        }
        clock.0.store(1_000, Ordering::Relaxed);
        assert!(admits(&guard, "b", old));
        guard.gone("b", guard.moment());
        let asked = guard.moment();
        assert!(guard.admits("b", old, asked, || Some(at(1_010))), "a deletion that was lost");
    }

    #[test]
    fn what_is_spent_stays_spent() {
        let (guard, _) = guard();
        let asked = guard.moment();
        assert!(!guard.is_spent("a", guard.moment()));
        guard.spent("a");
        assert!(guard.is_spent("a", guard.moment()) && !guard.is_spent("b", guard.moment()));
        assert!(!guard.is_spent("a", asked), "asked for before");
    }
}
