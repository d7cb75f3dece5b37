//! Deleting a connection, a scope, a product or a tenant, with everything that is under it. What that is, is said here and nowhere
//! else: whoever keeps something new under a scope adds a line to [`Contents`], to [`Removals::empty`] and to [`Removals::contents`].
//!
//! ```text
//! tenant ─┐
//!         ├─ scope ─┬─ connections, each with keys of its own, its secret, how its last test ended, and the sessions of its people
//! product ┘         ├─ domains, each with its place among the owners
//!                   ├─ policy, with the count of whom it would be about
//!                   ├─ people, blocked and invited
//!                   └─ traces
//! ```
//!
//! Sessions end first, so that their apps are told as long as it is known where. Everything goes in steps of some records at once, is
//! listed until it is gone, and what was asked for goes last: so a deletion that broke off is called again, and finds the rest.
//!
//! Others go on meanwhile. Nobody signs in to a tenant that is being deleted, and nothing is made under it
//! ([`TenantStatus::Deleting`](crate::tenants::TenantStatus)). Whoever was in the middle of that looks again after having written: a login,
//! whether its connection is still there; a writer, whether its scope is. Whoever deletes looks again after having deleted. So one of
//! both finds the other. What has a lifetime and hangs on nothing else (tokens of sessions that are gone, logins that wait, the memory
//! of what was used) is worthless by then and ends by itself: `docs/STORE.md` has the list.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::connection::Connection;
use crate::connections::Connections;
use crate::domains::Domains;
use crate::fault::{Code, Fault};
use crate::login::session::{ListedBy, Session};
use crate::people::{List, People};
use crate::policy::Policies;
use crate::products::Products;
use crate::scope::Scope;
use crate::sessions::{Sessions, Why};
use crate::store::{Index, Key, Record, Store};
use crate::tenants::Tenants;
use crate::trace::Traces;

/// How many records are looked at in one step.
const AT_ONCE: u64 = 50;

/// How often a scope is emptied in which somebody makes something new at the same time.
const ROUNDS: usize = 5;

/// What lies under a scope, or several: how many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Connections, with their keys and secrets.
    pub connections: u64,
    /// Claims of domains.
    pub domains: u64,
    /// Policies.
    pub policies: u64,
    /// People who are blocked or invited.
    pub people: u64,
    /// Sessions, with all their tokens.
    pub sessions: u64,
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Of what lay there.
    #[serde(flatten)]
    pub contents: Contents,
    /// Stories of logins.
    pub traces: u64,
}

/// Deletes with all that is under it.
pub struct Removals {
    /// Where it lies.
    pub store: Store,
    /// Whose connections.
    pub connections: Connections,
    /// Whose domains.
    pub domains: Domains,
    /// Whose policies.
    pub policies: Policies,
    /// Whose blocked and invited people.
    pub people: People,
    /// Whose sessions.
    pub sessions: Sessions,
    /// Whose stories.
    pub traces: Traces,
    /// The registered apps.
    pub products: Products,
    /// The customer organisations.
    pub tenants: Tenants,
}

impl Removals {
    /// Deletes connections of a scope.
    pub async fn connections(&self, scope: &Scope, doomed: &[Arc<Connection>]) -> Result<(), Fault> {
        if doomed.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = doomed.iter().map(|connection| connection.id.clone()).collect();
        let of_them = |session: &Session| ids.contains(&session.connection);
        self.sessions.end_those(ListedBy::Scope(scope), Why::Deleted, of_them).await?;
        for connection in doomed {
            self.connections.forget(connection).await?;
        }
        // Those that began meanwhile. From now on none does.
        self.sessions.end_those(ListedBy::Scope(scope), Why::Deleted, of_them).await?;
        self.domains.unlink(scope, &ids).await
    }

    /// Deletes what a tenant has in a product. The tenant stays.
    pub async fn scope(&self, scope: &Scope) -> Result<Removed, Fault> {
        if self.contents(scope).await? == Contents::default() {
            self.tenants.find(&scope.tenant).await?;
        }
        let mut removed = Removed::default();
        self.clear(scope, &mut removed).await?;
        self.tenants.tell_left(scope, json!(removed)).await?;
        Ok(removed)
    }

    /// Deletes a registered product, with what every tenant has in it. What is made in it meanwhile may go along, or stay as in a
    /// product that is not registered.
    pub async fn product(&self, name: &str) -> Result<Removed, Fault> {
        let product = self.products.find(name).await?.ok_or(Code::ProductNotFound)?;
        let keys = self.store.keys();
        // Traces first: each scope would look through all of them.
        let traces = self.traces.delete_of_product(name).await?;
        let mut removed = Removed { traces, ..Removed::default() };
        let tenants = keys.tenants_of_product(name);
        while let Some(tenant) = self.first(&tenants, |member| keys.tenant_member(member)).await? {
            let scope = Scope { tenant: tenant.name.clone(), product: name.to_owned() };
            self.clear(&scope, &mut removed).await?;
        }
        // Of tenants that have no record: connections and domains are older than these.
        let connections = keys.connections_of_product(name);
        while let Some(connection) = self.first(&connections, |member| keys.connection_member(member)).await? {
            self.connections(&connection.scope, std::slice::from_ref(&connection)).await?;
            removed.contents.connections += 1;
            self.clear(&connection.scope, &mut removed).await?;
        }
        let domains = keys.domains_of_product(name);
        while let Some(domain) = self.first(&domains, |member| keys.domain_member(member)).await? {
            self.domains.delete(&domain).await?;
            removed.contents.domains += 1;
        }
        removed.traces += self.traces.delete_of_product(name).await?;
        self.products.forget(&product, json!(removed)).await?;
        Ok(removed)
    }

    /// Deletes a tenant, with what it has in every product.
    pub async fn tenant(&self, name: &str) -> Result<Removed, Fault> {
        let lying = self.under_tenant(name, None).await?;
        if lying.is_empty() {
            self.tenants.find(name).await?;
        }
        let tenant = self.tenants.close(name).await?;
        let mut removed = Removed::default();
        let products: BTreeSet<_> =
            lying.into_iter().map(|(product, _)| product).chain(tenant.products.clone()).collect();
        for product in products {
            self.clear(&Scope { tenant: name.to_owned(), product }, &mut removed).await?;
        }
        self.tenants.forget(name, json!(removed)).await?;
        Ok(removed)
    }

    /// What a tenant has, by product: in those of its record, in all that are registered, because connections are older than records of
    /// tenants, and in one that may be neither. Products in which it has nothing are left out.
    pub async fn under_tenant(&self, name: &str, also: Option<&str>) -> Result<Vec<(String, Contents)>, Fault> {
        let keys = self.store.keys();
        let record = self.store.get(&keys.tenant(name)).await?;
        let mut products: BTreeSet<String> = record.iter().flat_map(|tenant| tenant.products.clone()).collect();
        products.extend(also.map(str::to_owned));
        for page in 0.. {
            let registered = self.products.list(page * AT_ONCE, AT_ONCE).await?;
            if registered.is_empty() {
                break;
            }
            products.extend(registered.iter().map(|product| product.name.clone()));
        }
        let mut found = Vec::new();
        for product in products {
            let contents = self.contents(&Scope { tenant: name.to_owned(), product: product.clone() }).await?;
            found.extend((contents != Contents::default()).then_some((product, contents)));
        }
        Ok(found)
    }

    /// Removes everything under a scope, until a last look finds nothing.
    async fn clear(&self, scope: &Scope, removed: &mut Removed) -> Result<(), Fault> {
        for _ in 0..ROUNDS {
            self.empty(scope, removed).await?;
            self.tenants.leave(scope).await?;
            if self.contents(scope).await? == Contents::default() {
                return Ok(());
            }
        }
        Err(Code::ChangedMeanwhile.into())
    }

    /// Removes what is under a scope now.
    async fn empty(&self, scope: &Scope, removed: &mut Removed) -> Result<(), Fault> {
        let contents = &mut removed.contents;
        contents.sessions += self.sessions.end_all(ListedBy::Scope(scope), Why::Deleted).await?;
        contents.connections += self.connections.forget_all(scope).await?;
        contents.sessions += self.sessions.end_all(ListedBy::Scope(scope), Why::Deleted).await?;
        contents.domains += self.domains.delete_all(scope).await?;
        contents.policies += u64::from(self.policies.forget(scope).await?);
        contents.people += self.people.forget_all(scope).await?;
        removed.traces += self.traces.delete_of_scope(scope).await?;
        Ok(())
    }

    /// What is under a scope now, but for traces: every list says how much it names, whether that is there or not.
    async fn contents(&self, scope: &Scope) -> Result<Contents, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let connections = batch.get(&keys.scope(scope));
        let domains = batch.get(&keys.scope_domains(scope));
        let policy = batch.get(&keys.policy(scope));
        let sessions = batch.index_count(&keys.sessions(ListedBy::Scope(scope)));
        let people = [List::Blocked, List::Invited].map(|list| batch.index_count(&keys.people(list, scope)));
        let answers = batch.run().await?;
        Ok(Contents {
            connections: answers.get(connections)?.map_or(0, |list| list.ids.len() as u64),
            domains: answers.get(domains)?.map_or(0, |list| list.domains.len() as u64),
            policies: u64::from(answers.get(policy)?.is_some()),
            people: people.into_iter().map(|list| answers.count(list)).sum(),
            sessions: answers.count(sessions),
        })
    }

    /// The first record that an index names; what it names and is gone leaves it.
    async fn first<R: Record>(&self, index: &Index, key: impl Fn(&str) -> Key<R>) -> Result<Option<Arc<R>>, Fault> {
        loop {
            let mut batch = self.store.batch();
            let page = batch.index_page(index, 0, 1);
            let Some(member) = batch.run().await?.members(page).next().map(str::to_owned) else { return Ok(None) };
            if let Some(record) = self.store.get(&key(&member)).await? {
                return Ok(Some(record));
            }
            let mut batch = self.store.batch();
            batch.index_remove(index, member);
            batch.run().await?;
        }
    }
}
