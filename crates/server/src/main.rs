//! `postern`, the program.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    postern::cli::Cli::parse().run()
}
