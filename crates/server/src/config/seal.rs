//! The root keys, which wrap the keys that seal what is stored.

use std::path::PathBuf;

use postern_core::secret::Secret;
use postern_store::{RootKeys, StoreUrl};

use super::command;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The keys under which everything stored is sealed.
    struct Written in "seal." {
        /// Root keys, each a number, a colon and 32 random bytes in base64: what `postern keys generate` prints. They seal
        /// the key ring in the store, whose keys seal everything else; the first seals, all open. [How they are
        /// changed](STORE.md#to-change-a-root-key). Without the key that sealed the ring nothing stored can be read again.
        /// Needed with Redis. With `redb:` and none configured, one is generated at the first start into a file beside the
        /// store's, named like it with `.keys` appended; with `memory:` for as long as Postern runs.
        keys: Vec<Secret>,
        /// The same from a file with one key a line. It is read again when it changes.
        keys_file: Option<PathBuf>,
        /// The same from what a program prints on standard output, one key a line: its path and its arguments, for example
        /// `["/usr/bin/vault", "kv", "get", "-field=keys", "secret/postern"]`. It is run without a shell at the start and at
        /// SIGHUP, and may take 10 seconds. What it says on standard error is thrown away.
        keys_command: Vec<String>,
    }
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

/// The configured root keys; none: see [`super::first_run`].
pub(super) fn read(reading: &mut Reading, store: &StoreUrl) -> Option<RootKeys> {
    let written = Written::take(reading);
    let nothing_written = written.keys.is_empty() && written.keys_file.is_none() && written.keys_command.is_empty();
    if nothing_written && matches!(store, StoreUrl::Redis(_)) {
        let instead =
            "Write what postern keys generate prints, the same for all replicas, and keep a copy in a safe place.";
        reading.refuse("seal.keys", "is missing; with Redis no key is generated", instead);
    }
    let (key, texts) = if written.keys_command.is_empty() {
        match reading.secret_lines("seal.keys", ("seal.keys_file", written.keys_file)) {
            Some(lines) => ("seal.keys_file", lines),
            None => ("seal.keys", written.keys),
        }
    } else if written.keys.is_empty() && written.keys_file.is_none() {
        ("seal.keys_command", printed(reading, &written.keys_command)?)
    } else {
        let fault = "is given beside seal.keys or seal.keys_file";
        reading.refuse("seal.keys_command", fault, "Keep one of them.");
        return None;
    };
    if texts.is_empty() {
        return None;
    }
    let texts: Vec<&str> = texts.iter().map(Secret::expose).collect();
    let keys = RootKeys::parse(&texts);
    keys.inspect_err(|error| {
        reading.refuse(key, format!("cannot be used: {error}"), "Write what postern keys generate prints.");
    })
    .ok()
}

/// The lines that a command prints.
fn printed(reading: &mut Reading, words: &[String]) -> Option<Vec<Secret>> {
    let fault = match command::output(words) {
        Ok(text) => {
            let lines: Vec<_> = text.expose().lines().filter(|line| !line.trim().is_empty()).map(Secret::new).collect();
            if !lines.is_empty() {
                return Some(lines);
            }
            "prints nothing".to_owned()
        }
        Err(fault) => fault,
    };
    reading.refuse("seal.keys_command", fault, "Run it by hand, as the user that Postern runs as.");
    None
}
