//! `postern doctor`: says before the first start, or after something went wrong, what to change. It reads the configuration,
//! tries the store and the key ring, and looks at the clock. It makes no keys and leaves nothing behind.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Clock, Op, Random, Reply, StoreError, Timestamp};
use postern_core::secret::random_text;
use postern_store::{KEYRING, KeyRing, OpenError, StoreUrl};

use super::{ConfigFile, story};
use crate::config::{Config, Problem, first_run};

/// Check the configuration, the store, the keys and the clock.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    config: ConfigFile,
}

impl Doctor {
    /// Writes what it finds on `output`, a line each. The status is 1 if there is something to change.
    pub(super) fn run(
        self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        output: &mut dyn Write,
    ) -> io::Result<ExitCode> {
        let mut findings = Findings { output, problems: 0 };
        match self.config.load() {
            Ok(config) => actix_web::rt::System::new().block_on(findings.examine(&config, clock, random))?,
            Err(problems) => problems.0.iter().try_for_each(|problem| findings.problem(problem))?,
        }
        Ok(if findings.problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

struct Findings<'a> {
    output: &'a mut dyn Write,
    problems: usize,
}

impl Findings<'_> {
    async fn examine(&mut self, config: &Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> io::Result<()> {
        self.fine("configuration", "can be read, and all of it is valid")?;
        self.public_url(config)?;
        self.clock(clock.now())?;
        self.api_keys(config)?;
        if let StoreUrl::Redb(file) = &config.store.url
            && !file.exists()
        {
            return self.fine("store", format!("{} does not exist yet; the first start makes it", file.display()));
        }
        let backend = match postern_store::open(&config.store.url, clock, &config.store.redis).await {
            Ok(backend) => backend,
            // Postern itself has it, and then it works.
            Err(error @ OpenError::InUse { .. }) => return self.fine("store", format!("{error}; so it was not tried")),
            Err(error) => return self.bad("store", story(&error), "Check store.url."),
        };
        if let Err(error) = round_trip(&*backend, &*random).await {
            let what = format!("{}: {}", config.store.url, story(&*error));
            return self.bad("store", what, "Check store.url and the store itself.");
        }
        self.fine("store", format!("{} answers, and keeps what it is given", config.store.url))?;
        self.key_ring(config, backend, random).await
    }

    fn public_url(&mut self, config: &Config) -> io::Result<()> {
        let reach = if config.public_url.is_plain() { ", for browsers on this machine alone" } else { "" };
        self.fine("public_url", format!("{}{reach}", config.public_url))
    }

    fn clock(&mut self, now: Timestamp) -> io::Result<()> {
        // Nothing here tells the right time; a clock that was never set, however, is far off.
        let plausible: Timestamp = Timestamp::from_second(1_767_225_600).unwrap_or_default(); // 2026-01-01
        match now < plausible {
            true => self.bad("clock", format!("it says {now}, which is before this release"), "Set it by NTP."),
            false => self.fine("clock", format!("it says {now}; compare it with a clock you trust")),
        }
    }

    fn api_keys(&mut self, config: &Config) -> io::Result<()> {
        match (&config.admin.api_keys[..], &config.store.url) {
            ([], StoreUrl::Redis(_)) => {
                self.bad("admin.api_keys", "is empty, so the API answers 401 to everybody", "Write a key into it.")
            }
            ([], _) => self.fine("admin.api_keys", "is empty; the first start makes a key"),
            (keys, _) => self.fine("admin.api_keys", format!("{} configured", keys.len())),
        }
    }

    async fn key_ring(
        &mut self,
        config: &Config,
        backend: Arc<dyn Backend>,
        random: Arc<dyn Random>,
    ) -> io::Result<()> {
        let backend = ReadOnly(backend);
        match backend.run(vec![Op::Get { key: KEYRING.into() }]).await.as_deref() {
            Ok([Reply::Value(None)]) => return self.fine("key ring", "there is none yet; the first start makes it"),
            Ok(_) => {}
            Err(error) => return self.bad("key ring", story(error), "Check the store."),
        }
        let roots = match first_run::found_root_keys(config) {
            Ok(Some(roots)) => roots,
            Ok(None) => {
                return self.bad("key ring", "there is one, but no root key", "Restore the root key, see seal.keys.");
            }
            Err(problem) => return self.problem(&problem),
        };
        match KeyRing::load_or_create(&backend, &roots, random).await {
            Ok(_) => self.fine("key ring", format!("opens; root keys configured: {:?}", roots.numbers())),
            Err(error) => self.bad("key ring", story(&error), "Restore the root key that sealed it, see seal.keys."),
        }
    }

    fn fine(&mut self, subject: &str, what: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.output, "ok       {subject}: {}", what.as_ref())
    }

    fn bad(&mut self, subject: &str, what: impl AsRef<str>, instead: &str) -> io::Result<()> {
        self.problems += 1;
        writeln!(self.output, "problem  {subject}: {}. {instead}", what.as_ref())
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.problems += 1;
        writeln!(self.output, "problem  {problem}")
    }
}

/// Writes, reads and removes a record that nobody else has.
async fn round_trip(backend: &dyn Backend, random: &dyn Random) -> Result<(), Box<dyn Error + Send + Sync>> {
    let key = format!("p1:doctor:{{{}}}", random_text(random));
    let value = random_text(random).into_bytes();
    let write = Op::PutNew { key: key.clone(), value: value.clone(), lifetime: None };
    let replies = backend.run(vec![write, Op::Get { key: key.clone() }, Op::Delete { key }]).await?;
    match replies == [Reply::Written(true), Reply::Value(Some(value)), Reply::Written(true)] {
        true => Ok(()),
        false => Err("it does not give back what it was given".into()),
    }
}

/// A store that only reads, so that looking at a key ring seals nothing anew. Writes seem to succeed.
struct ReadOnly(Arc<dyn Backend>);

#[async_trait]
impl Backend for ReadOnly {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        match batch.iter().all(|op| matches!(op, Op::Get { .. })) {
            true => self.0.run(batch).await,
            false => Ok(batch.iter().map(|_| Reply::Written(true)).collect()),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        self.0.list(prefix, after).await
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.0.remembers_since()
    }
}
