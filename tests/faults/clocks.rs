//! Fault 5: a clock is wrong: of one replica, or of the store. Nobody gets in outside of the time for which a response is good, the other
//! replica goes on, and when the clock is right again all is well, without a restart. Clocks that only go forward, by which timeouts
//! are measured, stay what they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postern_core::fault::Code;
use postern_e2e::{Postern, Redis, Settings};
use tempfile::TempDir;

use crate::CALM;
use crate::customer::Customer;

/// A clock that can be set while programs look at it.
struct Clock {
    folder: TempDir,
    library: PathBuf,
}

impl Clock {
    fn right() -> Self {
        let folders =
            std::fs::read_dir("/usr/lib").expect("the libraries").map(|entry| entry.expect("an entry").path());
        let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|library| library.exists()).expect("libfaketime: run scripts/install test");
        let clock = Self { folder: tempfile::tempdir().expect("a temporary folder"), library };
        clock.set(0);
        clock
    }

    /// Sets it ahead, or behind, by so many seconds.
    fn set(&self, seconds: i64) {
        // In one step, because it is read all the time.
        let next = self.folder.path().join("next");
        std::fs::write(&next, format!("{seconds:+}")).expect("the time");
        std::fs::rename(next, self.file()).expect("the time");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }

    /// Lets a program look at it.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

const MINUTES: i64 = 60;
const HOURS: i64 = 60 * MINUTES;

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_a_replica_whose_clock_is_wrong_lets_nobody_in_who_is_late_or_early() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let clock = Clock::right();
    let right = Postern::start(&redis, Settings::default()).await;
    let public_port = Some(right.ports()[0]);
    let settings = || Settings { public_port, environment: clock.environment(), ..Settings::default() };
    let wrong = Postern::start(&redis, settings()).await;
    let customer = Customer::of(&right).await;
    let mut refused = Vec::new();
    // A response is good for five minutes, and clocks may differ by three.
    for (ahead, expected) in [
        (0, None),
        (MINUTES, None),
        (-MINUTES, None),
        (10 * MINUTES, Some(Code::SamlExpired)),
        (-10 * MINUTES, Some(Code::SamlNotYetValid)),
        (2 * HOURS, Some(Code::SamlExpired)),
        (-2 * HOURS, Some(Code::SamlNotYetValid)),
        (0, None),
    ] {
        clock.set(ahead);
        let there = customer.sign_in(&wrong).await.err().flatten();
        assert_eq!(there, expected, "at a replica that is {ahead} s ahead");
        refused.extend(there);
        // It began where the clock is right, and ends where it is wrong.
        let waiting = customer.begin(&right).await.expect("a login that begins");
        let across = customer.respond(&wrong, &waiting).await;
        assert_eq!(across.is_ok(), expected.is_none(), "{ahead}: {across:?}");
        customer.sign_in(&right).await.expect("the other replica goes on");
        assert_eq!(wrong.probe("/health/ready").await.0, 200);
        assert!(!wrong.log().contains("panicked"), "{}", wrong.log());
    }
    // Whoever starts with such a clock says so, because the store has one too.
    clock.set(10 * MINUTES);
    let told = Postern::start(&redis, settings()).await.log();
    assert!(told.contains("has a clock that is"), "{told}");
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!("a replica whose clock is 10 minutes or 2 hours off: its logins are lost ({refused:?}), no other is");
    }
}

/// What a clock of the store that leaps does to everything in it that ends: it is over at once, or later than it should be. (Redis cannot
/// be given another clock: what allocates its memory asks for the time before anybody could answer.)
fn leap(redis: &Redis, seconds: i64) {
    for key in redis.command(&["KEYS", "*"]).lines() {
        let left: i64 = redis.command(&["PTTL", key]).trim().parse().expect("a lifetime");
        if left >= 0 {
            redis.command(&["PEXPIRE", key, &(left - 1000 * seconds).to_string()]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_a_store_whose_clock_is_wrong_keeps_nothing_alive() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let environment = vec![("POSTERN_OAUTH__CODE_SECONDS", "1".to_owned())];
    let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
    let customer = Customer::of(&postern).await;

    let waiting = customer.begin(&postern).await.expect("a login that begins");
    leap(&redis, 2 * HOURS);
    let lost = customer.respond(&postern, &waiting).await;
    assert_eq!(lost, Err(Some(Code::LoginUnknown)), "the person begins anew");
    customer.sign_in(&postern).await.expect("whoever comes then is signed in");

    let waiting = customer.begin(&postern).await.expect("another");
    let code = customer.respond(&postern, &waiting).await.expect("a code");
    leap(&redis, -2 * HOURS);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let late = customer.redeem(&postern, &code).await;
    assert_eq!(late.err(), Some(Some(Code::CodeUnknown)), "what is over stays so, although the store keeps it");
    customer.sign_in(&postern).await.expect("whoever comes then is signed in");
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!("a store whose clock leaps by 2 hours: ahead, the one login that was under way is lost; back, none");
    }
}
