//! A real Redis for tests: on a free port of loopback, in a directory of its own, gone when it is dropped.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::redis::{Client, RedisResult, Value, cmd, from_redis_value};
use tempfile::TempDir;

/// A running server.
pub struct RedisServer {
    child: Child,
    arguments: Vec<String>,
    /// Where it listens.
    pub port: u16,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server that listens without TLS.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::with("--port", arguments).await
    }

    /// Starts a server that listens with TLS only, with a certificate and a key in PEM files, and asks its clients for
    /// certificates of an authority, if there is one.
    pub async fn start_tls(certificate: &Path, key: &Path, clients: Option<&Path>) -> Self {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (certificate, key) = (text(certificate), text(key));
        let mut arguments = vec!["--port", "0", "--tls-cert-file", &certificate, "--tls-key-file", &key];
        let clients = clients.map(text);
        match &clients {
            Some(clients) => arguments.extend(["--tls-ca-cert-file", clients, "--tls-auth-clients", "yes"]),
            None => arguments.extend(["--tls-auth-clients", "no"]),
        }
        Self::with("--tls-port", &arguments).await
    }

    /// Starts a sentinel, which watches over the service `main` with this primary. Two of them have to agree. What is
    /// `more` goes into its configuration, in lines.
    pub async fn start_sentinel(primary: u16, more: &str) -> Self {
        let config = format!(
            "sentinel monitor main 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 5000\n\
             {more}"
        );
        Self::with_config(Some(config), "--port", &[]).await
    }

    async fn with(port_option: &str, arguments: &[&str]) -> Self {
        Self::with_config(None, port_option, arguments).await
    }

    async fn with_config(sentinel: Option<String>, port_option: &str, arguments: &[&str]) -> Self {
        // Another program may take the port between our look and the server's: then the server ends, and we look again.
        for _ in 0..10 {
            let directory = TempDir::new().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            arguments.extend([port_option.to_owned(), port.to_string()]);
            match &sentinel {
                // A sentinel keeps what it learns in its configuration.
                Some(config) => {
                    std::fs::write(directory.path().join(CONFIG), config).unwrap();
                    arguments.insert(0, CONFIG.to_owned());
                    arguments.push("--sentinel".to_owned());
                }
                None => arguments.extend(["--save", "", "--appendonly", "no"].map(str::to_owned)),
            }
            let child = spawn(&arguments, directory.path());
            let mut server = Self { child, arguments, port, directory };
            if server.is_ready().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// What to write into `store.url`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Tells it what an operator would.
    pub async fn command(&self, words: &[&str]) -> Value {
        self.try_command(words).await.unwrap()
    }

    /// The same, where it may be away.
    pub async fn try_command(&self, words: &[&str]) -> RedisResult<Value> {
        let mut connection = Client::open(self.url())?.get_multiplexed_async_connection().await?;
        cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// The same, for answers that are text.
    pub async fn text(&self, words: &[&str]) -> String {
        from_redis_value(self.command(words).await).unwrap()
    }

    /// Ends it, without asking.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal: `STOP` makes it hang, `CONT` go on.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts it again, empty, on the same port.
    pub async fn restart(&mut self) {
        std::fs::remove_file(self.directory.path().join(LOG)).unwrap();
        self.child = spawn(&self.arguments, self.directory.path());
        assert!(self.is_ready().await, "redis-server does not start again");
    }

    /// Waits until this very server says that it listens. Whether it did.
    async fn is_ready(&mut self) -> bool {
        let log = self.directory.path().join(LOG);
        for _ in 0..1000 {
            if std::fs::read_to_string(&log).is_ok_and(|log| READY.iter().any(|ready| log.contains(ready))) {
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
const CONFIG: &str = "redis.conf";
/// What a server writes into its log when it listens; and a sentinel.
const READY: [&str; 2] = ["Ready to accept connections", "+monitor master"];

fn spawn(arguments: &[String], directory: &Path) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .args(["--bind", "127.0.0.1", "--logfile", LOG, "--dir"])
        .arg(directory)
        .current_dir(directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("no redis-server on the PATH ({error}): `make test` installs it"))
}
