//! A token that a client presents at an endpoint of its own: to hear what it is worth (RFC 7662), or to give it back (RFC 7009).

use std::sync::Arc;

use super::client::{Client, Credentials, Issued};
use super::refresh_tokens::{RefreshToken, SpentRefreshToken};
use super::session::{Reach, Session, SessionId};
use super::{AccessToken, Logins};
use crate::fault::{Code, Fault};
use crate::mapping::Claims;
use crate::ports::Timestamp;
use crate::roles::PLACED;
use crate::secret::Secret;
use crate::sessions::Why;
use crate::store::Stored;

/// A request about a token, with whatever credentials came along. A `token_type_hint` is not read: both kinds are looked up
/// together.
#[derive(Debug)]
pub struct TokenQuestion {
    /// Who asks.
    pub credentials: Credentials,
    /// About what.
    pub token: Option<Secret>,
}

/// What a token that works stands for.
#[derive(Debug)]
pub struct Active {
    /// Its session.
    pub session: Arc<Session>,
    /// What was granted.
    pub oauth_scope: Vec<String>,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on it is worthless.
    pub expires: Timestamp,
    /// Whether it opens userinfo; a refresh token does not.
    pub is_access_token: bool,
    /// The thumbprint of the key that it is bound to (RFC 9449 §6).
    pub dpop_key: Option<String>,
    /// What the app is told of what the tenant's policy made of the person.
    pub placed: Claims,
}

/// What is known of a token, and of who presents it.
struct Presented {
    client: Client,
    session: Option<Stored<Session>>,
    access: Option<Arc<AccessToken>>,
    refresh: Option<Arc<RefreshToken>>,
    spent: bool,
}

impl Logins {
    /// What a token is worth to the client that asks; `None`: nothing. That says no more of one that is unknown than of one
    /// that expired or belongs to somebody else (RFC 7662 §2.2).
    pub async fn introspect(&self, question: &TokenQuestion) -> Result<Option<Active>, Fault> {
        let presented = self.present(question).await?;
        // RFC 7662 §2.1: "the introspection endpoint MUST also require some form of authorization".
        if presented.client.is_public() {
            return Err(Code::IntrospectionNeedsSecret.into());
        }
        let Some(session) = &presented.session else { return Ok(None) };
        if !presented.client.owns(&session.record.client_id, &session.record.scope) {
            return Ok(None);
        }
        let now = self.clock.now();
        let Some((reach, active)) = presented.active(&session.record) else { return Ok(None) };
        if active.expires <= now || !session.record.is_live(reach, now) {
            return Ok(None);
        }
        self.note_use(session).await?;
        Ok(Some(active))
    }

    /// Takes a token back (RFC 7009 §2.1). A refresh token takes its session along, and so every token of it; an access token
    /// goes alone. One that is unknown is as good as taken back.
    pub async fn revoke(&self, question: &TokenQuestion) -> Result<(), Fault> {
        let presented = self.present(question).await?;
        let (Some(session), Some(token)) = (&presented.session, &question.token) else { return Ok(()) };
        let is_refresh_token = presented.refresh.is_some() || presented.spent;
        if presented.access.is_none() && !is_refresh_token {
            return Ok(());
        }
        if !presented.client.owns(&session.record.client_id, &session.record.scope) {
            return Err(Code::TokenForOtherClient.into());
        }
        if is_refresh_token {
            self.sessions.end(&session.record.id, Why::Revoked).await?;
        } else {
            let mut batch = self.store.batch();
            batch.delete(&self.store.keys().access_token(token.expose()));
            batch.run().await?;
        }
        Ok(())
    }

    async fn present(&self, question: &TokenQuestion) -> Result<Presented, Fault> {
        let claim = self.claim(&question.credentials).await?;
        let token = question.token.as_ref().ok_or(Code::TokenParameterMissing)?.expose();
        let name = SessionId::of_token(token);
        let keys = self.store.keys();

        let mut batch = self.store.batch();
        let access = batch.get(&keys.access_token(token));
        let refresh = batch.get(&keys.refresh_token(token));
        let session = name.as_ref().map(|name| batch.get(&keys.session(name)));
        let client = claim.ask(&mut batch, &self.store);
        let answers = batch.run().await?;
        let session = session.map(|slot| answers.stored(slot)).transpose()?.flatten();
        let known = client.answer(&answers)?;
        let issued = session.as_ref().map(|session| Issued::from(&*session.record));
        Ok(Presented {
            client: self.authenticate(&claim, known, issued).await?,
            access: answers.get(access)?,
            refresh: answers.get(refresh)?,
            spent: answers.tombstone::<RefreshToken, SpentRefreshToken>(refresh)?.is_some(),
            session,
        })
    }
}

impl Presented {
    fn active(&self, session: &Arc<Session>) -> Option<(Reach, Active)> {
        let active =
            |oauth_scope: &[String], issued, expires, dpop_key: &Option<String>, is_access_token, claims: &Claims| {
                Active {
                    session: session.clone(),
                    oauth_scope: oauth_scope.to_vec(),
                    issued,
                    expires,
                    is_access_token,
                    dpop_key: dpop_key.clone(),
                    placed: PLACED
                        .iter()
                        .filter_map(|name| claims.get_key_value(*name))
                        .map(|(n, v)| (n.clone(), v.clone()))
                        .collect(),
                }
            };
        match (&self.access, &self.refresh) {
            (Some(token), _) => {
                let (scope, key) = (&token.oauth_scope, &token.dpop_key);
                Some((token.reach, active(scope, token.issued, token.expires, key, true, &token.claims)))
            }
            (None, Some(token)) => {
                let (scope, key) = (&token.oauth_scope, &token.dpop_key);
                Some((token.reach, active(scope, token.issued, token.expires, key, false, &token.claims)))
            }
            (None, None) => None,
        }
    }
}
