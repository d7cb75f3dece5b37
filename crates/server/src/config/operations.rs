//! The listener for probes.

use std::net::SocketAddr;
use std::time::Duration;

use super::basics;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// The listener for those who run Postern: `/health/live`, `/health/ready` and `/metrics`.
    struct Written in "operations." {
        /// IP address and port of the operations listener. It asks for no credentials, so let only probes and Prometheus reach it.
        listen: String = "127.0.0.1:9225",
        /// For how many seconds, after SIGTERM, everything is answered as before while `/health/ready` says no, so that nobody is sent
        /// here any more when Postern stops: 0 to 300. In Kubernetes write 5, or let a `preStop` hook wait. What is being
        /// answered at the end has 10 seconds.
        drain_seconds: u64 = "0",
    }
}

/// The listener for probes.
#[derive(Debug, Clone)]
pub struct Operations {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long to go on after being told to stop.
    pub drain: Duration,
}

impl Operations {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading, public: SocketAddr) -> Self {
        let written = Written::take(reading);
        let listen = basics::address(reading, "operations.listen", &written.listen);
        basics::keep_apart(reading, "operations.listen", (public, listen), "Write another port.");
        let drain = reading.seconds("operations.drain_seconds", written.drain_seconds, 0..=300);
        Self { listen, drain }
    }
}
