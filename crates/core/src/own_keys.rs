//! The keys with which Postern presents itself to SAML identity providers: one list signs requests, the other opens what is
//! encrypted for us. The first of each list is in use; the others are announced before they are used, or still open what was
//! encrypted while they were. They lie sealed in the store, so that all replicas have the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::ports::{Clock, Random, Timestamp};
use crate::secret::{Secret, random_id};
use crate::store::{Record, Store};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Signs requests.
    Signing,
    /// Opens assertions.
    Encryption,
}

impl Purpose {
    /// Its name in the API and in metadata (SAML Metadata §2.4.1.1).
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Signing => "signing",
            Purpose::Encryption => "encryption",
        }
    }
    /// The purpose of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Purpose::Signing, Purpose::Encryption].into_iter().find(|purpose| purpose.name() == name)
    }
}

/// A private key with its certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnKey {
    /// What the API calls it.
    pub id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Private key and certificate, PEM.
    pub pem: Secret,
    /// Since when we have it.
    pub created: Timestamp,
}

/// All of them, those in use first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OwnKeys {
    /// The keys of both purposes.
    pub keys: Vec<OwnKey>,
}

impl Record for OwnKeys {
    const CLASS: &'static str = "own-keys";
}

impl OwnKeys {
    /// The keys for a purpose, the one in use first.
    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = &OwnKey> {
        self.keys.iter().filter(move |key| key.purpose == purpose)
    }

    pub(crate) fn find(&self, id: &str) -> Result<&OwnKey, Fault> {
        self.keys.iter().find(|key| key.id == id).ok_or_else(|| Code::KeyNotFound.into())
    }

    /// Adds a key behind those that are there.
    pub(crate) fn add(&mut self, key: OwnKey) -> Result<(), Fault> {
        if self.of(key.purpose).count() >= MOST {
            return Err(Code::FieldInvalid.fault().expected(format!("there are already {MOST} keys for this use")));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Puts a key before the others.
    pub(crate) fn activate(&mut self, id: &str) -> Result<Purpose, Fault> {
        let at = self.keys.iter().position(|key| key.id == id).ok_or(Code::KeyNotFound)?;
        let key = self.keys.remove(at);
        let purpose = key.purpose;
        self.keys.insert(0, key);
        Ok(purpose)
    }

    /// Removes a key; `first_is_used`: unless it is the first for its purpose.
    pub(crate) fn remove(&mut self, id: &str, first_is_used: bool) -> Result<(), Fault> {
        let key = self.find(id)?;
        if first_is_used && self.of(key.purpose).next().is_some_and(|first| first.id == id) {
            return Err(Code::KeyInUse.into());
        }
        self.keys.retain(|key| key.id != id);
        Ok(())
    }
}

impl OwnKey {
    /// Makes one.
    pub(crate) fn fresh(purpose: Purpose, make: Make<'_>, now: Timestamp, random: &dyn Random) -> Result<Self, Fault> {
        Ok(Self { id: format!("key_{}", random_id(random)), purpose, pem: make(purpose, now)?, created: now })
    }
}

/// Makes a private key for a purpose: PEM with its certificate.
pub type Make<'a> = &'a (dyn Fn(Purpose, Timestamp) -> Result<Secret, Fault> + Sync);

/// How many keys of one purpose there may be.
const MOST: usize = 5;

/// Keeps them.
pub struct KeyCupboard {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl KeyCupboard {
    /// Keys in `store`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { store, clock, random }
    }

    /// The keys; at the very first start one of each purpose is made. Of several replicas that start at once, one makes them.
    pub async fn load_or_create(&self, make: Make<'_>) -> Result<Arc<OwnKeys>, Fault> {
        let key = self.store.keys().own_keys();
        if let Some(keys) = self.store.get(&key).await? {
            return Ok(keys);
        }
        let fresh = OwnKeys { keys: vec![self.fresh(Purpose::Signing, make)?, self.fresh(Purpose::Encryption, make)?] };
        let mut batch = self.store.batch();
        batch.put_new(&key, &fresh, None);
        batch.run().await?;
        // Ours, or those of whoever was first.
        self.store.get(&key).await?.ok_or_else(|| Code::StoreUnavailable.into())
    }

    fn fresh(&self, purpose: Purpose, make: Make<'_>) -> Result<OwnKey, Fault> {
        OwnKey::fresh(purpose, make, self.clock.now(), &*self.random)
    }

    /// Adds a key behind those that are there: announced, not yet in use.
    pub async fn add(&self, purpose: Purpose, make: Make<'_>) -> Result<OwnKeys, Fault> {
        let fresh = self.fresh(purpose, make)?;
        self.change(|keys| keys.add(fresh)).await
    }

    /// Puts a key into use.
    pub async fn activate(&self, id: &str) -> Result<OwnKeys, Fault> {
        self.change(|keys| keys.activate(id).map(drop)).await
    }

    /// Removes a key that is not in use.
    pub async fn remove(&self, id: &str) -> Result<OwnKeys, Fault> {
        self.change(|keys| keys.remove(id, true)).await
    }

    async fn change(&self, change: impl FnOnce(&mut OwnKeys) -> Result<(), Fault>) -> Result<OwnKeys, Fault> {
        let key = self.store.keys().own_keys();
        let mut batch = self.store.batch();
        let slot = batch.get(&key);
        let stored = batch.run().await?.stored(slot)?.ok_or(Code::KeyNotFound)?;
        let mut keys = (*stored.record).clone();
        change(&mut keys)?;
        let mut batch = self.store.batch();
        let written = batch.replace(&key, Some(&stored), &keys);
        match batch.run().await?.written(written) {
            true => Ok(keys),
            false => Err(Code::ChangedMeanwhile.into()),
        }
    }
}
