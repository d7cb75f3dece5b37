//! How often identity providers are looked at.

use std::time::Duration;

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Whether the identity providers are there: `GET /api/v1/sso/{id}/health`.
    struct Written in "health." {
        /// How often the address of an identity provider's metadata is looked at, in seconds: 15 to 86400, more or less a tenth; 0:
        /// never. No login depends on it.
        check_seconds: u64 = "300",
    }
}

/// How often identity providers are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    /// After which time again; `None`: never.
    pub interval: Option<Duration>,
}

impl Health {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let seconds = Written::take(reading).check_seconds;
        let interval = (seconds > 0).then(|| reading.seconds("health.check_seconds", seconds, 15..=86_400));
        Self { interval }
    }
}
