//! `postern keys`: makes root keys.

use std::io::{self, Write};
use std::process::ExitCode;

use postern_core::ports::Random;
use postern_store::RootKey;

/// Make keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Keys {
    /// Print a new root key for seal.keys
    Generate {
        /// Its number; every root key of an installation has another
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
    },
}

impl Keys {
    /// Prints what is asked for on `output`, and nothing else.
    pub(super) fn run(self, random: &dyn Random, output: &mut dyn Write) -> io::Result<ExitCode> {
        let Keys::Generate { number } = self;
        writeln!(output, "{}", RootKey::generate(number, random).to_text().expose())?;
        Ok(ExitCode::SUCCESS)
    }
}
