//! Connections: created, found, changed and deleted, with the ways in which one is found.
//!
//! The record is the commit point: it is written last and removed first, so that a login sees a connection whole or not at all.
//! The scope's list and the indexes may name what is not there, which is skipped; they never miss what is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::connection::{Connection, ConnectionId, Delivery, Idp};
use crate::connection_keys::ConnectionKeys;
use crate::connection_status::ConnectionStatus;
use crate::event::{Event, EventKind};
use crate::expiry::{self, last_expiry};
use crate::fault::{Code, Fault};
use crate::former_secrets::{self, FormerSecrets};
use crate::login::start::after;
use crate::mapping::{Mapping, hex_ripemd160};
use crate::overrides;
use crate::policy_settings::differences;

use crate::ports::{Clock, Random};
use crate::products::{checked_urls, invalid};
use crate::providers;
use crate::redirect;
use crate::refresh::countdown;
use crate::requirements::Requirements;
use crate::roles::RoleSettings;
use crate::scope::Scope;
use crate::scope_connections::{ScopeConnections, check_room, sort};
use crate::secret::{Secret, SecretHash};
use crate::store::{Batch, Index, Pointed, Record, Revision, Store, Stored};
use crate::tenants::Tenants;
use crate::trace::milliseconds;

impl Record for Connection {
    const CLASS: &'static str = "connection";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// The way from Jackson's computed `clientID` to a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionAlias {
    /// The connection.
    pub id: ConnectionId,
}

impl Record for ConnectionAlias {
    const CLASS: &'static str = "connection-alias";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// What may be set on a connection besides its IdP. `None` leaves a member as it is.
#[derive(Debug, Default)]
pub struct ConnectionSettings {
    /// See [`Connection::name`].
    pub name: Option<String>,
    /// See [`Connection::label`].
    pub label: Option<String>,
    /// See [`Connection::description`].
    pub description: Option<String>,
    /// See [`Connection::redirect_urls`].
    pub redirect_urls: Option<Vec<String>>,
    /// See [`Connection::default_redirect_url`].
    pub default_redirect_url: Option<String>,
    /// See [`Connection::unsolicited_delivery`].
    pub unsolicited_delivery: Option<Delivery>,
    /// See [`Connection::sort_order`].
    pub sort_order: Option<Option<u32>>,
    /// See [`Connection::region`], which is known to be configured.
    pub region: Option<Option<String>>,
    /// See [`ScopeConnections::default`].
    pub default: Option<bool>,
    /// See [`Connection::provider`]; empty: the one that is recognised. On a new connection it brings its mapping along,
    /// where none is set.
    pub provider: Option<String>,
    /// See [`Connection::mapping`].
    pub mapping: Option<Mapping>,
    /// See [`Connection::overrides`]: all of them, by name.
    pub policy: Option<Vec<(String, String)>>,
    /// See [`Connection::status`].
    pub status: Option<ConnectionStatus>,
    /// Jackson's way to say it: see [`ConnectionStatus::deactivated`].
    pub deactivated: Option<bool>,
    /// See [`Connection::single_logout`].
    pub single_logout: Option<bool>,
}

/// Which connections are meant.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id or Jackson `clientID`.
    Client(String),
    /// All of these scopes.
    Scopes(Vec<Scope>),
    /// All to this IdP.
    Entity(String),
    /// All of this product, newest first.
    Product {
        /// The product.
        name: String,
        /// How many to skip.
        offset: u64,
        /// How many to return at most.
        limit: u64,
    },
}

/// A connection that may be written as it stands here.
pub(crate) struct JudgedConnection {
    connection: Connection,
    /// What it takes the place of.
    present: Option<Stored<Connection>>,
    kind: EventKind,
    /// What it overrode of its scope's policy so far.
    overridden: Option<Map<String, Value>>,
    /// Whether it becomes the default of its scope, or no longer is.
    default: Option<bool>,
}

impl JudgedConnection {
    /// Its id, also where it is not there yet.
    pub(crate) fn id(&self) -> &ConnectionId {
        &self.connection.id
    }
}

/// Keeps connections.
#[derive(Clone)]
pub struct Connections {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    tenants: Tenants,
}

impl Connections {
    /// Connections in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { tenants: Tenants::new(store.clone(), clock.clone()), store, clock, random }
    }

    /// Creates a connection to an IdP. Where the scope already has one to the same IdP, that one is overwritten and
    /// keeps its id and secret, as in Jackson, and whatever else the settings do not name.
    pub async fn create(&self, scope: Scope, idp: Idp, settings: ConnectionSettings) -> Result<Arc<Connection>, Fault> {
        self.write(&self.judge(scope, idp, settings).await?).await
    }

    /// What [`Connections::create`] would write, if nothing refuses it.
    pub(crate) async fn judge(
        &self,
        scope: Scope,
        idp: Idp,
        settings: ConnectionSettings,
    ) -> Result<JudgedConnection, Fault> {
        let client_id = hex_ripemd160(&format!("{}:{}:{}", scope.tenant, scope.product, idp.key()));
        let present = self.present_under(&client_id).await?;
        if let Some(present) = &present {
            present.record.idp.check_same(&idp)?;
        }
        let overridden = present.as_ref().and_then(|present| present.record.overrides());
        if present.is_none() {
            let list = self.store.get(&self.store.keys().scope(&scope)).await?;
            list.map_or(Ok(()), |list| check_room(list.ids.len() + 1))?;
        }
        let (mut connection, kind) = match &present {
            Some(present) => ((*present.record).clone(), EventKind::ConnectionUpdated),
            None => (self.blank(scope, client_id, idp.clone()), EventKind::ConnectionCreated),
        };
        idp.check_metadata(self.clock.now())?;
        connection.idp = idp;
        if settings.redirect_urls.as_ref().is_none_or(Vec::is_empty) {
            return Err(Code::FieldMissing.fault().expected("redirectUrl"));
        }
        if settings.default_redirect_url.is_none() {
            return Err(Code::FieldMissing.fault().expected("a defaultRedirectUrl"));
        }
        let default = settings.default;
        let maps_nothing = settings.mapping.is_none() && kind == EventKind::ConnectionCreated;
        self.apply(&mut connection, settings).await?;
        if maps_nothing && connection.provider.is_some() {
            connection.mapping = connection.template().mapping(connection.idp.spoken()).cloned().unwrap_or_default();
        }
        Ok(JudgedConnection { connection, present, kind, overridden, default })
    }

    fn blank(&self, scope: Scope, client_id: String, idp: Idp) -> Connection {
        let id = ConnectionId::random(&*self.random);
        Connection {
            subject_namespace: id.0.clone(),
            id,
            client_id,
            client_secret: Secret::random(&*self.random, ""),
            former_secrets: FormerSecrets::default(),
            scope,
            name: None,
            label: None,
            description: None,
            redirect_urls: Vec::new(),
            default_redirect_url: String::new(),
            unsolicited_delivery: Delivery::default(),
            sort_order: None,
            region: None,
            provider: None,
            mapping: Mapping::default(),
            roles: RoleSettings::default(),
            requirements: Requirements::default(),
            status: ConnectionStatus::Active,
            created: self.clock.now(),
            revised: 0,
            idp,
            own_keys: ConnectionKeys::default(),
            single_logout: true,
        }
    }

    /// Changes a connection. New metadata has to be of the same IdP.
    pub async fn update(
        &self,
        id: &ConnectionId,
        idp: Option<Idp>,
        settings: ConnectionSettings,
    ) -> Result<Arc<Connection>, Fault> {
        let key = self.store.keys().connection(id);
        let stored = self.stored(id).await?;
        let mut connection = (*stored.record).clone();
        if let Some(idp) = idp {
            connection.idp.check_same(&idp)?;
            idp.check_metadata(self.clock.now())?;
            connection.idp = idp;
        }
        let default = settings.default;
        self.apply(&mut connection, settings).await?;
        // Connections are older than the records of tenants.
        self.tenants.enter(&connection.scope).await?;
        let mut batch = self.store.batch();
        let revision = batch.revision();
        let written = batch.replace(&key, Some(&stored), &connection);
        self.queue(&mut batch, &connection);
        let mut event = self.event(EventKind::ConnectionUpdated, &connection);
        if connection.status != stored.record.status {
            event.data["changed"]["status"] = json!(connection.status);
        }
        if connection.region != stored.record.region {
            event.data["changed"]["region"] = json!(connection.region);
        }
        if let Some(default) = default {
            event.data["changed"]["default"] = json!(default);
        }
        event.append(&mut batch, &self.store);
        self.tell_overrides(&mut batch, stored.record.overrides(), &connection);
        if !batch.run().await?.written(written) {
            return Err(Code::ChangedMeanwhile.into());
        }
        let appoint = |list: &mut ScopeConnections| {
            list.pin(id, revision);
            if let Some(default) = default {
                list.appoint(id, default);
            }
            Ok(())
        };
        self.change_list(&connection.scope, appoint).await?;
        Ok(Arc::new(connection))
    }

    /// Gives a connection a new secret for the clients that name it. The one before goes on for `overlap`.
    pub async fn rotate_secret(&self, id: &ConnectionId, overlap: Duration) -> Result<Arc<Connection>, Fault> {
        let key = self.store.keys().connection(id);
        let stored = self.stored(id).await?;
        let mut connection = (*stored.record).clone();
        let (replaced, now) = (SecretHash::of(connection.client_secret.expose()), self.clock.now());
        connection.client_secret = Secret::random(&*self.random, "");
        connection.former_secrets.retire(replaced, overlap, now);
        let mut event = self.event(EventKind::ConnectionUpdated, &connection);
        event.data["changed"] = former_secrets::changed(connection.former_secrets.end(now));
        let mut batch = self.store.batch();
        let written = batch.replace(&key, Some(&stored), &connection);
        event.append(&mut batch, &self.store);
        match batch.run().await?.written(written) {
            true => Ok(Arc::new(connection)),
            false => Err(Code::ChangedMeanwhile.into()),
        }
    }

    /// Those of these connections that are the defaults of their scopes.
    pub async fn defaults(&self, connections: &[Arc<Connection>]) -> Result<Vec<ConnectionId>, Fault> {
        let scopes: BTreeSet<_> = connections.iter().map(|connection| &connection.scope).collect();
        let mut batch = self.store.batch();
        let slots: Vec<_> = scopes.iter().map(|scope| batch.get(&self.store.keys().scope(scope))).collect();
        let answers = batch.run().await?;
        let mut defaults = Vec::new();
        for slot in slots {
            defaults.extend(answers.get(slot)?.and_then(|list| list.default.clone()));
        }
        Ok(defaults)
    }

    /// A connection as it lies in the store.
    pub(crate) async fn stored(&self, id: &ConnectionId) -> Result<Stored<Connection>, Fault> {
        let mut batch = self.store.batch();
        let slot = batch.get(&self.store.keys().connection(id));
        batch.run().await?.stored(slot)?.ok_or_else(|| Code::ConnectionNotFound.into())
    }

    /// The connection that has this `clientID` of Jackson's, as it lies in the store.
    async fn present_under(&self, client_id: &str) -> Result<Option<Stored<Connection>>, Fault> {
        let keys = self.store.keys();
        let Some(alias) = self.store.get(&keys.connection_alias(client_id)).await? else { return Ok(None) };
        let mut batch = self.store.batch();
        let slot = batch.get(&keys.connection(&alias.id));
        Ok(batch.run().await?.stored(slot)?)
    }

    /// Replaces what is known of the IdP, for a reason that an event tells; without one, nobody has to hear of it.
    pub(crate) async fn replace_idp(
        &self,
        stored: &Stored<Connection>,
        idp: Idp,
        why: Option<serde_json::Value>,
    ) -> Result<Arc<Connection>, Fault> {
        let key = self.store.keys().connection(&stored.record.id);
        let connection = Connection { idp, ..(*stored.record).clone() };
        let mut batch = self.store.batch();
        let revision = batch.revision();
        let written = batch.replace(&key, Some(stored), &connection);
        self.queue(&mut batch, &connection);
        if let Some(why) = why {
            let mut event = self.event(EventKind::ConnectionUpdated, &connection);
            event.data["changed"] = why;
            event.append(&mut batch, &self.store);
        }
        if !batch.run().await?.written(written) {
            return Err(Code::ChangedMeanwhile.into());
        }
        self.pin(&connection, revision).await?;
        Ok(Arc::new(connection))
    }

    /// Lets the list of its scope know that a connection was written.
    pub(crate) async fn pin(&self, connection: &Connection, revision: Revision) -> Result<(), Fault> {
        let pin = |list: &mut ScopeConnections| {
            list.pin(&connection.id, revision);
            Ok(())
        };
        self.change_list(&connection.scope, pin).await
    }

    /// Puts a connection into the list of expiries, and, if its documents have an address, into the queues of those that are kept
    /// fresh and looked at; others out of them.
    fn queue(&self, batch: &mut Batch<'_>, connection: &Connection) {
        let keys = self.store.keys();
        let name = keys.connection_name(&connection.id);
        match last_expiry(connection) {
            Some(at) => batch.index_add(&keys.expiries(), countdown(at), name.clone()),
            None => {
                batch.index_remove(&keys.expiries(), name.clone());
            }
        }
        match connection.idp.watched_url() {
            Some(_) => batch.index_add(&keys.health_looks(), self.first_look(), name.clone()),
            None => {
                batch.index_remove(&keys.health_looks(), name.clone());
            }
        }
        let now = self.clock.now();
        match connection.idp.is_renewed() {
            true => {
                batch.index_add(&keys.refreshes(), countdown(after(now, connection.idp.renewal_interval(now))), name);
            }
            false => {
                batch.index_remove(&keys.refreshes(), name);
            }
        }
    }

    /// The connections that are meant. Those of scopes in the order of [`sort`].
    pub async fn find(&self, which: &Which) -> Result<Vec<Arc<Connection>>, Fault> {
        let keys = self.store.keys();
        match which {
            Which::Client(client_id) => {
                let id = match ConnectionId::named(client_id) {
                    Some(id) => id,
                    None => match self.store.get(&keys.connection_alias(client_id)).await? {
                        Some(alias) => alias.id.clone(),
                        None => return Ok(Vec::new()),
                    },
                };
                Ok(self.store.get(&keys.connection(&id)).await?.into_iter().collect())
            }
            Which::Scopes(scopes) => {
                let mut batch = self.store.batch();
                let slots: Vec<_> = scopes.iter().map(|scope| batch.get(&keys.scope(scope))).collect();
                let answers = batch.run().await?;
                let (mut ids, mut defaults) = (Vec::new(), Vec::new());
                for slot in slots {
                    let Some(list) = answers.get(slot)? else { continue };
                    ids.extend(list.ids.iter().map(|id| keys.connection(id)));
                    defaults.extend(list.default.clone());
                }
                let mut found = self.read(ids).await?;
                sort(&mut found, &defaults);
                Ok(found)
            }
            Which::Entity(entity_id) => self.of_entity(entity_id, 1_000).await,
            Which::Product { name, offset, limit } => {
                let mut found = self.page(&keys.connections_of_product(name), *offset, *limit).await?;
                found.retain(|connection| connection.scope.product == *name);
                Ok(found)
            }
        }
    }

    /// The only connection that has this IdP. Where there are several, no message tells which of them it means.
    pub async fn sole_of_idp(&self, entity_id: &str) -> Result<Option<Arc<Connection>>, Fault> {
        let found = self.of_entity(entity_id, 2).await?;
        let [connection] = &found[..] else { return Ok(None) };
        Ok(Some(connection.clone()).filter(|connection| connection.signs_in()))
    }

    /// A connection, also where it signs nobody in: what its IdP needs to know of us is there before, and after.
    pub async fn present(&self, id: &ConnectionId) -> Result<Arc<Connection>, Fault> {
        self.store.get(&self.store.keys().connection(id)).await?.ok_or_else(|| Code::ConnectionMissing.into())
    }

    /// The connection that answers a login now. It is read anew, so that one which was deactivated or
    /// deleted since the login began is out at once.
    pub async fn answering(&self, id: &ConnectionId) -> Result<Arc<Connection>, Fault> {
        let connection = self.present(id).await?;
        connection.check_signs_in()?;
        Ok(connection)
    }

    /// The first connections of a queue with their scores. What it names and is gone leaves it.
    pub(crate) async fn page_with_scores(
        &self,
        index: &Index,
        limit: u64,
    ) -> Result<Vec<(u64, Arc<Connection>)>, Fault> {
        let mut batch = self.store.batch();
        let page = batch.index_page(index, 0, limit);
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let keys = self.store.keys();
        let slots: Vec<_> = answers
            .scored(page)
            .map(|(member, score)| (member.to_owned(), score, batch.get(&keys.connection_member(member))))
            .collect();
        let answers = batch.run().await?;
        let (mut found, mut gone) = (Vec::with_capacity(slots.len()), self.store.batch());
        for (member, score, slot) in slots {
            match answers.pointed(slot)? {
                Pointed::Here(connection) => found.push((score, connection)),
                Pointed::Gone => drop(gone.index_remove(index, member)),
                Pointed::Spoilt => {}
            }
        }
        gone.run().await?;
        Ok(found)
    }

    /// The connections of a queue that are due, the longest due first. One that is gone, and was put back by whoever worked on it
    /// meanwhile, leaves the queue here.
    pub(crate) async fn due_in(&self, index: &Index, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        let keys = self.store.keys();
        let now = countdown(self.clock.now());
        let mut batch = self.store.batch();
        let page = batch.index_page(index, 0, limit);
        let answers = batch.run().await?;
        let due = answers.scored(page).filter(|(_, score)| *score >= now).map(|(member, _)| member.to_owned());
        let due: Vec<String> = due.collect();
        let mut batch = self.store.batch();
        let slots: Vec<_> = due.iter().map(|member| batch.get(&keys.connection_member(member))).collect();
        let answers = batch.run().await?;
        let (mut found, mut gone) = (Vec::new(), self.store.batch());
        for (member, slot) in due.into_iter().zip(slots) {
            match answers.pointed(slot)? {
                Pointed::Here(connection) => found.push(connection),
                Pointed::Gone => drop(gone.index_remove(index, member)),
                Pointed::Spoilt => {}
            }
        }
        gone.run().await?;
        Ok(found)
    }

    async fn of_entity(&self, entity_id: &str, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        let mut found = self.page(&self.store.keys().connections_of_entity(entity_id), 0, limit).await?;
        found.retain(|connection| connection.idp.name() == entity_id);
        Ok(found)
    }

    /// What an index names. Nobody vouches for an index, so whoever asks for some of the connections looks at each again.
    async fn page(&self, index: &Index, offset: u64, limit: u64) -> Result<Vec<Arc<Connection>>, Fault> {
        let mut batch = self.store.batch();
        let page = batch.index_page(index, offset, limit);
        let answers = batch.run().await?;
        let keys = answers.members(page).map(|member| self.store.keys().connection_member(member)).collect();
        self.read(keys).await
    }

    async fn read(&self, keys: Vec<crate::store::Key<Connection>>) -> Result<Vec<Arc<Connection>>, Fault> {
        let mut batch = self.store.batch();
        let slots: Vec<_> = keys.iter().map(|key| batch.get(key)).collect();
        let answers = batch.run().await?;
        Ok(slots.into_iter().filter_map(|slot| answers.get(slot).transpose()).collect::<Result<_, _>>()?)
    }

    /// Removes a connection and every way to find it ([`crate::removal`] ends what depends on it).
    pub(crate) async fn forget(&self, connection: &Connection) -> Result<(), Fault> {
        self.remove(connection, Some(EventKind::ConnectionDeleted)).await
    }

    /// The same, told as this kind of event; without one nobody has heard of the connection.
    async fn remove(&self, connection: &Connection, kind: Option<EventKind>) -> Result<(), Fault> {
        let keys = self.store.keys();
        let name = keys.connection_name(&connection.id);
        let mut batch = self.store.batch();
        batch.index_remove(&keys.connections_of_product(&connection.scope.product), name.clone());
        batch.index_remove(&keys.connections_of_entity(connection.idp.name()), name.clone());
        batch.index_remove(&keys.expiries(), name.clone());
        batch.index_remove(&keys.refreshes(), name.clone());
        batch.index_remove(&keys.health_looks(), name);
        for mark in expiry::marks(&keys, connection) {
            batch.delete(&mark);
        }
        batch.delete(&keys.connection(&connection.id));
        batch.delete(&keys.connection_alias(&connection.client_id));
        batch.delete(&keys.health(&connection.id));
        batch.delete(&keys.last_test(&connection.id));
        if let Some(kind) = kind {
            self.event(kind, connection).append(&mut batch, &self.store);
        }
        batch.run().await?;
        self.unlist(&connection.scope, std::slice::from_ref(&connection.id)).await
    }

    /// Removes all connections of a scope, also from its list those that are gone already. Returns how many there were.
    pub(crate) async fn forget_all(&self, scope: &Scope) -> Result<u64, Fault> {
        let keys = self.store.keys();
        let Some(list) = self.store.get(&keys.scope(scope)).await? else { return Ok(0) };
        let found = self.read(list.ids.iter().map(|id| keys.connection(id)).collect()).await?;
        for connection in &found {
            self.forget(connection).await?;
        }
        self.unlist(scope, &list.ids).await?;
        Ok(found.len() as u64)
    }

    /// Writes what was judged, the record last. A new one that did not come about is forgotten.
    pub(crate) async fn write(&self, judged: &JudgedConnection) -> Result<Arc<Connection>, Fault> {
        let JudgedConnection { connection, present, kind, overridden, default } = judged;
        self.enter(connection, *default, None).await?;
        let written = async {
            let revision = self.put(connection, present.as_ref()).await?;
            // Once more, in case that the connection or its scope was deleted meanwhile.
            self.enter(connection, *default, Some(revision)).await
        };
        if let Err(fault) = written.await {
            let is_new = *kind == EventKind::ConnectionCreated;
            if is_new || fault.code == Code::TenantDeleting {
                self.remove(connection, (!is_new).then_some(EventKind::ConnectionDeleted)).await?;
            }
            return Err(fault);
        }
        let mut batch = self.store.batch();
        self.event(*kind, connection).append(&mut batch, &self.store);
        self.tell_overrides(&mut batch, overridden.clone(), connection);
        batch.run().await?;
        Ok(Arc::new(connection.clone()))
    }

    /// Writes a connection and what it is found by, in the place of the one that is there. Returns its revision.
    async fn put(&self, connection: &Connection, present: Option<&Stored<Connection>>) -> Result<Revision, Fault> {
        let keys = self.store.keys();
        let (name, score) = (keys.connection_name(&connection.id), milliseconds(connection.created));
        let mut batch = self.store.batch();
        batch.index_add(&keys.connections_of_product(&connection.scope.product), score, name.clone());
        batch.index_add(&keys.connections_of_entity(connection.idp.name()), score, name);
        self.queue(&mut batch, connection);
        batch.put(&keys.connection_alias(&connection.client_id), &ConnectionAlias { id: connection.id.clone() }, None);
        let revision = batch.revision();
        let written = batch.replace(&keys.connection(&connection.id), present, connection);
        match batch.run().await?.written(written) {
            true => Ok(revision),
            false => Err(Code::ChangedMeanwhile.into()),
        }
    }

    /// Puts a connection where it is looked for when its scope is deleted: into the list of the scope, and the scope under its tenant.
    /// `revision` is that of the record, once it is written.
    async fn enter(
        &self,
        connection: &Connection,
        default: Option<bool>,
        revision: Option<Revision>,
    ) -> Result<(), Fault> {
        self.tenants.enter(&connection.scope).await?;
        self.change_list(&connection.scope, |list| {
            if !list.ids.contains(&connection.id) {
                list.ids.push(connection.id.clone());
            }
            if let Some(default) = default {
                list.appoint(&connection.id, default);
            }
            if let Some(revision) = revision {
                list.pin(&connection.id, revision);
            }
            check_room(list.ids.len())
        })
        .await
    }

    async fn unlist(&self, scope: &Scope, ids: &[ConnectionId]) -> Result<(), Fault> {
        self.change_list(scope, |list| {
            ids.iter().for_each(|id| list.remove(id));
            Ok(())
        })
        .await
    }

    async fn change_list(
        &self,
        scope: &Scope,
        change: impl Fn(&mut ScopeConnections) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.store.change(&self.store.keys().scope(scope), change, |list| list.ids.is_empty()).await
    }

    /// Checks and applies settings.
    async fn apply(&self, connection: &mut Connection, settings: ConnectionSettings) -> Result<(), Fault> {
        if let Some(urls) = settings.redirect_urls {
            connection.redirect_urls = checked_urls("redirectUrl", urls)?;
        }
        if let Some(url) = settings.default_redirect_url {
            redirect::check_named(&url).map_err(|why| invalid("defaultRedirectUrl", why))?;
            connection.default_redirect_url = url;
        }
        if let Some(delivery) = settings.unsolicited_delivery {
            connection.unsolicited_delivery = delivery;
        }
        let product = self.store.get(&self.store.keys().product(&connection.scope.product)).await?;
        if let Some(product) = &product {
            let stray = connection.redirect_urls.iter().find(|url| !redirect::lies_within(&product.redirect_urls, url));
            if let Some(url) = stray {
                return Err(invalid("redirectUrl", format!("is not among the redirect_urls of the product: {url}")));
            }
        }
        if settings.description.as_ref().is_some_and(|text| text.chars().count() > 100) {
            return Err(invalid("description", "should not exceed 100 characters"));
        }
        let text = |present: &mut Option<String>, new: Option<String>| {
            if let Some(new) = new {
                *present = Some(new).filter(|text| !text.is_empty());
            }
        };
        text(&mut connection.name, settings.name);
        text(&mut connection.label, settings.label);
        text(&mut connection.description, settings.description);
        if let Some(order) = settings.sort_order {
            connection.sort_order = order;
        }
        if let Some(region) = settings.region {
            connection.region = region;
        }
        if let Some(id) = settings.provider {
            let speaks = |id: &str| providers::named(id)?.steps(connection.idp.spoken());
            if !id.is_empty() && speaks(&id).is_none() {
                return Err(invalid("provider", "is none of GET /api/v1/providers that speaks the protocol"));
            }
            connection.provider = Some(id).filter(|id| !id.is_empty());
        }
        if let Some(mapping) = settings.mapping {
            mapping.check().map_err(|why| invalid("mapping", why))?;
            connection.mapping = mapping;
        }
        if let Some(policy) = settings.policy {
            connection.set_overrides(&policy, product.as_deref())?;
        }
        let status = settings.status.unwrap_or(connection.status);
        connection.status = settings.deactivated.map_or(status, |deactivated| status.deactivated(deactivated));
        if settings.status.is_some_and(|status| status != connection.status) {
            return Err(invalid("deactivated", "says something else than status"));
        }
        if let Some(single_logout) = settings.single_logout {
            connection.single_logout = single_logout;
        }
        Ok(())
    }

    /// Tells what a connection overrides of its scope's policy by now, where that was not so before.
    fn tell_overrides(&self, batch: &mut Batch<'_>, before: Option<Map<String, Value>>, connection: &Connection) {
        let [before, after] = [before, connection.overrides()].map(|told| told.unwrap_or_else(overrides::nothing));
        let (before, after) = differences(before, after);
        if !after.is_empty() {
            let data = json!({ "connection": connection.id, "before": before, "after": after });
            let event = Event::of(EventKind::PolicyUpdated, &connection.scope, self.clock.now(), data);
            event.append(batch, &self.store);
        }
    }

    pub(crate) fn event(&self, kind: EventKind, connection: &Connection) -> Event {
        Event::of(kind, &connection.scope, self.clock.now(), json!({ "connection": connection.id }))
    }
}
