//! How tenants prove their e-mail domains.

use std::net::{IpAddr, SocketAddr};

use postern_core::domains::Settings;
use postern_core::domains::owners::Unique;

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The e-mail domains of tenants.
    struct Written in "domains." {
        /// Among whom a domain belongs to one tenant: `deployment`, all tenants of all products, or `product`, the tenants of one
        /// product. A tenant may prove its domain for several products in either case.
        unique: String = "deployment",
        /// The DNS server that is asked for proofs, as an IP address or an address with a port. Default: those of the system
        /// (/etc/resolv.conf). Who controls it decides whose domains are proven: let it be one that validates DNSSEC.
        dns_server: Option<String>,
        /// How often the record of a proven domain is looked at again, in seconds: 1 to 604800. One that is gone is looked for
        /// every hour.
        recheck_seconds: u64 = "86400",
        /// How long the record of a proven domain may be gone before the domain is lost, in seconds: 0 to 7776000. Until then
        /// people are sent to the tenant's identity provider as before.
        grace_seconds: u64 = "604800",
    }
}

/// How tenants prove their domains.
#[derive(Debug, Clone)]
pub struct Domains {
    /// Whose domains they are, and for how long.
    pub settings: Settings,
    /// Who is asked; `None`: the servers of the system.
    pub dns_server: Option<SocketAddr>,
}

impl Domains {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        let unique = match written.unique.as_str() {
            "deployment" => Unique::Deployment,
            "product" => Unique::Product,
            other => {
                reading.refuse("domains.unique", format!("is '{other}'"), "Write deployment or product.");
                Unique::Deployment
            }
        };
        let dns_server = written.dns_server.and_then(|text| {
            let server = server(&text);
            if server.is_none() {
                let instead =
                    "Write an IP address, or one with a port, such as 10.0.0.10, 10.0.0.10:5353 or [fd00::10]:53.";
                reading.refuse("domains.dns_server", format!("is '{text}', which is not an IP address"), instead);
            }
            server
        });
        Self {
            settings: Settings {
                unique,
                recheck: reading.seconds("domains.recheck_seconds", written.recheck_seconds, 1..=604_800),
                grace: reading.seconds("domains.grace_seconds", written.grace_seconds, 0..=7_776_000),
            },
            dns_server,
        }
    }
}

fn server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53)))
}
