//! How a policy is read and changed: setting by setting, each with its range, and never over what somebody else changed.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::enforcement::masked;
use crate::enforcement_guards::{self, Guard};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::observed;
use crate::policy::{ForeignDomains, Policies, Policy};
use crate::ports::Timestamp;
use crate::products::{Product, invalid};
use crate::roles::MEMBER;
use crate::scope::Scope;
use crate::store::Stored;

/// What somebody wants changed.
#[derive(Debug)]
pub struct Change<'c> {
    /// Whether settings that it does not name go back to their defaults.
    pub replaces: bool,
    /// The revision that it is based on.
    pub revision: Option<u64>,
    /// Settings by name, each as text: lists as JSON, nothing for the default.
    pub settings: &'c [(String, String)],
    /// Whether a privileged role is meant to be everybody's by default.
    pub confirms_privileged_default: bool,
    /// Whether single sign-on is meant to be enforced though something is missing for that.
    pub forces_enforcement: bool,
}

/// Settings that may be written as they stand here.
pub(crate) struct JudgedPolicy {
    scope: Scope,
    /// What they replace.
    stored: Option<Stored<Policy>>,
    after: Policy,
    product: Option<Arc<Product>>,
    /// What is missing for it, and somebody does not mind.
    forced: Vec<Guard>,
}

impl JudgedPolicy {
    fn before(&self) -> Policy {
        self.stored.as_ref().map(|stored| (*stored.record).clone()).unwrap_or_default()
    }

    /// The settings, and the product that they are about.
    pub(crate) fn into_outcome(self) -> (Policy, Option<Arc<Product>>) {
        (self.after, self.product)
    }
}

impl Policies {
    /// Changes the settings of a scope, if they are still those that the change is based on.
    pub async fn change(&self, scope: &Scope, change: &Change<'_>) -> Result<(Policy, Option<Arc<Product>>), Fault> {
        let judged = self.judge(scope, change).await?;
        self.write(&judged).await?;
        Ok(judged.into_outcome())
    }

    /// What [`Policies::change`] would write, if nothing refuses it.
    pub(crate) async fn judge(&self, scope: &Scope, change: &Change<'_>) -> Result<JudgedPolicy, Fault> {
        let based_on = change.revision.ok_or(Code::PolicyRevisionMissing)?;
        let key = self.store.keys().policy(scope);
        let mut batch = self.store.batch();
        let (slot, product) = (batch.get(&key), batch.get(&self.store.keys().product(&scope.product)));
        let answers = batch.run().await?;
        let (stored, product) = (answers.stored(slot)?, answers.get(product)?);
        let before = stored.as_ref().map(|stored| stored.record.clone()).unwrap_or_default();
        if before.revision != based_on {
            let fault = Code::PolicyChanged.fault().expected(before.revision.to_string());
            return Err(fault.received(based_on.to_string()));
        }
        let mut after = (*before).clone();
        if change.replaces {
            after.reset();
        }
        let now = self.clock.now();
        for (name, sent) in change.settings {
            after.set(name, sent, now, self.longest_session)?;
        }
        after.roles.check(product.as_deref(), change.confirms_privileged_default)?;
        after.enforcement.stage = after.enforcement.stage.continuing(before.enforcement.stage);
        let forced = self.missing(scope, &before.enforcement, &after.enforcement).await?;
        enforcement_guards::check(&forced, change.forces_enforcement)?;
        after.revision = based_on.saturating_add(1);
        Ok(JudgedPolicy { scope: scope.clone(), stored, after, product, forced })
    }

    /// Writes what was judged, unless somebody else changed it in the meantime.
    pub(crate) async fn write(&self, judged: &JudgedPolicy) -> Result<(), Fault> {
        self.tenants.enter(&judged.scope).await?;
        self.replace(&judged.scope, judged.stored.as_ref(), &judged.after, &judged.forced).await?;
        self.stay(&judged.scope).await
    }

    /// Makes the settings again what they were, where they were written, unless somebody else has changed them since.
    pub(crate) async fn take_back(&self, judged: &JudgedPolicy) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        let slot = batch.get(&self.store.keys().policy(&judged.scope));
        let present = batch.run().await?.stored(slot)?;
        let now = present.as_ref().map(|present| (*present.record).clone()).unwrap_or_default();
        if now == judged.before() {
            return Ok(());
        }
        if now != judged.after {
            return Err(Code::PolicyChanged.into());
        }
        let revision = judged.after.revision.saturating_add(1);
        self.replace(&judged.scope, present.as_ref(), &Policy { revision, ..judged.before() }, &[]).await
    }

    /// Replaces what was read, and tells what is not the same any more.
    async fn replace(
        &self,
        scope: &Scope,
        read: Option<&Stored<Policy>>,
        after: &Policy,
        forced: &[Guard],
    ) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        let written = batch.replace(&self.store.keys().policy(scope), read, after);
        if !batch.run().await?.written(written) {
            return Err(Code::PolicyChanged.into());
        }
        let before = read.map(|read| read.record.clone()).unwrap_or_default();
        self.tell(scope, (&before, after), forced).await
    }

    /// The settings of a scope, and the product that they are about, if it is registered.
    pub async fn find(&self, scope: &Scope) -> Result<(Arc<Policy>, Option<Arc<Product>>), Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let (policy, product) = (batch.get(&keys.policy(scope)), batch.get(&keys.product(&scope.product)));
        let answers = batch.run().await?;
        Ok((answers.get(policy)?.unwrap_or_default(), answers.get(product)?))
    }

    /// Tells what changed, and what was missing that somebody did not mind; what was counted for another observation is forgotten.
    async fn tell(&self, scope: &Scope, (before, after): (&Policy, &Policy), forced: &[Guard]) -> Result<(), Fault> {
        let (shown_before, shown_after) = differences(before.shown(), after.shown());
        let told = [shown_before, shown_after].map(mask_addresses);
        let mut data = json!({ "revision": after.revision, "before": told[0], "after": told[1] });
        if !forced.is_empty() {
            data["forced"] = json!(enforcement_guards::names(forced));
        }
        let mut batch = self.store.batch();
        Event::of(EventKind::PolicyUpdated, scope, self.clock.now(), data).append(&mut batch, &self.store);
        if before.enforcement.observed_since() != after.enforcement.observed_since() {
            observed::forget(&mut batch, &self.store, scope);
        }
        batch.run().await?;
        Ok(())
    }
}

impl Policy {
    /// Every setting with its value, by name.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = self.enforcement.shown();
        shown.insert("foreign_domains".into(), json!(self.foreign_domains));
        shown.insert("revalidate_minutes".into(), json!(self.revalidate_minutes));
        shown.extend(self.provisioning.shown());
        shown.extend(self.requirements.shown());
        shown.extend(self.sessions.shown());
        shown.extend(self.roles.shown());
        if self.roles.default_role.is_none() {
            shown.insert("default_role".into(), json!(MEMBER));
        }
        shown
    }

    /// Sets every setting to its default that [`Policy::set`] knows. The others are not this change's.
    fn reset(&mut self) {
        let defaults = Self::default();
        self.enforcement = defaults.enforcement;
        self.foreign_domains = defaults.foreign_domains;
        self.revalidate_minutes = defaults.revalidate_minutes;
        self.roles = defaults.roles;
        self.provisioning = defaults.provisioning;
        self.requirements = defaults.requirements;
        self.sessions = defaults.sessions;
    }

    /// What an administrator should mind about it.
    pub fn warnings(&self, product: Option<&Product>) -> Vec<String> {
        let privileged = self.roles.privileged_default(product);
        let privileged =
            privileged.map(|role| format!("default_role: everybody whom no rule matches is {role}, a privileged role"));
        let settings = &self.enforcement;
        let stranded = settings.enforced_since().is_some() && settings.break_glass.is_empty();
        let stranded = stranded.then(|| {
            "break_glass: while the identity provider is away, nobody can be let in with a password".to_owned()
        });
        privileged.into_iter().chain(stranded).collect()
    }

    /// Sets one setting; an empty text goes back to the default.
    fn set(&mut self, name: &str, sent: &str, now: Timestamp, longest_session: Duration) -> Result<(), Fault> {
        match name {
            "foreign_domains" => {
                let known = [("refuse", ForeignDomains::Refuse), ("flag", ForeignDomains::Flag)];
                self.foreign_domains = one_of(name, sent, &known)?;
            }
            "revalidate_minutes" => self.revalidate_minutes = minutes(name, sent, 5..=1440)?,
            _ if self.enforcement.set(name, sent, now)? => {}
            _ if self.roles.set(name, sent)? || self.provisioning.set(name, sent)? => {}
            _ if self.requirements.set(name, sent)? || self.sessions.set(name, sent, longest_session)? => {}
            _ => return Err(invalid(name, "is no setting of a policy")),
        }
        Ok(())
    }
}

/// The same without telling whose the addresses are that may always use a password: events go to other systems.
fn mask_addresses(mut settings: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(addresses)) = settings.get_mut("break_glass") {
        for address in addresses {
            *address = json!(address.as_str().map(masked));
        }
    }
    settings
}

/// The value of this name; the default, where nothing is sent.
fn one_of<T: Copy + Default>(name: &str, sent: &str, known: &[(&str, T)]) -> Result<T, Fault> {
    let names = || known.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(" or ");
    match known.iter().find(|(value, _)| *value == sent) {
        Some((_, value)) => Ok(*value),
        None if sent.is_empty() => Ok(T::default()),
        None => Err(invalid(name, format!("is not {}", names()))),
    }
}

/// A number of minutes; none, where nothing is sent.
fn minutes(name: &str, sent: &str, limits: RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
    match sent.parse() {
        _ if sent.is_empty() => Ok(None),
        Ok(number) if limits.contains(&number) => Ok(Some(number)),
        _ => Err(invalid(name, format!("is not a number of minutes from {} to {}", limits.start(), limits.end()))),
    }
}

/// What is not the same in both.
pub(crate) fn differences(
    before: Map<String, Value>,
    after: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let only = |one: &Map<String, Value>, other: &Map<String, Value>| {
        one.iter()
            .filter(|(name, value)| other.get(*name) != Some(value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    };
    (only(&before, &after), only(&after, &before))
}
