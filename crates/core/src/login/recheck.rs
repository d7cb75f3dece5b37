//! What may have changed between the moment in which somebody was judged and the one in which the app hears of them: they were
//! blocked, or their invitation was withdrawn.
//!
//! Whoever blocks somebody writes the entry first and then ends the sessions that are listed. A login lists its session first, all of
//! it, and looks for the entry when its code is redeemed. Whichever way the two interleave, one of them sees the other: where the
//! redemption finds no entry, the session was listed before the entry was written, and so it is ended. Nobody has to wait,
//! nothing is swept a second time, and the questions are part of a batch that is made anyway.

use super::Grant;
use crate::people::{List, Lookup, PersonName};
use crate::ports::{StoreError, Timestamp};
use crate::sessions::Why;
use crate::store::{Answers, Batch, Keys};

/// The questions, in the batch that redeems a code.
pub(super) struct Recheck {
    blocked: Lookup,
    invited: Option<Lookup>,
}

impl Recheck {
    /// Adds them to the batch.
    pub(super) fn ask(batch: &mut Batch<'_>, keys: &Keys<'_>, grant: &Grant) -> Self {
        let (names, scope) = (PersonName::of(&grant.claims), &grant.terms.scope);
        let mut listed = |list| Lookup::ask(batch, keys, (list, scope), &names);
        Self { blocked: listed(List::Blocked), invited: grant.needs_invitation.then(|| listed(List::Invited)) }
    }

    /// Why the session has to end again, if it has to.
    pub(super) fn answer(self, answers: &Answers<'_>, now: Timestamp) -> Result<Option<Why>, StoreError> {
        if self.blocked.answer(answers, now)? {
            return Ok(Some(Why::Blocked));
        }
        let uninvited = match self.invited {
            Some(invited) => !invited.answer(answers, now)?,
            None => false,
        };
        Ok(uninvited.then_some(Why::Uninvited))
    }
}
