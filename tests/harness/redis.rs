//! A Redis server without persistence.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    running: Running,
    port: u16,
}

impl Redis {
    /// Starts an empty one.
    pub async fn start() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = Running::start(
            "redis-server",
            Command::new(tools::installed("bin/redis-server"))
                .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
                // For dumps: as they are, so that they can be searched, and at once.
                .args(["--rdbcompression", "no", "--repl-diskless-sync-delay", "0"])
                .arg("--dir")
                .arg(folder.path()),
            folder,
        );
        let running = running.ready(async |_| tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        Self { running, port }
    }

    /// What to write into `store.url`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The bytes of a dump, as `redis-cli --rdb` writes them.
    pub fn dump(&self) -> Vec<u8> {
        let file = self.running.file("dump.rdb");
        let done = self.cli().arg("--rdb").arg(&file).output().expect("redis-cli runs");
        assert!(done.status.success(), "redis-cli: {}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(file).expect("the dump")
    }

    /// Runs one command and returns what `redis-cli` prints.
    pub fn command(&self, words: &[&str]) -> String {
        let done = self.cli().args(words).output().expect("redis-cli runs");
        assert!(done.status.success(), "redis-cli: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("redis-cli prints text")
    }

    /// Sends it a signal: `STOP` makes it hang, `CONT` go on.
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Ends it, as an outage would.
    pub fn stop(&mut self) {
        self.running.stop();
    }

    fn cli(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command
    }
}
