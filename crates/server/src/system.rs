//! The clock and the random source of this machine: the only place that may ask for them.
#![expect(clippy::disallowed_methods, reason = "the two ports are implemented here")]

use postern_core::ports::{Clock, Random, Timestamp};

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no code, key or session is safe, and nothing here could go on.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
