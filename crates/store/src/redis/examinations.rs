//! Servers that are examined, and what whoever has the rights of the ACL file can do and cannot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Client, RedisError, RedisResult, Value, cmd};
use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Op, Reply, StoreError, Timestamp};

use super::fleet::{Cluster, Watched};
use super::server::RedisServer;
use super::words::{ALL, Need};
use super::*;
use crate::stage::TestClock;
use crate::{StoreUrl, contract, open};

const PASSWORD: &str = "hunter2";

/// The ACL file that is delivered, with a password for Postern, and an operator who may do everything.
fn acl(folder: &Path, change: impl Fn(String) -> String) -> String {
    let delivered = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/redis/users.acl");
    let text = std::fs::read_to_string(delivered).unwrap();
    let text = text.replace("user default off", "user default on nopass ~* &* +@all");
    let text = change(text.replace("resetpass", &format!(">{PASSWORD}")));
    let file = folder.join("users.acl");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The URL with which Postern logs in.
fn as_postern(url: &str) -> StoreUrl {
    url.replace("://", &format!("://postern:{PASSWORD}@")).parse().unwrap()
}

async fn examined(url: &StoreUrl, options: &RedisOptions) -> Vec<Server> {
    let StoreUrl::Redis(url) = url else { panic!("a Redis") };
    examine(url, options, Arc::new(TestClock::default())).await.unwrap()
}

/// A store that is asked for everything under `p1:`, as Postern's keys are.
struct Ours(Arc<dyn Backend>);

#[async_trait]
impl Backend for Ours {
    async fn run(&self, mut batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        for op in &mut batch {
            let name = match op {
                Op::Get { key } | Op::Put { key, .. } | Op::PutNew { key, .. } => key,
                Op::Consume { key, .. } | Op::ReplaceIf { key, .. } | Op::Rewrite { key, .. } | Op::Delete { key } => {
                    key
                }
                Op::IndexAdd { index, .. } | Op::IndexRemove { index, .. } | Op::IndexTrim { index, .. } => index,
                Op::IndexPage { index, .. } | Op::IndexCount { index } => index,
                Op::LogAppend { log, .. } | Op::LogRead { log, .. } | Op::LogRewrite { log, .. } => log,
            };
            if !name.is_empty() {
                name.insert_str(0, "p1:"); // a name that is empty has to stay unfit
            }
        }
        self.0.run(batch).await
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        let mut page = self.0.list(&format!("p1:{prefix}"), after).await?;
        for item in &mut page.items {
            item.key.drain(.."p1:".len());
        }
        Ok(page)
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.0.remembers_since()
    }
}

async fn keeps_the_contract(url: &str, wait_replicas: u32) {
    let options = RedisOptions { wait_replicas, ..RedisOptions::default() };
    let url = as_postern(url);
    let store = open(&url, Arc::new(TestClock::default()), &options).await.unwrap();
    let wait = async |time: Duration| tokio::time::sleep(time + Duration::from_millis(20)).await;
    contract::suite(Arc::new(Ours(store)), wait).await;
    for server in examined(&url, &options).await {
        assert_eq!(server.told.unwrap().refused, [], "{}", server.address);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_of_the_acl_file_are_enough_for_one_server_and_good_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(&["--aclfile", &acl(folder.path(), |text| text)]).await;
    keeps_the_contract(&server.url(), 0).await;

    let url = format!("redis://postern:{PASSWORD}@127.0.0.1:{}", server.port);
    let mut connection = Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for words in [
        &["GET", "other:key"][..],
        &["SET", "p2:key", "x"],
        &["EVAL", "return redis.call('GET', KEYS[1])", "1", "other:key"],
        &["KEYS", "*"],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
        &["ACL", "LIST"],
        &["SHUTDOWN"],
        &["REPLICAOF", "NO", "ONE"],
        &["PUBLISH", "channel", "x"],
        &["SUBSCRIBE", "channel"],
        &["MIGRATE", "127.0.0.1", "1", "p1:key", "0", "10"],
    ] {
        let answer: RedisResult<Value> = cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await;
        let error = answer.expect_err(&words.join(" "));
        assert_eq!(error.code(), Some("NOPERM"), "{words:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_of_the_acl_file_are_enough_behind_sentinels() {
    let folder = tempfile::tempdir().unwrap();
    let watched = Watched::start(&["--aclfile", &acl(folder.path(), |text| text)]).await;
    // Sentinels have users of their own, and take anybody here.
    keeps_the_contract(&watched.url(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_of_the_acl_file_are_enough_in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&["--aclfile", &acl(folder.path(), |text| text)]).await;
    keeps_the_contract(&cluster.url(), 1).await;
}

#[tokio::test]
async fn a_server_tells_what_it_is_and_nothing_is_written_for_that() {
    let server = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]).await;
    let [found] = &examined(&server.url().parse().unwrap(), &RedisOptions::default()).await[..] else { panic!("one") };
    let told = found.told.as_ref().unwrap();
    assert_eq!((found.part, &found.address[..]), (Part::Primary, &format!("{}/0", server.url())[..]));
    assert_eq!(told.info["maxmemory_policy"], "allkeys-lru");
    assert!(told.info.contains_key("redis_version") && told.clocks.is_some() && told.refused.is_empty());
    assert_eq!(server.command(&["DBSIZE"]).await, Value::Int(0));

    // What is tried is understood, so that the answer is about rights: all but what only a cluster knows.
    let mut connection = Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for word in ALL.iter().filter(|word| word.need != Need::Cluster) {
        let Some(command) = word.tried() else { continue };
        let answer = command.query_async::<Value>(&mut connection).await;
        let nothing = |error: &RedisError| word.name() == "RENAME" && error.to_string().contains("no such key");
        assert!(answer.as_ref().map_or_else(nothing, |_| true), "{}: {answer:?}", word.name());
    }
    assert_eq!(server.command(&["DBSIZE"]).await, Value::Int(0));
}

#[tokio::test]
async fn rights_that_are_missing_are_named_with_what_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let without = |text: String| text.replace(" +zadd", "").replace(" +wait", "").replace(" +time", "");
    let server = RedisServer::start(&["--aclfile", &acl(folder.path(), without)]).await;
    let url = as_postern(&server.url());
    let [found] = &examined(&url, &RedisOptions::default()).await[..] else { panic!("one server") };
    let refused: Vec<_> = found.told.as_ref().unwrap().refused.iter().map(|(command, _)| *command).collect();
    assert_eq!(refused, ["ZADD", "TIME"], "nobody waits for replicas");
    let waiting = RedisOptions { wait_replicas: 1, ..RedisOptions::default() };
    let [found] = &examined(&url, &waiting).await[..] else { panic!("one server") };
    assert!(found.told.as_ref().unwrap().refused.contains(&("WAIT", Need::Replicas.purpose())));

    // Another's keys.
    let elsewhere = |text: String| text.replace("~p1:*", "~p2:*").replace(" +info", "");
    let server = RedisServer::start(&["--aclfile", &acl(folder.path(), elsewhere)]).await;
    let [found] = &examined(&as_postern(&server.url()), &RedisOptions::default()).await[..] else { panic!("one") };
    let told = found.told.as_ref().unwrap();
    assert!(told.info.is_empty());
    let refused: Vec<_> = told.refused.iter().map(|(command, _)| *command).collect();
    assert!(["GET", "SET", "XADD", "INFO"].iter().all(|command| refused.contains(command)), "{refused:?}");
}

#[tokio::test]
async fn every_server_is_asked() {
    let parts = async |url: &str| {
        let mut parts: Vec<_> = examined(&url.parse().unwrap(), &RedisOptions::default()).await;
        parts.retain(|server| server.told.is_ok());
        let count = |part| parts.iter().filter(|server| server.part == part).count();
        (count(Part::Sentinel), count(Part::Primary), count(Part::Replica))
    };
    let mut watched = Watched::start(&[]).await;
    assert_eq!(parts(&watched.url()).await, (3, 1, 2));
    watched.sentinels[1].kill();
    assert_eq!(parts(&watched.url()).await, (2, 1, 2));
    assert_eq!(parts(&Cluster::start(&[]).await.url()).await, (0, 3, 3));

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for form in ["redis://127.0.0.1:PORT", "redis+sentinel://127.0.0.1:PORT/main", "redis+cluster://127.0.0.1:PORT"] {
        let found = examined(&form.replace("PORT", &port.to_string()).parse().unwrap(), &RedisOptions::default()).await;
        assert!(!found.is_empty() && found.iter().all(|server| server.told.is_err()), "{form}");
    }
}
