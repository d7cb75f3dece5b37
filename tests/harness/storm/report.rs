//! What became of a storm, to be printed and judged.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use postern_core::fault::Code;
use tokio::time::Instant;

use super::balancer::Asked;

/// A request of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The app asks.
    Authorize,
    /// The identity provider answers.
    Respond,
    /// The app redeems its code.
    Redeem,
    /// The app asks who that is.
    Userinfo,
    /// The app renews its tokens.
    Refresh,
    /// The app asks for the keys that verify ID tokens.
    Keys,
}

/// After these the person begins anew, or the app lets them, and that is all: nobody has to mend anything.
const RESTARTABLE: [Code; 13] = [
    Code::StoreUnavailable,
    Code::LoginLostInFailover,
    Code::CodeLostInFailover,
    Code::UnsolicitedBeforeStart,
    Code::SamlAssertionReplayed,
    Code::LoginUnknown,
    Code::LoginSpent,
    Code::CodeUnknown,
    Code::CodeSpent,
    Code::CodeSessionEnded,
    Code::TokenInvalid,
    Code::RefreshTokenUnknown,
    Code::RefreshTokenReused,
];

/// What an answer is to the person who waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Good,
    /// The login has to begin anew.
    BeginAnew(Code),
    /// There is no answer, or one that helps nobody.
    Broken(String),
}

impl Step {
    /// Judges what was answered to this step.
    pub fn judge(self, asked: &Asked) -> Verdict {
        let answer = match &asked.answer {
            Ok(answer) => answer,
            Err(why) => return Verdict::Broken(why.clone()),
        };
        let good = match self {
            Self::Authorize => answer.parameter("SAMLRequest").is_some(),
            Self::Respond => answer.parameter("code").is_some(),
            Self::Redeem | Self::Userinfo | Self::Refresh | Self::Keys => answer.status == 200,
        };
        match answer.fault() {
            _ if good => Verdict::Good,
            Some(code) if RESTARTABLE.contains(&code) => Verdict::BeginAnew(code),
            Some(code) => Verdict::Broken(code.name().to_owned()),
            None => Verdict::Broken(format!("{} {}", answer.status, answer.body)),
        }
    }
}

/// A request, for figures.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// What was asked.
    pub step: Step,
    /// Which replica was.
    pub replica: usize,
    /// When.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// Whether the answer was a good one.
    pub good: bool,
}

/// A request that was not answered as it should have been.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What was asked.
    pub step: Step,
    /// Which replica was.
    pub replica: usize,
    /// When.
    pub began: Instant,
    /// What came instead.
    pub why: String,
}

/// What became of all logins.
#[derive(Debug, Default)]
pub struct Report {
    /// What happened meanwhile.
    pub what: String,
    /// Logins that began.
    pub begun: usize,
    /// Those that ended with the tokens that they were for.
    pub completed: usize,
    /// The others that were told to begin anew, by step and code.
    pub anew: BTreeMap<(Step, &'static str), usize>,
    /// Requests that nobody answered well.
    pub broken: Vec<Broken>,
    /// All requests.
    pub timings: Vec<Timing>,
    /// Responses to requests that were posted more than once, and how many of them were accepted more than once.
    pub solicited: Twice,
    /// The same of responses that nobody asked for.
    pub unsolicited: Twice,
    /// The same of codes that were redeemed.
    pub codes: Twice,
    /// ID tokens that were verified by the keys of another replica, and what was wrong with the others.
    pub verified: usize,
    /// Why one does not verify.
    pub invalid: Vec<String>,
}

/// Things that are good for one use.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Twice {
    /// Tried more than once.
    pub tried: usize,
    /// Taken more than once.
    pub taken: usize,
}

impl Twice {
    /// Counts one that was taken so often.
    pub fn count(&mut self, taken: usize) {
        self.tried += 1;
        self.taken += usize::from(taken > 1);
    }
}

impl Report {
    /// The longest time in which no request had a good answer.
    pub fn gap(&self) -> Duration {
        let good = self.timings.iter().filter(|timing| timing.good);
        let mut ends: Vec<_> = good.map(|timing| timing.began + timing.took).collect();
        ends.sort_unstable();
        ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// What 99 of 100 of these requests took at most.
    pub fn p99(&self, these: impl Fn(&Timing) -> bool) -> Duration {
        let mut took: Vec<_> = self.timings.iter().filter(|timing| these(timing)).map(|timing| timing.took).collect();
        took.sort_unstable();
        let at = (took.len() * 99).div_ceil(100);
        at.checked_sub(1).map_or(Duration::ZERO, |at| took[at])
    }

    /// Prints it, and fails if anything was good twice, if an ID token does not verify, or if there was no storm at all.
    pub fn judge(&self) {
        self.print();
        for (what, twice) in self.twice() {
            assert_eq!(twice.taken, 0, "none of the {what} is good twice");
        }
        assert!(self.invalid.is_empty(), "{:?}", self.invalid);
        assert!(self.completed >= 20, "the storm was a storm");
    }

    /// What was used more than once, by name.
    fn twice(&self) -> [(&'static str, Twice); 3] {
        [("responses", self.solicited), ("unsolicited responses", self.unsolicited), ("codes", self.codes)]
    }

    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    fn print(&self) {
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let anew: usize = self.anew.values().sum();
        let first = self.timings.iter().map(|timing| timing.began).min();
        let last = self.timings.iter().map(|timing| timing.began).max();
        let lasted = first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first);
        writeln!(
            f,
            "{}: {} logins in {:.1} s: {} completed, {anew} to begin anew, {} requests broken",
            self.what,
            self.begun,
            lasted.as_secs_f64(),
            self.completed,
            self.broken.len(),
        )?;
        writeln!(f, "  without a good answer for {:.2} s at most", self.gap().as_secs_f64())?;
        for ((step, code), count) in &self.anew {
            writeln!(f, "  to begin anew at {step:?}: {count} {code}")?;
        }
        for broken in self.broken.iter().take(5) {
            writeln!(f, "  broken: {:?} at replica {}: {}", broken.step, broken.replica, broken.why)?;
        }
        let twice = self.twice().map(|(what, twice)| format!("of {} {what} {}", twice.tried, twice.taken));
        write!(f, "  used again and again, and good twice: {}", twice.join(", "))?;
        if self.verified > 0 || !self.invalid.is_empty() {
            write!(f, "\n  {} ID tokens verified, {} invalid", self.verified, self.invalid.len())?;
        }
        Ok(())
    }
}
