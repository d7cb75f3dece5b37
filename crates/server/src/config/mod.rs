//! The configuration: what was written, and what the program runs on.
//!
//! A setting comes from the first of these that has it: the `POSTERN_…` variables of the environment, the file, the
//! defaults. Each file here is one section: the struct of what may be written, whose doc comments are the reference
//! (`docs/CONFIG.md`), and the checks that turn it into values which need no more checking. [`Config::load`] reports all
//! problems at once and touches nothing; [`first_run`] then provides the keys that nobody configured.

mod admin;
mod basics;
mod command;
mod discover;
mod domains;
mod fetch;
mod files;
pub mod first_run;
mod health;
mod kubernetes;
mod log;
mod oauth;
mod operations;
mod presentation;
mod problem;
mod public_url;
mod reading;
mod reference;
mod regions;
mod saml;
mod seal;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use postern_store::RootKeys;

pub use self::admin::{Admin, ApiKey};
pub use self::discover::Discover;
pub use self::domains::Domains;
pub use self::files::Files;
pub use self::health::Health;
pub use self::log::{Log, LogFormat};
pub use self::oauth::Oauth;
pub use self::operations::Operations;
pub use self::presentation::Appearance;
pub use self::problem::{Problem, Problems};
pub use self::public_url::{PublicUrl, Unfit};
use self::reading::Reading;
pub use self::reference::reference;
pub use self::saml::Saml;
use self::settings::Section;
pub use self::store::Store;
use crate::region::Regions;

/// What the program runs on. Every value is valid.
#[derive(Clone)]
pub struct Config {
    /// Where browsers and apps reach Postern; the issuer.
    pub public_url: PublicUrl,
    /// The public listener.
    pub listen: SocketAddr,
    /// The networks of our own proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// The listener for probes and metrics.
    pub operations: Operations,
    /// The API's listener and keys.
    pub admin: Admin,
    /// Where things are kept.
    pub store: Store,
    /// The configured root keys; none: see [`first_run`].
    pub root_keys: Option<RootKeys>,
    /// Towards SAML identity providers.
    pub saml: Saml,
    /// Under which addresses identity providers know it.
    pub regions: Regions,
    /// The e-mail domains of tenants.
    pub domains: Domains,
    /// Questions where an address belongs.
    pub discover: Discover,
    /// How often identity providers are looked at.
    pub health: Health,
    /// Outgoing requests.
    pub fetch: postern_fetch::Options,
    /// Towards the apps.
    pub oauth: Oauth,
    /// The log.
    pub log: Log,
    /// What it was read from.
    pub files: Files,
}

/// The file that is read where none is named, if it exists.
const USUAL_FILE: &str = "postern.toml";

/// Where a configuration comes from, from the lowest layer to the highest. The defaults are below them all.
#[derive(Default)]
pub struct Sources {
    /// A file that has to exist; `None`: `postern.toml`, if it exists.
    pub file: Option<PathBuf>,
    /// The environment, of which the variables that begin with `POSTERN_` count.
    pub variables: Vec<(OsString, OsString)>,
    /// TOML that the program itself insists on, such as the demo's addresses.
    pub insisted: String,
    /// Whether this is the demo, whose shared secret may be guessable.
    pub demo: bool,
}

impl Sources {
    /// This process's environment, and a file.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        Self { file, variables: std::env::vars_os().collect(), ..Self::default() }
    }
}

impl Config {
    /// Reads and checks the configuration, or says all that is wrong with it.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        let mut reading = Reading::of_defaults(sources.demo);
        match &sources.file {
            Some(file) => reading.read_file(file),
            None if Path::new(USUAL_FILE).exists() => reading.read_file(Path::new(USUAL_FILE)),
            None => {}
        }
        reading.read_environment(&sources.variables);
        reading.read_toml("postern itself", &sources.insisted);
        Self::read(reading)
    }

    /// The configuration that this TOML gives, without files and environment.
    pub fn of_toml(text: &str) -> Result<Self, Problems> {
        let mut reading = Reading::of_defaults(false);
        reading.read_toml("TOML", text);
        Self::read(reading)
    }

    fn read(mut reading: Reading) -> Result<Self, Problems> {
        let (public_url, listen, trusted_proxies) = basics::read(&mut reading);
        let operations = Operations::read(&mut reading, listen);
        let store = Store::read(&mut reading);
        let saml = Saml::read(&mut reading, &public_url);
        let config = Self {
            admin: Admin::read(&mut reading, listen, operations.listen),
            root_keys: seal::read(&mut reading, &store.url),
            regions: regions::read(&mut reading, &public_url, &saml),
            saml,
            domains: Domains::read(&mut reading),
            discover: Discover::read(&mut reading),
            health: Health::read(&mut reading),
            fetch: fetch::read(&mut reading),
            oauth: Oauth::read(&mut reading),
            log: Log::read(&mut reading),
            files: reading.files(),
            public_url,
            listen,
            trusted_proxies,
            operations,
            store,
        };
        reading.outcome(config)
    }
}

/// Every section, in the order of the reference.
const SECTIONS: &[Section] = &[
    basics::SECTION,
    Operations::SECTION,
    Admin::SECTION,
    Store::SECTION,
    seal::SECTION,
    Saml::SECTION,
    regions::SECTION,
    Oauth::SECTION,
    Domains::SECTION,
    Discover::SECTION,
    Health::SECTION,
    fetch::SECTION,
    Log::SECTION,
];
