//! Changing a record that others change too, in one atomic step.

use std::time::Duration;

use super::{Key, Record, Store};
use crate::fault::{Code, Fault};

/// How often a change is tried again that somebody else's came before.
pub(crate) const ATTEMPTS: usize = 20;

impl Store {
    /// Changes a record, again from its present state where somebody else changed it at the same time. One that is not there
    /// begins as its default; one that `is_empty` afterwards goes; one that stays as it is is not written.
    pub(crate) async fn change<R: Record + Clone + Default + PartialEq>(
        &self,
        key: &Key<R>,
        change: impl Fn(&mut R) -> Result<(), Fault>,
        is_empty: impl Fn(&R) -> bool,
    ) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS {
            let mut batch = self.batch();
            let slot = batch.get(key);
            let stored = batch.run().await?.stored(slot)?;
            let mut record = stored.as_ref().map(|stored| (*stored.record).clone()).unwrap_or_default();
            change(&mut record)?;
            if stored.as_ref().is_some_and(|stored| *stored.record == record) {
                return Ok(());
            }
            let mut batch = self.batch();
            let written = match (&stored, is_empty(&record)) {
                (None, true) => return Ok(()),
                // There is no verb that deletes what was read; one that ends at once does the same.
                (Some(stored), true) => batch.replace_ending(key, stored, &record, Duration::from_millis(1)),
                (stored, false) => batch.replace(key, stored.as_ref(), &record),
            };
            if batch.run().await?.written(written) {
                return Ok(());
            }
        }
        Err(Code::ChangedMeanwhile.into())
    }
}
