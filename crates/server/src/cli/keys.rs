//! `postern keys`: makes root keys, and changes the data keys that seal what is stored, while Postern runs.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use postern_core::ports::{Backend, Clock, Random};
use postern_store::{Census, KeyRing, Needs, RootKey, StoreUrl, census};

use super::ConfigFile;
use crate::config::{Config, Problems, first_run};
use crate::jobs::sealing::SETTLED;

/// Make and change the keys that seal what is stored.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Keys {
    /// Print a new root key for seal.keys
    Generate {
        /// Its number; every root key of an installation has another
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
    },
    /// Seal with a new data key from now on; running processes take it up by themselves
    Rotate {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Show the data keys, and what each of them still seals
    Status {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Forget a data key that seals nothing any more
    Retire {
        /// Its number, as status shows it
        number: u32,
        #[command(flatten)]
        config: ConfigFile,
    },
}

type Failure = Box<dyn Error>;

impl Keys {
    /// Does what is asked for, and tells of it on `output`.
    pub(super) fn run(
        self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        output: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        let (config, task) = match self {
            Keys::Generate { number } => {
                writeln!(output, "{}", RootKey::generate(number, &*random).to_text().expose())?;
                return Ok(ExitCode::SUCCESS);
            }
            Keys::Rotate { config } => (config.load()?, Task::Rotate),
            Keys::Status { config } => (config.load()?, Task::Status),
            Keys::Retire { config, number } => (config.load()?, Task::Retire(number)),
        };
        actix_web::rt::System::new().block_on(async {
            let mut work = Work::open(&config, clock, random, output).await?;
            match task {
                Task::Rotate => work.rotate().await,
                Task::Status => work.status().await,
                Task::Retire(number) => work.retire(number).await,
            }
        })
    }
}

enum Task {
    Rotate,
    Status,
    Retire(u32),
}

/// A store and its ring, in the hands of an operator.
struct Work<'a> {
    backend: Arc<dyn Backend>,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
    output: &'a mut dyn Write,
    /// Whether other processes use the store at this moment.
    shared: bool,
}

impl<'a> Work<'a> {
    async fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        output: &'a mut dyn Write,
    ) -> Result<Self, Failure> {
        match &config.store.url {
            StoreUrl::Memory => return Err("memory: keeps nothing that another process sees".into()),
            StoreUrl::Redb(file) if !file.exists() => {
                return Err(format!("{} does not exist yet; the first start makes it", file.display()).into());
            }
            StoreUrl::Redb(_) | StoreUrl::Redis(_) => {}
        }
        let roots = first_run::found_root_keys(config).map_err(Problems::from)?;
        let roots = roots.ok_or("there is no root key; restore it, see seal.keys")?;
        let backend = postern_store::open(&config.store.url, clock.clone(), &config.store.redis).await?;
        let ring = KeyRing::load_or_create(&*backend, &roots, random).await?;
        let shared = matches!(config.store.url, StoreUrl::Redis(_));
        Ok(Self { backend, ring, clock, output, shared })
    }

    async fn rotate(&mut self) -> Result<ExitCode, Failure> {
        let before = self.ring.data_keys().active;
        let number = self.ring.add_data_key(&*self.backend).await?;
        writeln!(self.output, "data key {number} is added; it opens and does not seal yet")?;
        self.wait("so that no failover of the store loses a key that is in use").await?;
        self.ring.put_into_use(&*self.backend, number).await?;
        writeln!(self.output, "data key {number} seals from now on; {before} only opens")?;
        writeln!(self.output, "Postern seals anew in the background what {before} sealed: see `postern keys status`")?;
        Ok(ExitCode::SUCCESS)
    }

    async fn status(&mut self) -> Result<ExitCode, Failure> {
        let (keys, census) = (self.ring.data_keys(), census(&*self.backend).await?);
        writeln!(self.output, "{:<12}{:<8}{:>10}{:>16}", "data key", "", "records", "to seal anew")?;
        let known = std::iter::once((keys.active, "seals")).chain(keys.open_only.iter().map(|key| (*key, "opens")));
        let numbers: Vec<_> = known.collect();
        let lost = census.keys().filter(|number| numbers.iter().all(|(known, _)| known != *number));
        for (number, state) in numbers.iter().copied().chain(lost.map(|number| (*number, "missing"))) {
            let needs = census.get(&number).cloned().unwrap_or_default();
            let renewable = if state == "opens" { needs.renewable() } else { 0 };
            writeln!(self.output, "{number:<12}{state:<8}{:>10}{renewable:>16}", needs.records())?;
            if state == "opens" && needs.borne > 0 {
                writeln!(self.output, "            {}", self.waits(&needs))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn retire(&mut self, number: u32) -> Result<ExitCode, Failure> {
        if !self.ring.data_keys().open_only.contains(&number) {
            return Err(format!("{number} is no data key that only opens; see `postern keys status`").into());
        }
        if !self.is_free(number).await? {
            return Ok(ExitCode::FAILURE);
        }
        // A process that was busy for a moment may have sealed with it after it was passed by.
        self.wait("to look once more").await?;
        if !self.is_free(number).await? {
            return Ok(ExitCode::FAILURE);
        }
        self.ring.retire(&*self.backend, number).await?;
        writeln!(self.output, "data key {number} is retired; running processes forget it within seconds")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Whether nothing needs a key; otherwise it is told what does, and until when.
    async fn is_free(&mut self, number: u32) -> Result<bool, Failure> {
        let mut census: Census = census(&*self.backend).await?;
        let Some(needs) = census.remove(&number) else { return Ok(true) };
        let classes: Vec<String> = needs.classes.iter().map(|(class, count)| format!("{count} {class}")).collect();
        writeln!(self.output, "data key {number} stays: it still seals {}", classes.join(", "))?;
        if needs.renewable() > 0 {
            writeln!(self.output, "{} of them are sealed anew while Postern runs", needs.renewable())?;
        }
        if needs.borne > 0 {
            writeln!(self.output, "{}", self.waits(&needs))?;
        }
        Ok(false)
    }

    fn waits(&self, needs: &Needs) -> String {
        let until = self.clock.now() + needs.until;
        format!("{} only their bearers can open; the last of these ends at {until:.0} at the latest", needs.borne)
    }

    /// Waits where several processes and servers have to hear of something.
    async fn wait(&mut self, why: &str) -> io::Result<()> {
        if self.shared {
            writeln!(self.output, "waiting {} s, {why}", SETTLED.as_secs())?;
            self.output.flush()?;
            tokio::time::sleep(SETTLED).await;
        }
        Ok(())
    }
}
