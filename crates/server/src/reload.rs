//! What changes without a restart. When the process gets SIGHUP, and when one of the files that its configuration was read
//! from has other content than before, the configuration is read anew, and what may change while people sign in is put in
//! place: the keys of the API, and the root keys. Everything else counts from the next start. A configuration with problems changes nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::signal::unix::Signal;
use futures_util::future::{Either, select};
use postern_store::RootKeys;

use crate::app::App;
use crate::cli::story;
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
                Either::Left(_) => self.read().await,
                Either::Right(_) => self.look().await,
            }
        }
    }

    /// Reads where a file has changed.
    pub async fn look(&mut self) {
        if self.files.now() != self.files {
            self.read().await;
        }
    }

    /// Reads, and says in the log what came of it.
    pub async fn read(&mut self) {
        // What changes after this is noticed the next time.
        self.files = self.files.now();
        match self.replace().await {
            Ok(keys) => {
                let text = "the configuration was read anew; keys of the API and root keys count at once, everything else from the next start";
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
    async fn replace(&mut self) -> Result<usize, Problems> {
        let config = Config::load(&self.sources)?;
        let mut notices = Vec::new();
        let (keys, _) = first_run::api_keys(&config, &*self.app.random, &mut notices)?;
        self.files = config.files.clone();
        notices.iter().for_each(Notice::log);
        let number = keys.len();
        self.app.api_keys.replace(keys);
        self.change_roots(first_run::found_root_keys(&config)?).await;
        Ok(number)
    }

    /// Goes on with these root keys, if the key ring opens with them.
    async fn change_roots(&self, roots: Option<RootKeys>) {
        let Some(roots) = roots else { return };
        if let Err(error) = self.app.ring.change_roots(&*self.app.backend, roots).await {
            tracing::error!(cause = %story(&error), "the former root keys stay in use");
        }
    }
}
