//! Who asks, as far as a connection tells, and how often they may.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use postern_core::ports::Timestamp;
use quick_cache::unsync::Cache;

/// How many addresses are remembered. Whoever has more than that is not stopped by a limit for each of them.
const ADDRESSES: usize = 20_000;

/// For how long somebody may ask ahead: who was away for this long has the whole number of requests again.
const WINDOW_MICROS: i64 = 60_000_000;

/// A limit on requests from one address: a bucket that a minute fills (the generic cell rate algorithm, as one number for each
/// address).
pub struct Limiter {
    /// What one request costs; `None`: nothing.
    cost_micros: Option<i64>,
    trusted_proxies: usize,
    /// When the bucket of an address will be full again.
    full_at: Mutex<Cache<IpAddr, i64>>,
}

impl Limiter {
    /// So many requests in a minute; `None`: no limit. The last `trusted_proxies` entries of `X-Forwarded-For` are believed.
    pub fn new(requests_per_minute: Option<u32>, trusted_proxies: usize) -> Self {
        let cost_micros =
            requests_per_minute.filter(|number| *number > 0).map(|number| WINDOW_MICROS / i64::from(number));
        Self { cost_micros, trusted_proxies, full_at: Mutex::new(Cache::new(ADDRESSES)) }
    }

    /// Counts a request, or says after how long there may be one.
    pub fn admit(&self, request: &HttpRequest, now: Timestamp) -> Result<(), Duration> {
        self.admit_from(address(request, self.trusted_proxies), now)
    }

    fn admit_from(&self, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let Some(cost) = self.cost_micros else { return Ok(()) };
        let (bucket, now) = (bucket_of(address), now.as_microsecond());
        // Nothing panics while it is held; if something did, the numbers would still be good.
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.get(&bucket).copied().unwrap_or(now).max(now);
        let wait = full + cost - WINDOW_MICROS - now;
        if wait > 0 {
            return Err(Duration::from_micros(wait.unsigned_abs()));
        }
        full_at.insert(bucket, full + cost);
        Ok(())
    }
}

/// Where a request comes from: the peer, or what the farthest of our proxies saw. What stands before that, the client wrote.
fn address(request: &HttpRequest, trusted_proxies: usize) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
    if trusted_proxies == 0 {
        return peer;
    }
    let headers = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let entries: Vec<_> = headers.flat_map(|value| value.split(',')).map(str::trim).collect();
    let seen = entries.iter().rev().nth(trusted_proxies - 1);
    seen.and_then(|entry| read_address(entry)).unwrap_or(peer)
}

/// Some proxies write the port too.
fn read_address(entry: &str) -> Option<IpAddr> {
    entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whoever has one IPv6 address usually has its /64.
fn bucket_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_minute_gives_back_what_was_used() {
        let limiter = Limiter::new(Some(3), 0);
        let admitted = |millis| limiter.admit_from(ip("192.0.2.1"), at(millis));
        for _ in 0..3 {
            assert_eq!(admitted(0), Ok(()));
        }
        assert_eq!(admitted(0), Err(Duration::from_secs(20)), "a third of a minute for one of three");
        assert_eq!(admitted(19_999), Err(Duration::from_millis(1)));
        assert_eq!(admitted(20_000), Ok(()));
        assert_eq!(admitted(20_000), Err(Duration::from_secs(20)));
        for _ in 0..3 {
            assert_eq!(admitted(600_000), Ok(()));
        }
        assert!(admitted(600_000).is_err(), "no more than a minute is saved up");
    }

    #[test]
    fn each_address_has_its_own_limit_and_an_ipv6_network_one() {
        let limiter = Limiter::new(Some(1), 0);
        for (address, admitted) in [
            ("192.0.2.1", true),
            ("192.0.2.2", true),
            ("::ffff:192.0.2.1", false),
            ("2001:db8::1", true),
            ("2001:db8::ffff:1", false),
            ("2001:db8:0:1::1", true),
        ] {
            assert_eq!(limiter.admit_from(ip(address), at(0)).is_ok(), admitted, "{address}");
        }
        let unlimited = Limiter::new(None, 0);
        assert!((0..1000).all(|_| unlimited.admit_from(ip("192.0.2.1"), at(0)).is_ok()));
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_ask() {
        let limiter = Limiter::new(Some(1), 0);
        for number in 0..3 * ADDRESSES as u32 {
            let _ = limiter.admit_from(IpAddr::V4(number.into()), at(0));
        }
        assert!(limiter.full_at.lock().unwrap().len() <= ADDRESSES);
    }

    #[test]
    fn only_what_our_own_proxies_wrote_is_believed() {
        let come = |forwarded: &[&str], trusted| {
            let request = TestRequest::default().peer_addr("10.0.0.9:1000".parse().unwrap());
            let request =
                forwarded.iter().fold(request, |request, value| request.append_header(("X-Forwarded-For", *value)));
            address(&request.to_http_request(), trusted)
        };
        let forwarded = ["6.6.6.6", "192.0.2.1, 10.0.0.1"];
        assert_eq!(come(&forwarded, 0), ip("10.0.0.9"));
        assert_eq!(come(&forwarded, 1), ip("10.0.0.1"));
        assert_eq!(come(&forwarded, 2), ip("192.0.2.1"));
        assert_eq!(come(&["192.0.2.1:4711"], 1), ip("192.0.2.1"));
        assert_eq!(come(&["[2001:db8::1]:4711"], 1), ip("2001:db8::1"));
        for odd in [&[][..], &["unknown"], &[""]] {
            assert_eq!(come(odd, 1), ip("10.0.0.9"), "{odd:?}");
        }
        assert_eq!(come(&["192.0.2.1"], 2), ip("10.0.0.9"), "a proxy is missing: nobody's word is taken");
    }
}
