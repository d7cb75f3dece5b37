//! How Postern fetches metadata of identity providers.

use std::path::PathBuf;

use postern_core::secret::Secret;
use postern_fetch::{Fetch, Options, SetupError};

use super::basics;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Outgoing requests: addresses of metadata that administrators of customers enter.
    struct Written in "fetch." {
        /// Networks that may be reached although they are not public, such as `10.20.0.0/16`; plain http is possible to
        /// these only. Default: none. Whoever may enter a metadata address can make Postern send requests into them.
        /// Link-local and cloud metadata addresses stay closed.
        allow_networks: Vec<String>,
        /// PEM files with certificates of private authorities that are trusted beside the public ones.
        ca_files: Vec<PathBuf>,
        /// The http or https URL of a forward proxy that all outgoing requests take. It may hold a user name and a
        /// password. Names are then resolved by the proxy, which has to keep them away from inner networks.
        proxy: Option<Secret>,
        /// The same from a file.
        proxy_file: Option<PathBuf>,
        /// How long one request may take altogether, in seconds: 1 to 60.
        timeout_seconds: u64 = "5",
    }
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

pub(super) fn read(reading: &mut Reading) -> Options {
    let written = Written::take(reading);
    let mut options = Options {
        allow_networks: basics::networks(reading, "fetch.allow_networks", &written.allow_networks),
        ca_pem: Vec::new(),
        proxy: None,
        timeout: reading.seconds("fetch.timeout_seconds", written.timeout_seconds, 1..=60),
    };
    for file in written.ca_files {
        // Tried one by one, so that the message can name the file.
        match std::fs::read(&file) {
            Ok(pem) if fits(Options { ca_pem: vec![pem.clone()], ..options.clone() }) => options.ca_pem.push(pem),
            Ok(_) => {
                let fault = format!("has {}, which holds no usable certificate", file.display());
                reading.refuse("fetch.ca_files", fault, "Name files that begin with -----BEGIN CERTIFICATE-----.");
            }
            Err(error) => {
                let fault = format!("has {}, which cannot be read: {error}", file.display());
                reading.refuse("fetch.ca_files", fault, "Name files that exist and that this user may read.");
            }
        }
    }
    let proxy = reading.secret(("fetch.proxy", written.proxy), ("fetch.proxy_file", written.proxy_file));
    if let Some(proxy) = proxy {
        options.proxy = Some(proxy.expose().to_owned());
        if matches!(Fetch::new(Options { ca_pem: Vec::new(), ..options.clone() }), Err(SetupError::ProxyInvalid)) {
            reading.refuse("fetch.proxy", "is not an http or https URL", "Write it as http://proxy.example.com:3128.");
        }
    }
    options
}

fn fits(options: Options) -> bool {
    !matches!(Fetch::new(options), Err(SetupError::CaUnusable(_)))
}
