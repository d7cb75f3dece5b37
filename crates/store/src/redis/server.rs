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
    pub(crate) directory: TempDir,
}

impl RedisServer {
    /// Starts a server that listens without TLS.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        Self::with(port, [&["--port", &port.to_string()], arguments].concat(), TempDir::new().unwrap()).await
    }

    /// Starts a server that listens with TLS only, with a certificate and a key in PEM files.
    pub(crate) async fn start_tls(certificate: &Path, key: &Path) -> Self {
        let port = free_port();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (port_text, certificate, key) = (port.to_string(), path(certificate), path(key));
        let arguments = vec!["--port", "0", "--tls-port", &port_text, "--tls-auth-clients", "no"];
        let files = vec!["--tls-cert-file", &certificate, "--tls-key-file", &key];
        Self::with(port, [arguments, files].concat(), TempDir::new().unwrap()).await
    }

    async fn with(port: u16, arguments: Vec<&str>, directory: TempDir) -> Self {
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let child = spawn(&arguments, directory.path());
        let server = Self { child, arguments, port, directory };
        server.listens().await;
        server
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
        self.child = spawn(&self.arguments, self.directory.path());
        self.listens().await;
    }

    async fn listens(&self) {
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server did not listen within ten seconds");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(arguments: &[String], directory: &Path) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("these tests need redis-server on the PATH ({error}); `make test` installs it (Debian: apt-get install redis-server)")
        })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
