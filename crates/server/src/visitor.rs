//! Who asks, as far as a connection tells: the address of the peer, or what proxies of ours say of the peer that they saw.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// Knows our own proxies.
#[derive(Debug, Default)]
pub struct Visitors {
    trusted_proxies: Vec<IpNet>,
}

impl Visitors {
    /// Who comes from these networks is a proxy of ours, whose word counts.
    pub fn new(trusted_proxies: Vec<IpNet>) -> Self {
        Self { trusted_proxies }
    }

    /// Where a request comes from; for IPv6 its /64, which usually is one customer's. `X-Forwarded-For` is read from its end, as
    /// long as one proxy of ours names the next: what stands before that, the visitor may have written (RFC 7239 §8.1).
    pub fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
        let headers = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        let entries: Vec<&str> = headers.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut told = entries.iter().rev().map_while(|entry| read(entry));
        let mut address = peer;
        while self.is_ours(address) {
            match told.next() {
                Some(next) => address = next,
                None => break,
            }
        }
        network(address)
    }

    fn is_ours(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

/// Some proxies write the port too.
fn read(entry: &str) -> Option<IpAddr> {
    let address = entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let visitors = Visitors::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        let request = TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 1000));
        let request =
            forwarded.iter().fold(request, |request, value| request.append_header(("X-Forwarded-For", *value)));
        visitors.address(&request.to_http_request()).to_string()
    }

    #[test]
    fn p1_only_what_our_own_proxies_wrote_is_believed() {
        let forwarded = ["6.6.6.6", "192.0.2.1, 10.0.0.1"];
        assert_eq!(address(&[], "10.0.0.9", &forwarded), "10.0.0.9");
        assert_eq!(address(&["10.1.0.0/16"], "10.0.0.9", &forwarded), "10.0.0.9", "a peer that is not on the list");
        assert_eq!(address(&["10.0.0.9/32"], "10.0.0.9", &forwarded), "10.0.0.1");
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.9", &forwarded), "192.0.2.1", "and nothing before it");
        assert_eq!(address(&["10.0.0.0/8"], "::ffff:10.0.0.9", &["::ffff:192.0.2.1"]), "192.0.2.1");
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.9", &["10.0.0.7"]), "10.0.0.7", "somebody within");
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.9", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.9", &["[2001:db8::1]:4711"]), "2001:db8::");
        for odd in [&[][..], &["unknown"], &[""], &["192.0.2.1, _hidden"]] {
            assert_eq!(address(&["10.0.0.0/8"], "10.0.0.9", odd), "10.0.0.9", "{odd:?}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_visitor() {
        assert_eq!(address(&[], "2001:db8::1", &[]), address(&[], "2001:db8::ffff:1", &[]));
        assert_ne!(address(&[], "2001:db8::1", &[]), address(&[], "2001:db8:0:1::1", &[]));
    }
}
