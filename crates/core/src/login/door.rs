//! Which client asks, which redirect is proven, which connections may answer.
//!
//! A client is named in one of the ways of [`ClientName`], tried in this order:
//!
//! 1. `client_id=prod_…`: a registered product. `tenant` names the organisation, or the domain of `login_hint` or `email` does;
//!    where nothing does, the person is asked ([`Lobby`]).
//! 2. `tenant` and `product` as parameters; `client_id` is then a placeholder, the encoded scope, or a connection of it.
//! 3. `client_id=tenant=T&product=P`, or the same in `access_type`, `resource` or an item of `scope`, as Jackson has it.
//! 4. `client_id` of one connection: Jackson's computed `clientID`, or the connection's own id.
//!
//! The redirect URI is then proven by the registered product of that name, or, where there is none, by the connection's own
//! list. Before that nothing is ever sent anywhere (RFC 6749 §4.1.2.1).

use std::sync::Arc;

use super::request::AuthorizeRequest;
use super::{Logins, ReturnTo};
use crate::client_metadata::ClientAuthentication;
use crate::connection::{Connection, ConnectionId};
use crate::discover::domain_of;
use crate::domains::owners::Lookup;
use crate::fault::{Code, Fault};
use crate::products::{Product, ProductAlias};
use crate::redirect;
use crate::scope::Scope;
use crate::scope_connections::{ScopeConnections, sort};
use crate::store::{Assumed, Source, Store};
use crate::tenants::is_suspended;

/// How a `client_id` names a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientName {
    /// A registered product's own id.
    Product(String),
    /// A scope, `tenant=T&product=P`.
    Scope(Scope),
    /// Nothing: Jackson's placeholder for clients that say the rest in parameters.
    Dummy,
    /// A connection: its id or Jackson's `clientID`.
    Connection(String),
}

impl ClientName {
    /// Reads a `client_id`.
    pub fn read(client_id: &str) -> Self {
        match client_id {
            "dummy" | "" => Self::Dummy,
            id if id.starts_with("prod_") => Self::Product(id.to_owned()),
            id => match Scope::encoded(id) {
                Some(scope) => Self::Scope(scope),
                None => Self::Connection(id.to_owned()),
            },
        }
    }
}

/// Where an app stands once it is known and its redirect URI is proven.
#[derive(Debug)]
pub struct Door {
    /// Whose people it asks for.
    pub scope: Scope,
    /// The `client_id` as it was sent; `dummy` where none was.
    pub client_id: String,
    /// Its registration, if it has one.
    pub product: Option<Arc<Product>>,
    /// Who may answer: connections of the scope that may send people to this redirect URI, those among them that sign nobody in.
    connections: Vec<Arc<Connection>>,
    /// The ways that are open to somebody who chooses nothing.
    usual: Usual,
    /// Whether nobody of the tenant may sign in.
    pub(super) suspended: bool,
    /// The proven way back.
    pub return_to: ReturnTo,
    /// What all this rests on and the store has yet to confirm.
    pub(super) assumed: Assumed,
}

/// Which connection somebody is sent to who chooses nothing.
#[derive(Debug, Clone, Default)]
struct Usual {
    /// Whether the domain of the person's address says whose they are, rather than the app.
    by_address: bool,
    /// The connection that this domain is linked to.
    linked: Option<ConnectionId>,
    /// The scope's default.
    default: Option<ConnectionId>,
}

impl Usual {
    /// The one of these that is meant: the linked one; else the default, where nobody can be asked, or where people have written
    /// their address to be sent on. Where the app said whose they are, they may choose.
    fn of(&self, candidates: &[Arc<Connection>], silently: bool) -> Option<Arc<Connection>> {
        let among = |id: &ConnectionId| candidates.iter().find(|connection| connection.id == *id).cloned();
        let default = self.default.as_ref().filter(|_| self.by_address || silently);
        self.linked.as_ref().and_then(among).or_else(|| default.and_then(among))
    }
}

/// Where an app stands that is known, with a proven redirect URI, but not whose people it asks for.
#[derive(Debug, Clone)]
pub struct Lobby {
    /// Its registration.
    pub product: Arc<Product>,
    /// The proven way back.
    pub return_to: ReturnTo,
}

/// Who answers.
#[derive(Debug)]
pub enum Answerer {
    /// One connection.
    One(Arc<Connection>),
    /// The person has to choose among several.
    Several(Vec<Arc<Connection>>),
}

/// A refusal at the door.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// The registered app on whose behalf it is shown, where that is known.
    pub product: Option<Arc<Product>>,
    /// Whose people were asked for, where such a scope exists.
    pub scope: Option<Scope>,
    /// Where only that is not known: what leads on from there.
    pub lobby: Option<Lobby>,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, product: None, scope: None, lobby: None }
    }
}

impl Logins {
    /// Finds the client and proves its redirect URI. Whatever fails here is shown on a page.
    pub async fn door(&self, request: &AuthorizeRequest) -> Result<Door, Refused> {
        self.door_from(request, Source::Store).await
    }

    /// The same out of memory: the door as it was when somebody last stood there, which [`Logins::start`] lets the store confirm.
    /// `None` says nothing about the request.
    pub async fn door_remembered(&self, request: &AuthorizeRequest) -> Option<Door> {
        self.door_from(request, Source::Memory(Assumed::default())).await.ok()
    }

    async fn door_from(&self, request: &AuthorizeRequest, mut source: Source) -> Result<Door, Refused> {
        let found = self.find(request, &mut source).await?;
        let refused = {
            let (product, exists) = (found.product.clone(), !found.connections.is_empty());
            let scope = exists.then(|| found.scope.clone());
            move |fault: Fault| Refused { fault, product, scope, lobby: None }
        };
        if found.connections.is_empty() {
            return Err(refused(Code::ConnectionMissing.into()));
        }
        let Some(redirect_uri) = request.redirect_uri.clone() else {
            return Err(refused(Code::RedirectUriMissing.into()));
        };
        let Found { scope, product, connections, usual, suspended } = found;
        let connections: Vec<_> = match &product {
            Some(product) if redirect::is_allowed(&product.redirect_urls, &redirect_uri) => connections,
            Some(_) => Vec::new(),
            None => connections.into_iter().filter(|c| redirect::is_allowed(&c.redirect_urls, &redirect_uri)).collect(),
        };
        if connections.is_empty() {
            return Err(refused(Code::RedirectUriNotAllowed.fault().received(redirect_uri)));
        }
        let client_id = request.client_id.clone().unwrap_or_else(|| "dummy".to_owned());
        let return_to = request.return_to(redirect_uri);
        let assumed = source.assumed();
        Ok(Door { scope, client_id, product, connections, usual, suspended, return_to, assumed })
    }

    async fn find(&self, request: &AuthorizeRequest, source: &mut Source) -> Result<Found, Refused> {
        let explicit = match (&request.tenant, &request.product) {
            (Some(tenant), Some(product)) => Some(scope(tenant, product)?),
            _ => None,
        };
        let client_id = request.client_id.as_deref().unwrap_or_default();
        match (ClientName::read(client_id), explicit) {
            (ClientName::Product(id), _) => self.find_product(&id, request, source).await,
            (ClientName::Scope(encoded), Some(explicit)) if encoded != explicit => {
                Err(Fault::from(Code::ClientNamesTwoProducts).into())
            }
            (ClientName::Scope(scope), _) | (ClientName::Dummy, Some(scope)) => {
                Ok(self.find_scope(scope, source).await?)
            }
            (ClientName::Connection(id), explicit) => {
                if let Some(scope) = explicit.is_none().then(|| encoded_elsewhere(request)).flatten() {
                    return Ok(self.find_scope(scope, source).await?);
                }
                let found = self.find_connection(&id, source).await?;
                match explicit {
                    Some(scope) if scope != found.scope => Err(Fault::from(Code::ClientNamesTwoProducts).into()),
                    _ => Ok(found),
                }
            }
            (ClientName::Dummy, None) => match encoded_elsewhere(request) {
                Some(scope) => Ok(self.find_scope(scope, source).await?),
                None if request.client_id.is_none() => Err(Fault::from(Code::ClientMissing).into()),
                None => Err(Fault::from(Code::TenantMissing).into()),
            },
        }
    }

    async fn find_product(
        &self,
        client_id: &str,
        request: &AuthorizeRequest,
        source: &mut Source,
    ) -> Result<Found, Refused> {
        let alias = self.product_alias(client_id).await?.ok_or(Fault::from(Code::ClientUnknown))?;
        if request.product.as_ref().is_some_and(|product| *product != alias.name) {
            return Err(Fault::from(Code::ClientNamesTwoProducts).into());
        }
        let by_address = request.tenant.is_none();
        let (scope, linked) = match &request.tenant {
            Some(tenant) => (scope(tenant, &alias.name)?, None),
            None => match self.routed(request, &alias.name, source).await? {
                Ok(routed) => routed,
                Err(why) => return Err(self.lobby(client_id, &alias.name, request, why).await?),
            },
        };
        let found = self.find_scope(scope, source).await?;
        if found.product.as_ref().is_none_or(|product| product.client_id != client_id) {
            return Err(Fault::from(Code::ClientUnknown).into());
        }
        let usual = Usual { by_address, linked, ..found.usual };
        Ok(Found { usual, ..found })
    }

    /// Whose the domain of the person's address is in a product, and the connection that it is linked to; or why that is not known.
    async fn routed(
        &self,
        request: &AuthorizeRequest,
        product: &str,
        source: &mut Source,
    ) -> Result<Result<(Scope, Option<ConnectionId>), Code>, Fault> {
        let hint = request.login_hint.as_deref().unwrap_or_default();
        let Ok(domain) = domain_of(hint) else { return Ok(Err(Code::TenantMissing)) };
        let mut batch = self.store.batch();
        let lookup = Lookup::ask(&mut batch, &self.store.keys(), &domain);
        let answers = source.run(batch).await?;
        let owner = lookup.answer(&answers)?.in_product(product).cloned();
        Ok(owner.map(|owner| (owner.scope, owner.connection)).ok_or(Code::EmailDomainUnknown))
    }

    /// A refusal of an app that is known and may be answered, because it is not known whose people it asks for.
    async fn lobby(
        &self,
        client_id: &str,
        name: &str,
        request: &AuthorizeRequest,
        why: Code,
    ) -> Result<Refused, Fault> {
        let product = self.store.get(&self.store.keys().product(name)).await?;
        let product = product.filter(|product| product.client_id == client_id).ok_or(Code::ClientUnknown)?;
        let refused = |fault, lobby| Refused { fault, product: Some(product.clone()), scope: None, lobby };
        Ok(match &request.redirect_uri {
            None => refused(Code::RedirectUriMissing.into(), None),
            Some(uri) if !redirect::is_allowed(&product.redirect_urls, uri) => {
                refused(Code::RedirectUriNotAllowed.fault().received(uri.clone()), None)
            }
            Some(uri) => {
                let lobby = Lobby { product: product.clone(), return_to: request.return_to(uri.clone()) };
                refused(why.into(), Some(lobby))
            }
        })
    }

    /// A `client_id` names the same product for ever, so what the cache remembers is good enough to look there; whether the
    /// product still has that `client_id` is checked on the product.
    pub(super) async fn product_alias(&self, client_id: &str) -> Result<Option<Arc<ProductAlias>>, Fault> {
        let key = self.store.keys().product_alias(client_id);
        match self.store.remembered(&key) {
            Some(alias) => Ok(Some(alias)),
            None => Ok(self.store.get(&key).await?),
        }
    }

    /// The connection that a client names, and its product: in one round trip where the cache remembers them.
    async fn find_connection(&self, id: &str, source: &mut Source) -> Result<Found, Fault> {
        let keys = self.store.keys();
        let guess = self.remembered_connection(id);
        let mut batch = self.store.batch();
        let alias = ConnectionId::named(id).is_none().then(|| batch.get(&keys.connection_alias(id)));
        let guessed = guess.as_ref().map(|connection| {
            let Scope { tenant, product } = &connection.scope;
            (
                batch.get(&keys.connection(&connection.id)),
                batch.get(&keys.product(product)),
                batch.get(&keys.tenant(tenant)),
            )
        });
        let answers = source.run(batch).await?;
        let present = match alias {
            Some(slot) => answers.get(slot)?.ok_or(Code::ClientUnknown)?.id.clone(),
            None => ConnectionId(id.to_owned()),
        };
        if let (Some(guess), Some((connection, product, tenant))) = (guess, guessed)
            && guess.id == present
        {
            let connection = answers.get(connection)?.ok_or(Code::ClientUnknown)?;
            let (product, suspended) = (answers.get(product)?, is_suspended(answers.get(tenant)?.as_deref()));
            return Ok(Found::one(connection, product, suspended));
        }
        let mut batch = self.store.batch();
        let connection = batch.get(&keys.connection(&present));
        let connection = source.run(batch).await?.get(connection)?.ok_or(Code::ClientUnknown)?;
        let mut batch = self.store.batch();
        let product = batch.get(&keys.product(&connection.scope.product));
        let tenant = batch.get(&keys.tenant(&connection.scope.tenant));
        let answers = source.run(batch).await?;
        let (product, suspended) = (answers.get(product)?, is_suspended(answers.get(tenant)?.as_deref()));
        Ok(Found::one(connection, product, suspended))
    }

    fn remembered_connection(&self, id: &str) -> Option<Arc<Connection>> {
        self.store.remembered(&self.store.keys().connection(&remembered_id(&self.store, id)?))
    }

    /// The connection that a client names by its id or by Jackson's `clientID`.
    pub(super) async fn connection_named(&self, id: &str) -> Result<Option<Arc<Connection>>, Fault> {
        let keys = self.store.keys();
        let id = match ConnectionId::named(id) {
            Some(id) => id,
            None => match self.store.get(&keys.connection_alias(id)).await? {
                Some(alias) => alias.id.clone(),
                None => return Ok(None),
            },
        };
        Ok(self.store.get(&keys.connection(&id)).await?)
    }

    /// The scope's product and connections: in one round trip where the cache remembers which connections there are.
    pub(super) async fn find_scope(&self, scope: Scope, source: &mut Source) -> Result<Found, Fault> {
        let keys = self.store.keys();
        let (product_key, list_key) = (keys.product(&scope.product), keys.scope(&scope));
        let guess = self.store.remembered(&list_key).map(|list| list.ids.clone()).unwrap_or_default();

        let mut batch = self.store.batch();
        let (product, list) = (batch.get(&product_key), batch.get(&list_key));
        let tenant = batch.get(&keys.tenant(&scope.tenant));
        let guessed: Vec<_> = guess.iter().map(|id| batch.get(&keys.connection(id))).collect();
        let answers = source.run(batch).await?;
        let (product, suspended) = (answers.get(product)?, is_suspended(answers.get(tenant)?.as_deref()));
        let list = answers.get(list)?.map(|list| (*list).clone()).unwrap_or_default();
        let ScopeConnections { ids, default, least } = list;
        let usual = Usual { default, ..Usual::default() };

        let mut connections = Vec::with_capacity(ids.len());
        if ids == guess {
            for slot in guessed {
                connections.extend(answers.get(slot)?);
            }
        } else {
            let mut batch = self.store.batch();
            let slots: Vec<_> = ids.iter().map(|id| batch.get(&keys.connection(id))).collect();
            let answers = source.run(batch).await?;
            for slot in slots {
                connections.extend(answers.get(slot)?);
            }
        }
        connections.retain(|connection| connection.scope == scope);
        self.check_pins(&mut connections, &least).await?;
        sort(&mut connections, usual.default.as_slice());
        Ok(Found { scope, product, connections, usual, suspended })
    }
}

/// What a client names.
pub(super) struct Found {
    scope: Scope,
    pub(super) product: Option<Arc<Product>>,
    pub(super) connections: Vec<Arc<Connection>>,
    usual: Usual,
    suspended: bool,
}

impl Found {
    fn one(connection: Arc<Connection>, product: Option<Arc<Product>>, suspended: bool) -> Self {
        let (scope, usual) = (connection.scope.clone(), Usual::default());
        Self { scope, product, connections: vec![connection], usual, suspended }
    }
}

impl Lobby {
    /// Whether PKCE alone will do.
    pub(super) fn needs_challenge(&self) -> bool {
        needs_challenge(&self.product)
    }
}

/// Whether PKCE alone will do: of a public client (RFC 9700 §2.1.1), and of one that is held to pushed requests, as FAPI 2.0
/// §5.3.2.2 holds it to both.
fn needs_challenge(product: &Product) -> bool {
    matches!(product.authentication, ClientAuthentication::None) || product.require_pushed_requests
}

impl Door {
    /// Where an app stands that asked for nothing: see [`super::direct`].
    pub(super) fn of_nobody(
        scope: Scope,
        client_id: String,
        product: Option<Arc<Product>>,
        return_to: ReturnTo,
    ) -> Self {
        let (connections, usual) = (Vec::new(), Usual::default());
        Self { scope, client_id, product, connections, usual, suspended: false, return_to, assumed: Assumed::default() }
    }

    /// Who answers: the one that the person chose, the one that `idp_hint` names, the only one, the usual one, or one that the
    /// person has yet to choose; with `prompt=select_account` also where there is a hint. Nothing leaves the scope: they are
    /// looked up among the scope's own connections.
    pub fn answerer(&self, request: &AuthorizeRequest) -> Result<Answerer, Fault> {
        let mut candidates = self.connections.clone();
        let hint = request.idp_hint.as_ref().filter(|_| !request.asked.choosing);
        if let Some(hint) = request.chosen.as_ref().or(hint) {
            candidates.retain(|connection| connection.is_named(hint));
            if candidates.is_empty() {
                return Err(Code::IdpHintForeign.into());
            }
        }
        let (mut candidates, closed): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| c.signs_in());
        let usual = self.usual.of(&candidates, request.asked.silently).filter(|_| !request.asked.choosing);
        if let Some(usual) = usual {
            return Ok(Answerer::One(usual));
        }
        match candidates.len() {
            0 => Err(why_closed(&closed)),
            1 => Ok(Answerer::One(candidates.remove(0))),
            // OIDC Core §3.1.2.1: with prompt=none "The Authorization Server MUST NOT display any [...] user interface pages."
            _ if request.asked.silently => Err(Code::ChoiceNeeded.into()),
            _ => Ok(Answerer::Several(candidates)),
        }
    }

    /// Whether PKCE alone will do.
    pub(super) fn needs_challenge(&self) -> bool {
        self.product.as_deref().is_some_and(needs_challenge)
    }
}

/// Why none of these connections signs anybody in: that one was in use says more than that one is being prepared.
fn why_closed(closed: &[Arc<Connection>]) -> Fault {
    let refusals = closed.iter().filter_map(|connection| connection.check_signs_in().err());
    refusals
        .min_by_key(|fault| fault.code != Code::ConnectionDeactivated)
        .unwrap_or_else(|| Code::ConnectionMissing.into())
}

/// The id of a connection that a client names, as far as it is remembered.
pub(super) fn remembered_id(store: &Store, name: &str) -> Option<ConnectionId> {
    match ConnectionId::named(name) {
        Some(id) => Some(id),
        None => Some(store.remembered(&store.keys().connection_alias(name))?.id.clone()),
    }
}

fn scope(tenant: &str, product: &str) -> Result<Scope, Fault> {
    Scope::new(tenant, product)
        .map_err(|_| Code::ConnectionMissing.fault().expected("a tenant and a product without colons"))
}

/// Jackson's other places for an encoded scope.
fn encoded_elsewhere(request: &AuthorizeRequest) -> Option<Scope> {
    let places = [request.access_type.as_deref(), request.resource.as_deref()];
    let items = request.scope.iter().map(String::as_str);
    places.into_iter().flatten().chain(items).find_map(Scope::encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_read_in_one_way() {
        assert_eq!(ClientName::read("dummy"), ClientName::Dummy);
        assert_eq!(ClientName::read("prod_x"), ClientName::Product("prod_x".into()));
        assert_eq!(ClientName::read("tenant=a&product=b"), ClientName::Scope(Scope::new("a", "b").unwrap()));
        assert_eq!(ClientName::read("conn_x"), ClientName::Connection("conn_x".into()));
        assert_eq!(ClientName::read("0123abcd"), ClientName::Connection("0123abcd".into()));
    }
}
