//! Code to access token, access token to claims.
//!
//! The order of a redemption is fixed: read, authenticate the client, compare what the code was issued for, spend, issue.
//! A code is spent before anything is issued: losing a login to a crash beats issuing twice.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::door::ClientName;
use super::id_token::{Facts, IdToken, IdTokenWish};
use super::start::after;
use super::{AccessToken, Grant, Logins, Session, SessionId, Terms};
use crate::connection::Connection;
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::mapping::Claims;
use crate::ports::Timestamp;
use crate::products::{ClientAuthentication, Product};
use crate::secret::{Secret, random_text};
use crate::store::Spent;

/// A token request (RFC 6749 §4.1.3), with whatever credentials came along.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who asks.
    pub client_id: Option<String>,
    /// Its secret, from the header or the form.
    pub client_secret: Option<Secret>,
    /// What was issued to it.
    pub code: Option<Secret>,
    /// Where it was issued to.
    pub redirect_uri: Option<String>,
    /// The PKCE verifier.
    pub code_verifier: Option<Secret>,
}

/// What a redemption gives (RFC 6749 §5.1).
#[derive(Debug)]
pub struct Tokens {
    /// Opaque: `session.secret`.
    pub access_token: Secret,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// The ID token, where one was asked for: still to be signed.
    pub id_token: Option<IdToken>,
}

/// Who a client claims to be, as far as the store knows it.
#[derive(Default)]
struct Claimed {
    product: Option<Arc<Product>>,
    connection: Option<Arc<Connection>>,
}

impl Logins {
    /// Redeems a code.
    pub async fn redeem(&self, request: &TokenRequest) -> Result<Tokens, Fault> {
        let client_id = request.client_id.as_deref().ok_or(Code::ClientAuthenticationMissing)?;
        let code = request.code.as_ref().ok_or(Code::CodeMissing)?;
        let name = ClientName::read(client_id);
        let key = self.store.keys().grant(code.expose());

        let product_key = match &name {
            ClientName::Product(id) => {
                let alias = self.product_alias(id).await?.ok_or(Code::ClientUnknown)?;
                Some(self.store.keys().product(&alias.name))
            }
            ClientName::Scope(scope) => Some(self.store.keys().product(&scope.product)),
            _ => None,
        };
        let mut batch = self.store.batch();
        let grant = batch.get(&key);
        let product = product_key.as_ref().map(|key| batch.get(key));
        let answers = batch.run().await?;
        let mut claimed = Claimed::default();
        if let Some(slot) = product {
            claimed.product = answers.get(slot)?;
        }
        let live: Option<Arc<Grant>> = answers.get(grant)?;
        let terms = match &live {
            Some(grant) => Some(grant.terms.clone()),
            None => answers.tombstone::<Grant, Terms>(grant)?,
        };
        self.look_up(&name, terms.as_ref(), &mut claimed).await?;

        // Where the code is unknown, a client that can be told apart without it is authenticated all the same, so that a
        // wrong secret is called one.
        if terms.is_some()
            || claimed.product.is_some()
            || matches!(name, ClientName::Product(_) | ClientName::Connection(_))
        {
            self.authenticate(&name, request.client_secret.as_ref(), &claimed)?;
        }
        let terms = terms.ok_or(Code::CodeUnknown)?;
        match terms.unasked {
            true => terms.check_unasked(&name, &claimed)?,
            false if terms.client_id != client_id => return Err(Code::CodeForOtherClient.into()),
            false => {}
        }
        terms.check(request)?;
        let Some(grant) = live else { return self.replayed(&terms).await };
        if grant.expires <= self.clock.now() {
            return Err(Code::CodeUnknown.into());
        }
        self.issue(&key, &grant).await
    }

    /// Spends the code and issues, in one round trip. What a loser of the race issues here is never told to anybody.
    async fn issue(&self, key: &crate::store::Key<Grant>, grant: &Grant) -> Result<Tokens, Fault> {
        let (now, lifetime) = (self.clock.now(), self.settings.access_token_lifetime);
        let access_token = Secret::new(format!("{}.{}", grant.terms.session.0, random_text(&*self.random)));
        let record = AccessToken {
            client_id: grant.terms.client_id.clone(),
            claims: grant.claims.clone(),
            expires: after(now, lifetime),
        };
        let mut trace = grant.trace.clone();
        trace.step("token", now);

        let mut batch = self.store.batch();
        let spent = batch.consume(key, &grant.terms, self.session_lifetime());
        batch.put(&self.store.keys().access_token(access_token.expose()), &record, Some(lifetime));
        trace.save(&mut batch, &self.store);
        match batch.run().await?.consumed::<Grant, Terms>(spent)? {
            Spent::Live(_) => {
                let id_token = grant.id_token.as_ref().map(|wish| self.id_token(wish, grant, &access_token, now));
                Ok(Tokens { access_token, expires_in: lifetime.as_secs(), id_token })
            }
            Spent::Before(terms) => self.replayed(&terms).await,
            Spent::Absent => Err(Code::CodeUnknown.into()),
        }
    }

    fn id_token(&self, wish: &IdTokenWish, grant: &Grant, access_token: &Secret, now: Timestamp) -> IdToken {
        let facts = Facts {
            issuer: &self.settings.issuer,
            client_id: &grant.terms.client_id,
            session: &grant.terms.session,
            claims: &grant.claims,
            authentication: &grant.authentication,
            access_token,
            now,
            lifetime: self.settings.access_token_lifetime,
        };
        IdToken::new(wish, &facts)
    }

    /// RFC 6749 §4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the request and
    /// SHOULD revoke (when possible) all tokens previously issued based on that authorization code." Only a request that
    /// would have been good comes here, so that nobody can end a session with a code that they merely saw.
    async fn replayed(&self, terms: &Terms) -> Result<Tokens, Fault> {
        let data = serde_json::json!({ "connection": terms.connection });
        let event = Event::of(EventKind::CodeReplayed, &terms.scope, self.clock.now(), data);
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().session(&terms.session), &Session::Ended, Some(self.session_lifetime()));
        event.append(&mut batch, &self.store);
        batch.run().await?;
        Err(Code::CodeSpent.into())
    }

    /// Finds what a client claims to be and only its code tells: the product and the connection that were asked for.
    async fn look_up(&self, name: &ClientName, terms: Option<&Terms>, claimed: &mut Claimed) -> Result<(), Fault> {
        let keys = self.store.keys();
        match (name, terms) {
            (ClientName::Product(id), _) => {
                claimed.product = claimed.product.take().filter(|product| product.client_id == *id);
            }
            (ClientName::Connection(id), terms) => {
                if let Some(terms) = terms {
                    let answered = self.store.get(&keys.connection(&terms.connection)).await?;
                    claimed.connection = answered.filter(|connection| connection.is_named(id));
                }
                if claimed.connection.is_none() {
                    claimed.connection = self.connection_named(id).await?;
                }
            }
            (ClientName::Scope(_) | ClientName::Dummy, Some(terms)) if claimed.product.is_none() => {
                let mut batch = self.store.batch();
                let product = batch.get(&keys.product(&terms.scope.product));
                let connection = batch.get(&keys.connection(&terms.connection));
                let answers = batch.run().await?;
                claimed.product = answers.get(product)?;
                claimed.connection = answers.get(connection)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the client is who it says. Confidential clients always authenticate, PKCE or not.
    ///
    /// | the client names | and may prove itself by |
    /// |---|---|
    /// | a registered product | that product's secret, or nothing where it is registered as public |
    /// | a scope, or nothing, of a registered product | the same |
    /// | a scope, or nothing, without a registration | `oauth.client_secret_verifier`, or the connection's `clientSecret` |
    /// | a connection | that connection's `clientSecret` |
    fn authenticate(&self, name: &ClientName, secret: Option<&Secret>, claimed: &Claimed) -> Result<(), Fault> {
        let secret = secret.map(Secret::expose).filter(|secret| !secret.is_empty());
        let of_connection = |secret: &str| claimed.connection.as_ref().is_some_and(|c| c.client_secret.matches(secret));
        let right = match (name, claimed.product.as_ref().map(|product| &product.authentication)) {
            (ClientName::Product(_), None) => return Err(Code::ClientUnknown.into()),
            (ClientName::Connection(_), _) if claimed.connection.is_none() => return Err(Code::ClientUnknown.into()),
            (ClientName::Connection(_), _) => secret.map(of_connection),
            (_, Some(ClientAuthentication::None)) => Some(secret.is_none()),
            (_, Some(ClientAuthentication::ClientSecret { hash, .. })) => secret.map(|secret| hash.matches(secret)),
            (_, None) => secret.map(|secret| {
                let verifier = self.settings.client_secret_verifier.as_ref().is_some_and(|hash| hash.matches(secret));
                verifier | of_connection(secret)
            }),
        };
        match right {
            Some(true) => Ok(()),
            Some(false) => Err(Code::ClientSecretWrong.into()),
            None => Err(Code::ClientAuthenticationMissing.into()),
        }
    }

    /// What the app is told about whom an access token stands for.
    pub async fn userinfo(&self, token: &str) -> Result<Claims, Fault> {
        let (session, _) = token.split_once('.').ok_or(Code::TokenInvalid)?;
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let session = batch.get(&keys.session(&SessionId(session.to_owned())));
        let token = batch.get(&keys.access_token(token));
        let answers = batch.run().await?;
        let Some(Session::Live { .. }) = answers.get(session)?.as_deref() else {
            return Err(Code::TokenInvalid.into());
        };
        let token = answers.get(token)?.filter(|token| token.expires > self.clock.now()).ok_or(Code::TokenInvalid)?;
        Ok(token.claims.clone())
    }
}

impl Terms {
    /// Whether a client redeems a code that it did not ask for: one that is this scope's, however it names itself, and that
    /// proved it with a secret.
    fn check_unasked(&self, name: &ClientName, claimed: &Claimed) -> Result<(), Fault> {
        let product = claimed.product.as_ref();
        if product.is_some_and(|product| matches!(product.authentication, ClientAuthentication::None)) {
            return Err(Code::ClientAuthenticationMissing.into());
        }
        let own = match name {
            ClientName::Product(_) => product.is_some_and(|product| product.name == self.scope.product),
            ClientName::Scope(scope) => *scope == self.scope,
            ClientName::Dummy => true, // looked up by the scope of the code
            ClientName::Connection(_) => claimed.connection.as_ref().is_some_and(|c| c.id == self.connection),
        };
        if own { Ok(()) } else { Err(Code::CodeForOtherClient.into()) }
    }

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
