//! The root keys, which wrap the keys that seal what is stored.

use std::path::PathBuf;

use postern_core::secret::Secret;
use postern_store::{RootKeys, StoreUrl};

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The keys under which everything stored is sealed.
    struct Written in "seal." {
        /// Root keys, each a number, a colon and 32 random bytes in base64: what `postern keys generate` prints. They seal
        /// the key ring in the store, whose keys seal everything else; the first seals, all open. To change a root key, add
        /// the new one behind, with another number, and start every replica; then put it in front and start them again; then
        /// remove the old one. Without the key that
        /// sealed the ring nothing stored can be read again. Needed with Redis. With `redb:` and none configured, one is
        /// generated at the first start into a file beside the store's, named like it with `.keys` appended; with `memory:`
        /// for as long as Postern runs.
        keys: Vec<Secret>,
        /// The same from a file with one key a line.
        keys_file: Option<PathBuf>,
    }
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

/// The configured root keys; none: see [`super::first_run`].
pub(super) fn read(reading: &mut Reading, store: &StoreUrl) -> Option<RootKeys> {
    let written = Written::take(reading);
    let nothing_written = written.keys.is_empty() && written.keys_file.is_none();
    if nothing_written && matches!(store, StoreUrl::Redis(_)) {
        let instead =
            "Write what postern keys generate prints, the same for all replicas, and keep a copy in a safe place.";
        reading.refuse("seal.keys", "is missing; with Redis no key is generated", instead);
    }
    let file = reading.secret_lines("seal.keys", ("seal.keys_file", written.keys_file));
    let key = if file.is_some() { "seal.keys_file" } else { "seal.keys" };
    let texts = file.unwrap_or(written.keys);
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
