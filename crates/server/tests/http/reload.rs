//! Keys of the API come and go while Postern runs.

use std::path::Path;

use actix_web::http::Method;
use postern::config::{Config, Sources};
use postern::reload::Reload;
use postern::system::SystemRandom;
use postern_core::ports::{Backend as _, Op, Reply};
use postern_store::{KEYRING, RootKey};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{API_KEY, World};

const FIRST: &str = "the-first-key-of-the-api";
const SECOND: &str = "the-second-key-of-the-api";

#[actix_web::test]
async fn root_keys_change_when_their_file_changes() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let next = RootKey::generate(2, &SystemRandom).to_text();
    let (next, first) = (next.expose(), world.root.to_text());
    let keys = folder.path().join("root-keys");
    write(&keys, first.expose());
    let toml = format!("store.url = 'memory:'\nseal.keys_file = '{}'", keys.display());
    write(&folder.path().join("postern.toml"), &toml);
    let sources = Sources { file: Some(folder.path().join("postern.toml")), ..Sources::default() };
    let files = Config::load(&sources).unwrap().files;
    let mut reload = Reload::new(world.app.clone().into_inner(), sources, files);
    let sealed_by = async || {
        let found = world.memory.run(vec![Op::Get { key: KEYRING.into() }]).await.unwrap();
        let [Reply::Value(Some(ring))] = &found[..] else { panic!("{found:?}") };
        u32::from_be_bytes(ring[2..6].try_into().unwrap())
    };
    assert_eq!(sealed_by().await, 1);

    // The new one alone: the ring does not open with it, and nothing changes.
    write(&keys, next);
    reload.look().await;
    world.ring.refresh(&*world.memory).await.expect("the former key opens it");
    assert_eq!(sealed_by().await, 1);

    write(&keys, &format!("{next}\n{}\n", first.expose()));
    reload.look().await;
    assert_eq!(sealed_by().await, 2);
    write(&keys, next);
    reload.look().await;
    world.ring.refresh(&*world.memory).await.unwrap();
    assert_eq!(sealed_by().await, 2);
}

struct Running {
    world: World,
    folder: TempDir,
    reload: Reload,
}

impl Running {
    async fn with_keys(keys: &str) -> Self {
        let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
        write(&folder.path().join("keys"), keys);
        let toml = format!("store.url = 'memory:'\nadmin.api_keys_file = '{}/keys'", folder.path().display());
        write(&folder.path().join("postern.toml"), &toml);
        let sources = Sources { file: Some(folder.path().join("postern.toml")), ..Sources::default() };
        let files = Config::load(&sources).unwrap().files;
        let reload = Reload::new(world.app.clone().into_inner(), sources, files);
        Self { world, folder, reload }
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join(name), text);
    }

    /// What whoever has this key is answered.
    async fn status(&self, key: &str) -> u16 {
        self.world.api_as(key, Method::GET, "products", Value::Null).await.status.as_u16()
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[actix_web::test]
async fn keys_are_added_and_removed_when_their_file_changes() {
    let mut running = Running::with_keys(FIRST).await;
    running.reload.look().await;
    assert_eq!((running.status(API_KEY).await, running.status(FIRST).await), (200, 401), "nothing has changed");

    running.write("keys", &format!("{FIRST}\n{SECOND}\n"));
    running.reload.look().await;
    let answers = [API_KEY, FIRST, SECOND].map(|key| running.status(key));
    assert_eq!(futures_util::future::join_all(answers).await, [401, 200, 200]);

    running.write("keys", SECOND);
    running.reload.look().await;
    assert_eq!((running.status(FIRST).await, running.status(SECOND).await), (401, 200));
}

#[actix_web::test]
async fn a_configuration_with_problems_changes_nothing() {
    let mut running = Running::with_keys(FIRST).await;
    running.reload.read().await;
    for (file, text) in [("keys", "too-short"), ("keys", ""), ("postern.toml", "no TOML"), ("keys", SECOND)] {
        running.write(file, text);
        running.reload.look().await;
        assert_eq!((running.status(FIRST).await, running.status(SECOND).await), (200, 401), "{file}");
    }
    std::fs::remove_file(running.folder.path().join("postern.toml")).unwrap();
    running.reload.look().await;
    assert_eq!(running.status(FIRST).await, 200);

    running.write("postern.toml", &format!("store.url = 'memory:'\nadmin.api_keys = ['{SECOND}']"));
    running.reload.look().await;
    assert_eq!((running.status(FIRST).await, running.status(SECOND).await), (401, 200));
}
