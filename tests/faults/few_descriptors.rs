//! Fault 18: there are more connections than the process may open files. It waits for some to end, without turning in circles or
//! writing the log full, and then serves as before.

use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings, usage};
use postern_store::testing::until;
use tokio::net::TcpStream;

use crate::CALM;
use crate::customer::Customer;

/// How many files it may have open, and how many connections there are.
const FILES: usize = 64;
const CONNECTIONS: usize = 200;
/// How long it is looked at meanwhile, and of that the most that it may work.
const LOOKED_AT: Duration = Duration::from_secs(3);
const WORKED: Duration = Duration::from_millis(1500);
/// The most that it may have to say about it, in lines.
const LINES: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn fault_18_a_process_without_descriptors_waits_and_recovers() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let limits = vec![format!("--nofile={FILES}:{FILES}")];
    let postern = Postern::start(&redis, Settings { limits, ..Settings::default() }).await;
    let customer = Customer::of(&postern).await;
    customer.sign_in(&postern).await.expect("a login");

    let address = postern.origin.trim_start_matches("http://");
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(TcpStream::connect(address).await.expect("the system takes the call"));
    }
    let (worked, lines) = (usage::processor_time(postern.pid()), postern.log().lines().count());
    tokio::time::sleep(LOOKED_AT).await;
    let worked = usage::processor_time(postern.pid()) - worked;
    let lines = postern.log().lines().count() - lines;
    drop(connections);
    until("people sign in again", async || customer.sign_in(&postern).await.is_ok()).await;
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!(
            "{CONNECTIONS} connections and {FILES} descriptors: whoever came meanwhile waited; {worked:?} of {LOOKED_AT:?} worked, \
             {lines} lines logged; then people sign in again"
        );
    }
    assert!(worked < WORKED, "it does not turn in circles");
    assert!(lines < LINES, "it does not write the log full");
}
