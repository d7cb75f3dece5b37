//! Where an entry stands in a log. All backends write positions in the form of Redis' stream ids, milliseconds and a
//! number within them, so that a reader's cursor outlives a move from one backend to another.

use std::fmt;

use postern_core::ports::Timestamp;

/// A place in a log. Later entries have greater ones, whatever the clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) millisecond: u64,
    pub(crate) number: u64,
}

impl Position {
    /// The place after `last` of an entry that is written at `now`.
    pub(crate) fn next(last: Option<Position>, now: Timestamp) -> Position {
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        match last {
            Some(last) if last.millisecond >= millisecond => Position { number: last.number + 1, ..last },
            _ => Position { millisecond, number: 0 },
        }
    }

    /// Reads what [`fmt::Display`] wrote, and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Position> {
        let (millisecond, number) = text.split_once('-')?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        Some(Position { millisecond: digits(millisecond)?, number: digits(number)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millisecond, self.number)
    }
}

/// Whether a text that came from outside can be the position of a log entry. Backends read a log from its start when they
/// are given anything else, so an API asks this first and answers its caller.
pub fn is_position(text: &str) -> bool {
    Position::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_rise_when_the_clock_does_not() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let first = Position::next(None, at(1000));
        let same = Position::next(Some(first), at(1000));
        let back = Position::next(Some(same), at(10));
        let on = Position::next(Some(back), at(1001));
        assert!(first < same && same < back && back < on);
        assert_eq!([first, same, back, on].map(|at| at.to_string()), ["1000-0", "1000-1", "1000-2", "1001-0"]);
    }

    #[test]
    fn only_positions_are_positions() {
        for text in ["1-0", "1795291200123-7"] {
            assert!(is_position(text) && Position::parse(text).unwrap().to_string() == text);
        }
        for text in ["", "-", "1", "1-", "-1", "+1-0", "1-0-0", "$", "1-x", "99999999999999999999-0", "1 -0"] {
            assert!(!is_position(text), "{text}");
        }
    }
}
