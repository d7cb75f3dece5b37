//! Telling apps that a session of theirs was ended (OIDC Back-Channel Logout): a queue in the store, so that no replica's
//! restart loses a notice.
//!
//! Whoever ends a session puts a notice into the queue and wakes this replica's sender; the others look by themselves every
//! few seconds. A notice is taken by a lease, and leaves the queue when the app has it, or when nothing more is to be expected.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::login::session::{Session, SessionId};
use crate::login::start::after;
use crate::mapping::Claims;
use crate::ports::{Clock, Random, Timestamp};
use crate::products::Product;
use crate::refresh::{Lease, countdown};
use crate::scope::Scope;
use crate::secret::random_id;
use crate::signing::SigningAlgorithm;
use crate::store::{Batch, Pointed, Record, Store};

/// The member of `events` by which a logout token is one (Back-Channel Logout §2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token may be taken. Back-Channel Logout §4: "preferably at most two minutes in the future".
const TOKEN_LIFETIME: Duration = Duration::from_secs(120);

/// How long after an attempt that failed the next one comes. After the last of them nothing more is tried.
const AGAIN: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(6 * 3600),
];

/// How long a notice is kept: longer than all attempts take.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long whoever took a notice may work on it. Then it is taken for lost, and somebody else takes it.
const LEASE: Duration = Duration::from_secs(300);

/// An app that is to be told of an ended session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutNotice {
    /// Its name in the queue.
    pub id: String,
    /// Whose session it was.
    pub scope: Scope,
    /// Where the app hears of it.
    pub url: String,
    /// The app, as it named itself.
    pub client_id: String,
    /// The person.
    pub subject: String,
    /// The session.
    pub session: SessionId,
    /// How its token is signed.
    pub algorithm: SigningAlgorithm,
    /// When the session was ended.
    pub ended: Timestamp,
    /// How often it was tried in vain.
    pub attempts: usize,
}

impl Record for LogoutNotice {
    const CLASS: &'static str = "logout-notice";
}

impl LogoutNotice {
    /// What the app of a session is to be told; `None` where it does not want to hear.
    pub(crate) fn of(
        product: Option<&Product>,
        session: &Session,
        random: &dyn Random,
        now: Timestamp,
    ) -> Option<Self> {
        let product = product?;
        Some(Self {
            id: random_id(random),
            scope: session.scope.clone(),
            url: product.backchannel_logout_uri.clone()?,
            client_id: session.client_id.clone(),
            subject: session.subject.clone(),
            session: session.id.clone(),
            algorithm: product.id_token_algorithm,
            ended: now,
            attempts: 0,
        })
    }

    /// What a logout token says (Back-Channel Logout §2.4): "A nonce Claim MUST NOT be present." Each attempt is a token of its
    /// own, so that an app which refuses repetitions does not refuse a second attempt.
    pub fn claims(&self, issuer: &str, random: &dyn Random, now: Timestamp) -> Claims {
        let claims = json!({
            "iss": issuer,
            "aud": self.client_id,
            "sub": self.subject,
            "sid": self.session,
            "iat": now.as_second(),
            "exp": after(now, TOKEN_LIFETIME).as_second(),
            "jti": random_id(random),
            "events": { LOGOUT_EVENT: {} },
        });
        match claims {
            Value::Object(claims) => claims,
            _ => Claims::new(),
        }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The app has it.
    Delivered,
    /// The app refused it, with this status; it would do so again.
    Refused(u16),
    /// The app did not answer, or only for the moment.
    Unreached,
}

impl Attempt {
    /// What a status says. Back-Channel Logout §2.8: 200 for success, 400 where it is refused. §2.5: "retries should only be
    /// performed on transient failures" is what 408, 425, 429 and 5xx are.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered,
            408 | 425 | 429 | 500..=599 => Self::Unreached,
            status => Self::Refused(status),
        }
    }
}

/// The queue.
#[derive(Clone)]
pub struct LogoutNotices {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl LogoutNotices {
    /// The queue in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Adds a notice that is due now to a batch.
    pub(crate) fn queue(&self, batch: &mut Batch<'_>, notice: &LogoutNotice) {
        let keys = self.store.keys();
        batch.put(&keys.logout_notice(&notice.id), notice, Some(KEPT));
        batch.index_add(&keys.logout_notices(), countdown(self.clock.now()), notice.id.clone());
    }

    /// Takes notices that are due and that nobody else works on.
    pub async fn take(&self, limit: u64) -> Result<Vec<LogoutNotice>, Fault> {
        let (keys, now) = (self.store.keys(), countdown(self.clock.now()));
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.logout_notices(), 0, limit);
        let answers = batch.run().await?;
        let due: Vec<String> =
            answers.scored(page).filter(|(_, due)| *due >= now).map(|(id, _)| id.to_owned()).collect();
        let mut batch = self.store.batch();
        let slots: Vec<_> = due
            .iter()
            .map(|id| {
                (batch.put_new(&lease(&self.store, id), &Lease {}, Some(LEASE)), batch.get(&keys.logout_notice(id)))
            })
            .collect();
        let answers = batch.run().await?;
        let (mut taken, mut gone) = (Vec::new(), self.store.batch());
        for (id, (leased, notice)) in due.into_iter().zip(slots) {
            match answers.pointed(notice)? {
                Pointed::Here(notice) if answers.written(leased) => taken.push((*notice).clone()),
                Pointed::Here(_) => {}
                // Nobody will ever read what does not open, and it ends by itself.
                Pointed::Gone | Pointed::Spoilt => drop(gone.index_remove(&keys.logout_notices(), id)),
            }
        }
        gone.run().await?;
        Ok(taken)
    }

    /// Writes down what became of an attempt: the notice leaves the queue, or waits for the next one.
    pub async fn settle(&self, notice: &LogoutNotice, attempt: Attempt) -> Result<(), Fault> {
        let (keys, now) = (self.store.keys(), self.clock.now());
        let mut batch = self.store.batch();
        let again = AGAIN.get(notice.attempts).filter(|_| attempt == Attempt::Unreached);
        match again {
            Some(delay) => {
                let tried = LogoutNotice { attempts: notice.attempts + 1, ..notice.clone() };
                batch.put(&keys.logout_notice(&notice.id), &tried, Some(KEPT));
                batch.index_add(&keys.logout_notices(), countdown(after(now, *delay)), notice.id.clone());
            }
            None => {
                batch.delete(&keys.logout_notice(&notice.id));
                batch.index_remove(&keys.logout_notices(), notice.id.clone());
                if attempt != Attempt::Delivered {
                    self.undelivered(notice, attempt, now).append(&mut batch, &self.store);
                }
            }
        }
        batch.delete(&lease(&self.store, &notice.id));
        batch.run().await?;
        Ok(())
    }

    fn undelivered(&self, notice: &LogoutNotice, attempt: Attempt, now: Timestamp) -> Event {
        let status = match attempt {
            Attempt::Refused(status) => Some(status),
            Attempt::Delivered | Attempt::Unreached => None,
        };
        let data = json!({ "session": notice.session, "client_id": notice.client_id, "status": status });
        Event::of(EventKind::LogoutUndelivered, &notice.scope, now, data)
    }
}

fn lease(store: &Store, id: &str) -> crate::store::Key<Lease> {
    store.keys().lease(&format!("logout notice {id}"))
}
