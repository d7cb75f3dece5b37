//! How often strangers may ask where an address belongs.

use std::num::NonZeroU32;

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Questions of anybody where an e-mail address belongs: `POST /api/discover` and `/login`.
    struct Written in "discover." {
        /// How many of them one address on the Internet (of IPv6: one /64) may ask in a minute: 1 to 100000, or 0 for as many as
        /// it likes. Those beyond get 429. Each replica counts for itself.
        requests_per_minute: u64 = "120",
    }
}

/// How often strangers may ask where an address belongs.
#[derive(Debug, Clone, Copy)]
pub struct Discover {
    /// In a minute, from one address; `None`: as often as they like.
    pub requests_per_minute: Option<NonZeroU32>,
}

impl Discover {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        Self { requests_per_minute: reading.per_minute("discover.requests_per_minute", written.requests_per_minute) }
    }
}
