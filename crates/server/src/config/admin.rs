//! The API under `/api/v1`: where it listens and which keys open it.

use std::net::SocketAddr;
use std::path::PathBuf;

use postern_core::secret::{Secret, SecretHash};
use serde::Deserialize;

use super::basics;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The API under `/api/v1`, with which tenants, connections and products are managed.
    struct Written in "admin." {
        /// IP address and port of a listener for the API alone; the public listener then answers 404 under `/api/v1`.
        /// Without it the public listener serves the API too.
        listen: Option<String>,
        /// The keys that open the API, of at least 20 characters. An entry is a key that may do everything, or a table:
        /// `{ key = "…", product = "…", read_only = true }` with `product` (works for this product alone) and `read_only`
        /// (answers GET alone), each optional. Only their SHA-256 is kept in memory. Without any, a key is generated: with
        /// `redb:` into a file beside the store's, named like it with `.api-key` appended; with `memory:` for as long as
        /// Postern runs; with Redis none is, and the API answers 401.
        api_keys: Vec<WrittenKey>,
        /// The same from a file with one key a line, each of which may do everything. A change of the file counts within 5 seconds,
        /// or at SIGHUP.
        api_keys_file: Option<PathBuf>,
    }
}

/// An entry of `admin.api_keys` as it is written.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenKey {
    Full(Secret),
    Limited(Limited),
}

/// The long form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limited {
    key: Secret,
    product: Option<String>,
    #[serde(default)]
    read_only: bool,
}

/// The API's listener and keys.
#[derive(Debug, Clone)]
pub struct Admin {
    /// A listener of its own, if it has one.
    pub listen: Option<SocketAddr>,
    /// The configured keys; none: see [`super::first_run`].
    pub api_keys: Vec<ApiKey>,
}

/// What one API key may do. The key itself is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Recognises the key.
    pub hash: SecretHash,
    /// The only product it works for.
    pub product: Option<String>,
    /// Whether it only reads.
    pub read_only: bool,
}

impl ApiKey {
    /// A key that may do everything.
    pub fn full(key: &Secret) -> Self {
        Self { hash: SecretHash::of(key.expose()), product: None, read_only: false }
    }
}

/// A key of fewer characters could be guessed.
const SHORTEST_KEY: usize = 20;

impl Admin {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading, public: SocketAddr, operations: SocketAddr) -> Self {
        let written = Written::take(reading);
        let listen = written.listen.map(|listen| basics::address(reading, "admin.listen", &listen));
        if let Some(listen) = listen {
            let instead = "Write another port, or leave admin.listen out.";
            basics::keep_apart(reading, "admin.listen", (public, listen), instead);
            basics::keep_apart(reading, "admin.listen", (operations, listen), instead);
        }
        let file = reading.secret_lines("admin.api_keys", ("admin.api_keys_file", written.api_keys_file));
        let keys = match file {
            Some(lines) => api_keys(reading, "admin.api_keys_file", lines.into_iter().map(WrittenKey::Full)),
            None => api_keys(reading, "admin.api_keys", written.api_keys.into_iter()),
        };
        Self { listen, api_keys: keys }
    }
}

fn api_keys(reading: &mut Reading, key: &str, entries: impl Iterator<Item = WrittenKey>) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for (entry, number) in entries.zip(1..) {
        let (secret, product, read_only) = match entry {
            WrittenKey::Full(key) => (key, None, false),
            WrittenKey::Limited(Limited { key, product, read_only }) => (key, product, read_only),
        };
        if secret.expose().len() < SHORTEST_KEY || !secret.expose().bytes().all(|b| b.is_ascii_graphic()) {
            let instead = "Write at least 20 printable ASCII characters without spaces, such as the output of: openssl rand -hex 32.";
            reading.refuse(
                key,
                format!("has a key, number {number}, that is too short or has odd characters"),
                instead,
            );
        }
        let hash = SecretHash::of(secret.expose());
        if keys.iter().any(|known| known.hash == hash) {
            reading.refuse(key, format!("has key number {number} twice"), "Write each key once.");
        }
        keys.push(ApiKey { hash, product, read_only });
    }
    keys
}
