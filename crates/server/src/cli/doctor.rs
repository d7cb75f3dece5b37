//! `postern doctor`: says before the first start, or after something went wrong, what to change. It reads the configuration,
//! looks at what is around ([`crate::checkup`]), and tries the store, the key ring and some records. It makes no keys and leaves nothing
//! behind.

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
use crate::app::{App, Parts};
use crate::checkup::{self, Finding, Weight};
use crate::config::{Config, Problem, first_run};

/// Check the configuration, the store, the keys, the clock and the network.
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
        for finding in checkup::surroundings(config, clock.clone()).await {
            self.tell(&finding)?;
        }
        for finding in checkup::public_addresses(config).await {
            self.tell(&finding)?;
        }
        self.api_keys(config)?;
        if let StoreUrl::Redb(file) = &config.store.url
            && !file.exists()
        {
            return self.fine("store", format!("{} does not exist yet; the first start makes it", file.display()));
        }
        let backend = match postern_store::open(&config.store.url, clock.clone(), &config.store.redis).await {
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
        let Some(ring) = self.key_ring(config, &backend, random.clone()).await? else { return Ok(()) };
        let parts = Parts { backend, ring: Arc::new(ring), clock, random, api_keys: Vec::new() };
        match App::new(config, parts) {
            Ok(app) => self.tell(&checkup::opened(&app).await),
            Err(error) => self.bad("fetch", story(&error), "Check the settings under fetch."),
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

    /// Whether the key ring opens. What opens is of use to look further.
    async fn key_ring(
        &mut self,
        config: &Config,
        backend: &Arc<dyn Backend>,
        random: Arc<dyn Random>,
    ) -> io::Result<Option<KeyRing>> {
        let backend = ReadOnly(backend.clone());
        let told = match backend.run(vec![Op::Get { key: KEYRING.into() }]).await.as_deref() {
            Ok([Reply::Value(None)]) => self.fine("key ring", "there is none yet; the first start makes it"),
            Ok(_) => match first_run::found_root_keys(config) {
                Ok(Some(roots)) => match KeyRing::load_or_create(&backend, &roots, random).await {
                    Ok(ring) => {
                        self.fine("key ring", format!("opens; root keys configured: {:?}", roots.numbers()))?;
                        return Ok(Some(ring));
                    }
                    Err(error) => {
                        self.bad("key ring", story(&error), "Restore the root key that sealed it, see seal.keys.")
                    }
                },
                Ok(None) => {
                    self.bad("key ring", "there is one, but no root key", "Restore the root key, see seal.keys.")
                }
                Err(problem) => self.problem(&problem),
            },
            Err(error) => self.bad("key ring", story(error), "Check the store."),
        };
        told.map(|()| None)
    }

    fn tell(&mut self, finding: &Finding) -> io::Result<()> {
        let weight = match finding.weight {
            Weight::Fine => "ok      ",
            Weight::Advice => "advice  ",
            Weight::Problem | Weight::Danger => "problem ",
        };
        self.problems += usize::from(finding.weight >= Weight::Problem);
        writeln!(self.output, "{weight} {finding}")
    }

    fn fine(&mut self, subject: &str, what: impl Into<String>) -> io::Result<()> {
        self.tell(&Finding::fine(subject, what))
    }

    fn bad(&mut self, subject: &str, what: impl Into<String>, instead: &str) -> io::Result<()> {
        self.tell(&Finding::new(Weight::Problem, subject, what, instead))
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
