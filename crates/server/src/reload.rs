//! What changes without a restart. When the process gets SIGHUP, and when one of the files that its configuration was read
//! from has other content than before, the configuration is read anew, and what may change while people sign in is put in
//! place: the keys of the API. Everything else counts from the next start. A configuration with problems changes nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::signal::unix::Signal;
use futures_util::future::{Either, select};

use crate::app::App;
use crate::config::first_run::{self, Notice};
use crate::config::{Config, Files, Problems, Sources};

/// How often the files are looked at.
const ROUND: Duration = Duration::from_secs(5);

/// Reads the configuration anew.
pub struct Reload {
    app: Arc<App>,
    sources: Sources,
    /// The files as they were when they were last read.
    files: Files,
}

impl Reload {
    /// For a process that runs on what these sources said.
    pub fn new(app: Arc<App>, sources: Sources, files: Files) -> Self {
        Self { app, sources, files }
    }

    /// Reads at each SIGHUP, and looks at the files in between, for ever.
    pub async fn run(mut self, mut hangups: Signal) {
        loop {
            match select(pin!(hangups.recv()), pin!(tokio::time::sleep(ROUND))).await {
                Either::Left(_) => self.read(),
                Either::Right(_) => self.look(),
            }
        }
    }

    /// Reads where a file has changed.
    pub fn look(&mut self) {
        if self.files.now() != self.files {
            self.read();
        }
    }

    /// Reads, and says in the log what came of it.
    pub fn read(&mut self) {
        // What changes after this is noticed the next time.
        self.files = self.files.now();
        match self.replace() {
            Ok(keys) => {
                let text = "the configuration was read anew; keys of the API count at once, everything else from the next start";
                tracing::info!(api_keys = keys, "{text}");
            }
            Err(Problems(problems)) => {
                for problem in problems {
                    tracing::error!(setting = %problem.place, "the former configuration stays in use: {problem}");
                }
            }
        }
    }

    /// Puts in place what may change. → how many keys the API has
    fn replace(&mut self) -> Result<usize, Problems> {
        let config = Config::load(&self.sources)?;
        let mut notices = Vec::new();
        let (keys, _) = first_run::api_keys(&config, &*self.app.random, &mut notices)?;
        self.files = config.files;
        notices.iter().for_each(Notice::log);
        let number = keys.len();
        self.app.api_keys.replace(keys);
        Ok(number)
    }
}
