//! The tables of the file, and the operations on them together with the memory beside it.

use std::ops::Bound;
use std::time::Duration;

use ::redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use postern_core::inventory::{Item, Kept};
use postern_core::ports::Timestamp;

use crate::batch::HIGHEST_SCORE;
use crate::memory::Values;
use crate::position::Position;
use crate::verbs::{self, Failure, Shelf};

/// Key → value.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
/// Index, score, member: the order of an index.
const ORDER: TableDefinition<'_, (&str, u64, &str), ()> = TableDefinition::new("order");
/// Index, member → score.
const SCORES: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("scores");
/// Index → how many members.
const COUNTS: TableDefinition<'_, &str, u64> = TableDefinition::new("counts");
/// Log, millisecond, number → entry.
const ENTRIES: TableDefinition<'_, (&str, u64, u64), &[u8]> = TableDefinition::new("entries");
/// Log → how many entries, and the position of the last.
const TAILS: TableDefinition<'_, &str, (u64, u64, u64)> = TableDefinition::new("tails");

/// Makes sure that every table is there, so that readers find it.
pub(super) fn create(file: &Database) -> Result<(), Failure> {
    let transaction = file.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.open_table(ORDER)?;
    transaction.open_table(SCORES)?;
    transaction.open_table(COUNTS)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(TAILS)?;
    Ok(transaction.commit()?)
}

/// File and memory in the hands of one batch, at one instant. A key is in one of the two, never in both.
pub(super) struct Held<'a> {
    values: &'a mut Values,
    file: &'a Database,
    now: Timestamp,
    transaction: Transaction,
    /// Whether the batch is to be answered only when the disk has what it wrote.
    durable: bool,
}

/// What a batch has begun on the file: nothing until it needs it.
enum Transaction {
    None,
    Read(ReadTransaction),
    Write(Box<WriteTransaction>),
}

/// Reads a table in whichever transaction there is.
macro_rules! reading {
    ($held:expr, $definition:expr, |$table:ident| $body:expr) => {{
        if let Transaction::None = $held.transaction {
            $held.transaction = Transaction::Read($held.file.begin_read()?);
        }
        match &$held.transaction {
            Transaction::Write(transaction) => {
                let $table = transaction.open_table($definition)?;
                $body
            }
            Transaction::Read(transaction) => {
                let $table = transaction.open_table($definition)?;
                $body
            }
            Transaction::None => unreachable!("one was begun above"),
        }
    }};
}

impl<'a> Held<'a> {
    pub(super) fn new(values: &'a mut Values, file: &'a Database, now: Timestamp) -> Self {
        Self { values, file, now, transaction: Transaction::None, durable: false }
    }

    /// What there is to commit, and whether durably.
    pub(super) fn finish(self) -> Option<(WriteTransaction, bool)> {
        match self.transaction {
            Transaction::Write(transaction) => Some((*transaction, self.durable)),
            Transaction::None | Transaction::Read(_) => None,
        }
    }

    /// Nobody else writes meanwhile, so what was read before a write stays true.
    fn writing(&mut self) -> Result<&WriteTransaction, Failure> {
        if let Transaction::None | Transaction::Read(_) = self.transaction {
            self.transaction = Transaction::Write(Box::new(self.file.begin_write()?));
        }
        match &self.transaction {
            Transaction::Write(transaction) => Ok(transaction),
            Transaction::None | Transaction::Read(_) => unreachable!("one was begun above"),
        }
    }

    fn durable_value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        reading!(self, VALUES, |table| Ok(table.get(key)?.map(|value| value.value().to_vec())))
    }

    fn remove_durable(&mut self, key: &str) -> Result<bool, Failure> {
        let there = reading!(self, VALUES, |table| table.get(key)?.is_some());
        if there {
            self.durable = true;
            self.writing()?.open_table(VALUES)?.remove(key)?;
        }
        Ok(there)
    }
}

impl Shelf for Held<'_> {
    fn value(&mut self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self.values.get(key, self.now) {
            Some(value) => Ok(Some(value.to_vec())),
            None => self.durable_value(key),
        }
    }

    fn set(&mut self, key: &str, value: Vec<u8>, lifetime: Option<Duration>) -> Result<(), Failure> {
        match lifetime {
            Some(_) => {
                self.values.set(key, value, lifetime, self.now)?;
                self.remove_durable(key)?;
            }
            None => {
                self.durable = true;
                self.writing()?.open_table(VALUES)?.insert(key, &*value)?;
                self.values.remove(key, self.now);
            }
        }
        Ok(())
    }

    fn rewrite(&mut self, key: &str, value: Vec<u8>) -> Result<(), Failure> {
        if self.values.get(key, self.now).is_some() {
            self.values.rewrite(key, value);
            return Ok(());
        }
        self.set(key, value, None)
    }

    fn remove(&mut self, key: &str) -> Result<bool, Failure> {
        Ok(self.values.remove(key, self.now) || self.remove_durable(key)?)
    }

    fn index_add(&mut self, index: &str, score: u64, member: &str) -> Result<(), Failure> {
        let transaction = self.writing()?;
        let before = transaction.open_table(SCORES)?.insert((index, member), score)?.map(|score| score.value());
        if before == Some(score) {
            return Ok(());
        }
        let mut order = transaction.open_table(ORDER)?;
        match before {
            Some(before) => drop(order.remove((index, before, member))?),
            None => change_count(transaction, index, 1)?,
        }
        order.insert((index, score, member), ())?;
        Ok(())
    }

    fn index_remove(&mut self, index: &str, member: &str) -> Result<bool, Failure> {
        let transaction = self.writing()?;
        let score = transaction.open_table(SCORES)?.remove((index, member))?.map(|score| score.value());
        if let Some(score) = score {
            transaction.open_table(ORDER)?.remove((index, score, member))?;
            change_count(transaction, index, -1)?;
        }
        Ok(score.is_some())
    }

    fn index_trim(&mut self, index: &str, below: u64) -> Result<u64, Failure> {
        // Nearly always there is nothing to trim, and finding that out writes nothing.
        let first = reading!(self, ORDER, |table| {
            table.range((index, 0, "")..(index, below, ""))?.next().transpose()?.is_some()
        });
        if !first {
            return Ok(0);
        }
        let transaction = self.writing()?;
        let mut order = transaction.open_table(ORDER)?;
        let mut scores = transaction.open_table(SCORES)?;
        let mut trimmed = 0;
        for entry in order.extract_from_if((index, 0, "")..(index, below, ""), |_, ()| true)? {
            let (place, _) = entry?;
            let (_, _, member) = place.value();
            scores.remove((index, member))?;
            trimmed += 1;
        }
        change_count(transaction, index, -trimmed)?;
        Ok(trimmed.unsigned_abs())
    }

    fn index_page(&mut self, index: &str, offset: u64, limit: u64) -> Result<Vec<(String, u64)>, Failure> {
        let [offset, limit] = [offset, limit].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        reading!(self, ORDER, |table| {
            let range = table.range((index, 0, "")..(index, HIGHEST_SCORE + 1, ""))?;
            let page = range.rev().skip(offset).take(limit).map(|entry| {
                let (place, _) = entry?;
                let (_, score, member) = place.value();
                Ok((member.to_owned(), score))
            });
            page.collect()
        })
    }

    fn index_count(&mut self, index: &str) -> Result<u64, Failure> {
        reading!(self, COUNTS, |table| Ok(table.get(index)?.map_or(0, |count| count.value())))
    }

    fn log_append(&mut self, log: &str, entry: Vec<u8>, keep: u64) -> Result<String, Failure> {
        let now = self.now;
        let transaction = self.writing()?;
        let mut tails = transaction.open_table(TAILS)?;
        let tail = tails.get(log)?.map(|tail| tail.value());
        let (mut count, last) = match tail {
            Some((count, millisecond, number)) => (count, Some(Position { millisecond, number })),
            None => (0, None),
        };
        let position = Position::next(last, now);

        let mut entries = transaction.open_table(ENTRIES)?;
        entries.insert((log, position.millisecond, position.number), &*entry)?;
        count += 1;
        if let Some(excess @ 1..) = count.checked_sub(keep) {
            let excess = usize::try_from(excess).unwrap_or(usize::MAX);
            let oldest = (log, 0, 0)..=(log, u64::MAX, u64::MAX);
            for entry in entries.extract_from_if(oldest, |_, _| true)?.take(excess) {
                entry?;
                count -= 1;
            }
        }
        tails.insert(log, (count, position.millisecond, position.number))?;
        Ok(position.to_string())
    }

    fn log_read(&mut self, log: &str, after: Option<&str>, limit: u64) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        use std::ops::Bound::{Excluded, Included};
        let start = match after.and_then(Position::parse) {
            Some(Position { millisecond, number }) => Excluded((log, millisecond, number)),
            None => Included((log, 0, 0)),
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        reading!(self, ENTRIES, |table| {
            let range = table.range::<(&str, u64, u64)>((start, Included((log, u64::MAX, u64::MAX))))?;
            let page = range.take(limit).map(|found| {
                let (place, entry) = found?;
                let (_, millisecond, number) = place.value();
                Ok((Position { millisecond, number }.to_string(), entry.value().to_vec()))
            });
            page.collect()
        })
    }

    fn log_rewrite(&mut self, log: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
        let mut table = self.writing()?.open_table(ENTRIES)?;
        for (position, entry) in entries {
            let Some(Position { millisecond, number }) = Position::parse(&position) else { continue };
            let place = (log, millisecond, number);
            if table.get(place)?.is_some() {
                table.insert(place, &*entry)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, from: Bound<&str>, limit: usize) -> Result<Vec<Item>, Failure> {
        let range = (from, Bound::Unbounded);
        let in_memory = self.values.list(from, limit, self.now);
        let in_file = reading!(self, VALUES, |table| {
            let values = table.range::<&str>(range)?.take(limit).map(|entry| {
                let (key, value) = entry?;
                Ok(verbs::listed(key.value(), value.value(), None))
            });
            values.collect::<Result<_, Failure>>()?
        });
        let named = |key: &str, kept| Item { key: key.to_owned(), kept };
        let indexes = reading!(self, COUNTS, |table| {
            let indexes = table.range::<&str>(range)?.take(limit);
            indexes.map(|entry| Ok(named(entry?.0.value(), Kept::Index))).collect::<Result<_, Failure>>()?
        });
        let logs = reading!(self, TAILS, |table| {
            let logs = table.range::<&str>(range)?.take(limit);
            logs.map(|entry| Ok(named(entry?.0.value(), Kept::Log))).collect::<Result<_, Failure>>()?
        });
        Ok(verbs::merged([in_memory, in_file, indexes, logs], limit))
    }
}

fn change_count(transaction: &WriteTransaction, index: &str, by: i64) -> Result<(), Failure> {
    let mut counts = transaction.open_table(COUNTS)?;
    let count = counts.get(index)?.map_or(0, |count| count.value());
    match count.saturating_add_signed(by) {
        0 => drop(counts.remove(index)?),
        count => drop(counts.insert(index, count)?),
    }
    Ok(())
}
