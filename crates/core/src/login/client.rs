//! Which client calls an endpoint of its own (token, introspect, revoke), and whether it is the one.
//!
//! What a client may prove itself by depends on what it names, and where it names nothing, on what it brings: a code or a
//! token knows whose it is. So a call first reads both together ([`Claim::ask`]), then authenticates.

use std::sync::Arc;

use super::door::{ClientName, remembered_id};
use super::session::Session;
use super::{Logins, Terms};
use crate::client_metadata::{ClientAuthentication, ClientKeys};
use crate::connection::{Connection, ConnectionId};
use crate::fault::{Code, Fault};
use crate::ports::StoreError;
use crate::products::Product;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::{Answers, Batch, Key, Slot, Source, Store};

/// What a client says of itself (RFC 6749 §2.3).
#[derive(Debug, Default)]
pub struct Credentials {
    /// Who it is.
    pub client_id: Option<String>,
    /// Its secret, from the header or the form.
    pub client_secret: Option<Secret>,
    /// What it signed to say who it is (RFC 7523 §2.2).
    pub client_assertion: Option<Secret>,
}

/// Whose the code or token is that a client brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issued<'a> {
    pub(super) scope: &'a Scope,
    pub(super) connection: &'a ConnectionId,
}

impl<'a> From<&'a Session> for Issued<'a> {
    fn from(session: &'a Session) -> Self {
        Self { scope: &session.scope, connection: &session.connection }
    }
}

/// What is read of a client before it is known whose the thing is that it brings: the product that it names, and where it names none,
/// the connections whose secret it may have.
pub(super) struct Reading {
    product: Option<Slot<Product>>,
    connections: Vec<Slot<Connection>>,
}

/// What was found of it.
#[derive(Default)]
pub(super) struct Known {
    product: Option<Arc<Product>>,
    connections: Vec<Arc<Connection>>,
}

impl Reading {
    pub(super) fn answer(self, answers: &Answers<'_>) -> Result<Known, StoreError> {
        let product = self.product.map(|slot| answers.get(slot)).transpose()?.flatten();
        let connections = self.connections.into_iter().filter_map(|slot| answers.get(slot).transpose());
        Ok(Known { product, connections: connections.collect::<Result<_, _>>()? })
    }
}

impl Known {
    /// The connection that something was issued for, if it was read.
    fn answered(&self, issued: Issued<'_>) -> Option<Arc<Connection>> {
        self.connections.iter().find(|connection| connection.id == *issued.connection).cloned()
    }
}

/// A client that says who it is.
pub(super) struct Claim<'c> {
    pub(super) client_id: &'c str,
    name: ClientName,
    secret: Option<&'c Secret>,
    assertion: Option<&'c Secret>,
    product: Option<Key<Product>>,
}

impl Claim<'_> {
    /// Adds to a batch what the client proves itself by, as far as its name, and what is remembered of that, tells where it lies.
    pub(super) fn ask(&self, batch: &mut Batch<'_>, store: &Store) -> Reading {
        let product = self.product.as_ref().map(|key| batch.get(key));
        let connections = self.guess(store).iter().map(|id| batch.get(&store.keys().connection(id))).collect();
        Reading { product, connections }
    }

    /// The connection whose secret it may have: the one that it names, or the only one of a scope whose product is not registered.
    fn guess(&self, store: &Store) -> Option<ConnectionId> {
        let keys = store.keys();
        match &self.name {
            ClientName::Connection(id) => remembered_id(store, id),
            ClientName::Scope(scope) if store.remembered(&keys.product(&scope.product)).is_none() => {
                match &store.remembered(&keys.scope(scope))?.ids[..] {
                    [only] => Some(only.clone()),
                    _ => None,
                }
            }
            ClientName::Product(_) | ClientName::Scope(_) | ClientName::Dummy => None,
        }
    }
    /// Whether only what the client brings tells who it is.
    pub(super) fn is_nobody(&self) -> bool {
        self.name == ClientName::Dummy
    }
}

/// A client that proved who it is, or need not.
pub(super) struct Client {
    client_id: String,
    name: ClientName,
    /// Its registration, if it has one.
    pub(super) product: Option<Arc<Product>>,
    /// The connections whose secret it may have brought.
    connections: Vec<Arc<Connection>>,
}

impl Client {
    /// Whether it has no secret.
    pub(super) fn is_public(&self) -> bool {
        self.product.as_ref().is_some_and(|product| matches!(product.authentication, ClientAuthentication::None))
    }

    /// Whether it proves itself by a signature, so that whoever finds a token of it cannot use that.
    pub(super) fn signs(&self) -> bool {
        self.product.as_ref().is_some_and(|product| product.authentication.keys().is_some())
    }

    /// Whether what was issued to `client_id` in `scope` is this client's: under the same name, or under another name of the
    /// same registered product.
    pub(super) fn owns(&self, client_id: &str, scope: &Scope) -> bool {
        self.client_id == client_id || self.product.as_ref().is_some_and(|product| product.name == scope.product)
    }

    /// Whether it may redeem a code that it did not ask for: one that is this scope's, however it names itself, and that
    /// proved it with a secret.
    pub(super) fn check_unasked(&self, terms: &Terms) -> Result<(), Fault> {
        if self.is_public() {
            return Err(Code::ClientAuthenticationMissing.into());
        }
        let own = match &self.name {
            ClientName::Product(_) => self.product.as_ref().is_some_and(|product| product.name == terms.scope.product),
            ClientName::Scope(scope) => *scope == terms.scope,
            ClientName::Dummy => true, // looked up by the scope of the code
            ClientName::Connection(_) => self.connections.iter().any(|connection| connection.id == terms.connection),
        };
        if own { Ok(()) } else { Err(Code::CodeForOtherClient.into()) }
    }
}

impl Logins {
    /// Who a client says it is.
    pub(super) async fn claim<'c>(&self, credentials: &'c Credentials) -> Result<Claim<'c>, Fault> {
        let client_id = credentials.client_id.as_deref().ok_or(Code::ClientAuthenticationMissing)?;
        let name = ClientName::read(client_id);
        let keys = self.store.keys();
        let product = match &name {
            ClientName::Product(id) => {
                Some(keys.product(&self.product_alias(id).await?.ok_or(Code::ClientUnknown)?.name))
            }
            ClientName::Scope(scope) => Some(keys.product(&scope.product)),
            ClientName::Dummy | ClientName::Connection(_) => None,
        };
        let secret = credentials.client_secret.as_ref().filter(|secret| !secret.expose().is_empty());
        Ok(Claim { client_id, name, secret, assertion: credentials.client_assertion.as_ref(), product })
    }

    /// Whether it is the one. `known` is what [`Claim::ask`] found; `issued` says whose the thing is that it brings,
    /// where that is known.
    ///
    /// Confidential clients always authenticate, PKCE or not:
    ///
    /// | the client names | and may prove itself by |
    /// |---|---|
    /// | a registered product | that product's secret, an assertion signed with its key, or nothing: as it is registered |
    /// | a scope, or nothing, of a registered product | the same |
    /// | a scope, or nothing, without a registration | `oauth.client_secret_verifier`, or the connection's `clientSecret` |
    /// | a connection | that connection's `clientSecret` |
    pub(super) async fn authenticate(
        &self,
        claim: &Claim<'_>,
        known: Known,
        issued: Option<Issued<'_>>,
    ) -> Result<Client, Fault> {
        let (product, connections) = self.look_up(&claim.name, known, issued).await?;
        let secret = claim.secret.map(Secret::expose);
        let signs = matches!(&product, Some(product) if matches!(product.authentication, ClientAuthentication::PrivateKeyJwt { .. }));
        if claim.assertion.is_some() && !signs {
            return Err(Code::ClientAssertionUnexpected.into());
        }
        let now = self.clock.now();
        let of_connection =
            |secret: &str| connections.iter().fold(false, |right, connection| right | connection.accepts(secret, now));
        let right = match (&claim.name, product.as_ref().map(|product| &product.authentication)) {
            (ClientName::Product(_), None) => return Err(Code::ClientUnknown.into()),
            (ClientName::Connection(_), _) if connections.is_empty() => return Err(Code::ClientUnknown.into()),
            (ClientName::Connection(_), _) => secret.map(of_connection),
            (_, Some(ClientAuthentication::None)) => Some(secret.is_none()),
            (_, Some(ClientAuthentication::ClientSecret { hash, former, .. })) => {
                secret.map(|secret| hash.matches(secret) | former.accept(secret, now))
            }
            (_, Some(ClientAuthentication::PrivateKeyJwt { keys })) => match claim.assertion {
                Some(assertion) => Some(self.use_assertion(claim.client_id, assertion, keys).await?),
                None => None,
            },
            (_, None) => secret.map(|secret| {
                let verifier = self.settings.client_secret_verifier.as_ref().is_some_and(|hash| hash.matches(secret));
                verifier | of_connection(secret)
            }),
        };
        match right {
            Some(true) => {
                Ok(Client { client_id: claim.client_id.to_owned(), name: claim.name.clone(), product, connections })
            }
            Some(false) => Err(Code::ClientSecretWrong.into()),
            None => Err(Code::ClientAuthenticationMissing.into()),
        }
    }

    /// Verifies an assertion and uses it up (RFC 7523 §3). A client whose keys are not known costs no signature to verify.
    async fn use_assertion(&self, client_id: &str, assertion: &Secret, keys: &ClientKeys) -> Result<bool, Fault> {
        let used = self.verify.client_assertion(assertion.expose(), client_id, keys, self.clock.now())?;
        match self.remember(&self.store.keys().assertion(client_id, &used.id), &used).await? {
            true => Ok(true),
            false => Err(Code::ClientAssertionReplayed.into()),
        }
    }

    /// What a client claims to be, as far as the store knows it: a product, and the connections whose secret it may know. What is not
    /// known yet is read.
    async fn look_up(
        &self,
        name: &ClientName,
        known: Known,
        issued: Option<Issued<'_>>,
    ) -> Result<(Option<Arc<Product>>, Vec<Arc<Connection>>), Fault> {
        let keys = self.store.keys();
        let answered = issued.and_then(|issued| known.answered(issued));
        match (name, issued) {
            (ClientName::Product(id), _) => Ok((known.product.filter(|product| product.client_id == *id), Vec::new())),
            (ClientName::Connection(id), issued) => {
                let answered = match issued {
                    Some(issued) if answered.is_none() => self.store.get(&keys.connection(issued.connection)).await?,
                    _ => answered,
                };
                let named = |connection: &Arc<Connection>| connection.is_named(id);
                let connection = answered.into_iter().chain(known.connections).find(named);
                let connection = match connection {
                    Some(connection) => Some(connection),
                    None => self.connection_named(id).await?,
                };
                Ok((None, connection.into_iter().collect()))
            }
            _ if known.product.is_some() => Ok((known.product, Vec::new())),
            (ClientName::Scope(scope), Some(issued)) if answered.is_some() && scope == issued.scope => {
                Ok((None, answered.into_iter().collect()))
            }
            (ClientName::Scope(_) | ClientName::Dummy, Some(issued)) => {
                let mut batch = self.store.batch();
                let product = batch.get(&keys.product(&issued.scope.product));
                let connection = batch.get(&keys.connection(issued.connection));
                let answers = batch.run().await?;
                Ok((answers.get(product)?, answers.get(connection)?.into_iter().collect()))
            }
            (ClientName::Scope(scope), None) => {
                let found = self.find_scope(scope.clone(), &mut Source::Store).await?;
                Ok((found.product, found.connections))
            }
            (ClientName::Dummy, None) => Ok((None, Vec::new())),
        }
    }
}
