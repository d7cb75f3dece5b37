//! Fault 7: there is no memory any more. The process ends, as it would by the hand of the system, and the next one goes on with all that was
//! kept. That memory stays bounded under attack is shown by faults 8 and 9.

use std::process::Command;
use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings, http};
use postern_store::testing::until;
use tokio::task::JoinSet;

use crate::CALM;
use crate::customer::Customer;

/// Requests that need memory, each as many bytes as are just allowed, and how long one may take.
const AT_ONCE: usize = 200;
const LARGE: usize = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn fault_7_whoever_has_no_memory_ends_and_the_next_goes_on() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let mut postern = Postern::start(&redis, Settings::default()).await;
    let customer = Customer::of(&postern).await;
    let waiting = customer.begin(&postern).await.expect("a login that begins");
    // Not one page more than it has.
    let pid = postern.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--as=1:1", "--data=1:1"]).status();
    assert!(limited.is_ok_and(|status| status.success()));
    let http = http();
    until("it ends", async || {
        let mut large = JoinSet::new();
        for _ in 0..AT_ONCE {
            let request = http.post(format!("{}/api/oauth/token", postern.origin)).timeout(PATIENCE);
            large.spawn(request.body("x".repeat(LARGE)).send());
        }
        large.join_all().await;
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    })
    .await;
    let ended = postern.ended().await;
    assert!(!ended.success(), "{ended}");
    let next = Postern::start(&redis, Settings { ports: Some(postern.ports()), ..Settings::default() }).await;
    // What was under way at the time is not even lost, for nothing of it is in the process.
    let code = customer.respond(&next, &waiting).await.expect("a code");
    customer.redeem(&next, &code).await.expect("tokens");
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!("no memory: it ended with {ended}, 0 logins lost");
    }
}
