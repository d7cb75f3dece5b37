//! People whom a scope knows by name: whom it blocks, and whom it invites. What that means for a login is a row of
//! [`Provisioning::judge`](crate::provisioning::Provisioning::judge).
//!
//! A person is named by `sub`, or by an e-mail address, however it is written. A blocked one is out at once: the entry is written
//! first, and then their sessions end, so that a login which is under way finds the entry (`login/recheck.rs`). A refresh looks too.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::login::session::ListedBy;
use crate::mail_address::MailAddress;
use crate::mapping::{Claims, addresses};
use crate::ports::{Clock, StoreError, Timestamp};
use crate::products::invalid;
use crate::scope::Scope;
use crate::sessions::{Sessions, Why};
use crate::store::{Answers, Batch, Keys, Record, Slot, Store};
use crate::tenants::Tenants;
use crate::trace::milliseconds;

/// How many people may be named at once.
pub const AT_ONCE: usize = 1000;

/// How long a reason or a `sub` may be, in bytes.
const LONGEST: usize = 256;

/// What a scope says of the people on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// They do not come in.
    Blocked,
    /// They are expected.
    Invited,
}

impl List {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            List::Blocked => "blocked",
            List::Invited => "invited",
        }
    }

    /// The list of this name.
    pub fn named(name: &str) -> Option<Self> {
        [List::Blocked, List::Invited].into_iter().find(|list| list.name() == name)
    }

    fn added(self) -> EventKind {
        match self {
            List::Blocked => EventKind::PersonBlocked,
            List::Invited => EventKind::PersonInvited,
        }
    }

    fn removed(self) -> EventKind {
        match self {
            List::Blocked => EventKind::PersonUnblocked,
            List::Invited => EventKind::PersonUninvited,
        }
    }
}

/// By what a person is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonName {
    /// The address that the IdP names.
    Email(MailAddress),
    /// What the app calls them for good.
    Sub(String),
}

impl PersonName {
    /// The name that somebody sent: one of the two.
    pub fn read(email: Option<&str>, sub: Option<&str>) -> Result<Self, Fault> {
        match (email, sub) {
            (Some(email), None) => {
                let unreadable = || {
                    invalid("email", "is no address of which the domain can be told; name the person by sub instead")
                };
                MailAddress::read(email).map(PersonName::Email).ok_or_else(unreadable)
            }
            (None, Some(sub)) if is_text(sub) => Ok(PersonName::Sub(sub.to_owned())),
            (None, Some(_)) => Err(invalid("sub", "is longer than 256 bytes, or holds a control character")),
            (None, None) => Err(Code::FieldMissing.fault().expected("email or sub")),
            (Some(_), Some(_)) => Err(Code::FieldInvalid.fault().expected("Send email or sub, not both")),
        }
    }

    /// Every name under which somebody with these claims may be listed.
    pub fn of(claims: &Claims) -> Vec<Self> {
        let sub = claims.get("sub").and_then(serde_json::Value::as_str).map(|sub| PersonName::Sub(sub.to_owned()));
        let emails = addresses(claims).into_iter().filter_map(MailAddress::read).map(PersonName::Email);
        sub.into_iter().chain(emails).collect()
    }

    /// Its kind, and what it says.
    pub(crate) fn parts(&self) -> [&str; 2] {
        match self {
            PersonName::Email(email) => ["email", email.as_str()],
            PersonName::Sub(sub) => ["sub", sub],
        }
    }

    /// The sessions of whoever has this name.
    fn sessions<'a>(&'a self, scope: &'a Scope) -> ListedBy<'a> {
        match self {
            PersonName::Email(email) => ListedBy::Email(scope, email.as_str()),
            PersonName::Sub(sub) => ListedBy::Subject(scope, sub),
        }
    }
}

fn is_text(text: &str) -> bool {
    text.len() <= LONGEST && !text.chars().any(char::is_control)
}

/// Somebody on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who.
    pub name: PersonName,
    /// Why, in the operator's words and for nobody else.
    #[serde(default)]
    pub reason: Option<String>,
    /// From when on it is as if they were not listed.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Since when they are.
    pub added: Timestamp,
}

impl Record for Entry {
    const CLASS: &'static str = "person";
    const LASTS: bool = true;
}

impl Entry {
    fn counts(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// Asks, in somebody's batch, whether a person is on a list.
pub struct Lookup(Vec<Slot<Entry>>);

impl Lookup {
    /// Adds the question to a batch.
    pub fn ask(batch: &mut Batch<'_>, keys: &Keys<'_>, (list, scope): (List, &Scope), names: &[PersonName]) -> Self {
        Self(names.iter().map(|name| batch.get(&keys.person(list, scope, name))).collect())
    }

    /// What the batch found.
    pub fn answer(self, answers: &Answers<'_>, now: Timestamp) -> Result<bool, StoreError> {
        for slot in self.0 {
            if answers.get(slot)?.is_some_and(|entry| entry.counts(now)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Somebody who is to be listed.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// See [`Entry::name`].
    pub name: PersonName,
    /// See [`Entry::reason`].
    pub reason: Option<String>,
    /// See [`Entry::expires`].
    pub expires: Option<Timestamp>,
}

/// Somebody on a list, and the name that events call them by: it says nothing to whoever does not have the list.
#[derive(Debug)]
pub struct Listed {
    /// That name.
    pub id: String,
    /// Who it is.
    pub entry: Arc<Entry>,
}

/// Keeps the lists.
#[derive(Clone)]
pub struct People {
    store: Store,
    clock: Arc<dyn Clock>,
    sessions: Sessions,
    tenants: Tenants,
}

impl People {
    /// Lists in `store`; whoever may not go on loses these sessions.
    pub fn new(store: Store, clock: Arc<dyn Clock>, sessions: Sessions) -> Self {
        Self { tenants: Tenants::new(store.clone(), clock.clone()), store, clock, sessions }
    }

    /// People of a list, those first who were named last.
    pub async fn list(&self, list: List, scope: &Scope, offset: u64, limit: u64) -> Result<Vec<Listed>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.people(list, scope), offset, limit);
        let answers = batch.run().await?;
        let mut found = self.read(answers.members(page).map(str::to_owned).collect()).await?;
        // Nobody vouches for an index: it may name people of another list.
        found.retain(|listed| keys.person_name(list, scope, &listed.entry.name) == listed.id);
        Ok(found)
    }

    /// Whoever is listed under this name; nobody, or one.
    pub async fn find(&self, list: List, scope: &Scope, name: &PersonName) -> Result<Vec<Listed>, Fault> {
        self.read(vec![self.store.keys().person_name(list, scope, name)]).await
    }

    async fn read(&self, members: Vec<String>) -> Result<Vec<Listed>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let slots: Vec<_> = members.iter().map(|member| batch.get(&keys.person_member(member))).collect();
        let answers = batch.run().await?;
        let mut found = Vec::with_capacity(slots.len());
        for (id, slot) in members.into_iter().zip(slots) {
            found.extend(answers.get(slot)?.map(|entry| Listed { id, entry }));
        }
        Ok(found)
    }

    /// Puts people on a list, or says something else of those who are on it already. Returns them, and how many sessions of those who are
    /// blocked now were ended.
    pub async fn add(&self, list: List, scope: &Scope, people: &[Newcomer]) -> Result<(Vec<Listed>, u64), Fault> {
        self.check(list, people)?;
        let (keys, now) = (self.store.keys(), self.clock.now());
        self.tenants.enter(scope).await?;
        let ids: Vec<_> = people.iter().map(|new| keys.person_name(list, scope, &new.name)).collect();
        let mut batch = self.store.batch();
        let before: Vec<_> = ids.iter().map(|id| batch.get(&keys.person_member(id))).collect();
        let answers = batch.run().await?;

        let (mut listed, mut written) = (Vec::with_capacity(people.len()), Vec::with_capacity(people.len()));
        let mut batch = self.store.batch();
        for (at, (new, before)) in people.iter().zip(before).enumerate() {
            // Of whoever is named twice, what is said last counts.
            if ids[at + 1..].contains(&ids[at]) {
                continue;
            }
            let before = answers.stored(before)?;
            let added = before.as_ref().map_or(now, |before| before.record.added);
            let Newcomer { name, reason, expires } = new.clone();
            let (id, entry) = (ids[at].clone(), Entry { name, reason, expires, added });
            // The index first: it may name what is not there, and never misses what is.
            batch.index_add(&keys.people(list, scope), milliseconds(added), id.clone());
            written.push(batch.replace(&keys.person_member(&id), before.as_ref(), &entry));
            if before.is_none() {
                self.tell(&mut batch, list.added(), scope, (&id, &entry.name));
            }
            listed.push(Listed { id, entry: Arc::new(entry) });
        }
        let answers = batch.run().await?;
        self.stay(scope).await?;
        if !written.into_iter().all(|slot| answers.written(slot)) {
            return Err(Code::ChangedMeanwhile.into());
        }
        let ended = match list {
            List::Blocked => {
                let lists: Vec<_> = people.iter().map(|person| person.name.sessions(scope)).collect();
                self.sessions.end_lists(&lists, Why::Blocked).await?
            }
            List::Invited => 0,
        };
        Ok((listed, ended))
    }

    fn check(&self, list: List, people: &[Newcomer]) -> Result<(), Fault> {
        if people.is_empty() || people.len() > AT_ONCE {
            return Err(invalid("people", "is not a list of 1 to 1000 people"));
        }
        for new in people {
            if new.reason.as_deref().is_some_and(|reason| !is_text(reason)) {
                return Err(invalid("reason", "is longer than 256 bytes, or holds a control character"));
            }
            match new.expires {
                Some(_) if list == List::Blocked => return Err(invalid("expires_at", "is for invitations alone")),
                Some(expires) if expires <= self.clock.now() => return Err(invalid("expires_at", "is past")),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes somebody off a list. Returns how many of their sessions were ended: those of somebody whose invitation is withdrawn, where
    /// the scope's policy lets nobody in without one.
    pub async fn remove(&self, list: List, scope: &Scope, name: &PersonName) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let id = keys.person_name(list, scope, name);
        let mut batch = self.store.batch();
        let removed = batch.delete(&keys.person_member(&id));
        let policy = batch.get(&keys.policy(scope));
        let answers = batch.run().await?;
        let was_there = answers.written(removed);
        let by_invitation = answers.get(policy)?.is_some_and(|policy| policy.provisioning.is_by_invitation());

        let mut batch = self.store.batch();
        batch.index_remove(&keys.people(list, scope), id.clone());
        if was_there {
            self.tell(&mut batch, list.removed(), scope, (&id, name));
        }
        batch.run().await?;
        // Also where the entry is gone already, so that a call which broke off can be repeated.
        let ended = match list {
            List::Invited if by_invitation => self.sessions.end_all(name.sessions(scope), Why::Uninvited).await?,
            _ => 0,
        };
        if was_there { Ok(ended) } else { Err(Code::PersonNotListed.into()) }
    }

    /// Takes back what was written under a scope that is being deleted.
    async fn stay(&self, scope: &Scope) -> Result<(), Fault> {
        match self.tenants.enter(scope).await {
            Err(fault) if fault.code == Code::TenantDeleting => {
                self.forget_all(scope).await?;
                Err(fault)
            }
            entered => entered,
        }
    }

    /// Takes everybody off the lists of a scope that is deleted. Returns how many there were.
    pub(crate) async fn forget_all(&self, scope: &Scope) -> Result<u64, Fault> {
        let (keys, mut forgotten) = (self.store.keys(), 0);
        for list in [List::Blocked, List::Invited] {
            let index = keys.people(list, scope);
            loop {
                let mut batch = self.store.batch();
                let page = batch.index_page(&index, 0, AT_ONCE as u64);
                let answers = batch.run().await?;
                let members: Vec<_> = answers.members(page).collect();
                if members.is_empty() {
                    break;
                }
                forgotten += members.len() as u64;
                // The entries first: the index names them until they are gone.
                let (mut entries, mut names) = (self.store.batch(), self.store.batch());
                for member in members {
                    entries.delete(&keys.person_member(member));
                    names.index_remove(&index, member.to_owned());
                }
                entries.run().await?;
                names.run().await?;
            }
        }
        Ok(forgotten)
    }

    fn tell(&self, batch: &mut Batch<'_>, kind: EventKind, scope: &Scope, (id, name): (&str, &PersonName)) {
        let data = match name {
            PersonName::Sub(sub) => json!({ "person": id, "sub": sub }),
            PersonName::Email(_) => json!({ "person": id }),
        };
        Event::of(kind, scope, self.clock.now(), data).append(batch, &self.store);
    }
}
