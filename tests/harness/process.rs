//! A program that runs for as long as a test needs it.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::http;

/// A program with a folder of its own, where its output goes to the file `log`. Dropping it ends it. If the test is failing,
/// the end of the log is printed, because that is what one wants to see next.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    folder: TempDir,
}

impl Running {
    /// Starts a program; `folder` is or becomes its own.
    pub fn start(name: &'static str, command: &mut Command, folder: TempDir) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}; see scripts/install test"));
        Self { name, child, folder }
    }

    /// Waits until `ready` answers yes. Tells why not, if the program ends first or half a minute passes.
    pub async fn ready(mut self, mut ready: impl AsyncFnMut(&Running) -> bool) -> Self {
        const PAUSE: Duration = Duration::from_millis(20);
        for _ in 0..30_000 / PAUSE.as_millis() {
            if ready(&self).await {
                return self;
            }
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!("{} ended with {status}", self.name);
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{} did not get ready", self.name);
    }

    /// Waits until it answers at an address with 200.
    pub async fn ready_at(self, url: &str) -> Self {
        self.ready(async |_| http().get(url).send().await.is_ok_and(|answer| answer.status() == 200)).await
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it, without asking.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal: `TERM` asks it to end.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} gets {name}", self.name);
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// The files that it has open for writing, and those in its folder.
    pub fn written_files(&self) -> BTreeSet<PathBuf> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).expect("a folder that can be listed");
            entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
        };
        let is_written = |descriptor: &PathBuf| {
            let info = process.join("fdinfo").join(descriptor.file_name().unwrap_or_default());
            let text = std::fs::read_to_string(info).unwrap_or_default();
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
            // The lowest two bits say whether it is read (0), written (1) or both (2): open(2).
            flags.is_some_and(|flags| i64::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & 3 != 0))
        };
        let open = names(&process.join("fd")).into_iter().filter(is_written);
        let files = open.filter_map(|descriptor| std::fs::read_link(descriptor).ok()).filter(|path| path.is_file());
        files.chain(names(self.folder.path())).collect()
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = self.log();
            let start = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            #[expect(clippy::print_stderr, reason = "a failing test shows what its programs said")]
            {
                eprintln!("---- the end of what {} said ----\n{}", self.name, &log[start..]);
            }
        }
    }
}

/// A port that nothing listens on. They lie below the range from which systems take ports for outgoing connections, so that
/// none is taken between this answer and its use.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(step) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
