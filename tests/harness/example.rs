//! The example app of `examples/authjs`, as it stands there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::process::{Running, free_port};
use crate::{http, tools};

/// The example, which is not running yet: it has an address, which has to be registered, and a folder for its database.
#[derive(Debug)]
pub struct Example {
    /// Where browsers find it.
    pub origin: String,
    port: u16,
    folder: TempDir,
}

/// The running example.
#[derive(Debug)]
pub struct RunningExample {
    _running: Running,
    /// Where browsers find it.
    pub origin: String,
}

/// What it reads from its environment, by name.
pub type Environment = BTreeMap<String, String>;

impl Example {
    /// Reserves an address.
    pub fn reserve() -> Self {
        let port = free_port();
        Self {
            origin: format!("http://127.0.0.1:{port}"),
            port,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// The environment that a developer would write down for this client of a Postern.
    pub fn environment(&self, issuer: &str, (client_id, client_secret): (&str, &str), tenant: &str) -> Environment {
        [
            ("POSTERN_ISSUER", issuer),
            ("POSTERN_CLIENT_ID", client_id),
            ("POSTERN_CLIENT_SECRET", client_secret),
            ("AUTH_SECRET", "a secret of this test alone, for its cookies"),
            ("ORIGIN", &self.origin),
            ("PORT", &self.port.to_string()),
            ("TENANT", tenant),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Starts it.
    pub async fn start(&self, environment: &Environment) -> RunningExample {
        let mut command = self.command("server.js", environment);
        let running = Running::start("the example", &mut command, tempfile::tempdir().expect("a temporary folder"));
        RunningExample { _running: running.ready_at(&self.origin).await, origin: self.origin.clone() }
    }

    /// Runs another script of its folder with this standard input, and returns what it printed. It has to succeed.
    pub fn run(&self, script: &str, arguments: &[&str], environment: &Environment, input: &str) -> String {
        let mut command = self.command(script, environment);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
        let done = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{script}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// Whatever runs a script of its folder: `sh` or Node.js. It knows this environment, and nothing of the test's own.
    fn command(&self, script: &str, environment: &Environment) -> Command {
        let mut command = match script.ends_with(".sh") {
            true => Command::new("sh"),
            false => Command::new(tools::installed("bin/node")),
        };
        command.arg(script).current_dir(folder()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DATABASE", self.folder.path().join("app.sqlite")).envs(environment);
        command
    }
}

impl RunningExample {
    /// Who is signed in to it in a browser that has these cookies; an empty object: nobody.
    pub async fn me(&self, cookies: &str) -> Value {
        let request = http().get(format!("{}/me", self.origin)).header("cookie", cookies);
        request.send().await.expect("the example answers").json().await.expect("JSON")
    }

    /// Waits until these cookies are nobody's any more.
    pub async fn forgets(&self, cookies: &str) {
        for _ in 0..200 {
            if self.me(cookies).await == Value::Object(Map::new()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the session goes on: {}", self.me(cookies).await);
    }
}

/// Runs the example's own tests, as its `npm test` does: whether they passed, and what they printed.
pub fn example_tests() -> (bool, String) {
    let mut command = Command::new(tools::installed("bin/node"));
    let done = command.args(["--test", "test/*.test.js"]).current_dir(folder()).output().expect("node runs");
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
}

fn folder() -> PathBuf {
    let folder = tools::ours("../examples/authjs");
    assert!(folder.join("node_modules").exists(), "examples/authjs has no packages: run scripts/install test");
    folder
}
