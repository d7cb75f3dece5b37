//! The e-mail domains of tenants: claimed, proven, looked at again, lost.
//!
//! A tenant claims a domain in a product ([`Domains::claim`]) and proves it, by a TXT record in DNS ([`proof`]) or by the
//! operator's word. Only a proven domain leads anybody anywhere: [`owners`] says who has it, in one record for each domain, which
//! is where two tenants who prove the same domain at once meet. Exactly one of them wins. [`life`] tells what becomes of a
//! domain whose record vanishes.
//!
//! Three records speak of a domain: the claim itself ([`Domain`]), the list of its scope ([`ScopeDomains`]), which every login of
//! the scope reads along, and the record of owners ([`owners::DomainOwners`]), which discovery reads. The claim leads: what a
//! crash leaves behind in the other two, the next check puts right.

pub mod life;
pub mod owners;
pub mod proof;
mod records;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::life::{Attempt, Proof, State};
use self::owners::{Owner, Unique};
pub use self::records::{Domain, DomainId, Listed, Reach, ScopeDomains};
use crate::connection::ConnectionId;
use crate::domain_name::DomainName;
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::login::start::after;
use crate::ports::{Clock, Random, Timestamp};
use crate::products::invalid;
use crate::refresh::countdown;
use crate::scope::Scope;
use crate::secret::random_id;
use crate::store::{ATTEMPTS, Batch, Pointed, Slot, Store, Stored};
use crate::tenants::Tenants;
use crate::trace::milliseconds;

/// How many domains a tenant may claim in one product. Every login of the scope reads their names.
pub const MOST_IN_A_SCOPE: usize = 200;

/// What the operator decides about domains.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Among whom a domain belongs to one tenant.
    pub unique: Unique,
    /// How often a proof by DNS is looked at again.
    pub recheck: Duration,
    /// How long a domain may fail before it is lost.
    pub grace: Duration,
}

/// What is set about a claim; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct DomainSettings {
    /// Whether the names below it are meant too.
    pub include_subdomains: Option<bool>,
    /// The connection that its people are sent to, or none.
    pub connection: Option<Option<ConnectionId>>,
}

impl DomainSettings {
    fn apply(self, domain: &mut Domain) {
        domain.include_subdomains = self.include_subdomains.unwrap_or(domain.include_subdomains);
        if let Some(connection) = self.connection {
            domain.connection = connection;
        }
    }
}

/// A claim that a scope may make, or has made.
pub(crate) struct JudgedClaim {
    scope: Scope,
    name: DomainName,
    present: Option<Arc<Domain>>,
    /// One that is listed and not there: it was never written, or its deletion broke off.
    stale: Option<DomainId>,
}

impl JudgedClaim {
    /// The claim that is there already.
    pub(crate) fn present(&self) -> Option<&Arc<Domain>> {
        self.present.as_ref()
    }
}

/// Refuses a scope with so many domains.
fn check_room(domains: usize) -> Result<(), Fault> {
    match domains > MOST_IN_A_SCOPE {
        true => {
            let full = format!("tenant already has {MOST_IN_A_SCOPE} domains for this product");
            Err(Code::FieldInvalid.fault().expected(full))
        }
        false => Ok(()),
    }
}

/// Keeps domains.
#[derive(Clone)]
pub struct Domains {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    tenants: Tenants,
}

impl Domains {
    /// Domains in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, settings: Settings) -> Self {
        Self { tenants: Tenants::new(store.clone(), clock.clone()), store, clock, random, settings }
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When a domain is lost whose record is gone since then, unless it comes back.
    pub fn lapses(&self, failing_since: Timestamp) -> Timestamp {
        after(failing_since, self.settings.grace)
    }

    /// Claims a domain. Who claims it again gets the claim that is there, with what the settings change of it; the flag says
    /// whether it is a new one. A domain that another tenant has proven is refused.
    pub async fn claim(
        &self,
        scope: Scope,
        name: DomainName,
        settings: DomainSettings,
    ) -> Result<(Arc<Domain>, bool), Fault> {
        self.check_connection(&scope, &settings).await?;
        let judged = self.judge(&scope, &[name]).await?.remove(0); // as many as there are names
        let is_new = judged.present.is_none();
        Ok((self.enter(judged, settings).await?, is_new))
    }

    /// The claims of these names that a scope may make, or has made; nothing is written. A domain that nobody can claim, that
    /// another tenant has proven, or that is one too many is refused.
    pub(crate) async fn judge(&self, scope: &Scope, names: &[DomainName]) -> Result<Vec<JudgedClaim>, Fault> {
        names.iter().try_for_each(DomainName::check_claimable)?;
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(invalid("domains", format!("names {twice} twice")));
        }
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let list = batch.get(&keys.scope_domains(scope));
        let owners: Vec<_> = names.iter().map(|name| batch.get(&keys.domain_owners(name))).collect();
        let answers = batch.run().await?;
        for owners in owners {
            if answers.get(owners)?.is_some_and(|owners| owners.excludes(scope, self.settings.unique)) {
                return Err(Code::DomainTaken.into());
            }
        }
        let list = answers.get(list)?.unwrap_or_default();
        let listed = |name: &DomainName| list.domains.iter().find(|listed| listed.name == *name);
        check_room(list.domains.len() + names.iter().filter(|name| listed(name).is_none()).count())?;
        let mut batch = self.store.batch();
        let slots: Vec<_> = names.iter().map(|name| listed(name).map(|l| batch.get(&keys.domain(&l.id)))).collect();
        let answers = batch.run().await?;
        let judged = |(name, slot): (&DomainName, Option<Slot<Domain>>)| {
            let present = slot.map(|slot| answers.get(slot)).transpose()?.flatten();
            let stale = listed(name).filter(|_| present.is_none()).map(|listed| listed.id.clone());
            Ok(JudgedClaim { scope: scope.clone(), name: name.clone(), present, stale })
        };
        names.iter().zip(slots).map(judged).collect()
    }

    /// Makes a claim, or changes the one that is there.
    pub(crate) async fn enter(&self, judged: JudgedClaim, settings: DomainSettings) -> Result<Arc<Domain>, Fault> {
        let JudgedClaim { scope, name, present, stale } = judged;
        if let Some(present) = present {
            return self.change_settings(&present.id, settings).await;
        }
        if let Some(stale) = stale {
            self.remove(&scope, &stale, &name).await?;
        }
        let mut domain = Domain {
            id: DomainId(format!("dom_{}", random_id(&*self.random))),
            scope,
            name,
            challenge: random_id(&*self.random),
            include_subdomains: false,
            connection: None,
            state: State::Claimed,
            claimed: self.clock.now(),
            attempts: Vec::new(),
        };
        settings.apply(&mut domain);
        self.write(&domain).await?;
        Ok(Arc::new(domain))
    }

    /// Writes a new claim, which is in the list of its scope before it is there, so that nothing is there that is not listed.
    async fn write(&self, domain: &Domain) -> Result<(), Fault> {
        self.enlist(domain).await?;
        let keys = self.store.keys();
        let (member, score) = (keys.domain_name(&domain.id), milliseconds(domain.claimed));
        let mut batch = self.store.batch();
        batch.index_add(&keys.domains_of_product(&domain.scope.product), score, member);
        batch.put(&keys.domain(&domain.id), domain, None);
        self.event(EventKind::DomainClaimed, domain, json!({})).append(&mut batch, &self.store);
        batch.run().await?;
        // Once more, in case that the scope was deleted meanwhile.
        let entered = self.enlist(domain).await;
        if entered.is_err() {
            self.remove(&domain.scope, &domain.id, &domain.name).await?;
        }
        entered
    }

    /// Puts a new claim where it is looked for when its scope is deleted: into the list of the scope, and the scope under its tenant.
    async fn enlist(&self, domain: &Domain) -> Result<(), Fault> {
        self.tenants.enter(&domain.scope).await?;
        self.change_list(&domain.scope, |list| {
            match list.domains.iter().find(|listed| listed.name == domain.name) {
                Some(listed) if listed.id == domain.id => return Ok(()),
                Some(_) => return Err(Code::ChangedMeanwhile.into()),
                None => {}
            }
            list.domains.push(Listed::of(domain));
            check_room(list.domains.len())
        })
        .await
    }

    /// A claim by its id.
    pub async fn find(&self, id: &DomainId) -> Result<Arc<Domain>, Fault> {
        Ok(self.stored(id).await?.record)
    }

    async fn stored(&self, id: &DomainId) -> Result<Stored<Domain>, Fault> {
        let mut batch = self.store.batch();
        let slot = batch.get(&self.store.keys().domain(id));
        batch.run().await?.stored(slot)?.ok_or_else(|| Code::DomainNotFound.into())
    }

    /// The claims of a scope, in their order.
    pub async fn of_scope(&self, scope: &Scope, offset: u64, limit: u64) -> Result<Vec<Arc<Domain>>, Fault> {
        let keys = self.store.keys();
        let list = self.store.get(&keys.scope_domains(scope)).await?;
        let listed = list.iter().flat_map(|list| &list.domains);
        let page = listed.skip(offset as usize).take(limit as usize).map(|listed| keys.domain_name(&listed.id));
        self.read(page.collect()).await
    }

    /// The claims of a product, the newest first.
    pub async fn of_product(&self, product: &str, offset: u64, limit: u64) -> Result<Vec<Arc<Domain>>, Fault> {
        let mut batch = self.store.batch();
        let page = batch.index_page(&self.store.keys().domains_of_product(product), offset, limit);
        let answers = batch.run().await?;
        let mut found = self.read(answers.members(page).map(str::to_owned).collect()).await?;
        // Nobody vouches for an index.
        found.retain(|domain| domain.scope.product == product);
        Ok(found)
    }

    async fn read(&self, members: Vec<String>) -> Result<Vec<Arc<Domain>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let slots: Vec<_> = members.iter().map(|member| batch.get(&keys.domain_member(member))).collect();
        let answers = batch.run().await?;
        Ok(slots.into_iter().filter_map(|slot| answers.get(slot).transpose()).collect::<Result<_, _>>()?)
    }

    /// Changes what is set about a claim.
    pub async fn update(&self, id: &DomainId, settings: DomainSettings) -> Result<Arc<Domain>, Fault> {
        self.check_connection(&self.find(id).await?.scope, &settings).await?;
        self.change_settings(id, settings).await
    }

    /// The same, with a link to a connection that is known to be the scope's own.
    async fn change_settings(&self, id: &DomainId, settings: DomainSettings) -> Result<Arc<Domain>, Fault> {
        let stored = self.stored(id).await?;
        let mut domain = (*stored.record).clone();
        settings.apply(&mut domain);
        let same = domain.include_subdomains == stored.record.include_subdomains
            && domain.connection == stored.record.connection;
        if same {
            return Ok(stored.record);
        }
        if domain.state.is_proven() {
            self.own_still(&domain).await?;
        }
        let mut batch = self.store.batch();
        let written = batch.replace(&self.store.keys().domain(id), Some(&stored), &domain);
        if !batch.run().await?.written(written) {
            return self.overtaken(&domain).await;
        }
        self.list(&domain).await?;
        let mut batch = self.store.batch();
        self.event(EventKind::DomainUpdated, &domain, json!({})).append(&mut batch, &self.store);
        batch.run().await?;
        Ok(Arc::new(domain))
    }

    /// Takes the links to connections that are gone off the claims of their scope.
    pub(crate) async fn unlink(&self, scope: &Scope, gone: &[ConnectionId]) -> Result<(), Fault> {
        let is_gone = |domain: &Domain| domain.connection.as_ref().is_some_and(|id| gone.contains(id));
        for _ in 0..ATTEMPTS {
            let claims = self.of_scope(scope, 0, MOST_IN_A_SCOPE as u64).await?;
            let linked: Vec<_> = claims.iter().filter(|domain| is_gone(domain)).collect();
            if linked.is_empty() {
                return Ok(());
            }
            for domain in linked {
                let unlinked = DomainSettings { connection: Some(None), ..DomainSettings::default() };
                match self.change_settings(&domain.id, unlinked).await {
                    // Somebody else's change came first: once more.
                    Err(fault) if matches!(fault.code, Code::ChangedMeanwhile | Code::DomainNotFound) => {}
                    updated => drop(updated?),
                }
            }
        }
        Err(Code::ChangedMeanwhile.into())
    }

    /// The linked connection has to be the scope's own.
    async fn check_connection(&self, scope: &Scope, settings: &DomainSettings) -> Result<(), Fault> {
        let Some(Some(id)) = &settings.connection else { return Ok(()) };
        let connection = self.store.get(&self.store.keys().connection(id)).await?;
        match connection.is_some_and(|connection| connection.scope == *scope) {
            true => Ok(()),
            false => Err(Code::ConnectionNotFound.into()),
        }
    }

    /// Takes the operator's word for a domain.
    pub async fn assert(&self, id: &DomainId) -> Result<Arc<Domain>, Fault> {
        let stored = self.stored(id).await?;
        let since = self.clock.now();
        let mut domain = (*stored.record).clone();
        domain.state = State::Verified { by: Proof::Operator, since };
        self.settle(&stored, domain, Some(EventKind::DomainVerified)).await
    }

    /// Takes what a look at DNS found ([`proof::look`]): proves the domain, notes the attempt, or counts towards its loss.
    pub async fn looked(&self, id: &DomainId, found: &Result<(), Fault>) -> Result<Arc<Domain>, Fault> {
        let stored = self.stored(id).await?;
        let now = self.clock.now();
        let (state, kind) = stored.record.state.after(found, now, self.settings.grace);
        let mut domain = Domain { state, ..(*stored.record).clone() };
        domain.note(Attempt::of(found, now));
        match self.settle(&stored, domain, kind).await {
            Err(fault) if fault.code == Code::DomainTaken => {
                let mut refused = (*stored.record).clone();
                let taken = Err(fault);
                refused.note(Attempt::of(&taken, now));
                self.settle(&stored, refused, None).await?;
                taken.map(|()| stored.record)
            }
            settled => settled,
        }
    }

    /// Makes a claim again what it was.
    pub(crate) async fn restore(&self, before: &Domain) -> Result<(), Fault> {
        let stored = self.stored(&before.id).await?;
        self.settle(&stored, before.clone(), Some(EventKind::DomainUpdated)).await?;
        Ok(())
    }

    /// Writes what became of a claim into all three places. Where it becomes proven, the record of owners decides first: it is
    /// changed in one atomic step, and of several tenants who prove the same domain one wins.
    async fn settle(
        &self,
        stored: &Stored<Domain>,
        domain: Domain,
        kind: Option<EventKind>,
    ) -> Result<Arc<Domain>, Fault> {
        let (keys, proven) = (self.store.keys(), domain.state.is_proven());
        if proven {
            // First in the queue: a claim that is proven and not in it would never be looked at again.
            let mut batch = self.store.batch();
            self.queue(&mut batch, &domain);
            batch.run().await?;
            match stored.record.state.is_proven() {
                true => self.own_still(&domain).await?,
                false => self.own(&domain).await?,
            }
        } else if stored.record.state.is_proven() {
            self.disown(&domain.id, &domain.name).await?;
        }
        let mut batch = self.store.batch();
        let written = batch.replace(&keys.domain(&domain.id), Some(stored), &domain);
        if !proven {
            batch.index_remove(&keys.domain_checks(), keys.domain_name(&domain.id));
        }
        if !batch.run().await?.written(written) {
            return self.overtaken(&domain).await;
        }
        self.list(&domain).await?;
        if let Some(kind) = kind {
            let mut batch = self.store.batch();
            self.event(kind, &domain, domain.state.told()).append(&mut batch, &self.store);
            batch.run().await?;
        }
        Ok(Arc::new(domain))
    }

    /// Somebody else changed or removed the claim at the same time. Theirs holds, and the owners have to say so.
    async fn overtaken(&self, domain: &Domain) -> Result<Arc<Domain>, Fault> {
        match self.find(&domain.id).await {
            Ok(present) if present.state.is_proven() => self.own(&present).await?,
            Ok(_) => self.disown(&domain.id, &domain.name).await?,
            Err(fault) if fault.code == Code::DomainNotFound => {
                self.remove(&domain.scope, &domain.id, &domain.name).await?;
            }
            Err(fault) => return Err(fault),
        }
        Err(Code::ChangedMeanwhile.into())
    }

    /// The proven claims whose next look is due, the longest due first. What the queue names and is no longer proven leaves it.
    pub async fn due(&self, limit: u64) -> Result<Vec<Arc<Domain>>, Fault> {
        let (keys, horizon) = (self.store.keys(), countdown(self.clock.now()));
        let mut batch = self.store.batch();
        let page = batch.index_page(&keys.domain_checks(), 0, limit);
        let answers = batch.run().await?;
        let due = answers.scored(page).filter(|(_, score)| *score >= horizon);
        let mut batch = self.store.batch();
        let slots: Vec<_> =
            due.map(|(member, _)| (member.to_owned(), batch.get(&keys.domain_member(member)))).collect();
        let answers = batch.run().await?;
        let mut batch = self.store.batch();
        let mut found = Vec::with_capacity(slots.len());
        for (member, slot) in slots {
            match answers.pointed(slot)? {
                Pointed::Here(domain) if domain.state.is_proven() => found.push(domain),
                Pointed::Here(_) | Pointed::Gone => drop(batch.index_remove(&keys.domain_checks(), member)),
                Pointed::Spoilt => {}
            }
        }
        batch.run().await?;
        Ok(found)
    }

    /// Removes a claim and all that follows from it.
    pub async fn delete(&self, domain: &Domain) -> Result<(), Fault> {
        self.remove(&domain.scope, &domain.id, &domain.name).await
    }

    /// Removes all claims of a scope. Returns how many it listed.
    pub(crate) async fn delete_all(&self, scope: &Scope) -> Result<u64, Fault> {
        let Some(list) = self.store.get(&self.store.keys().scope_domains(scope)).await? else { return Ok(0) };
        for listed in &list.domains {
            self.remove(scope, &listed.id, &listed.name).await?;
        }
        Ok(list.domains.len() as u64)
    }

    /// Removes a claim that may be there in part only. It counts for nobody first, and leaves the list last: what breaks off in
    /// between is found there.
    async fn remove(&self, scope: &Scope, id: &DomainId, name: &DomainName) -> Result<(), Fault> {
        self.change_list(scope, |list| {
            list.domains.iter_mut().filter(|listed| listed.id == *id).for_each(|listed| listed.proven = false);
            Ok(())
        })
        .await?;
        self.disown(id, name).await?;
        let keys = self.store.keys();
        let member = keys.domain_name(id);
        let mut batch = self.store.batch();
        batch.index_remove(&keys.domains_of_product(&scope.product), member.clone());
        batch.index_remove(&keys.domain_checks(), member);
        let was_there = batch.delete(&keys.domain(id));
        let was_there = batch.run().await?.written(was_there);
        self.change_list(scope, |list| {
            list.domains.retain(|listed| listed.id != *id);
            Ok(())
        })
        .await?;
        if was_there {
            let mut batch = self.store.batch();
            let data = json!({ "domain": id, "name": name });
            Event::of(EventKind::DomainDeleted, scope, self.clock.now(), data).append(&mut batch, &self.store);
            batch.run().await?;
        }
        Ok(())
    }

    /// Puts a proven claim into the queue of those that are looked at again. The operator's word is not looked at, and stands at
    /// its end: the queue is also the list of all that is proven.
    fn queue(&self, batch: &mut Batch<'_>, domain: &Domain) {
        let keys = self.store.keys();
        let wait = domain.next_look(self.settings.recheck);
        let due = wait.map_or(Timestamp::MAX, |wait| after(self.clock.now(), wait));
        batch.index_add(&keys.domain_checks(), countdown(due), keys.domain_name(&domain.id));
    }

    /// Enters a proven claim among the owners of its domain, unless another tenant is there.
    async fn own(&self, domain: &Domain) -> Result<(), Fault> {
        let owner = Owner::of(domain);
        self.change_owners(&domain.name, |owners| match owners.excludes(&domain.scope, self.settings.unique) {
            true => Err(Code::DomainTaken.into()),
            false => {
                match owners.owners.iter_mut().find(|other| other.scope == owner.scope) {
                    Some(present) => *present = owner.clone(),
                    None => owners.owners.push(owner.clone()),
                }
                Ok(())
            }
        })
        .await
    }

    /// The same for a claim that was proven before. It may have been the tenant's before `domains.unique` said otherwise, and
    /// stays theirs.
    async fn own_still(&self, domain: &Domain) -> Result<(), Fault> {
        match self.own(domain).await {
            Err(fault) if fault.code == Code::DomainTaken => Ok(()),
            owned => owned,
        }
    }

    /// Takes a claim off the owners of its domain.
    async fn disown(&self, id: &DomainId, name: &DomainName) -> Result<(), Fault> {
        self.change_owners(name, |owners| {
            owners.owners.retain(|owner| owner.domain != *id);
            Ok(())
        })
        .await
    }

    /// Says in the list of the scope what the claim says by now.
    async fn list(&self, domain: &Domain) -> Result<(), Fault> {
        self.change_list(&domain.scope, |list| {
            if let Some(listed) = list.domains.iter_mut().find(|listed| listed.id == domain.id) {
                *listed = Listed::of(domain);
            }
            Ok(())
        })
        .await
    }

    async fn change_owners(
        &self,
        name: &DomainName,
        change: impl Fn(&mut owners::DomainOwners) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.store.change(&self.store.keys().domain_owners(name), change, |owners| owners.owners.is_empty()).await
    }

    async fn change_list(
        &self,
        scope: &Scope,
        change: impl Fn(&mut ScopeDomains) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.store.change(&self.store.keys().scope_domains(scope), change, |list| list.domains.is_empty()).await
    }

    /// What happened to a domain.
    fn event(&self, kind: EventKind, domain: &Domain, mut data: Value) -> Event {
        data["domain"] = json!(domain.id);
        data["name"] = json!(domain.name);
        Event::of(kind, &domain.scope, self.clock.now(), data)
    }
}
