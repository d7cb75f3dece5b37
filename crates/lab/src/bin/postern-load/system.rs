//! The time and chance of this command. It measures the world, so it has to look at it.

use std::time::Instant;

use postern_core::ports::{Random, Timestamp};

/// Runs from the moment it is started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a load command measures real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The present, which the server's clock has to agree with.
#[expect(clippy::disallowed_methods, reason = "the server under load checks responses against real time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Chance from the operating system.
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system has random bytes, or nothing here could go on");
    }
}
