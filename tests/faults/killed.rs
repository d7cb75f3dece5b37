//! Fault 1: one of three replicas is killed at load. Only what it was just answering fails; the others go on, and it comes back.

use std::time::Duration;

use postern_e2e::storm::{Storm, Timing};
use postern_e2e::{Postern, Redis, Settings};
use tokio::time::Instant;

use crate::{CALM, CROWD, replicas};

/// How long it is away, and how long people sign in after it has come back.
const A_WHILE: Duration = Duration::from_secs(3);
/// A connection that was its own is tried once more before anybody notices that it is gone.
const NOTICED: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn fault_1_one_of_three_replicas_is_killed() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let [one, mut two, three] = replicas(&redis.url()).await;
    let storm = Storm::gather(&[&one, &two, &three], CROWD).await;
    let mut killed = None;
    let mut ready_after = Duration::ZERO;
    let trouble = async {
        killed = Some(Instant::now());
        two.kill();
        tokio::time::sleep(A_WHILE).await;
        let started = Instant::now();
        let settings = Settings { public_port: Some(one.ports()[0]), ports: Some(two.ports()), ..Settings::default() };
        two = Postern::start_at(&redis.url(), settings).await;
        ready_after = started.elapsed();
        tokio::time::sleep(A_WHILE).await;
    };
    let report = storm.rage("kill -9 of one of three replicas", trouble).await;
    let killed = killed.expect("it was killed");
    let of_others = |timing: &Timing| timing.good && timing.replica != 1;
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!(
            "99 of 100 requests to the others took at most {:?} before, {:?} while it was away; ready {ready_after:?} after its start",
            report.p99(|timing| of_others(timing) && timing.began < killed),
            report.p99(|timing| of_others(timing) && (killed..killed + A_WHILE).contains(&timing.began)),
        );
    }
    report.judge();
    for broken in &report.broken {
        assert!(broken.replica == 1 && broken.began < killed + NOTICED, "only what it was answering fails: {broken:?}");
    }
    let back = |timing: &Timing| timing.good && timing.replica == 1 && timing.began > killed + A_WHILE;
    assert!(report.timings.iter().any(back), "it serves again");
}
