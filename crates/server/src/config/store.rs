//! Where Postern keeps what it keeps.

use std::path::PathBuf;

use postern_core::secret::Secret;

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Where connections, products, logins and traces are kept.
    struct Written in "store." {
        /// `redb:FILE` keeps everything in one file, for the first run and for one process, and forgets unfinished logins
        /// at a restart. `redis://[USER:PASSWORD@]HOST:PORT[/NUMBER]`, or `rediss://` with TLS, lets several replicas share
        /// a Redis. `memory:` forgets everything at the end.
        url: Option<Secret> = "redb:postern.redb",
        /// The same from a file, for URLs with a password.
        url_file: Option<PathBuf>,
    }
}

/// Where Postern keeps what it keeps.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A file.
    Redb(PathBuf),
    /// Nowhere.
    Memory,
    /// A Redis; the URL may hold a password.
    Redis(Secret),
}

impl StoreUrl {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("redb", file) if !file.is_empty() => Some(Self::Redb(file.into())),
            ("memory", "") => Some(Self::Memory),
            ("redis" | "rediss", _) => {
                let url = url::Url::parse(text).ok()?;
                url.has_host().then(|| Self::Redis(Secret::new(text)))
            }
            _ => None,
        }
    }
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

pub(super) fn read(reading: &mut Reading) -> StoreUrl {
    let written = Written::written(reading);
    let url = reading.secret(("store.url", written.url), ("store.url_file", written.url_file));
    url.and_then(|url| StoreUrl::parse(url.expose())).unwrap_or_else(|| {
        let instead = "Write redb:FILE, redis://HOST:6379, rediss://HOST:6379 or memory:.";
        reading.refuse("store.url", "is not the address of a store", instead);
        StoreUrl::Memory
    })
}
