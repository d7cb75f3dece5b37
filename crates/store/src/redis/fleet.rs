//! Several servers for tests: a primary with replicas and sentinels, and a cluster.

use std::net::TcpListener;
use std::time::Duration;

use ::redis::from_redis_value;

use super::cluster;
use super::server::RedisServer;

/// A primary, two replicas, and three sentinels who watch over them as the service `main`.
pub struct Watched {
    /// The first is the primary in the beginning.
    pub servers: Vec<RedisServer>,
    /// Two of them have to agree.
    pub sentinels: Vec<RedisServer>,
}

impl Watched {
    /// Starts them, with these further arguments for the servers, and waits until everybody knows everybody.
    pub async fn start(arguments: &[&str]) -> Self {
        let mut servers = vec![RedisServer::start(arguments).await];
        let primary = servers[0].port;
        for _ in 0..2 {
            let follow = ["--replicaof", "127.0.0.1", &primary.to_string()];
            servers.push(RedisServer::start(&[arguments, &follow[..]].concat()).await);
        }
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(RedisServer::start_sentinel(primary, "").await);
        }
        let watched = Self { servers, sentinels };
        until("everybody knows everybody", async || watched.is_complete().await).await;
        watched
    }

    /// What to write into `store.url`.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// Which of the servers the first sentinel takes for the primary.
    pub async fn primary(&self) -> usize {
        let answer = self.sentinels[0].command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]).await;
        let (_, port): (String, u16) = from_redis_value(answer).unwrap();
        self.servers.iter().position(|server| server.port == port).unwrap()
    }

    async fn is_complete(&self) -> bool {
        for server in &self.servers[1..] {
            if !server.text(&["INFO", "replication"]).await.contains("master_link_status:up") {
                return false;
            }
        }
        for sentinel in &self.sentinels {
            let known = sentinel.text(&["INFO", "sentinel"]).await;
            if !known.contains("status=ok") || !known.contains("slaves=2,sentinels=3") {
                return false;
            }
        }
        true
    }
}

/// Three primaries with a replica each.
pub struct Cluster {
    /// The primaries, and the replica of each in the same order.
    pub nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Starts them, with these further arguments, and waits until all slots are kept.
    pub async fn start(arguments: &[&str]) -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..6 {
            let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
            let of_cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
            nodes.push(RedisServer::start(&[arguments, &of_cluster[..]].concat()).await);
            buses.push(bus);
        }
        for (at, (first, last)) in [(0, 5460), (5461, 10922), (10923, 16383)].into_iter().enumerate() {
            nodes[at].command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]).await;
        }
        let cluster = Self { nodes };
        until("everybody has met", async || cluster.all_say("cluster_known_nodes:6").await).await;
        for at in 3..6 {
            let primary = cluster.nodes[at - 3].text(&["CLUSTER", "MYID"]).await;
            cluster.nodes[at].command(&["CLUSTER", "REPLICATE", &primary]).await;
        }
        until("all slots are kept", async || {
            cluster.all_say("cluster_state:ok").await && cluster.replicas_follow().await
        })
        .await;
        cluster
    }

    /// What to write into `store.url`: one of them knows the others.
    pub fn url(&self) -> String {
        self.url_of(0)
    }

    /// The same by another node.
    pub fn url_of(&self, node: usize) -> String {
        format!("redis+cluster://127.0.0.1:{}", self.nodes[node].port)
    }

    /// Which node keeps a key as its primary.
    pub async fn keeper(&self, key: &str) -> usize {
        for node in &self.nodes {
            let Ok(answer) = node.try_command(&["CLUSTER", "SLOTS"]).await else { continue };
            let slots = cluster::read(from_redis_value(answer).unwrap(), "127.0.0.1").unwrap();
            let port = slots.keeper(key).unwrap().port;
            return self.nodes.iter().position(|node| node.port == port).unwrap();
        }
        panic!("no node answers")
    }

    async fn all_say(&self, line: &str) -> bool {
        for node in &self.nodes {
            if !node.text(&["CLUSTER", "INFO"]).await.contains(line) {
                return false;
            }
        }
        true
    }

    async fn replicas_follow(&self) -> bool {
        for node in &self.nodes[3..] {
            if !node.text(&["INFO", "replication"]).await.contains("master_link_status:up") {
                return false;
            }
        }
        true
    }
}

/// Waits until something is so.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..1200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within a minute");
}
