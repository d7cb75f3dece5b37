//! An operator changes the keys of the API of a running Postern, whose requests go on meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings};
use reqwest::Method;

const FIRST: &str = "the-first-key-of-the-api";
const SECOND: &str = "the-second-key-of-the-api";

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_api_change_while_requests_go_on() {
    let (redis, folder) = (Redis::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("keys");
    std::fs::write(&file, FIRST).unwrap();
    let environment =
        vec![("POSTERN_ADMIN__API_KEYS", String::new()), ("POSTERN_ADMIN__API_KEYS_FILE", file.display().to_string())];
    let postern = Arc::new(Postern::start(&redis, Settings { environment, ..Settings::default() }).await);
    assert_eq!((status(&postern, FIRST).await, status(&postern, SECOND).await), (200, 401));
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = (0..4).map(|_| {
        let (postern, over, answered) = (postern.clone(), over.clone(), answered.clone());
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(status(&postern, FIRST).await, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let load: Vec<_> = load.collect();

    std::fs::write(&file, format!("{FIRST}\n{SECOND}\n")).unwrap();
    postern.hang_up();
    until(&postern, SECOND, 200).await;
    // Not what a key looks like: the log says so, without showing it, and nothing changes.
    std::fs::write(&file, "hunter2").unwrap();
    postern.hang_up();
    while !postern.log().contains("admin.api_keys_file") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!postern.log().contains("hunter2"));
    assert_eq!((status(&postern, FIRST).await, status(&postern, SECOND).await), (200, 200));

    over.store(true, Ordering::Relaxed);
    for requests in load {
        requests.await.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) > 0);
    // Nobody says anything: the file is looked at.
    std::fs::write(&file, SECOND).unwrap();
    until(&postern, FIRST, 401).await;
    assert_eq!(status(&postern, SECOND).await, 200);
}

async fn status(postern: &Postern, key: &str) -> u16 {
    postern.call_as(key, Method::GET, "/api/v1/products", None).await.status
}

/// Waits until this key is answered so.
async fn until(postern: &Postern, key: &str, expected: u16) {
    for _ in 0..1000 {
        if status(postern, key).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the answer is never {expected}");
}
