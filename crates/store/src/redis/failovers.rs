//! What failovers cost (faults 2 and 3 of docs/FAULTS.md). Two processes write values and race to take them while a primary goes
//! away; afterwards everything that was acknowledged is tried once more. Nothing is ever taken twice; how long nobody was
//! served, and what became of the rest, is printed: `cargo test -p postern-store failovers -- --nocapture`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_core::ports::{Backend, Consumed, Op, Reply, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fleet::{Cluster, Watched, until};
use super::server::RedisServer;
use super::{Failover, RedisOptions};
use crate::stage::TestClock;
use crate::{StoreUrl, open, ping};

async fn client(url: &str, failover: Failover) -> Arc<dyn Backend> {
    let options = RedisOptions { failover, ..RedisOptions::default() };
    open(&url.parse::<StoreUrl>().unwrap(), Arc::new(TestClock::default()), &options).await.unwrap()
}

async fn put(backend: &dyn Backend, key: &str) -> Result<(), StoreError> {
    let lifetime = Some(Duration::from_secs(600));
    backend.run(vec![Op::Put { key: key.into(), value: b"\x01live".into(), lifetime, bound: true }]).await.map(|_| ())
}

async fn consume(backend: &dyn Backend, key: &str) -> Result<Consumed, StoreError> {
    let op = Op::Consume { key: key.into(), tombstone: b"left".into(), lifetime: Duration::from_secs(600) };
    match backend.run(vec![op]).await?.remove(0) {
        Reply::Consumed(consumed) => Ok(consumed),
        other => panic!("{other:?}"),
    }
}

/// One storm at a time: sentinels that get no time do nothing at all for half a minute.
static CALM: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What happened in a storm.
struct Storm {
    processes: [Arc<dyn Backend>; 2],
    over: AtomicBool,
    seen: Mutex<Seen>,
}

struct Seen {
    /// How often each acknowledged value was taken.
    taken: HashMap<String, u32>,
    failed: u32,
    answered: Instant,
    /// The longest time in which nobody was answered.
    gap: Duration,
}

impl Storm {
    async fn begin(url: &str) -> Arc<Self> {
        let processes = [client(url, Failover::Strict).await, client(url, Failover::Strict).await];
        let seen = Seen { taken: HashMap::new(), failed: 0, answered: Instant::now(), gap: Duration::ZERO };
        Arc::new(Self { processes, over: AtomicBool::new(false), seen: Mutex::new(seen) })
    }

    /// Runs while `trouble` happens, and a while before and after.
    async fn rage(self: &Arc<Self>, trouble: impl Future<Output = ()>) {
        let mut workers = JoinSet::new();
        for worker in 0..8 {
            let storm = self.clone();
            workers.spawn(async move {
                for round in 0.. {
                    if storm.over.load(Ordering::Relaxed) {
                        return;
                    }
                    storm.write_and_take(&format!("storm:{{{worker}-{round}}}")).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        trouble.await;
        until("it is served again", async || ping(&*self.processes[0]).await.is_ok()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.over.store(true, Ordering::Relaxed);
        workers.join_all().await;
    }

    async fn write_and_take(&self, key: &str) {
        let [one, other] = &self.processes;
        if put(&**one, key).await.inspect(|()| self.answered(key, 0)).is_err() {
            return self.failed().await;
        }
        let (one, other) = tokio::join!(consume(&**one, key), consume(&**other, key));
        for outcome in [one, other] {
            match outcome {
                Ok(Consumed::Live(_)) => self.answered(key, 1),
                Ok(_) => {}
                Err(_) => self.failed().await,
            }
        }
    }

    fn answered(&self, key: &str, taken: u32) {
        let mut seen = self.seen.lock().unwrap();
        *seen.taken.entry(key.to_owned()).or_default() += taken;
        seen.gap = seen.gap.max(seen.answered.elapsed());
        seen.answered = Instant::now();
    }

    async fn failed(&self) {
        self.seen.lock().unwrap().failed += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    /// Tries to take everything once more, and tells.
    #[expect(clippy::print_stdout, reason = "figures for whoever asks for them")]
    async fn tell(&self, what: &str) {
        let mut taken = self.seen.lock().unwrap().taken.clone();
        let before: u32 = taken.values().sum();
        let (mut refused, mut lost) = (0, 0);
        for (key, times) in &mut taken {
            match consume(&*self.processes[1], key).await.unwrap() {
                Consumed::Live(_) => *times += 1,
                Consumed::Foreign => refused += 1,
                Consumed::Absent => lost += 1,
                Consumed::Spent(_) => {}
            }
        }
        let twice = taken.values().filter(|times| **times > 1).count();
        let (failed, gap) = {
            let seen = self.seen.lock().unwrap();
            (seen.failed, seen.gap)
        };
        println!(
            "{what}: {} values, {before} taken; {:.1} s without an answer, {failed} calls failed; afterwards {refused} refused, \
             {lost} lost, {twice} taken twice",
            taken.len(),
            gap.as_secs_f64(),
        );
        assert_eq!(twice, 0, "{what}");
        assert!(before > 100, "the storm was a storm: {before} taken");
        assert!(self.processes[0].remembers_since().is_some(), "it was noticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_a_primary_that_dies_behind_sentinels() {
    let _calm = CALM.lock().await;
    let mut watched = Watched::start(&[]).await;
    let storm = Storm::begin(&watched.url()).await;
    storm
        .rage(async {
            let old = watched.primary().await;
            watched.servers[old].kill();
            until("another is the primary", async || watched.primary().await != old).await;
        })
        .await;
    storm.tell("kill -9 of the primary, sentinels").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_an_operator_who_orders_a_failover() {
    let _calm = CALM.lock().await;
    let watched = Watched::start(&[]).await;
    let storm = Storm::begin(&watched.url()).await;
    storm
        .rage(async {
            let old = watched.primary().await;
            until("another is the primary", async || {
                // While one is under way, another order is refused.
                let _ = watched.sentinels[1].try_command(&["SENTINEL", "FAILOVER", "main"]).await;
                watched.primary().await != old
            })
            .await;
        })
        .await;
    storm.tell("SENTINEL FAILOVER").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_a_node_that_dies_in_a_cluster() {
    let _calm = CALM.lock().await;
    let mut cluster = Cluster::start(&[]).await;
    let storm = Storm::begin(&cluster.url()).await;
    storm
        .rage(async {
            let lost = cluster.keeper("a").await;
            cluster.nodes[lost].kill();
            let backend = client(&cluster.url_of(5), Failover::Strict).await;
            until("the replica has taken over", async || put(&*backend, "a").await.is_ok()).await;
        })
        .await;
    storm.tell("kill -9 of a node, cluster").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_a_cluster_that_changes_a_primary() {
    let _calm = CALM.lock().await;
    let cluster = Cluster::start(&[]).await;
    let storm = Storm::begin(&cluster.url()).await;
    storm
        .rage(async {
            let old = cluster.keeper("a").await;
            cluster.nodes[old + 3].command(&["CLUSTER", "FAILOVER"]).await;
            until("the replica has taken over", async || cluster.keeper("a").await == old + 3).await;
        })
        .await;
    storm.tell("CLUSTER FAILOVER").await;
}

/// How many of 200 values are taken again from a replica that was cut off before they were taken from its primary, and then
/// took the primary's place.
#[expect(clippy::print_stdout, reason = "figures for whoever asks for them")]
async fn taken_again_after_a_cut(failover: Failover) -> usize {
    let mut watched = Watched::start(&[]).await;
    let backend = client(&watched.url(), failover).await;
    let keys: Vec<String> = (0..200).map(|number| format!("cut:{number}")).collect();
    for key in &keys {
        put(&*backend, key).await.unwrap();
    }
    let old = watched.primary().await;
    for (at, replica) in watched.servers.iter().enumerate().filter(|(at, _)| *at != old) {
        until("it has got everything", async || {
            replica.command(&["EXISTS", keys.last().unwrap()]).await == ::redis::Value::Int(1)
        })
        .await;
        // With a password that its primary does not know, it cannot come back.
        replica.command(&["CONFIG", "SET", "masterauth", &format!("wrong{at}")]).await;
    }
    watched.servers[old].command(&["CLIENT", "KILL", "TYPE", "replica"]).await;
    until("the replicas are cut off", async || {
        watched.servers[old].text(&["INFO", "replication"]).await.contains("connected_slaves:0")
    })
    .await;

    for key in &keys {
        assert!(matches!(consume(&*backend, key).await.unwrap(), Consumed::Live(_)));
    }
    watched.servers[old].kill();
    until("a replica has taken over", async || watched.primary().await != old && ping(&*backend).await.is_ok()).await;
    let mut again = 0;
    for key in &keys {
        match consume(&*backend, key).await.unwrap() {
            Consumed::Live(_) => again += 1,
            Consumed::Foreign => {}
            other => panic!("the replica did not hear that {key} was taken, and says {other:?}"),
        }
    }
    println!("{failover:?}: a replica that was cut off gave {again} of {} values away again", keys.len());
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_3_a_replica_that_was_cut_off_gives_nothing_away_again() {
    let _calm = CALM.lock().await;
    assert_eq!(taken_again_after_a_cut(Failover::Strict).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_3_unless_that_is_what_was_asked_for() {
    let _calm = CALM.lock().await;
    assert_eq!(taken_again_after_a_cut(Failover::Available).await, 200);
}

#[tokio::test]
async fn fault_2_a_server_that_starts_again_from_what_it_saved_gives_nothing_away_again() {
    let mut server = RedisServer::start(&[]).await;
    let backend = client(&server.url(), Failover::Strict).await;
    for key in ["taken", "waiting"] {
        put(&*backend, key).await.unwrap();
    }
    server.command(&["SAVE"]).await;
    assert!(matches!(consume(&*backend, "taken").await.unwrap(), Consumed::Live(_)));
    assert_eq!(backend.remembers_since(), None);
    server.kill();
    server.restart().await;

    let get = vec![Op::Get { key: "waiting".into() }];
    assert_eq!(backend.run(get).await.unwrap(), [Reply::Foreign]);
    for key in ["taken", "waiting"] {
        assert_eq!(consume(&*backend, key).await.unwrap(), Consumed::Foreign);
        assert_eq!(consume(&*backend, key).await.unwrap(), Consumed::Spent(b"left".into()), "it is spent now");
    }
    assert!(backend.remembers_since().is_some());
    put(&*backend, "new").await.unwrap();
    assert!(matches!(consume(&*backend, "new").await.unwrap(), Consumed::Live(_)));
}

#[tokio::test]
async fn servers_that_hide_which_run_they_are_need_to_be_asked_for() {
    let server = RedisServer::start(&["--rename-command", "INFO", "hidden"]).await;
    let error = ping(&*client(&server.url(), Failover::Strict).await).await.unwrap_err();
    assert!(format!("{:?}", std::error::Error::source(&error)).contains("Refused"), "{error:?}");
    ping(&*client(&server.url(), Failover::Available).await).await.unwrap();
}
