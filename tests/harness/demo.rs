//! `postern demo`, as somebody starts it who wants to see what this is.

use tempfile::TempDir;

use crate::postern::program;
use crate::process::{Running, free_port};

/// A demo with a folder and ports of its own, which is not running yet.
#[derive(Debug)]
pub struct Demo {
    folder: TempDir,
    ports: [u16; 4],
}

/// A running demo.
#[derive(Debug)]
pub struct RunningDemo {
    running: Running,
}

impl Demo {
    /// The only words that it tells a person: whom to sign in as.
    pub const USER: (&str, &str) = ("alice@example.com", "correct horse");

    /// One that was never started.
    pub fn reserve() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), ports: [(); 4].map(|()| free_port()) }
    }

    /// Starts it, and waits until it has said where to go.
    pub async fn start(&self) -> RunningDemo {
        let [postern, operations, idp, app] = self.ports;
        let running = Running::start(
            "postern demo",
            program()
                .arg("demo")
                .arg("--directory")
                .arg(self.folder.path())
                .args(["--idp-port", &idp.to_string(), "--app-port", &app.to_string()])
                .env("POSTERN_PUBLIC_URL", format!("http://localhost:{postern}"))
                .env("POSTERN_LISTEN", format!("127.0.0.1:{postern}"))
                .env("POSTERN_OPERATIONS__LISTEN", format!("127.0.0.1:{operations}")),
            tempfile::tempdir().expect("a temporary folder"),
        );
        RunningDemo { running: running.ready(async |running| address(&running.log()).is_some()).await }
    }
}

impl RunningDemo {
    /// The one address that it prints.
    pub fn address(&self) -> String {
        address(&self.running.log()).expect("an address was printed")
    }

    /// The address and the API key of its Postern, and the address of its identity provider.
    pub fn parts(&self) -> (String, String, String) {
        let said = self.running.log();
        let after = |words: &str| {
            let rest = said.split_once(words).unwrap_or_else(|| panic!("no {words:?} in {said}")).1;
            rest.split([' ', '\'', '\n']).next().expect("a word").to_owned()
        };
        (after("Postern: "), after("Api-Key "), after("identity provider: "))
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        self.running.log()
    }
}

/// The address that stands alone in its line.
fn address(said: &str) -> Option<String> {
    said.lines().map(str::trim).find(|line| line.starts_with("http://")).map(str::to_owned)
}
