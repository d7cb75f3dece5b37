//! Fault 8: many who open connections and send nothing, or send it drop by drop. Each is closed, and people sign in meanwhile.

use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings, usage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::CALM;
use crate::customer::Customer;

/// What they send at once, and what once a second.
const KINDS: [(&str, &str, &str); 4] = [
    ("nothing", "", ""),
    ("a head drop by drop", "GET /api/health HTTP/1.1\r\n", "x: y\r\n"),
    ("a body drop by drop", "POST /api/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "x=y&"),
    ("one request, and no second", "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n", ""),
];
/// How many of each kind.
const EACH: usize = 250;
/// The longest that one may stay.
const CLOSED: Duration = Duration::from_secs(5);
/// By how much both programs may be late on a machine that is busy otherwise.
const BUSY: Duration = Duration::from_secs(5);
/// Logins that are timed while there is no slow connection.
const LOGINS: usize = 100;
/// Far more than any of this takes, in bytes.
const MEMORY: u64 = 200 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn fault_8_a_thousand_slow_connections_are_closed_and_logins_go_on() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let customer = Customer::of(&postern).await;
    let mut alone = Vec::new();
    for _ in 0..LOGINS {
        alone.push(login(&postern, &customer).await);
    }
    let memory = usage::memory(postern.pid());

    let mut slow = JoinSet::new();
    for (kind, at_once, each_second) in KINDS {
        for _ in 0..EACH {
            let address = postern.origin.trim_start_matches("http://").to_owned();
            slow.spawn(async move { (kind, open_for(&address, at_once, each_second).await) });
        }
    }
    let mut longest = KINDS.map(|(kind, ..)| (kind, Duration::ZERO));
    let mut meanwhile = Vec::new();
    while !slow.is_empty() {
        meanwhile.push(login(&postern, &customer).await);
        while let Some(closed) = slow.try_join_next() {
            let (kind, after) = closed.expect("a connection is watched");
            let known = longest.iter_mut().find(|(known, _)| *known == kind).expect("a kind");
            known.1 = known.1.max(after);
        }
    }
    let peak = usage::memory(postern.pid()).peak;
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!("{} slow connections: 0 logins lost; open at most: {longest:?}", EACH * KINDS.len());
        println!(
            "  99 of 100 logins took at most {:?} alone, {:?} among them; memory {} MiB before, {} MiB at most",
            p99(&mut alone),
            p99(&mut meanwhile),
            memory.now >> 20,
            peak >> 20,
        );
    }
    for (kind, after) in longest {
        assert!(after < CLOSED + BUSY, "{kind}: {after:?}");
    }
    assert!(peak < MEMORY, "fault 7: memory is bounded");
}

/// How long Postern keeps a connection open.
async fn open_for(address: &str, at_once: &str, each_second: &str) -> Duration {
    let mut connection = TcpStream::connect(address).await.expect("Postern listens");
    let began = Instant::now();
    connection.write_all(at_once.as_bytes()).await.expect("something is sent");
    let mut answer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), connection.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) => assert!(began.elapsed() < Duration::from_secs(60), "{at_once:?} is kept open"),
        }
        if connection.write_all(each_second.as_bytes()).await.is_err() {
            return began.elapsed();
        }
    }
}

/// How long somebody takes to sign in, who succeeds.
async fn login(postern: &Postern, customer: &Customer) -> Duration {
    let began = Instant::now();
    customer.sign_in(postern).await.expect("a login");
    began.elapsed()
}

/// What 99 of 100 took at most.
fn p99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[(took.len() * 99).div_ceil(100) - 1]
}
