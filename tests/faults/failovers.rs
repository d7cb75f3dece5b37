//! Faults 2 and 3: the server that keeps everything goes away during a storm of logins, and another takes its place, or it comes
//! back. What may have been used is refused, whoever is affected begins anew, and people sign in again without anybody's help.
//! `crates/store/src/redis/failovers.rs` shows the same of the store alone, with a hundred times as many values.

use std::time::Duration;

use postern_e2e::storm::Storm;
use postern_store::testing::{Cluster, RedisServer, Watched, until};

use crate::{CALM, CROWD, replicas};

/// Long enough for some hundred requests.
const A_WHILE: Duration = Duration::from_secs(2);

/// People sign in at three replicas on this store, while something happens to it.
async fn storm(what: &str, store: &str, trouble: impl Future<Output = ()>) {
    let replicas = replicas::<3>(store).await;
    let storm = Storm::gather(&replicas.each_ref(), CROWD).await;
    let report = storm.rage(what, trouble).await;
    report.judge();
    assert!(report.broken.is_empty(), "everybody who is affected is told to begin anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_a_primary_dies_behind_sentinels() {
    let _calm = CALM.lock().await;
    let mut watched = Watched::start(&[]).await;
    let url = watched.url();
    let trouble = async {
        let old = watched.primary().await;
        watched.servers[old].kill();
        until("another is the primary", async || watched.primary().await != old).await;
    };
    storm("kill -9 of the primary, sentinels", &url, trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_2_an_operator_orders_a_failover() {
    let _calm = CALM.lock().await;
    let watched = Watched::start(&[]).await;
    let trouble = async {
        let old = watched.primary().await;
        until("another is the primary", async || {
            // While one is under way, another order is refused.
            let _ = watched.sentinels[1].try_command(&["SENTINEL", "FAILOVER", "main"]).await;
            watched.primary().await != old
        })
        .await;
    };
    storm("SENTINEL FAILOVER", &watched.url(), trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_2_a_node_of_a_cluster_dies() {
    let _calm = CALM.lock().await;
    let mut cluster = Cluster::start(&[]).await;
    let url = cluster.url_of(5);
    let trouble = async {
        let lost = cluster.keeper("a").await;
        cluster.nodes[lost].kill();
        until("its replica has taken over", async || {
            let says = cluster.nodes[(lost + 1) % 3].try_command(&["CLUSTER", "INFO"]).await;
            says.is_ok_and(|says| format!("{says:?}").contains("cluster_state:ok")) && cluster.keeper("a").await != lost
        })
        .await;
    };
    storm("kill -9 of a node, cluster", &url, trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_2_a_cluster_changes_a_primary() {
    let _calm = CALM.lock().await;
    let cluster = Cluster::start(&[]).await;
    let trouble = async {
        let old = cluster.keeper("a").await;
        cluster.nodes[old + 3].command(&["CLUSTER", "FAILOVER"]).await;
        until("the replica has taken over", async || cluster.keeper("a").await == old + 3).await;
    };
    storm("CLUSTER FAILOVER", &cluster.url(), trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_2_a_single_server_starts_again_from_what_it_saved() {
    let _calm = CALM.lock().await;
    let mut server = RedisServer::start(&[]).await;
    let url = server.url();
    let trouble = async {
        server.command(&["SAVE"]).await;
        // What happens from here on is lost.
        tokio::time::sleep(A_WHILE).await;
        server.kill();
        tokio::time::sleep(A_WHILE).await;
        server.restart().await;
    };
    storm("kill -9 of the one server, and its start from what it saved two seconds before", &url, trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: make faults"]
async fn fault_2_a_server_hangs() {
    let _calm = CALM.lock().await;
    let server = RedisServer::start(&[]).await;
    let trouble = async {
        let long = A_WHILE.as_millis().to_string();
        server.command(&["CLIENT", "PAUSE", &long, "ALL"]).await;
        tokio::time::sleep(A_WHILE).await;
    };
    storm("a server that hangs for two seconds", &server.url(), trouble).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_3_a_replica_that_was_cut_off_takes_over() {
    let _calm = CALM.lock().await;
    let mut watched = Watched::start(&[]).await;
    let url = watched.url();
    let trouble = async {
        let old = watched.primary().await;
        for (at, replica) in watched.servers.iter().enumerate().filter(|(at, _)| *at != old) {
            // With a password that its primary does not know, it cannot come back.
            replica.command(&["CONFIG", "SET", "masterauth", &format!("wrong{at}")]).await;
        }
        watched.servers[old].command(&["CLIENT", "KILL", "TYPE", "replica"]).await;
        // What is used from here on, no replica hears of.
        tokio::time::sleep(A_WHILE).await;
        watched.servers[old].kill();
        until("a replica has taken over", async || watched.primary().await != old).await;
    };
    storm("a replica that was cut off for two seconds takes over", &url, trouble).await;
}
