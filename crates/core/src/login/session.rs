//! A session: what an app's tokens for one login belong to. It begins when the code is issued, and where it is not, no token
//! works.
//!
//! Two clocks run. The *session* ends a while after the login ([`SessionTerms::lifetime`]), or when the app has not used it
//! for a while ([`SessionTerms::idle`]); tokens of the usual kind end with it. *Offline* tokens, which an app gets for
//! `offline_access`, outlive both, until [`Session::offline_ends`]. What ends a session before its time, an operator, a
//! logout, a stolen token, ends both at once: the record is spent, which nobody can undo.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::start::after;
use crate::connection::ConnectionId;
use crate::identity::Authentication;
use crate::ports::{Random, Timestamp};
use crate::scope::Scope;
use crate::secret::SecretHash;
use crate::store::{Keys, Record};

/// The name of a session: 160 random bits. Tokens begin with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

impl SessionId {
    pub(super) fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 20];
        random.fill(&mut bytes);
        Self(crate::base64url(&bytes))
    }

    /// The session that a token belongs to.
    pub(super) fn of_token(token: &str) -> Option<Self> {
        token.split_once('.').map(|(session, _)| Self(session.to_owned()))
    }
}

/// A live session. One that ended is [`Ended`], or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name; `sid` to the app.
    pub id: SessionId,
    /// Whose person it is.
    pub scope: Scope,
    /// Who vouched for the person.
    pub connection: ConnectionId,
    /// The app, as it named itself.
    pub client_id: String,
    /// The person, as the app knows them.
    pub subject: String,
    /// How the person was authenticated, and what the IdP calls them.
    pub authentication: Authentication,
    /// When the IdP's answer came.
    pub began: Timestamp,
    /// When the app last used it, to the minute.
    pub last_used: Timestamp,
    /// From when on it is over.
    pub ends: Timestamp,
    /// How long the app may leave it unused.
    pub idle: Option<Duration>,
    /// From when on its offline tokens are over, where there are any.
    pub offline_ends: Option<Timestamp>,
    /// Where it is listed.
    pub listing: Listing,
    /// What the browser knows that it began in.
    #[serde(default)]
    pub browser: Option<SecretHash>,
}

impl Record for Session {
    const CLASS: &'static str = "session";
}

/// What a session that was ended before its time leaves behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// Where the session was listed, for whoever finds it there because its end broke off.
    #[serde(default)]
    pub listing: Option<Listing>,
}

impl Record for Ended {
    const CLASS: &'static str = "ended-session";
}

/// Which of the two clocks of a session a token goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It ends with the session.
    Online,
    /// It outlives the session, up to a limit of its own.
    Offline,
}

/// How precisely the last use is known. Writing it at every use would cost a round trip each.
const PRECISION: Duration = Duration::from_secs(60);

impl Session {
    /// Whether tokens of this reach work now.
    pub fn is_live(&self, reach: Reach, now: Timestamp) -> bool {
        match reach {
            Reach::Online => now < self.ends && self.idle.is_none_or(|idle| now < after(self.last_used, idle)),
            Reach::Offline => self.offline_ends.is_some_and(|ends| now < ends),
        }
    }

    /// From when on nothing of it can work any more.
    pub fn over(&self) -> Timestamp {
        self.offline_ends.map_or(self.ends, |offline| offline.max(self.ends))
    }

    /// Whether it belongs on the list of this blind name.
    pub(crate) fn is_listed(&self, list: &str) -> bool {
        self.listing.lists().any(|own| own == list)
    }

    /// The same session, used now; `None` where it was written down only a moment ago.
    pub(super) fn used(&self, now: Timestamp) -> Option<Self> {
        let due = now >= after(self.last_used, PRECISION);
        due.then(|| Self { last_used: now, ..self.clone() })
    }
}

/// How long the sessions of an app live, and whether it gets refresh tokens: settled when the login begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTerms {
    /// How long after the login it ends.
    pub lifetime: Duration,
    /// How long the app may leave it unused.
    pub idle: Option<Duration>,
    /// How long after the login offline tokens end; `None`: the app gets no refresh tokens.
    pub refresh: Option<Duration>,
}

impl Default for SessionTerms {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(24 * 3600), idle: Some(Duration::from_secs(2 * 3600)), refresh: None }
    }
}

/// Where a session is listed: its own blind name and those of its lists. As one text it is its entry among
/// [`Keys::session_ends`], so that it can be taken off its lists when the record itself is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Listing(String);

/// What sessions are listed by.
#[derive(Debug, Clone, Copy)]
pub enum ListedBy<'a> {
    /// Whose they are.
    Scope(&'a Scope),
    /// The person, as the app knows them.
    Subject(&'a Scope, &'a str),
    /// The person's address, in any case.
    Email(&'a Scope, &'a str),
    /// The person, as the IdP knows them.
    Upstream(&'a ConnectionId, &'a str),
}

impl Listing {
    /// The name of a session and of the lists it belongs to. Blind names hold no dot.
    pub fn new(keys: &Keys<'_>, id: &SessionId, lists: &[ListedBy<'_>]) -> Self {
        let lists = lists.iter().map(|list| keys.session_list_name(*list));
        Self(std::iter::once(keys.session_name(id)).chain(lists).collect::<Vec<_>>().join("."))
    }
    /// The one that stands in the index.
    pub fn of_entry(entry: &str) -> Self {
        Self(entry.to_owned())
    }
    /// As it stands in the index.
    pub fn entry(&self) -> &str {
        &self.0
    }
    /// The blind name of the session.
    pub fn session(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
    /// The blind names of its lists.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').skip(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    fn session(offline_ends: Option<Timestamp>) -> Session {
        Session {
            id: SessionId("id".into()),
            scope: Scope::new("a", "b").unwrap(),
            connection: ConnectionId("conn_x".into()),
            client_id: "dummy".into(),
            subject: "sub".into(),
            authentication: Authentication::default(),
            began: at(0),
            last_used: at(0),
            ends: at(24 * 60),
            idle: Some(Duration::from_secs(2 * 3600)),
            offline_ends,
            listing: Listing("name.one.two".into()),
            browser: None,
        }
    }

    #[test]
    fn c4_online_tokens_end_with_the_session_and_when_it_is_idle() {
        let mut session = session(None);
        assert!(session.is_live(Reach::Online, at(119)) && !session.is_live(Reach::Online, at(120)));
        assert!(!session.is_live(Reach::Offline, at(0)));
        session = session.used(at(119)).unwrap();
        assert!(session.is_live(Reach::Online, at(238)) && session.used(at(119)).is_none());
        session.last_used = at(24 * 60 - 1);
        assert!(session.is_live(Reach::Online, at(24 * 60 - 1)) && !session.is_live(Reach::Online, at(24 * 60)));
        session.idle = None;
        session.last_used = at(0);
        assert!(session.is_live(Reach::Online, at(24 * 60 - 1)));
    }

    #[test]
    fn c4_offline_tokens_outlive_the_session_up_to_a_limit() {
        let session = session(Some(at(48 * 60)));
        assert!(session.is_live(Reach::Offline, at(48 * 60 - 1)) && !session.is_live(Reach::Offline, at(48 * 60)));
        assert!(!session.is_live(Reach::Online, at(24 * 60)));
        assert_eq!(session.over(), at(48 * 60));
    }

    #[test]
    fn a_listing_is_read_back_from_its_entry() {
        let listing = Listing::of_entry("name.one.two");
        assert_eq!((listing.session(), listing.lists().collect::<Vec<_>>()), ("name", vec!["one", "two"]));
    }
}
