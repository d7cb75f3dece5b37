//! Sessions, found and ended: by an operator, by a person's logout, by a token that was stolen.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::login::session::{Ended, ListedBy, Listing, Reach, Session, SessionId};
use crate::logout_notices::{LogoutNotice, LogoutNotices};
use crate::ports::{Clock, Random, Timestamp};
use crate::products::Product;
use crate::refresh::countdown;
use crate::store::{Batch, Pointed, Spent, Store};
use crate::trace::milliseconds;

/// Why a session is ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// An operator said so.
    Operator,
    /// Its code was redeemed again.
    CodeReplayed,
    /// A refresh token of it was used again.
    RefreshTokenReused,
    /// The app gave its refresh token back.
    Revoked,
    /// The person signed out.
    Logout,
    /// The IdP asked for it.
    IdentityProvider,
    /// Its connection was deleted, or more than that.
    Deleted,
    /// The tenant blocks the person.
    Blocked,
    /// The person is not invited any more.
    Uninvited,
    /// The person began more than they may have.
    Limit,
}

impl Why {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Why::Operator => "operator",
            Why::CodeReplayed => "code_replayed",
            Why::RefreshTokenReused => "refresh_token_reused",
            Why::Revoked => "revoked",
            Why::Logout => "logout",
            Why::IdentityProvider => "identity_provider",
            Why::Deleted => "deleted",
            Why::Blocked => "person_blocked",
            Why::Uninvited => "invitation_withdrawn",
            Why::Limit => "session_limit",
        }
    }

    /// Whether the app has to be told: all but what it did itself.
    fn is_news(self) -> bool {
        self != Why::Revoked
    }
}

/// Finds and ends sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    notices: LogoutNotices,
    wake: Wake,
}

/// Called when an app is to be told of an ended session, so that it is told at once.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How many sessions are ended, or taken off the lists, at once.
const AT_ONCE: u64 = 200;

impl Sessions {
    /// Sessions in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, wake: Wake) -> Self {
        let notices = LogoutNotices::new(store.clone(), clock.clone());
        Self { store, clock, random, notices, wake }
    }

    /// Adds a session that begins to a batch, with its places in the lists.
    pub(crate) fn begin(&self, batch: &mut Batch<'_>, session: &Session) {
        let keys = self.store.keys();
        batch.put(&keys.session(&session.id), session, Some(left(session.over(), self.clock.now())));
        for list in session.listing.lists() {
            let began = milliseconds(session.began);
            batch.index_add(&keys.session_list(list), began, session.listing.session().to_owned());
        }
        let entry = session.listing.entry().to_owned();
        batch.index_add(&keys.session_ends(), countdown(session.over()), entry);
    }

    /// The session of this name, as long as anything of it can work.
    pub async fn find(&self, id: &SessionId) -> Result<Option<Arc<Session>>, Fault> {
        let session = self.store.get(&self.store.keys().session(id)).await?;
        Ok(session.filter(|session| self.clock.now() < session.over()))
    }

    /// Sessions of a list, the newest first. What the list names and is gone is skipped.
    pub async fn list(&self, by: ListedBy<'_>, offset: u64, limit: u64) -> Result<Vec<Arc<Session>>, Fault> {
        let (keys, now) = (self.store.keys(), self.clock.now());
        let mut batch = self.store.batch();
        let list = keys.session_list_name(by);
        let page = batch.index_page(&keys.session_list(&list), offset, limit);
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let slots: Vec<_> = answers.members(page).map(|member| batch.get(&keys.session_member(member))).collect();
        let answers = batch.run().await?;
        let mut found = Vec::with_capacity(slots.len());
        for slot in slots {
            found.extend(answers.get(slot)?.filter(|session| now < session.over() && session.is_listed(&list)));
        }
        Ok(found)
    }

    /// Ends all sessions of a list, also those that begin meanwhile. Returns how many there were.
    pub async fn end_all(&self, by: ListedBy<'_>, why: Why) -> Result<u64, Fault> {
        self.end_those(by, why, |_| true).await
    }

    /// Ends those sessions of a list that are `meant`, likewise.
    pub async fn end_those(
        &self,
        by: ListedBy<'_>,
        why: Why,
        meant: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<u64, Fault> {
        let mut ended = 0;
        loop {
            let before = ended;
            for members in self.members(by).await?.chunks(AT_ONCE as usize) {
                let live = self.live(by, members).await?;
                let doomed: Vec<_> = live.into_iter().filter(|session| meant(session)).collect();
                ended += self.end_these(&doomed, why).await?;
            }
            if ended == before {
                return Ok(ended);
            }
        }
    }

    /// Ends all sessions of several lists. Those that are empty, which is most, cost nothing each.
    pub async fn end_lists(&self, lists: &[ListedBy<'_>], why: Why) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let counts: Vec<_> = lists.iter().map(|list| batch.index_count(&keys.sessions(*list))).collect();
        let answers = batch.run().await?;
        let mut ended = 0;
        for (list, count) in lists.iter().zip(counts) {
            if answers.count(count) > 0 {
                ended += self.end_all(*list, why).await?;
            }
        }
        Ok(ended)
    }

    /// Ends the oldest sessions of a list, where more than `most` of it are alive.
    pub(crate) async fn keep_newest(&self, by: ListedBy<'_>, most: u64) -> Result<(), Fault> {
        let now = self.clock.now();
        let mut alive = 0;
        for member in self.members(by).await? {
            let session = self.store.get(&self.store.keys().session_member(&member)).await?;
            let lives = |session: &Session| [Reach::Online, Reach::Offline].iter().any(|r| session.is_live(*r, now));
            let Some(session) = session.filter(|session| lives(session)) else { continue };
            alive += 1;
            if alive > most {
                self.end(&session.id, Why::Limit).await?;
            }
        }
        Ok(())
    }

    async fn members(&self, by: ListedBy<'_>) -> Result<Vec<String>, Fault> {
        let mut members = Vec::new();
        loop {
            let mut batch = self.store.batch();
            let page = batch.index_page(&self.store.keys().sessions(by), members.len() as u64, AT_ONCE);
            let before = members.len();
            members.extend(batch.run().await?.members(page).map(str::to_owned));
            if members.len() == before {
                return Ok(members);
            }
        }
    }

    /// The live sessions among these members of a list. What is there no longer leaves it.
    async fn live(&self, by: ListedBy<'_>, members: &[String]) -> Result<Vec<Arc<Session>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let slots: Vec<_> = members.iter().map(|member| batch.get(&keys.session_member(member))).collect();
        let answers = batch.run().await?;
        let (mut live, mut gone) = (Vec::with_capacity(slots.len()), self.store.batch());
        let list = keys.session_list_name(by);
        for (member, slot) in members.iter().zip(slots) {
            match answers.pointed(slot)? {
                Pointed::Here(session) if session.is_listed(&list) => live.push(session),
                // Nobody vouches for an index; and what does not open opens to no token either.
                Pointed::Here(_) | Pointed::Spoilt => {}
                Pointed::Gone => match answers.tombstone::<Session, Ended>(slot)?.and_then(|ended| ended.listing) {
                    Some(listing) => self.unlist(&mut gone, &listing),
                    None => drop(gone.index_remove(&keys.sessions(by), member.clone())),
                },
            }
        }
        gone.run().await?;
        Ok(live)
    }

    /// Ends a session: its tokens are dead from now on, on every replica. `false` where somebody else did, or it was over.
    pub async fn end(&self, id: &SessionId, why: Why) -> Result<bool, Fault> {
        let Some(session) = self.store.get(&self.store.keys().session(id)).await? else { return Ok(false) };
        Ok(self.end_these(&[session], why).await? > 0)
    }

    /// Ends some at once. Returns of how many that was still to be done.
    async fn end_these(&self, sessions: &[Arc<Session>], why: Why) -> Result<u64, Fault> {
        let (keys, now) = (self.store.keys(), self.clock.now());
        let mut batch = self.store.batch();
        let mut slots = Vec::with_capacity(sessions.len());
        for session in sessions {
            // For as long as the session could have lived, so that nothing brings it back.
            let tombstone = Ended { listing: Some(session.listing.clone()) };
            let spent = batch.consume(&keys.session(&session.id), &tombstone, left(session.over(), now));
            let product = why.is_news().then(|| batch.get(&keys.product(&session.scope.product)));
            slots.push((spent, product));
        }
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let (mut ended, mut queued) = (0, false);
        for (spent, product) in slots {
            let Spent::Live(session) = answers.consumed::<Session, Ended>(spent)? else { continue };
            let product = product.map(|slot| answers.get(slot)).transpose()?.flatten();
            ended += 1;
            queued |= self.tell_ended(&mut batch, &session, product.as_deref(), why);
            if why == Why::Deleted {
                // Nothing is left that could bring it back, and nothing is to be left of it.
                batch.delete(&keys.session(&session.id));
            }
        }
        batch.run().await?;
        if queued {
            (self.wake)();
        }
        Ok(ended)
    }

    /// Adds to a batch what follows from an end: the lists, the event, and whether the app is to be told, which is returned.
    fn tell_ended(&self, batch: &mut Batch<'_>, session: &Session, product: Option<&Product>, why: Why) -> bool {
        let now = self.clock.now();
        let data = json!({
            "session": session.id, "sub": session.subject, "connection": session.connection,
            "client_id": session.client_id, "reason": why.name(),
        });
        self.unlist(batch, &session.listing);
        Event::of(EventKind::SessionEnded, &session.scope, now, data).append(batch, &self.store);
        let notice = LogoutNotice::of(product, session, &*self.random, now);
        if let Some(notice) = &notice {
            self.notices.queue(batch, notice);
        }
        notice.is_some()
    }

    /// Takes sessions that are over off the lists, some at once. Returns how many there were.
    pub async fn sweep(&self) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let now = countdown(self.clock.now());
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.session_ends(), 0, AT_ONCE);
        let answers = batch.run().await?;
        let over: Vec<_> =
            answers.scored(page).filter(|(_, end)| *end >= now).map(|(entry, _)| Listing::of_entry(entry)).collect();
        let mut batch = self.store.batch();
        for listing in &over {
            self.unlist(&mut batch, listing);
        }
        batch.run().await?;
        Ok(over.len() as u64)
    }

    fn unlist(&self, batch: &mut Batch<'_>, listing: &Listing) {
        let keys = self.store.keys();
        for list in listing.lists() {
            batch.index_remove(&keys.session_list(list), listing.session().to_owned());
        }
        batch.index_remove(&keys.session_ends(), listing.entry().to_owned());
    }
}

/// How long something is still to be kept: a moment, where that is over.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default().max(Duration::from_millis(1))
}
