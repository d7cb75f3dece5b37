//! Fault 6: the disk of a small installation is full, or may not be written. What is to last is refused, people go on signing in, and when
//! there is room again everything goes on, without a restart.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use postern_core::fault::Code;
use postern_e2e::{Postern, Settings, http};
use postern_store::testing::until;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::CALM;
use crate::customer::Customer;

/// A small disk. None, where this process may not mount one.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "disk"]).arg(folder.path());
        mount.output().is_ok_and(|done| done.status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file");
        while filler.write_all(&[b'x'; 4096]).is_ok() {}
    }

    fn clear(&self) {
        std::fs::remove_file(self.filler()).expect("it can go");
    }

    /// What to write into `store.url`.
    fn store(&self) -> String {
        format!("redb:{}", self.path().join("postern.redb").display())
    }

    fn forbid_writing(&self) {
        self.remount("remount,ro");
    }

    fn allow_writing(&self) {
        self.remount("remount,rw");
    }

    fn remount(&self, options: &str) {
        let mounted = Command::new("mount").args(["-o", options]).arg(self.path()).status();
        assert!(mounted.is_ok_and(|status| status.success()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was lost is for reading")]
async fn fault_6_a_full_disk_refuses_what_lasts_and_logins_go_on() {
    let _calm = CALM.lock().await;
    let Some(disk) = Disk::mount() else {
        return println!("a full disk: not tried, because that takes somebody who may mount one");
    };
    let postern = Postern::start_at(&disk.store(), Settings::default()).await;
    let customer = Customer::of(&postern).await;
    customer.sign_in(&postern).await.expect("a login");

    disk.fill();
    let mut written = 0;
    let refused = loop {
        let product = json!({ "name": format!("p{written}"), "redirect_urls": ["https://app.example.com/callback"] });
        let answer = postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/products", Some(&product)).await;
        match answer.status {
            200 | 201 => written += 1,
            _ => break answer,
        }
        assert!(written < 10_000, "the disk is full");
    };
    assert_eq!((refused.status, refused.fault()), (503, Some(Code::StoreUnavailable)));
    let mut lost = 0;
    for _ in 0..20 {
        lost += usize::from(customer.sign_in(&postern).await.is_err());
    }
    let live = http().get(format!("{}/health/live", postern.operations)).send().await.expect("an answer");
    assert_eq!(live.status(), 200);

    disk.clear();
    let product = json!({ "name": "after", "redirect_urls": ["https://app.example.com/callback"] });
    until("there is room again", async || {
        let answer = postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/products", Some(&product)).await;
        answer.status < 300
    })
    .await;
    customer.sign_in(&postern).await.expect("a login");
    println!("a full disk: {written} records fitted in, the next was refused; {lost} of 20 logins lost meanwhile");
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was lost is for reading")]
async fn fault_6_a_disk_that_may_not_be_written_is_told_at_the_start() {
    let _calm = CALM.lock().await;
    let Some(disk) = Disk::mount() else {
        return println!("a disk that may not be written: not tried, because that takes somebody who may mount one");
    };
    let store = disk.store();
    let mut postern = Postern::start_at(&store, Settings::default()).await;
    let customer = Customer::of(&postern).await;
    postern.ask_to_stop();
    assert!(postern.ended().await.success());
    disk.forbid_writing();
    let (ended, said) = Postern::refuses(&store).await;
    assert!(!ended.success() && said.contains("cannot be opened: Read-only file system"), "{ended}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    disk.allow_writing();
    let again = Settings { ports: Some(postern.ports()), ..Settings::default() };
    customer.sign_in(&Postern::start_at(&store, again).await).await.expect("a login");
    println!("a disk that may not be written: the start is refused; afterwards everything is there, 0 records lost");
}
