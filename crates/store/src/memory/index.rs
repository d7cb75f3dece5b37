//! One ordered index.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Members by score, ties in byte order.
#[derive(Default)]
pub(crate) struct Index {
    order: BTreeSet<(u64, Arc<str>)>,
    scores: HashMap<Arc<str>, u64>,
}

impl Index {
    /// Adds a member, or moves it to another score.
    pub(crate) fn add(&mut self, score: u64, member: &str) {
        self.remove(member);
        let member: Arc<str> = member.into();
        self.order.insert((score, member.clone()));
        self.scores.insert(member, score);
    }

    /// Removes a member, and says whether it was there.
    pub(crate) fn remove(&mut self, member: &str) -> bool {
        match self.scores.remove_entry(member) {
            Some((member, score)) => self.order.remove(&(score, member)),
            None => false,
        }
    }

    /// Removes what is scored lower, and says how many that were.
    pub(crate) fn trim(&mut self, below: u64) -> u64 {
        let stay = self.order.split_off(&(below, "".into()));
        let gone = std::mem::replace(&mut self.order, stay);
        for (_, member) in &gone {
            self.scores.remove(member);
        }
        gone.len() as u64
    }

    /// Members from the highest score down.
    pub(crate) fn page(&self, offset: u64, limit: u64) -> Vec<(String, u64)> {
        let [offset, limit] = [offset, limit].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let page = self.order.iter().rev().skip(offset).take(limit);
        page.map(|(score, member)| (member.to_string(), *score)).collect()
    }

    /// How many members there are.
    pub(crate) fn count(&self) -> u64 {
        self.order.len() as u64
    }
}
