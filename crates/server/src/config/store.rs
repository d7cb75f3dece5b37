//! Where Postern keeps what it keeps.

use std::path::PathBuf;

use postern_core::secret::Secret;
use postern_store::{ClientCertificate, Failover, RedisOptions, SentinelLogin, StoreUrl};

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Where connections, products, logins and traces are kept.
    struct Written in "store." {
        /// `redb:FILE` keeps what lasts in one file and logins under way in memory: for the first run, and for one process.
        /// `redis://[USER:PASSWORD@]HOST:PORT[/NUMBER]` or `redis+unix:///PATH` lets replicas share a Redis or Valkey, from version 6.2 on;
        /// `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/SERVICE[/NUMBER]` names sentinels, who know where the primary of a
        /// service is; `redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT` names nodes of a cluster, who know the others. With
        /// `rediss` for `redis` each of them is called over TLS. `memory:` forgets everything at the end.
        url: Option<Secret> = "redb:postern.redb",
        /// The same from a file, for URLs with a password.
        url_file: Option<PathBuf>,
        /// PEM files with the authorities that may vouch for the servers of a `rediss` URL: these alone. Without any, the
        /// public ones may. Certificates have to name what sentinels and nodes call each other, so let these announce hostnames.
        ca_files: Vec<PathBuf>,
        /// A PEM file with the certificate that is shown to the servers of a `rediss` URL who ask for one, and its chain.
        client_cert_file: Option<PathBuf>,
        /// A PEM file with its private key.
        client_key_file: Option<PathBuf>,
        /// The password of the sentinels. The one in the URL is that of the servers, and is not shown to sentinels.
        sentinel_password: Option<Secret>,
        /// The same from a file.
        sentinel_password_file: Option<PathBuf>,
        /// The user that the password of the sentinels belongs to. Without one it is the default user.
        sentinel_user: Option<String>,
        /// What becomes of logins under way and of codes when a Redis takes the place of another, or starts anew. `strict`: they are
        /// refused, and people begin again; so none can be used a second time that was used just before. `available`: they
        /// go on. Servers that do not tell their `run_id` (`INFO server`) can be used with `available` only.
        failover: String = "strict",
        /// How many replicas of a Redis have to have what lasts (connections, products, tenants, domains, policies, keys) before the API says
        /// that it is there, so that no failover loses it; 0 for none, 9 at most. What fewer confirm within 400 ms is answered
        /// `StoreUnavailable`, though it may be there. Logins wait for no replica.
        wait_replicas: u64 = "0",
        /// Whether to start on a Redis that removes keys when its memory is full (`maxmemory-policy` other than `noeviction`). It may then
        /// forget that a code or an assertion was used, and lose connections. Without it Postern does not start there.
        allow_eviction: bool = "false",
    }
}

/// Where Postern keeps what it keeps.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which store, and where.
    pub url: StoreUrl,
    /// What the URL of a Redis does not say.
    pub redis: RedisOptions,
    /// Whether it may remove keys when its memory is full.
    pub allow_eviction: bool,
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
        let password = reading.secret(
            ("store.sentinel_password", written.sentinel_password),
            ("store.sentinel_password_file", written.sentinel_password_file),
        );
        let sentinel_login = password.map(|password| SentinelLogin { user: written.sentinel_user, password });
        let client_certificate = client_certificate(reading, written.client_cert_file, written.client_key_file);
        let failover = match written.failover.as_str() {
            "available" => Failover::Available,
            "strict" => Failover::Strict,
            other => {
                reading.refuse("store.failover", format!("is {other:?}"), "Write strict or available.");
                Failover::Strict
            }
        };
        let wait_replicas = u32::try_from(written.wait_replicas).ok().filter(|replicas| *replicas <= 9);
        if wait_replicas.is_none() {
            reading.refuse("store.wait_replicas", format!("is {}", written.wait_replicas), "Write 0 to 9.");
        }
        let redis = RedisOptions {
            ca_files: written.ca_files,
            client_certificate,
            sentinel_login,
            failover,
            wait_replicas: wait_replicas.unwrap_or_default(),
        };
        Self { url, redis, allow_eviction: written.allow_eviction }
    }
}

/// A certificate and its key, which are of use together only.
fn client_certificate(
    reading: &mut Reading,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Option<ClientCertificate> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            reading.refuse(
                "store.client_key_file",
                "is missing",
                "Name the file with the key of store.client_cert_file.",
            );
            None
        }
        (None, Some(_)) => {
            let instead = "Name the file with the certificate of store.client_key_file.";
            reading.refuse("store.client_cert_file", "is missing", instead);
            None
        }
    }
}

/// `write redb:FILE` → `Write redb:FILE.`
fn sentence(error: &postern_store::StoreUrlError) -> String {
    let text = error.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}
