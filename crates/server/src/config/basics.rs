//! Where Postern is reached and where it listens.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::PublicUrl;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Where Postern is reached and where it listens.
    struct Written in "" {
        /// The address of Postern as browsers and apps see it, without a trailing slash; it may have a path. It is the OAuth
        /// issuer, and every link and every SAML address begins with it, so changing it later means new settings at every
        /// identity provider. Has to be https, or http on loopback (localhost, *.localhost, 127.0.0.0/8, [::1]): browsers
        /// keep the cookie that binds a login to its browser nowhere else.
        public_url: String = "http://localhost:5225",
        /// IP address and port of the public listener. In a container write 0.0.0.0:5225 or [::]:5225.
        listen: String = "127.0.0.1:5225",
        /// Networks of the proxies that stand before Postern, such as `10.20.0.0/16`. What they add to `X-Forwarded-For` tells one
        /// visitor from another, for the limits on questions and on wrong secrets. From anybody else that header is not believed.
        /// Default: none, and all who come by way of a proxy count as one.
        trusted_proxies: Vec<String>,
    }
}

pub(super) const SECTION: super::settings::Section = Written::SECTION;

pub(super) fn read(reading: &mut Reading) -> (PublicUrl, SocketAddr, Vec<IpNet>) {
    let written = Written::take(reading);
    let public_url = PublicUrl::parse(&written.public_url).unwrap_or_else(|unfit| {
        reading.refuse("public_url", unfit.fault, unfit.instead);
        PublicUrl::of_this_machine()
    });
    let listen = address(reading, "listen", &written.listen);
    (public_url, listen, networks(reading, "trusted_proxies", &written.trusted_proxies))
}

/// An address to listen on.
pub(super) fn address(reading: &mut Reading, key: &str, written: &str) -> SocketAddr {
    written.parse().unwrap_or_else(|_| {
        let instead = "Write an IP address and a port, such as 127.0.0.1:5225, 0.0.0.0:5225 or [::]:5225.";
        reading.refuse(key, format!("is '{written}', which is not an IP address with a port"), instead);
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

/// Networks of IP addresses.
pub(super) fn networks(reading: &mut Reading, key: &str, written: &[String]) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for network in written {
        match network.parse() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let fault = format!("has '{network}', which is not a network");
                reading.refuse(key, fault, "Write address and prefix length, such as 10.20.0.0/16.");
            }
        }
    }
    networks
}

/// Refuses two listeners that would ask the system for the same port.
pub(super) fn keep_apart(reading: &mut Reading, key: &str, (one, other): (SocketAddr, SocketAddr), instead: &str) {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    if same_ip && one.port() == other.port() && one.port() != 0 {
        reading.refuse(key, format!("is {other}, which the listener at {one} already takes"), instead);
    }
}
