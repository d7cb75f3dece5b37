//! One log.

use std::collections::VecDeque;

use postern_core::ports::Timestamp;

use crate::position::Position;

/// The last entries that were appended, with their positions.
#[derive(Default)]
pub(crate) struct Log {
    entries: VecDeque<(Position, Vec<u8>)>,
    last: Option<Position>,
}

impl Log {
    /// Appends an entry, and forgets the oldest beyond `keep`.
    pub(crate) fn append(&mut self, entry: Vec<u8>, keep: u64, now: Timestamp) -> Position {
        let position = Position::next(self.last, now);
        self.last = Some(position);
        self.entries.push_back((position, entry));
        while self.entries.len() as u64 > keep {
            self.entries.pop_front();
        }
        position
    }

    /// Writes another form of the entry at a position, if it is there.
    pub(crate) fn rewrite(&mut self, position: Option<Position>, entry: Vec<u8>) {
        let found = self.entries.binary_search_by(|(at, _)| Some(*at).cmp(&position));
        if let Ok(at) = found {
            self.entries[at].1 = entry;
        }
    }

    /// Entries after a position, oldest first.
    pub(crate) fn read(&self, after: Option<Position>, limit: u64) -> Vec<(String, Vec<u8>)> {
        let start = self.entries.partition_point(|(position, _)| Some(*position) <= after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let page = self.entries.range(start..).take(limit);
        page.map(|(position, entry)| (position.to_string(), entry.clone())).collect()
    }
}
