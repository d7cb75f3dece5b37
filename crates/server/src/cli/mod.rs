//! The command line. One file per command; each takes the clock, chance, its input and its output from here, so that tests
//! can run it.

#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod keys;
mod serve;
mod verify;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::config::{Config, Problems, Sources};
use crate::system::{SystemClock, SystemRandom};

/// Takes SAML 2.0 from any customer's identity provider and hands the app plain OAuth 2.0.
#[derive(Debug, Parser)]
#[command(name = "postern", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    Serve(serve::Serve),
    Doctor(doctor::Doctor),
    Verify(verify::Verify),
    #[command(subcommand)]
    Keys(keys::Keys),
}

impl Cli {
    /// Does what was asked for. Status 2 means that it could not be done at all.
    pub fn run(self) -> ExitCode {
        self.command.run().unwrap_or_else(|error| {
            // Whoever reads standard error may have gone; then there is nobody to tell.
            let _ = writeln!(io::stderr(), "postern: {}", story(&*error));
            ExitCode::from(2)
        })
    }
}

impl Command {
    fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let mut output = io::stdout().lock();
        let status = match self {
            Command::Serve(serve) => serve.run(clock, random)?,
            #[cfg(feature = "demo")]
            Command::Demo(demo) => demo.run(clock, random, &mut output)?,
            Command::Doctor(doctor) => doctor.run(clock, random, &mut output)?,
            Command::Verify(verify) => verify.run(&mut io::stdin().lock(), &mut output)?,
            Command::Keys(keys) => keys.run(clock, random, &mut output)?,
        };
        output.flush()?;
        Ok(status)
    }
}

/// An error and what caused it.
pub(crate) fn story(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Where the configuration is read from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigFile {
    /// The configuration; without it postern.toml, if there is one
    #[arg(long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ConfigFile {
    /// Reads the configuration from this file and the environment of the process.
    pub fn load(self) -> Result<Config, Problems> {
        Config::load(&self.sources())
    }

    /// This file and the environment of the process.
    pub fn sources(self) -> Sources {
        Sources::of_process(self.file)
    }
}
