use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redb::StorageBackend;

use postern_core::ports::Consumed;

use super::*;
use crate::contract;
use crate::stage::{TestClock, one};

struct World {
    clock: Arc<TestClock>,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { clock: Arc::new(TestClock::default()), directory: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> PathBuf {
        self.directory.path().join("postern.redb")
    }
    async fn open(&self) -> Arc<dyn Backend> {
        Arc::new(RedbBackend::open(&self.path(), self.clock.clone()).await.unwrap())
    }
}

fn put(key: &str, lifetime: Option<Duration>) -> Op {
    Op::Put { key: key.into(), value: b"x".into(), bound: false, lifetime }
}
fn get(key: &str) -> Op {
    Op::Get { key: key.into() }
}
fn append(entry: &str) -> Op {
    Op::LogAppend { log: "log".into(), entry: entry.into(), keep: 1000 }
}
fn index_add(member: &str) -> Op {
    Op::IndexAdd { index: "index".into(), score: 1, member: member.into() }
}
async fn entries(backend: &dyn Backend) -> usize {
    match one(backend, Op::LogRead { log: "log".into(), after: None, limit: 1000 }).await {
        Reply::Entries(entries) => entries.len(),
        other => panic!("{other:?}"),
    }
}

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let world = World::new();
    contract::suite(world.open().await, async |time| world.clock.advance(time)).await;
}

#[tokio::test]
async fn values_end_at_their_instant() {
    let world = World::new();
    contract::values_end_at_their_instant(&world.open().await, |time| world.clock.advance(time)).await;
}

#[tokio::test]
async fn what_lasts_is_found_again_and_what_ends_is_not() {
    let world = World::new();
    let backend = world.open().await;
    for op in [put("lasts", None), put("ends", MINUTE), index_add("m"), append("first"), append("second")] {
        one(&*backend, op).await;
    }
    drop(backend);

    let backend = world.open().await;
    let x = || Reply::Value(Some(b"x".into()));
    assert_eq!(one(&*backend, get("lasts")).await, x());
    assert_eq!(one(&*backend, get("ends")).await, Reply::Value(None));
    assert_eq!(one(&*backend, Op::IndexCount { index: "index".into() }).await, Reply::Count(1));
    assert_eq!(entries(&*backend).await, 2);

    let consume = Op::Consume { key: "lasts".into(), tombstone: vec![], lifetime: Duration::from_secs(60) };
    assert_eq!(one(&*backend, consume).await, Reply::Consumed(Consumed::Live(b"x".into())));
    drop(backend);
    assert_eq!(one(&*world.open().await, get("lasts")).await, Reply::Value(None), "what was spent is not revived");
}

/// What a crash would leave: the file as it is while the store is still open.
async fn after_a_crash(world: &World) -> Arc<dyn Backend> {
    let copy = world.directory.path().join("copy.redb");
    std::fs::copy(world.path(), &copy).unwrap();
    Arc::new(RedbBackend::open(&copy, world.clock.clone()).await.unwrap())
}

#[tokio::test]
async fn a_crash_takes_only_the_latest_indexes_and_logs() {
    let world = World::new();
    let backend = world.open().await;
    one(&*backend, append("first")).await;
    one(&*backend, put("lasts", None)).await;
    one(&*backend, append("second")).await;

    let crashed = after_a_crash(&world).await;
    assert_eq!(one(&*crashed, get("lasts")).await, Reply::Value(Some(b"x".into())));
    assert_eq!(entries(&*crashed).await, 1, "what came before a durable value is as durable");
}

#[tokio::test(start_paused = true)]
async fn indexes_and_logs_reach_the_disk_after_a_while() {
    let world = World::new();
    let backend = world.open().await;
    one(&*backend, append("first")).await;
    assert_eq!(entries(&*after_a_crash(&world).await).await, 0, "an entry of a log waits for no disk");
    tokio::time::sleep(LATEST * 2).await; // the paused time stands still while a thread waits for the disk
    assert_eq!(entries(&*after_a_crash(&world).await).await, 1);
}

#[tokio::test]
async fn a_file_serves_one_process() {
    let world = World::new();
    let _first = world.open().await;
    let second = RedbBackend::open(&world.path(), world.clock.clone()).await;
    assert!(matches!(second, Err(OpenError::InUse { path }) if path == world.path()));
}

#[tokio::test]
async fn other_files_are_refused_by_name() {
    let world = World::new();
    std::fs::write(world.path(), "this is no store").unwrap();
    let error = RedbBackend::open(&world.path(), world.clock.clone()).await.err().unwrap();
    assert!(error.to_string().contains("postern.redb"), "{error}");
    assert_eq!(std::fs::read(world.path()).unwrap(), b"this is no store", "and left as they are");

    let nowhere = world.directory.path().join("missing").join("postern.redb");
    assert!(matches!(RedbBackend::open(&nowhere, world.clock.clone()).await, Err(OpenError::File { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _backend = world.open().await;
    assert_eq!(std::fs::metadata(world.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A disk that fails while it is told to.
#[derive(Debug)]
struct Failing {
    file: FileBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn work(&self) -> Result<&FileBackend, io::Error> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(io::Error::other("no space left")),
            false => Ok(&self.file),
        }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, io::Error> {
        self.work()?.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.work()?.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.work()?.set_len(len)
    }
    fn sync_data(&self) -> Result<(), io::Error> {
        self.work()?.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.work()?.write(offset, data)
    }
    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }
}

#[tokio::test]
async fn a_disk_that_failed_and_works_again_is_written_again() {
    let world = World::new();
    let (path, fails) = (world.path(), Arc::new(AtomicBool::new(false)));
    let open = {
        let fails = fails.clone();
        move || -> Result<Database, Failure> {
            let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
            let backend = Failing { file: FileBackend::new(file)?, fails: fails.clone() };
            let database = Database::builder().create_with_backend(backend)?;
            tables::create(&database)?;
            Ok(database)
        }
    };
    let backend = RedbBackend::open_with(Box::new(open), world.clock.clone()).await.unwrap();
    one(&backend, put("before", None)).await;
    one(&backend, put("login", MINUTE)).await;

    fails.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(backend.run(vec![put("meanwhile", None)]).await.is_err());
    }
    fails.store(false, Ordering::Relaxed);
    one(&backend, put("after", None)).await;
    let x = || Reply::Value(Some(b"x".into()));
    for key in ["before", "after", "login"] {
        assert_eq!(one(&backend, get(key)).await, x(), "{key}");
    }
    assert_eq!(one(&backend, get("meanwhile")).await, Reply::Value(None), "what was not promised");
    drop(backend);
    assert_eq!(one(&*world.open().await, get("after")).await, x());
}
