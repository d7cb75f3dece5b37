//! Postern's own private keys: those with which it presents itself to SAML identity providers, and those that sign tokens for
//! apps. Of each purpose there is a list. The first is in use; the others are announced before they are used, or still open
//! what was encrypted, and vouch for what was signed, while they were. They lie sealed in the store, so that all replicas have
//! the same.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::ports::{Clock, Random, Timestamp};
use crate::secret::{Secret, random_id};
use crate::signing::SigningAlgorithm;
use crate::store::{Key, Record, Store};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Purpose {
    /// Signs requests to identity providers.
    Signing,
    /// Opens assertions.
    Encryption,
    /// Signs tokens for apps.
    Token(SigningAlgorithm),
}

impl Purpose {
    /// Every purpose.
    const ALL: [Purpose; 5] = [
        Purpose::Signing,
        Purpose::Encryption,
        Purpose::Token(SigningAlgorithm::Rs256),
        Purpose::Token(SigningAlgorithm::Es256),
        Purpose::Token(SigningAlgorithm::EdDsa),
    ];

    /// Its name in the API and in metadata (SAML Metadata §2.4.1.1, RFC 7518 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Signing => "signing",
            Purpose::Encryption => "encryption",
            Purpose::Token(algorithm) => algorithm.name(),
        }
    }
    /// The purpose of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

impl From<Purpose> for String {
    fn from(purpose: Purpose) -> Self {
        purpose.name().to_owned()
    }
}

impl TryFrom<String> for Purpose {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::named(&name).ok_or("no such purpose")
    }
}

/// Keys that are kept, shown and changed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawer {
    /// Those that identity providers know.
    ServiceProvider,
    /// Those that apps know.
    Tokens,
}

/// How long a token key is published before it is used: until every app has read the key set anew, which it keeps for five
/// minutes, and every replica the keys, which it does each minute (OIDC Core §10.1.1).
pub const ANNOUNCED: Duration = Duration::from_secs(600);

/// How long a token key stays published after it was used: as long as anything lives that it signed, which is an hour at most
/// (`oauth.access_token_seconds`), and replicas and clocks may be late.
pub const OUTLIVES: Duration = Duration::from_secs(2 * 3600);

impl Drawer {
    fn purposes(self) -> &'static [Purpose] {
        match self {
            Drawer::ServiceProvider => &Purpose::ALL[..2],
            Drawer::Tokens => &Purpose::ALL[2..],
        }
    }
    fn key(self, store: &Store) -> Key<OwnKeys> {
        match self {
            Drawer::ServiceProvider => store.keys().own_keys(),
            Drawer::Tokens => store.keys().token_keys(),
        }
    }
}

/// Whether a change waits until nobody notices it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// It does.
    WhenItIsTime,
    /// It does not: a key was stolen.
    AtOnce,
}

/// A private key, with its certificate where identity providers want one.
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
    /// Since when another is in use in its place; `None`: it is in use, or never was.
    #[serde(default)]
    pub retired: Option<Timestamp>,
}

/// All of them, those in use first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OwnKeys {
    /// The keys of all purposes.
    pub keys: Vec<OwnKey>,
}

impl Record for OwnKeys {
    const CLASS: &'static str = "own-keys";
    const LASTS: bool = true;
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
        let mut key = self.keys.remove(at);
        key.retired = None;
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
        Ok(Self {
            id: format!("key_{}", random_id(random)),
            purpose,
            pem: make(purpose, now)?,
            created: now,
            retired: None,
        })
    }
}

/// Makes a private key for a purpose, as PEM.
pub type Make<'a> = &'a (dyn Fn(Purpose, Timestamp) -> Result<Secret, Fault> + Sync);

/// How many keys of one purpose there may be.
const MOST: usize = 5;

/// Keeps a drawer of them.
pub struct KeyCupboard {
    drawer: Drawer,
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl KeyCupboard {
    /// Keys in `store`.
    pub fn new(drawer: Drawer, store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { drawer, store, clock, random }
    }

    /// The keys; at the very first start one of each purpose is made. Of several replicas that start at once, one makes them.
    pub async fn load_or_create(&self, make: Make<'_>) -> Result<Arc<OwnKeys>, Fault> {
        if let Some(keys) = self.find().await? {
            return Ok(keys);
        }
        let key = self.drawer.key(&self.store);
        let fresh = self.drawer.purposes().iter().map(|purpose| self.fresh(*purpose, make));
        let fresh = OwnKeys { keys: fresh.collect::<Result<_, _>>()? };
        let mut batch = self.store.batch();
        batch.put_new(&key, &fresh, None);
        batch.run().await?;
        // Ours, or those of whoever was first.
        self.store.get(&key).await?.ok_or_else(|| Code::StoreUnavailable.into())
    }

    /// The keys, if any were made.
    pub async fn find(&self) -> Result<Option<Arc<OwnKeys>>, Fault> {
        Ok(self.store.get(&self.drawer.key(&self.store)).await?)
    }

    fn fresh(&self, purpose: Purpose, make: Make<'_>) -> Result<OwnKey, Fault> {
        OwnKey::fresh(purpose, make, self.clock.now(), &*self.random)
    }

    /// Adds a key behind those that are there: announced, not yet in use.
    pub async fn add(&self, purpose: Purpose, make: Make<'_>) -> Result<OwnKeys, Fault> {
        let fresh = self.fresh(purpose, make)?;
        self.change(|keys| keys.add(fresh)).await
    }

    /// Puts a key into use, where everybody knows it by now.
    pub async fn activate(&self, id: &str, haste: Haste) -> Result<OwnKeys, Fault> {
        let now = self.clock.now();
        self.change(|keys| {
            let key = keys.find(id)?;
            if self.waits(haste) && now.duration_since(key.created).unsigned_abs() < ANNOUNCED {
                return Err(Code::KeyNotAnnounced.into());
            }
            let purpose = key.purpose;
            if let Some(former) = keys.keys.iter_mut().find(|other| other.purpose == purpose) {
                former.retired = Some(now);
            }
            keys.activate(id).map(drop)
        })
        .await
    }

    /// Removes a key that is not in use, where nothing needs it any more.
    pub async fn remove(&self, id: &str, haste: Haste) -> Result<OwnKeys, Fault> {
        let now = self.clock.now();
        self.change(|keys| {
            let needed = |since: Timestamp| now.duration_since(since).unsigned_abs() < OUTLIVES;
            if self.waits(haste) && keys.find(id)?.retired.is_some_and(needed) {
                return Err(Code::KeyStillNeeded.into());
            }
            keys.remove(id, true)
        })
        .await
    }

    /// Apps read the key set by themselves, so the time it takes is known. When identity providers have read our metadata, only
    /// their administrators know.
    fn waits(&self, haste: Haste) -> bool {
        self.drawer == Drawer::Tokens && haste == Haste::WhenItIsTime
    }

    async fn change(&self, change: impl FnOnce(&mut OwnKeys) -> Result<(), Fault>) -> Result<OwnKeys, Fault> {
        let key = self.drawer.key(&self.store);
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
