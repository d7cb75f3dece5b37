//! Which addresses may be talked to. The tables follow the special-purpose address registries (RFC 6890; IANA); what they
//! do not mark as globally reachable is refused.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::FetchError;

/// The networks that the operator opened, over the tables below.
pub(crate) struct Guard {
    opened: Vec<IpNet>,
    never: Vec<IpNet>,
    closed: Vec<IpNet>,
}

/// Why a host is not talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the address is in a forbidden network")]
    Forbidden,
    #[error("plain http leads to opened networks only")]
    Plain,
    #[error("the name has no address")]
    Unresolved,
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forbidden => FetchError::AddressForbidden,
            Refusal::Plain => FetchError::UrlInvalid,
            Refusal::Unresolved => FetchError::NameUnresolved,
        }
    }
}

/// Shut even inside an opened network: nothing an identity provider runs on, and worth more to an attacker than all else.
const NEVER: &[&str] = &[
    "169.254.0.0/16",     // link-local; metadata of nearly every cloud at 169.254.169.254
    "fe80::/10",          // link-local
    "fd00:ec2::/32",      // Amazon: metadata, and credentials of pods
    "fd20:ce::254/128",   // Google: metadata
    "fd00:42::42/128",    // Scaleway: metadata
    "100.100.100.200/32", // Alibaba: metadata
    "192.0.0.192/32",     // Oracle: metadata
    "168.63.129.16/32",   // Azure: host agent
];

/// Shut unless opened.
const CLOSED: &[&str] = &[
    "0.0.0.0/8",       // this network; 0.0.0.0 is this host
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // shared between provider and customer (CGNAT)
    "127.0.0.0/8",     // loopback
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.31.196.0/24", // AS112
    "192.52.193.0/24", // AMT
    "192.88.99.0/24",  // 6to4 relays, deprecated
    "192.168.0.0/16",  // private
    "192.175.48.0/24", // AS112
    "198.18.0.0/15",   // benchmarks
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved; broadcast
    // IPv6 outside 2000::/3 is closed as a whole, see `is_public`: loopback, unspecified, unique local, multicast, ...
    "2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarks
    "2001:db8::/32",     // documentation
    "2002::/16",         // 6to4, deprecated
    "2620:4f:8000::/48", // AS112
    "3fff::/20",         // documentation
];

impl Guard {
    pub(crate) fn new(opened: Vec<IpNet>) -> Self {
        Self { opened, never: table(NEVER), closed: table(CLOSED) }
    }

    /// Whether a request may go to `address`, encrypted or not.
    pub(crate) fn admit(&self, address: IpAddr, encrypted: bool) -> Result<(), Refusal> {
        let address = address.to_canonical(); // ::ffff:a.b.c.d is a.b.c.d to the kernel
        let inner = embedded(address);
        if contains(&self.never, address) || inner.is_some_and(|inner| contains(&self.never, inner.into())) {
            return Err(Refusal::Forbidden);
        }
        if contains(&self.opened, address) {
            return Ok(());
        }
        // RFC 6052 §3.1: a NAT64 gateway leads to the IPv4 address inside, so that one decides. Networks without IPv4
        // reach every IPv4 host this way.
        if let (IpAddr::V6(outer), Some(inner)) = (address, inner)
            && outer.segments()[..6] == NAT64
        {
            return self.admit(inner.into(), encrypted);
        }
        if !self.is_public(address) {
            return Err(Refusal::Forbidden);
        }
        if encrypted { Ok(()) } else { Err(Refusal::Plain) }
    }

    fn is_public(&self, address: IpAddr) -> bool {
        // RFC 4291 §2.4, IANA: global unicast addresses are given out from 2000::/3 only.
        let assigned = match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000,
        };
        assigned && !contains(&self.closed, address)
    }
}

/// `64:ff9b::/96`.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The IPv4 address that an IPv6 address carries and may be forwarded to.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let segments = address.segments();
    let tail = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0, high, low] => tail(high, low), // compatible, deprecated (RFC 4291 §2.5.5.1)
        [0, 0, 0, 0, 0xffff, 0, high, low] => tail(high, low), // translated (RFC 2765)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => tail(high, low), // NAT64 (RFC 6052)
        [0x64, 0xff9b, 1, _, _, _, high, low] => tail(high, low), // NAT64 of one's own (RFC 8215), when it is a /96
        [0x2002, high, low, ..] => tail(high, low),       // 6to4 (RFC 3056)
        [0x2001, 0, _, _, _, _, high, low] => tail(!high, !low), // Teredo (RFC 4380 §4)
        _ => None,
    }
}

/// Whether a name means the machine that resolves it (RFC 6761 §6.3). Asked only where a proxy resolves.
pub(crate) fn names_this_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn table(rows: &[&str]) -> Vec<IpNet> {
    // Cannot fail: the rows are literals, and every test of this module parses them all.
    rows.iter().map(|row| row.parse().expect("a network in CIDR notation")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(opened: &[&str], address: &str, encrypted: bool) -> Result<(), Refusal> {
        Guard::new(opened.iter().map(|network| network.parse().unwrap()).collect())
            .admit(address.parse().unwrap(), encrypted)
    }

    #[test]
    fn g7_public_addresses_are_admitted_by_https_only() {
        for address in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert_eq!(verdict(&[], address, true), Ok(()), "{address}");
            assert_eq!(verdict(&[], address, false), Err(Refusal::Plain), "{address}");
        }
    }

    #[test]
    fn g7_addresses_that_are_not_public_are_refused_in_every_spelling() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:0a00:0001::1",
            "2002:0808:0808::1",
            "2001:0:808:808:0:0:80ff:fffe",
        ] {
            assert_eq!(verdict(&[], address, true), Err(Refusal::Forbidden), "{address}");
        }
    }

    #[test]
    fn opened_networks_are_admitted_also_without_encryption() {
        for (network, address) in [
            ("127.0.0.0/8", "127.0.0.1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1"),
            ("10.0.0.0/8", "10.200.3.4"),
            ("10.0.0.0/8", "64:ff9b::10.1.1.1"),
            ("fc00::/7", "fd12::1"),
            ("::1/128", "::1"),
            ("0.0.0.0/0", "8.8.8.8"),
        ] {
            assert_eq!(verdict(&[network], address, true), Ok(()), "{address}");
            assert_eq!(verdict(&[network], address, false), Ok(()), "{address}");
        }
        assert_eq!(verdict(&["10.0.0.0/8"], "192.168.0.1", true), Err(Refusal::Forbidden));
    }

    #[test]
    fn g7_link_local_and_metadata_addresses_stay_shut_whatever_is_opened() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:808:808:0:0:5601:5601",
        ] {
            assert_eq!(verdict(&["0.0.0.0/0", "::/0"], address, true), Err(Refusal::Forbidden), "{address}");
        }
    }

    #[test]
    fn names_of_this_host_are_known() {
        for name in ["localhost", "LOCALHOST.", "idp.localhost"] {
            assert!(names_this_host(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost"] {
            assert!(!names_this_host(name), "{name}");
        }
    }
}
