//! How often strangers may ask where an address belongs.

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Questions of anybody where an e-mail address belongs: `POST /api/discover` and `/login`.
    struct Written in "discover." {
        /// How many of them one address on the Internet (of IPv6: one /64) may ask in a minute: 1 to 100000, or 0 for as many as
        /// it likes. Those beyond get 429. Each replica counts for itself.
        requests_per_minute: u64 = "120",
        /// How many proxies stand before Postern and add to `X-Forwarded-For`: 0 to 10. With 0 that header is not believed, and
        /// all who come by way of a proxy count as one. With more than there are, anybody can say that they are somebody else.
        trusted_proxies: u64 = "0",
    }
}

/// How often strangers may ask where an address belongs.
#[derive(Debug, Clone, Copy)]
pub struct Discover {
    /// In a minute, from one address; `None`: as often as they like.
    pub requests_per_minute: Option<u32>,
    /// How many entries of `X-Forwarded-For`, from its end, were written by proxies of ours.
    pub trusted_proxies: usize,
}

impl Discover {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        if written.requests_per_minute > 100_000 {
            let fault = format!("is {}", written.requests_per_minute);
            reading.refuse("discover.requests_per_minute", fault, "Write 1 to 100000, or 0 for no limit.");
        }
        if written.trusted_proxies > 10 {
            let fault = format!("is {}", written.trusted_proxies);
            reading.refuse("discover.trusted_proxies", fault, "Write the number of proxies before Postern, 0 to 10.");
        }
        Self {
            requests_per_minute: u32::try_from(written.requests_per_minute).ok().filter(|number| *number > 0),
            trusted_proxies: usize::try_from(written.trusted_proxies).unwrap_or_default(),
        }
    }
}
