//! The listener for probes.

use std::net::SocketAddr;

use super::basics;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The listener for those who run Postern: `/health/live`, `/health/ready` and `/metrics`.
    struct Written in "operations." {
        /// IP address and port of the operations listener. It asks for no credentials, so let only probes and Prometheus reach it.
        listen: String = "127.0.0.1:9225",
    }
}

/// The listener for probes.
#[derive(Debug, Clone)]
pub struct Operations {
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Operations {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading, public: SocketAddr) -> Self {
        let written = Written::take(reading);
        let listen = basics::address(reading, "operations.listen", &written.listen);
        basics::keep_apart(reading, "operations.listen", (public, listen), "Write another port.");
        Self { listen }
    }
}
