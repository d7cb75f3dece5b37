use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postern_core::ports::{Backend, Clock, Consumed, Op, Reply, StoreError};
use postern_core::secret::Secret;

use ::redis::Client;

use super::fleet::{Cluster as ClusterOfServers, Watched, until};
use super::server::RedisServer;
use super::*;
use crate::stage::TestClock;
use crate::{StoreUrl, contract, open, ping};

async fn client(url: &str, options: &RedisOptions) -> Arc<dyn Backend> {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::default());
    open(&url.parse::<StoreUrl>().unwrap(), clock, options).await.unwrap()
}

async fn client_of(server: &RedisServer) -> Arc<dyn Backend> {
    client(&server.url(), &RedisOptions::default()).await
}

fn put(key: &str) -> Op {
    Op::Put { key: key.into(), value: b"x".into(), bound: false, lifetime: None }
}

/// Everything that an error would show, wherever it is printed.
fn shown(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let server = RedisServer::start(&[]).await;
    contract::suite(client_of(&server).await, wait).await;
}

/// Lets time pass for the servers too.
async fn wait(time: Duration) {
    tokio::time::sleep(time + Duration::from_millis(20)).await;
}

fn waiting_for(wait_replicas: u32) -> RedisOptions {
    RedisOptions { wait_replicas, ..RedisOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_behind_sentinels() {
    let watched = Watched::start(&[]).await;
    contract::suite(client(&watched.url(), &waiting_for(2)).await, wait).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_on_a_cluster() {
    let cluster = ClusterOfServers::start(&[]).await;
    contract::suite(client(&cluster.url(), &waiting_for(1)).await, wait).await;
}

#[tokio::test]
async fn listens_on_sockets_too() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("redis.sock");
    let _server = RedisServer::start(&["--unixsocket", socket.to_str().unwrap()]).await;
    ping(&*client(&format!("redis+unix://{}", socket.display()), &RedisOptions::default()).await).await.unwrap();
}

#[tokio::test]
async fn logs_in_with_a_password_and_chooses_a_database() {
    let server = RedisServer::start(&["--requirepass", "hunter2"]).await;
    let at = |credentials: &str, database| format!("redis://{credentials}127.0.0.1:{}/{database}", server.port);
    let none = RedisOptions::default();

    let first = client(&at(":hunter2@", 0), &none).await;
    let second = client(&at("default:hunter2@", 1), &none).await;
    first.run(vec![put("a")]).await.unwrap();
    assert_eq!(second.run(vec![Op::Get { key: "a".into() }]).await.unwrap(), [Reply::Value(None)]);

    for credentials in ["", ":sesame@", "someone:hunter2@"] {
        let error = ping(&*client(&at(credentials, 0), &none).await).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)));
        let shown = shown(&error);
        assert!(!shown.contains("hunter2") && !shown.contains("sesame") && !shown.contains("someone"), "{shown}");
    }
}

#[tokio::test]
async fn goes_on_after_the_server_was_away() {
    let mut server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    ping(&*backend).await.unwrap();

    server.kill();
    assert!(matches!(ping(&*backend).await, Err(StoreError::Unavailable(_))));
    server.restart().await;
    ping(&*backend).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nobody_an_error() {
    let mut server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    ping(&*backend).await.unwrap();
    server.kill();
    server.restart().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    // A consume is never asked twice, so this one finds a connection that was made anew.
    let consume = Op::Consume { key: "a".into(), tombstone: vec![], lifetime: Duration::from_secs(1) };
    backend.run(vec![consume]).await.unwrap();
}

#[tokio::test]
async fn a_thread_that_ends_takes_nobodys_connection_with_it() {
    let server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    let shared = backend.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { ping(&*shared).await.unwrap() });
    });
    other.join().unwrap();
    // A consume is never asked twice, so this one does not lean on what the other thread has left.
    let consume = Op::Consume { key: "a".into(), tombstone: vec![], lifetime: Duration::from_secs(1) };
    backend.run(vec![consume]).await.unwrap();
}

#[tokio::test]
async fn a_password_that_was_wrong_for_a_moment_is_not_remembered() {
    let server = RedisServer::start(&["--requirepass", "old"]).await;
    let (old, new) =
        (format!("redis://:old@127.0.0.1:{}", server.port), format!("redis://:new@127.0.0.1:{}", server.port));
    let backend = client(&new, &RedisOptions::default()).await;
    assert!(ping(&*backend).await.is_err());

    let mut operator = Client::open(old).unwrap().get_multiplexed_async_connection().await.unwrap();
    ::redis::cmd("CONFIG").arg(&["SET", "requirepass", "new"]).exec_async(&mut operator).await.unwrap();
    ping(&*backend).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    ping(&*backend).await.unwrap();

    let mut operator = Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    ::redis::cmd("CLIENT").arg(&["PAUSE", "1500", "ALL"]).exec_async(&mut operator).await.unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(4), ping(&*backend)).await.expect("bounded");
    assert!(shown(&asked.unwrap_err()).contains("did not answer in time"));

    tokio::time::sleep(Duration::from_millis(1500)).await;
    ping(&*backend).await.unwrap();
}

#[tokio::test]
async fn while_a_server_hangs_one_of_a_crowd_waits_and_finds_out() {
    let server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    ping(&*backend).await.unwrap();
    server.signal("STOP");
    ping(&*backend).await.unwrap_err();
    let crowd = (0..200).map(|_| ping(&*backend));
    let answers = futures_util::future::join_all(crowd).await;
    let told = |what: &str| answers.iter().filter(|answer| shown(answer.as_ref().unwrap_err()).contains(what)).count();
    assert_eq!((told("did not answer in time"), told("is away, and being called again")), (1, 199));

    server.signal("CONT");
    until("it is back", async || ping(&*backend).await.is_ok()).await;
    let crowd = (0..200).map(|_| ping(&*backend));
    assert!(futures_util::future::join_all(crowd).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_crowd_at_a_closed_door_is_sent_away_at_once() {
    let mut server = RedisServer::start(&[]).await;
    let backend = client_of(&server).await;
    server.kill();
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let backend = backend.clone();
        crowd.spawn(async move { ping(&*backend).await.is_err() });
    }
    let sent_away = tokio::time::timeout(Duration::from_secs(3), crowd.join_all()).await.expect("one call for all");
    assert!(sent_away.into_iter().all(|away| away));
}

#[tokio::test]
async fn what_the_server_refuses_is_told_by_its_code() {
    let server = RedisServer::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]).await;
    let backend = client_of(&server).await;
    let error = backend.run(vec![put("a")]).await.unwrap_err();
    assert!(shown(&error).contains("Redis refuses: OOM"), "{}", shown(&error));

    let mut operator = Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    ::redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"]).exec_async(&mut operator).await.unwrap();
    ::redis::cmd("LPUSH").arg(&["list", "x"]).exec_async(&mut operator).await.unwrap();
    let error = backend.run(vec![Op::Get { key: "list".into() }]).await.unwrap_err();
    assert!(shown(&error).contains("Redis refuses: WRONGTYPE"), "{}", shown(&error));
    backend.run(vec![put("a")]).await.unwrap();
}

#[tokio::test]
async fn tls_servers_are_believed_only_with_an_authority_that_was_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let served = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = file("server.pem", served.cert.pem());
    let key = file("server.key", served.signing_key.serialize_pem());
    let other = file("other.pem", other.cert.pem());

    let server = RedisServer::start_tls(&certificate, &key, None).await;
    let ask = async |host: &str, ca_files: &[&PathBuf]| {
        let ca_files = ca_files.iter().map(|path| path.to_path_buf()).collect();
        let options = RedisOptions { ca_files, ..RedisOptions::default() };
        ping(&*client(&format!("rediss://{host}:{}", server.port), &options).await).await
    };
    ask("localhost", &[&certificate]).await.unwrap();
    ask("localhost", &[&other, &certificate]).await.unwrap();
    for (host, files) in [("localhost", vec![&other]), ("localhost", vec![]), ("127.0.0.1", vec![&certificate])] {
        let error = ask(host, &files).await.unwrap_err();
        assert!(shown(&error).contains("certificate"), "{}", shown(&error));
    }
}

#[tokio::test]
async fn tls_servers_that_ask_for_certificates_are_shown_ours() {
    let directory = tempfile::tempdir().unwrap();
    let files = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let [certificate, key] = ["pem", "key"].map(|kind| directory.path().join(format!("{name}.{kind}")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        ClientCertificate { certificate, key }
    };
    let (ours, stranger, served) = (files("ours"), files("stranger"), files("served"));
    let server = RedisServer::start_tls(&served.certificate, &served.key, Some(&ours.certificate)).await;
    let ask = async |shown: Option<&ClientCertificate>| {
        let ca_files = vec![served.certificate.clone()];
        let options = RedisOptions { ca_files, client_certificate: shown.cloned(), ..RedisOptions::default() };
        ping(&*client(&format!("rediss://localhost:{}", server.port), &options).await).await
    };
    ask(Some(&ours)).await.unwrap();
    assert!(ask(Some(&stranger)).await.is_err());
    assert!(ask(None).await.is_err());

    let swapped = ClientCertificate { certificate: ours.key.clone(), key: ours.certificate.clone() };
    let options = RedisOptions { client_certificate: Some(swapped), ..RedisOptions::default() };
    let url: StoreUrl = "rediss://redis.example".parse().unwrap();
    let error = open(&url, Arc::new(TestClock::default()), &options).await.err().unwrap();
    assert!(error.to_string().contains("ours.key"), "{error}");
}

#[tokio::test]
async fn a_file_of_authorities_has_to_hold_some() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let url: StoreUrl = "rediss://redis.example".parse().unwrap();
    for path in [empty, directory.path().join("missing.pem")] {
        let options = RedisOptions { ca_files: vec![path.clone()], ..RedisOptions::default() };
        let error = open(&url, Arc::new(TestClock::default()), &options).await.err().unwrap();
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

#[tokio::test]
async fn sentinels_and_servers_have_passwords_of_their_own() {
    let server = RedisServer::start(&["--requirepass", "hunter2"]).await;
    let sentinel = RedisServer::start_sentinel(server.port, "requirepass sesame\n").await;
    let ask = async |service: &str, password: Option<&str>| {
        let url = format!("redis+sentinel://:hunter2@127.0.0.1:{}/{service}", sentinel.port);
        let sentinel_login = password.map(|password| SentinelLogin { user: None, password: Secret::new(password) });
        ping(&*client(&url, &RedisOptions { sentinel_login, ..RedisOptions::default() }).await).await
    };
    ask("main", Some("sesame")).await.unwrap();
    for wrong in [None, Some("hunter2")] {
        let shown = shown(&ask("main", wrong).await.unwrap_err());
        assert!(!shown.contains("hunter2") && !shown.contains("sesame"), "{shown}");
    }
    let error = ask("other", Some("sesame")).await.unwrap_err();
    assert!(shown(&error).contains("no sentinel knows the service"), "{}", shown(&error));
}

#[tokio::test]
async fn goes_where_sentinels_say_that_the_primary_is() {
    let watched = Watched::start(&[]).await;
    let backend = client(&watched.url(), &RedisOptions::default()).await;
    let patient = client(&watched.url(), &waiting_for(1)).await;
    backend.run(vec![put("before")]).await.unwrap();
    patient.run(vec![put("before")]).await.unwrap();

    let old = watched.primary().await;
    until("another is the primary", async || {
        // While one is under way, another order is refused.
        let _ = watched.sentinels[2].try_command(&["SENTINEL", "FAILOVER", "main"]).await;
        watched.primary().await != old
    })
    .await;
    let new = &watched.servers[watched.primary().await];
    until("it is written to", async || {
        backend.run(vec![put("after")]).await.unwrap();
        new.command(&["EXISTS", "after"]).await == ::redis::Value::Int(1)
    })
    .await;
    assert_eq!(backend.run(vec![Op::Get { key: "before".into() }]).await.unwrap(), [Reply::Value(Some(b"x".into()))]);
    until("the new one has replicas", async || patient.run(vec![put("lasts")]).await.is_ok()).await;
    assert_eq!(new.command(&["EXISTS", "lasts"]).await, ::redis::Value::Int(1));
}

#[tokio::test]
async fn a_cluster_changes_its_primaries_unnoticed() {
    let cluster = ClusterOfServers::start(&[]).await;
    let backend = client(&cluster.url(), &RedisOptions::default()).await;
    let patient = client(&cluster.url(), &waiting_for(1)).await;
    backend.run(vec![put("a")]).await.unwrap();
    patient.run(vec![put("a")]).await.unwrap();

    let old = cluster.keeper("a").await;
    cluster.nodes[old + 3].command(&["CLUSTER", "FAILOVER"]).await;
    let consume = || Op::Consume { key: "a".into(), tombstone: vec![], lifetime: Duration::from_secs(60) };
    until("the replica has taken over", async || {
        backend.run(vec![put("a"), put("b"), put("c"), consume()]).await.unwrap();
        cluster.keeper("a").await == old + 3
    })
    .await;
    assert_eq!(backend.run(vec![put("a"), consume()]).await.unwrap()[1], Reply::Consumed(Consumed::Live(b"x".into())));
    until("the new one has a replica", async || patient.run(vec![put("a")]).await.is_ok()).await;
}

#[tokio::test]
async fn a_cluster_goes_on_without_one_of_its_nodes() {
    let mut cluster = ClusterOfServers::start(&[]).await;
    let backend = client(&cluster.url(), &RedisOptions::default()).await;
    backend.run(vec![put("a")]).await.unwrap();
    let lost = cluster.keeper("a").await;
    cluster.nodes[lost].kill();
    assert!(matches!(backend.run(vec![put("a")]).await, Err(StoreError::Unavailable(_))), "nobody has taken over yet");
    until("the replica has taken over", async || backend.run(vec![put("a"), put("b"), put("c")]).await.is_ok()).await;
}

#[tokio::test]
async fn keys_are_found_while_they_move_to_another_node() {
    let cluster = ClusterOfServers::start(&[]).await;
    let backend = client(&cluster.url(), &RedisOptions::default()).await;
    let value = |text: &str| Reply::Value(Some(text.into()));
    let get = |key: &str| Op::Get { key: key.into() };
    backend.run(vec![put("{move}:here")]).await.unwrap();

    let (from, to) = (cluster.keeper("{move}").await, (cluster.keeper("{move}").await + 1) % 3);
    let slot: u16 =
        ::redis::from_redis_value(cluster.nodes[0].command(&["CLUSTER", "KEYSLOT", "{move}"]).await).unwrap();
    let slot = slot.to_string();
    let [from, to] = [from, to].map(|at| &cluster.nodes[at]);
    let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]).await, to.text(&["CLUSTER", "MYID"]).await);
    to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
    from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;

    // What is new is written where the slot goes; what is there already is still read, and spent, where it was.
    let consume = |key: &str| Op::Consume { key: key.into(), tombstone: vec![], lifetime: Duration::from_secs(60) };
    let replies = backend
        .run(vec![
            get("{move}:here"),
            put("{move}:new"),
            get("{move}:new"),
            consume("{move}:new"),
            consume("{move}:here"),
            consume("{move}:new"),
            put("elsewhere"),
        ])
        .await
        .unwrap();
    let (live, spent) = (Reply::Consumed(Consumed::Live(b"x".into())), Reply::Consumed(Consumed::Spent(vec![])));
    assert_eq!(replies, [value("x"), Reply::Done, value("x"), live.clone(), live, spent.clone(), Reply::Done]);
    assert_eq!(to.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).await, ::redis::Value::Int(1));

    let port = to.port.to_string();
    from.command(&["MIGRATE", "127.0.0.1", &port, "{move}:here", "0", "1000"]).await;
    for node in [to, from] {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
    }
    assert_eq!(backend.run(vec![consume("{move}:here"), consume("{move}:new")]).await.unwrap(), [spent.clone(), spent]);
}

#[tokio::test]
async fn what_lasts_is_acknowledged_when_replicas_have_it() {
    let mut watched = Watched::start(&[]).await;
    let both = client(&watched.url(), &waiting_for(2)).await;
    for number in 0..100 {
        let key = format!("lasts:{number}");
        both.run(vec![put(&key)]).await.unwrap();
        for server in &watched.servers {
            assert_eq!(server.command(&["EXISTS", &key]).await, ::redis::Value::Int(1));
        }
    }

    let primary = watched.primary().await;
    watched.servers[(primary + 1) % 3].kill();
    let error = both.run(vec![put("unconfirmed")]).await.unwrap_err();
    assert!(shown(&error).contains("fewer replicas than store.wait_replicas"), "{}", shown(&error));
    client(&watched.url(), &waiting_for(1)).await.run(vec![put("confirmed")]).await.unwrap();
    let lifetime = Some(Duration::from_secs(60));
    let ends = Op::Put { key: "ends".into(), value: b"x".into(), lifetime, bound: true };
    both.run(vec![ends, Op::Get { key: "lasts:0".into() }]).await.unwrap();
}
