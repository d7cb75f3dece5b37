//! A real Redis for tests: on a free port of loopback, in a directory of its own, gone when it is dropped.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) struct RedisServer {
    child: Child,
    arguments: Vec<String>,
    pub(crate) port: u16,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server that listens without TLS.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::with("--port", arguments).await
    }

    /// Starts a server that listens with TLS only, with a certificate and a key in PEM files.
    pub(crate) async fn start_tls(certificate: &Path, key: &Path) -> Self {
        let [certificate, key] = [certificate, key].map(|path| path.to_str().unwrap());
        let files = ["--tls-cert-file", certificate, "--tls-key-file", key];
        Self::with("--tls-port", &[&["--port", "0", "--tls-auth-clients", "no"], &files[..]].concat()).await
    }

    async fn with(port_option: &str, arguments: &[&str]) -> Self {
        // Another program may take the port between our look and the server's: then the server ends, and we look again.
        for _ in 0..10 {
            let directory = TempDir::new().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            arguments.extend([port_option.to_owned(), port.to_string()]);
            let child = spawn(&arguments, directory.path());
            let mut server = Self { child, arguments, port, directory };
            if server.is_ready().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, empty, on the same port.
    pub(crate) async fn restart(&mut self) {
        std::fs::remove_file(self.directory.path().join(LOG)).unwrap();
        self.child = spawn(&self.arguments, self.directory.path());
        assert!(self.is_ready().await, "redis-server does not start again");
    }

    /// Waits until this very server says that it listens. Whether it did.
    async fn is_ready(&mut self) -> bool {
        let log = self.directory.path().join(LOG);
        for _ in 0..1000 {
            if std::fs::read_to_string(&log).is_ok_and(|log| log.contains("Ready to accept connections")) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server was not ready within ten seconds");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LOG: &str = "redis.log";

fn spawn(arguments: &[String], directory: &Path) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--logfile", LOG, "--dir"])
        .arg(directory)
        .current_dir(directory)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("no redis-server on the PATH ({error}): `make test` installs it"))
}
