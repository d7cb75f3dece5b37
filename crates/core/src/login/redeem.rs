//! Code to access token, access token to claims.
//!
//! The order of a redemption is fixed: read, authenticate the client, compare what the code was issued for, spend, issue.
//! A code is spent before anything is issued: losing a login to a crash beats issuing twice.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::client::{Credentials, Issued};
use super::id_token::{Facts, IdToken, IdTokenWish};
use super::possession::Presentation;
use super::recheck::Recheck;
use super::refresh_tokens::RefreshToken;
use super::session::{Reach, SessionId};
use super::start::after;
use super::{AccessToken, Grant, Logins, Terms, oauth_scope};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::identity::Authentication;
use crate::mapping::Claims;
use crate::proof::Possession;
use crate::secret::Secret;
use crate::sessions::{Why, left};
use crate::store::{Batch, Spent};

/// A token request for a code (RFC 6749 §4.1.3), with whatever credentials came along.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who asks.
    pub credentials: Credentials,
    /// What was issued to it.
    pub code: Option<Secret>,
    /// Where it was issued to.
    pub redirect_uri: Option<String>,
    /// The PKCE verifier.
    pub code_verifier: Option<Secret>,
    /// The proof of a key that the tokens are to be bound to.
    pub possession: Option<Possession>,
}

/// What a redemption or a refresh gives (RFC 6749 §5.1).
#[derive(Debug)]
pub struct Tokens {
    /// Opaque: `session.secret`.
    pub access_token: Secret,
    /// Whether it is bound to a key, and wants a proof with each use (RFC 9449 §5).
    pub bound: bool,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// Gives the next ones, once. Opaque: `session.secret`.
    pub refresh_token: Option<Secret>,
    /// What was granted, where that is not what was asked for.
    pub scope: Option<String>,
    /// The ID token, where one was asked for: still to be signed.
    pub id_token: Option<IdToken>,
}

/// The thumbprints of the keys that tokens are bound to. RFC 9449 §5: a confidential client's refresh tokens are bound to the
/// client, which authenticates; a public client's need the key.
struct Bound {
    access_token: Option<String>,
    refresh_token: Option<String>,
}

impl Logins {
    /// Redeems a code.
    pub async fn redeem(&self, request: &TokenRequest) -> Result<Tokens, Fault> {
        let claim = self.claim(&request.credentials).await?;
        let code = request.code.as_ref().ok_or(Code::CodeMissing)?;
        let key = self.store.keys().grant(code.expose());

        let mut batch = self.store.batch();
        let grant = batch.get(&key);
        let client = claim.ask(&mut batch, &self.store);
        let answers = batch.run().await?;
        let known = client.answer(&answers)?;
        let live: Option<Arc<Grant>> = answers.get(grant)?;
        let terms = match &live {
            Some(grant) => Some(grant.terms.clone()),
            None => answers.tombstone::<Grant, Terms>(grant)?,
        };
        // Where the code is unknown, a client that can be told apart without it is authenticated all the same, so that a
        // wrong secret is called one.
        if terms.is_none() && claim.is_nobody() {
            return Err(Code::CodeUnknown.into());
        }
        let client = self.authenticate(&claim, known, terms.as_ref().map(Issued::from)).await?;
        let terms = terms.ok_or(Code::CodeUnknown)?;
        match terms.unasked {
            true => client.check_unasked(&terms)?,
            false if terms.client_id != claim.client_id => return Err(Code::CodeForOtherClient.into()),
            false => {}
        }
        terms.check(request)?;
        let key_of_sender = self.possessed(request.possession.as_ref(), &client, terms.dpop_key.as_deref()).await?;
        let Some(grant) = live else { return self.replayed(&terms).await };
        if grant.expires <= self.clock.now() {
            return Err(Code::CodeUnknown.into());
        }
        let bound =
            Bound { refresh_token: key_of_sender.clone().filter(|_| client.is_public()), access_token: key_of_sender };
        self.issue(&key, &grant, bound).await
    }

    /// Spends the code and issues, in one round trip. What a loser of the race issues here is never told to anybody.
    async fn issue(&self, key: &crate::store::Key<Grant>, grant: &Grant, bound: Bound) -> Result<Tokens, Fault> {
        let now = self.clock.now();
        let session = &grant.terms.session;
        let mut trace = grant.trace.clone();
        trace.step("token", now);

        let mut batch = self.store.batch();
        // Remembered for as long as anything lives that this redemption gives.
        let remembered = match grant.refresh_until {
            Some(until) => left(until, now).max(self.settings.access_token_lifetime),
            None => self.settings.code_lifetime + self.settings.access_token_lifetime,
        };
        let spent = batch.consume(key, &grant.terms, remembered);
        let record = AccessToken {
            client_id: grant.terms.client_id.clone(),
            claims: grant.claims.clone(),
            oauth_scope: grant.granted.clone(),
            reach: grant.reach(),
            dpop_key: bound.access_token,
            issued: now,
            expires: after(now, self.settings.access_token_lifetime),
        };
        let access_token = self.put_access_token(&mut batch, session, &record);
        let refresh_token = grant.refresh_until.map(|until| {
            let token = RefreshToken {
                claims: grant.claims.clone(),
                oauth_scope: grant.granted.clone(),
                // OIDC Core §12.2: a refreshed ID token "SHOULD NOT have a nonce Claim".
                id_token: grant.id_token.as_ref().map(|wish| IdTokenWish { nonce: None, ..wish.clone() }),
                reach: grant.reach(),
                dpop_key: bound.refresh_token.clone(),
                issued: now,
                expires: self.refresh_token_expires(grant.reach(), until),
                until,
                successor: self.token_of(session),
            };
            let text = self.token_of(session);
            token.save(&mut batch, &self.store, &text, now);
            text
        });
        trace.save(&mut batch, &self.store);
        let keys = self.store.keys();
        let (alive, recheck) = (batch.get(&keys.session(session)), Recheck::ask(&mut batch, &keys, grant));
        let answers = batch.run().await?;
        let consumed = answers.consumed::<Grant, Terms>(spent)?;
        // Somebody may have ended the session since the code was issued: the app is not to hear of the person then.
        if matches!(consumed, Spent::Live(_)) {
            let refused = recheck.answer(&answers, now)?;
            if let Some(why) = refused {
                self.sessions.end(session, why).await?;
            }
            if refused.is_some() || answers.get(alive)?.is_none() {
                return Err(Code::CodeSessionEnded.into());
            }
        }
        match consumed {
            Spent::Live(_) => Ok(Tokens {
                id_token: grant
                    .id_token
                    .as_ref()
                    .map(|wish| self.id_token(wish, session, &grant.authentication, (&access_token, &record))),
                access_token,
                bound: record.dpop_key.is_some(),
                expires_in: self.settings.access_token_lifetime.as_secs(),
                refresh_token,
                scope: oauth_scope::told(&grant.oauth_scope, &grant.granted),
            }),
            Spent::Before(terms) => self.replayed(&terms).await,
            Spent::Absent => Err(Code::CodeUnknown.into()),
        }
    }

    /// The ID token that goes with an access token.
    pub(super) fn id_token(
        &self,
        wish: &IdTokenWish,
        session: &SessionId,
        authentication: &Authentication,
        (access_token, record): (&Secret, &AccessToken),
    ) -> IdToken {
        let facts = Facts {
            issuer: &self.settings.issuer,
            client_id: &record.client_id,
            session,
            claims: &record.claims,
            authentication,
            access_token,
            now: record.issued,
            lifetime: self.settings.access_token_lifetime,
        };
        IdToken::new(wish, &facts)
    }

    /// Adds an access token to a batch.
    pub(super) fn put_access_token(&self, batch: &mut Batch<'_>, session: &SessionId, record: &AccessToken) -> Secret {
        let token = self.token_of(session);
        let lifetime = self.settings.access_token_lifetime;
        batch.put(&self.store.keys().access_token(token.expose()), record, Some(lifetime));
        token
    }

    /// A new token of a session: 256 random bits after the session's name.
    pub(super) fn token_of(&self, session: &SessionId) -> Secret {
        Secret::random(&*self.random, &format!("{}.", session.0))
    }

    /// RFC 6749 §4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the request and
    /// SHOULD revoke (when possible) all tokens previously issued based on that authorization code." Only a request that
    /// would have been good comes here, so that nobody can end a session with a code that they merely saw.
    async fn replayed(&self, terms: &Terms) -> Result<Tokens, Fault> {
        let data = serde_json::json!({ "connection": terms.connection });
        let event = Event::of(EventKind::CodeReplayed, &terms.scope, self.clock.now(), data);
        let mut batch = self.store.batch();
        event.append(&mut batch, &self.store);
        batch.run().await?;
        self.sessions.end(&terms.session, Why::CodeReplayed).await?;
        Err(Code::CodeSpent.into())
    }

    /// What the app is told about whom an access token stands for.
    pub async fn userinfo(&self, presented: &Presentation<'_>) -> Result<Claims, Fault> {
        let (Presentation::Bearer(token) | Presentation::Dpop(token, _)) = presented;
        let name = SessionId::of_token(token).ok_or(Code::TokenInvalid)?;
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let session = batch.get(&keys.session(&name));
        let token = batch.get(&keys.access_token(token));
        let answers = batch.run().await?;
        let (session, token) = (answers.stored(session)?.ok_or(Code::TokenInvalid)?, answers.get(token)?);
        let token = token.ok_or(Code::TokenInvalid)?;
        let now = self.clock.now();
        if token.expires <= now || !session.record.is_live(token.reach, now) {
            return Err(Code::TokenInvalid.into());
        }
        self.check_presented(presented, token.dpop_key.as_deref()).await?;
        self.note_use(&session).await?;
        Ok(token.claims.clone())
    }
}

impl Grant {
    /// Which clock its tokens go by.
    fn reach(&self) -> Reach {
        match self.granted.iter().any(|scope| scope == oauth_scope::OFFLINE_ACCESS) {
            true => Reach::Offline,
            false => Reach::Online,
        }
    }
}

impl<'a> From<&'a Terms> for Issued<'a> {
    fn from(terms: &'a Terms) -> Self {
        Self { scope: &terms.scope, connection: &terms.connection }
    }
}

impl Terms {
    /// Whether a redemption fits what the code was issued for (B7, B17).
    fn check(&self, request: &TokenRequest) -> Result<(), Fault> {
        match (&self.code_challenge, &request.code_verifier) {
            (None, None) => {}
            // RFC 9700 §2.1.1: "authorization servers MUST mitigate PKCE Downgrade Attacks by ensuring that a token request
            // containing a code_verifier parameter is accepted only if a code_challenge parameter was present".
            (None, Some(_)) => return Err(Code::VerifierUnexpected.into()),
            (Some(_), None) => return Err(Code::VerifierMissing.into()),
            (Some(challenge), Some(verifier)) => {
                let computed = crate::base64url(&Sha256::digest(verifier.expose().as_bytes()));
                if !bool::from(computed.as_bytes().ct_eq(challenge.as_bytes())) {
                    return Err(Code::VerifierWrong.into());
                }
            }
        }
        match &request.redirect_uri {
            Some(uri) if *uri == self.redirect_uri => Ok(()),
            // OAuth 2.1 §10.2 drops the parameter, because PKCE protects what it was for.
            None if self.code_challenge.is_some() => Ok(()),
            // RFC 6749 §4.1.3 asks for it where the authorization request had one.
            None if self.unasked => Ok(()),
            _ => Err(Code::CodeRedirectMismatch.into()),
        }
    }
}
