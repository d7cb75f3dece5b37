//! What is wrong with a configuration: all of it at once, each with what to write instead.

use std::fmt;

/// One thing to mend. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, the variable or the file that it is about.
    pub place: String,
    /// What is wrong there.
    pub fault: String,
    /// What to write instead.
    pub instead: String,
}

impl Problem {
    /// States a problem.
    pub fn new(place: impl Into<String>, fault: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { place: place.into(), fault: fault.into(), instead: instead.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}. {}", self.place, self.fault, self.instead)
    }
}

/// Everything that is wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
