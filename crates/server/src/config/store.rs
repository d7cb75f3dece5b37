//! Where Postern keeps what it keeps.

use std::path::PathBuf;

use postern_core::secret::Secret;
use postern_store::{RedisOptions, StoreUrl};

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Where connections, products, logins and traces are kept.
    struct Written in "store." {
        /// `redb:FILE` keeps what lasts in one file and logins under way in memory: for the first run, and for one process.
        /// `redis://[USER:PASSWORD@]HOST:PORT[/NUMBER]`, `rediss://` with TLS or `redis+unix:///PATH` lets replicas share a Redis or
        /// Valkey, from version 6.2 on. `memory:` forgets everything at the end.
        url: Option<Secret> = "redb:postern.redb",
        /// The same from a file, for URLs with a password.
        url_file: Option<PathBuf>,
        /// PEM files with the authorities that may vouch for the server of a `rediss://` URL: these alone. Without any, the
        /// public ones may.
        ca_files: Vec<PathBuf>,
    }
}

/// Where Postern keeps what it keeps.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which store, and where.
    pub url: StoreUrl,
    /// What the URL of a Redis does not say.
    pub redis: RedisOptions,
}

impl Store {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        let url = reading.secret(("store.url", written.url), ("store.url_file", written.url_file));
        let url = match url.as_ref().map(|url| url.expose().parse()) {
            Some(Ok(url)) => url,
            Some(Err(error)) => {
                reading.refuse("store.url", "is not the address of a store", sentence(&error));
                StoreUrl::Memory
            }
            None => StoreUrl::Memory, // the file that was named cannot be used, which is a problem already
        };
        for file in &written.ca_files {
            if let Err(error) = std::fs::File::open(file) {
                let fault = format!("has {}, which cannot be read: {error}", file.display());
                reading.refuse("store.ca_files", fault, "Name files that exist and that this user may read.");
            }
        }
        Self { url, redis: RedisOptions { ca_files: written.ca_files } }
    }
}

/// `write redb:FILE` → `Write redb:FILE.`
fn sentence(error: &postern_store::StoreUrlError) -> String {
    let text = error.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}
