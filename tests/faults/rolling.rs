//! Fault 16: a release takes the place of the one before, replica by replica, while people sign in and others stay; and then the one before
//! takes its place again. Nobody notices: what either wrote the other reads, and each ID token verifies by the keys of another replica.

use std::time::Duration;

use postern_e2e::storm::{People, Storm};
use postern_e2e::{Postern, Redis, Settings, previous};

use crate::CALM;

/// How long replicas of two releases work side by side.
const A_WHILE: Duration = Duration::from_secs(2);
const PEOPLE: People = People { sign_in: 4, stay: 4 };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds the release before: make faults"]
async fn fault_16_releases_take_each_others_place_while_people_sign_in() {
    let _calm = CALM.lock().await;
    let (before, commit) = previous::program();
    let redis = Redis::start().await;
    // Whoever sends people here has a second to notice that a replica stops.
    let environment = || vec![("POSTERN_OPERATIONS__DRAIN_SECONDS", "1".to_owned())];
    let settings = || Settings { program: Some(before.clone()), environment: environment(), ..Settings::default() };
    let first = Postern::start(&redis, settings()).await;
    let public_port = Some(first.ports()[0]);
    let mut replicas = vec![first];
    for _ in 1..3 {
        replicas.push(Postern::start(&redis, Settings { public_port, ..settings() }).await);
    }
    let storm = Storm::gather(&replicas.iter().collect::<Vec<_>>(), PEOPLE).await;
    let trouble = async {
        for program in [None, Some(before.clone())] {
            for replica in &mut replicas {
                replica.ask_to_stop();
                assert!(replica.ended().await.success());
                let ports = Some(replica.ports());
                let program = program.clone();
                let settings =
                    Settings { public_port, ports, program, environment: environment(), ..Settings::default() };
                *replica = Postern::start(&redis, settings).await;
                tokio::time::sleep(A_WHILE).await;
            }
        }
    };
    let report = storm.rage(&format!("a rolling restart from {commit} to this release, and back"), trouble).await;
    report.judge();
    assert!(report.broken.is_empty() && report.anew.is_empty(), "nobody notices");
    assert!(report.verified > 0, "ID tokens were verified");
}
