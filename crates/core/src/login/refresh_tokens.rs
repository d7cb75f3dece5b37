//! Refresh tokens (RFC 6749 §6): each is good once and gives the next one. Whoever presents one a second time has either
//! lost the answer, or stolen the token, or had it stolen.
//!
//! A client that signs who it is keeps its refresh token instead: nobody else can use it, and there is nothing to lose with an
//! answer. FAPI 2.0 §5.3.2.1: the server "shall not use refresh token rotation except in extraordinary circumstances".
//!
//! RFC 9700 §4.14.2: "the authorization server cannot determine which party submitted the invalid refresh token, but it will
//! revoke the active refresh token". So a repetition ends the session, with one grace: for [`GRACE`] after the first use, as
//! long as the successor itself was not used, the same client gets the same successor again. A retry after a lost answer
//! looks exactly like that; a thief who is as fast gains nothing, because owner and thief then hold the same successor, and the
//! second of them to use it later ends the session.
//!
//! One verb of the store decides. A token knows its successor beforehand, so that all who race with it, on whichever replica,
//! leave the same tombstone and write the same successor, and only the first writes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::{Credentials, Issued};
use super::redeem::Tokens;
use super::session::{Reach, Session, SessionId};
use super::start::after;
use super::{AccessToken, IdTokenWish, Logins, oauth_scope};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::mapping::Claims;
use crate::people::{List, Lookup, PersonName};
use crate::ports::Timestamp;
use crate::proof::Possession;
use crate::secret::Secret;
use crate::sessions::{Why, left};
use crate::store::{Batch, Record, Slot, Spent, Store, Stored, Written};
use crate::tenants::is_suspended;

/// How long a spent refresh token still gives its successor, for clients that lost the answer.
pub const GRACE: Duration = Duration::from_secs(10);

/// A token request for a refresh (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshRequest {
    /// Who asks.
    pub credentials: Credentials,
    /// What was issued to it.
    pub refresh_token: Option<Secret>,
    /// Less than what was granted; `None`: all of it.
    pub scope: Option<Vec<String>>,
    /// The proof of a key that the access token is to be bound to.
    pub possession: Option<Possession>,
}

/// What a refresh token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefreshToken {
    /// What the app is told.
    pub claims: Claims,
    /// What was granted.
    pub oauth_scope: Vec<String>,
    /// What ID tokens have to be like; `None`: none was asked for.
    #[serde(default)]
    pub id_token: Option<IdTokenWish>,
    /// Which clock it goes by.
    pub reach: Reach,
    /// The thumbprint of the key that it is bound to: a public client's (RFC 9449 §5).
    #[serde(default)]
    pub dpop_key: Option<String>,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on it is worthless because nobody used it.
    pub expires: Timestamp,
    /// From when on it is worthless in any case, and those after it.
    pub until: Timestamp,
    /// The one that takes its place.
    pub successor: Secret,
}

impl Record for RefreshToken {
    const CLASS: &'static str = "refresh-token";
}

/// What a spent refresh token leaves behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpentRefreshToken {
    /// The one that took its place.
    pub successor: Secret,
    /// When it was used.
    pub used: Timestamp,
    /// The thumbprint of the key that both are bound to.
    #[serde(default)]
    pub dpop_key: Option<String>,
}

impl Record for SpentRefreshToken {
    const CLASS: &'static str = "spent-refresh-token";
}

/// What a client that proved who it is asks for.
struct Asked<'a> {
    /// Less than what was granted; `None`: all of it.
    scope: Option<&'a [String]>,
    /// The thumbprint of the key that it proved to have.
    key_of_sender: Option<String>,
}

impl RefreshToken {
    /// Adds it to a batch, under its text. One that is already there, live or spent, stays as it is.
    pub(super) fn save(&self, batch: &mut Batch<'_>, store: &Store, text: &Secret, now: Timestamp) -> Slot<Written> {
        batch.put_new(&store.keys().refresh_token(text.expose()), self, Some(left(self.expires, now)))
    }
}

impl Logins {
    /// Gives new tokens for a refresh token.
    pub async fn refresh(&self, request: &RefreshRequest) -> Result<Tokens, Fault> {
        let claim = self.claim(&request.credentials).await?;
        let text = request.refresh_token.as_ref().ok_or(Code::RefreshTokenMissing)?;
        let keys = self.store.keys();
        let key = keys.refresh_token(text.expose());
        let name = SessionId::of_token(text.expose());

        let mut batch = self.store.batch();
        let token = batch.get(&key);
        let session = name.as_ref().map(|name| batch.get(&keys.session(name)));
        let client = claim.ask(&mut batch, &self.store);
        let answers = batch.run().await?;
        let known = client.answer(&answers)?;
        let session = session.map(|slot| answers.stored(slot)).transpose()?.flatten();
        let issued = session.as_ref().map(|session| Issued::from(&*session.record));
        if issued.is_none() && claim.is_nobody() {
            return Err(Code::RefreshTokenUnknown.into());
        }
        let client = self.authenticate(&claim, known, issued).await?;
        // B16, ASVS 10.4.4.
        if !client.product.as_ref().is_some_and(|product| product.refresh_tokens) {
            return Err(Code::RefreshNotAllowed.into());
        }
        let session = session.ok_or(Code::RefreshTokenUnknown)?;
        if !client.owns(&session.record.client_id, &session.record.scope) {
            return Err(Code::RefreshTokenForOtherClient.into());
        }
        let live = answers.stored(token)?;
        let spent = answers.tombstone::<RefreshToken, SpentRefreshToken>(token)?;
        let bound = live.as_ref().and_then(|token| token.record.dpop_key.clone());
        let bound = bound.or_else(|| spent.as_ref().and_then(|spent| spent.dpop_key.clone()));
        let key_of_sender = self.possessed(request.possession.as_ref(), &client, bound.as_deref()).await?;
        let asked = Asked { scope: request.scope.as_deref(), key_of_sender };
        match (live, spent) {
            (Some(token), _) if client.signs() => self.keep(&session, &asked, text, &token).await,
            (Some(token), _) => self.rotate(&session, &asked, text, &token.record).await,
            (None, Some(spent)) => self.repeated(&session, &asked, spent).await,
            (None, None) => Err(Code::RefreshTokenUnknown.into()),
        }
    }

    /// Issues, and leaves the token as it is but for its end, which moves with each use of it.
    async fn keep(
        &self,
        session: &Stored<Session>,
        asked: &Asked<'_>,
        text: &Secret,
        token: &Stored<RefreshToken>,
    ) -> Result<Tokens, Fault> {
        let (now, before) = (self.clock.now(), &*token.record);
        self.check_refresh(&session.record, asked, before, now).await?;
        let expires = self.refresh_token_expires(before.reach, before.until);
        let mut batch = self.store.batch();
        let tokens = self.refreshed(&mut batch, session, asked, before, text);
        if expires != before.expires {
            // Of two that use it at once either may write: the one's end is as good as the other's.
            let used = RefreshToken { expires, ..before.clone() };
            batch.replace_ending(&self.store.keys().refresh_token(text.expose()), token, &used, left(expires, now));
        }
        self.touch(&mut batch, session);
        batch.run().await?;
        Ok(tokens)
    }

    /// Spends the token and issues, in one round trip.
    async fn rotate(
        &self,
        session: &Stored<Session>,
        asked: &Asked<'_>,
        text: &Secret,
        token: &RefreshToken,
    ) -> Result<Tokens, Fault> {
        let now = self.clock.now();
        self.check_refresh(&session.record, asked, token, now).await?;
        let successor = RefreshToken {
            issued: now,
            expires: self.refresh_token_expires(token.reach, token.until),
            successor: self.token_of(&session.record.id),
            ..token.clone()
        };
        let (successor_text, dpop_key) = (token.successor.clone(), token.dpop_key.clone());
        let tombstone = SpentRefreshToken { successor: successor_text, used: now, dpop_key };

        let mut batch = self.store.batch();
        // The successor first: where the batch breaks off, a retry finds the token live, or finds its successor.
        let first = successor.save(&mut batch, &self.store, &token.successor, now);
        let key = self.store.keys().refresh_token(text.expose());
        let spent = batch.consume(&key, &tombstone, left(token.until, now));
        let tokens = self.refreshed(&mut batch, session, asked, token, &token.successor);
        self.touch(&mut batch, session);
        let answers = batch.run().await?;
        match answers.consumed::<RefreshToken, SpentRefreshToken>(spent)? {
            Spent::Live(_) if !answers.written(first) => {
                self.check_successor(session, &token.successor).await?;
                Ok(tokens)
            }
            Spent::Live(_) => Ok(tokens),
            Spent::Before(spent) => self.repeated(session, asked, spent).await,
            Spent::Absent => Err(Code::RefreshTokenUnknown.into()),
        }
    }

    /// A token that was used before: the answer was lost a moment ago, or it is in two hands.
    async fn repeated(
        &self,
        session: &Stored<Session>,
        asked: &Asked<'_>,
        spent: SpentRefreshToken,
    ) -> Result<Tokens, Fault> {
        let (now, key) = (self.clock.now(), self.store.keys().refresh_token(spent.successor.expose()));
        if now < after(spent.used, GRACE)
            && let Some(successor) = self.store.get(&key).await?
        {
            self.check_refresh(&session.record, asked, &successor, now).await?;
            let mut batch = self.store.batch();
            let tokens = self.refreshed(&mut batch, session, asked, &successor, &spent.successor);
            batch.run().await?;
            return Ok(tokens);
        }
        Err(self.end_reused(&session.record).await?)
    }

    /// A token that was live although its successor was there already. Somebody raced, or a retry came after a batch that broke off:
    /// then nobody has used the successor. Where that was used, or is gone, the token was spent before, and was brought back: by a server
    /// that took the place of another, or by somebody who writes to the store.
    async fn check_successor(&self, session: &Stored<Session>, successor: &Secret) -> Result<(), Fault> {
        match self.store.get(&self.store.keys().refresh_token(successor.expose())).await? {
            Some(_) => Ok(()),
            None => Err(self.end_reused(&session.record).await?),
        }
    }

    /// Ends a session of which a token was used twice, and says why.
    async fn end_reused(&self, session: &Session) -> Result<Fault, Fault> {
        let data = serde_json::json!({ "session": session.id, "connection": session.connection });
        let mut batch = self.store.batch();
        Event::of(EventKind::RefreshTokenReused, &session.scope, self.clock.now(), data)
            .append(&mut batch, &self.store);
        batch.run().await?;
        self.sessions.end(&session.id, Why::RefreshTokenReused).await?;
        Ok(Code::RefreshTokenReused.into())
    }

    /// What has to hold at every refresh (C3, C4, C5).
    async fn check_refresh(
        &self,
        session: &Session,
        asked: &Asked<'_>,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if token.expires <= now || !session.is_live(token.reach, now) {
            return Err(Code::RefreshTokenExpired.into());
        }
        // RFC 6749 §6: the scope "MUST NOT include any scope not originally granted by the resource owner".
        if let Some(scopes) = asked.scope
            && scopes.iter().any(|scope| !token.oauth_scope.contains(scope))
        {
            return Err(Code::ScopeNotGranted.into());
        }
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let connection = batch.get(&keys.connection(&session.connection));
        let tenant = batch.get(&keys.tenant(&session.scope.tenant));
        let policy = batch.get(&keys.policy(&session.scope));
        let names = PersonName::of(&token.claims);
        let mut listed = |list| Lookup::ask(&mut batch, &keys, (list, &session.scope), &names);
        let (blocked, invited) = (listed(List::Blocked), listed(List::Invited));
        let answers = batch.run().await?;
        if is_suspended(answers.get(tenant)?.as_deref()) {
            return Err(Code::RefreshTenantSuspended.into());
        }
        let connection = answers.get(connection)?;
        if !connection.is_some_and(|connection| connection.signs_in()) {
            return Err(Code::RefreshConnectionGone.into());
        }
        if blocked.answer(&answers, now)? {
            return Err(Code::RefreshPersonBlocked.into());
        }
        let policy = answers.get(policy)?.unwrap_or_default();
        if policy.provisioning.needs_invitation() && !invited.answer(&answers, now)? {
            return Err(Code::RefreshNotInvited.into());
        }
        match policy.wants_proof(session.began, now) {
            true => Err(Code::RefreshNeedsProof.into()),
            false => Ok(()),
        }
    }

    /// The answer: a new access token beside the token that is next.
    fn refreshed(
        &self,
        batch: &mut Batch<'_>,
        session: &Stored<Session>,
        asked: &Asked<'_>,
        token: &RefreshToken,
        next: &Secret,
    ) -> Tokens {
        let (now, lifetime) = (self.clock.now(), self.settings.access_token_lifetime);
        let granted = asked.scope.map(|scopes| oauth_scope::narrowed(&token.oauth_scope, scopes));
        let session = &session.record;
        let record = AccessToken {
            client_id: session.client_id.clone(),
            claims: token.claims.clone(),
            oauth_scope: granted.unwrap_or_else(|| token.oauth_scope.clone()),
            reach: token.reach,
            dpop_key: asked.key_of_sender.clone(),
            issued: now,
            expires: after(now, lifetime),
        };
        let access_token = self.put_access_token(batch, &session.id, &record);
        // OIDC Core §12.2: the same issuer, subject, audience and time of authentication as at first.
        let openid = record.oauth_scope.iter().any(|scope| scope == oauth_scope::OPENID);
        let wish = token.id_token.as_ref().filter(|_| openid);
        Tokens {
            id_token: wish
                .map(|wish| self.id_token(wish, &session.id, &session.authentication, (&access_token, &record))),
            access_token,
            bound: record.dpop_key.is_some(),
            expires_in: lifetime.as_secs(),
            refresh_token: Some(next.clone()),
            scope: None,
        }
    }

    /// From when on a refresh token that is issued now is worthless: with its session, or, where it outlives that, when it is
    /// not used for `oauth.refresh_idle_days`.
    pub(super) fn refresh_token_expires(&self, reach: Reach, until: Timestamp) -> Timestamp {
        match reach {
            Reach::Online => until,
            Reach::Offline => until.min(after(self.clock.now(), self.settings.refresh_idle)),
        }
    }

    /// Writes down that a session is used, where that was not done a moment ago.
    pub(super) async fn note_use(&self, session: &Stored<Session>) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        self.touch(&mut batch, session);
        batch.run().await?;
        Ok(())
    }

    /// The same in a batch. A session that was ended meanwhile stays ended: its record is another.
    fn touch(&self, batch: &mut Batch<'_>, session: &Stored<Session>) {
        let now = self.clock.now();
        if let Some(used) = session.record.used(now) {
            let key = self.store.keys().session(&used.id);
            batch.replace_ending(&key, session, &used, left(used.over(), now));
        }
    }
}
