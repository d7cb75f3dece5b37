//! The key ring: the keys that seal records, made by chance and kept in the store, in one record that a root key seals.
//!
//! Data keys have random numbers; one is active and seals, the others only open what they sealed earlier. The index key
//! makes the blind names under which records lie, the subject key the identifiers of people. Neither of these two
//! ever changes, so changing data keys or root keys renames nothing.
//!
//! Every process has a copy of the ring and reads it anew every few seconds, and at once when it meets a record that names a key
//! which it does not have. A key seals only after the store has the ring that it is in, so such a look always finds it. How keys
//! come and go is in `rotation.rs`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use postern_core::base64url;
use postern_core::ports::{Backend, Op, Place, REVISION_BYTES, Random, Reply, Seal, StoreError};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::root::{RootKey, RootKeys};
use crate::seal::{self, SealingKey};

/// The key under which the ring is kept.
pub const KEYRING: &str = "p1:keyring";

const PLACE: Place<'_> = Place { class: "keyring", schema: 1, key: KEYRING, bearer: b"" };

/// Seals records and makes blind names, with the keys of one store.
pub struct KeyRing {
    keys: RwLock<Arc<Keys>>,
    roots: RwLock<RootKeys>,
    /// Numbers that were looked up in vain since the ring was last read as a matter of course.
    missed: Mutex<BTreeSet<u32>>,
    random: Arc<dyn Random>,
}

/// The data keys of a ring, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeys {
    /// Rises with every change of the ring.
    pub revision: u64,
    /// The one that seals.
    pub active: u32,
    /// Those that only open.
    pub open_only: Vec<u32>,
}

/// What the record of the ring holds.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Rises with every change of the ring.
    pub(crate) revision: u64,
    index: Zeroizing<[u8; 32]>,
    subject: Zeroizing<[u8; 32]>,
    /// Seals new records.
    pub(crate) active: SealingKey,
    /// Open older records only.
    pub(crate) open_only: Vec<SealingKey>,
}

impl KeyRing {
    /// Reads the ring of a store, or makes one where there is none. However many processes start at once on an empty store,
    /// they end up with the same ring. A ring that is sealed with another than the active root key is sealed anew.
    pub async fn load_or_create(
        backend: &dyn Backend,
        roots: &RootKeys,
        random: Arc<dyn Random>,
    ) -> Result<KeyRing, KeyRingError> {
        for _ in 0..ATTEMPTS {
            let Some(sealed) = read(backend).await? else {
                let keys = Keys::generate(&*random);
                if written(backend, write(None, keys.seal(roots, &*random))).await? {
                    return Ok(KeyRing::of(keys, roots.clone(), random));
                }
                continue;
            };
            let (root, keys) = open(roots, &sealed)?;
            if root.number() == roots.active().number() {
                return Ok(KeyRing::of(keys, roots.clone(), random));
            }
            if written(backend, write(Some(&sealed), keys.seal(roots, &*random))).await? {
                return Ok(KeyRing::of(keys, roots.clone(), random));
            }
        }
        Err(KeyRingError::Contended)
    }

    fn of(keys: Keys, roots: RootKeys, random: Arc<dyn Random>) -> Self {
        Self { keys: RwLock::new(Arc::new(keys)), roots: RwLock::new(roots), missed: Mutex::default(), random }
    }

    /// Reads the ring anew. → whether it had changed. A ring that the store has lost, or of which it has an older one, as after a
    /// failover, is put back: what this process has sealed has to open again.
    pub async fn refresh(&self, backend: &dyn Backend) -> Result<bool, KeyRingError> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.settle(backend, self.roots()).await
    }

    /// Goes on with other root keys, if these open the ring too. It is sealed anew where another than the first of them seals it.
    pub async fn change_roots(&self, backend: &dyn Backend, roots: RootKeys) -> Result<(), KeyRingError> {
        self.settle(backend, roots.clone()).await?;
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = roots;
        Ok(())
    }

    /// The keys that seal and open records.
    pub fn data_keys(&self) -> DataKeys {
        let keys = self.keys();
        let open_only = keys.open_only.iter().map(|key| key.number).collect();
        DataKeys { revision: keys.revision, active: keys.active.number, open_only }
    }

    /// Brings store and process to the newest ring that either has, sealed by the first of the root keys.
    async fn settle(&self, backend: &dyn Backend, roots: RootKeys) -> Result<bool, KeyRingError> {
        for _ in 0..ATTEMPTS {
            let ours = self.keys();
            let sealed = read(backend).await?;
            let newest = match &sealed {
                None => ours.clone(),
                Some(sealed) => {
                    let (root, stored) = open(&roots, sealed)?;
                    if !bool::from(stored.index.ct_eq(&*ours.index)) {
                        return Err(KeyRingError::AnotherRing);
                    }
                    let newest = if stored.revision >= ours.revision { Arc::new(stored) } else { ours.clone() };
                    if !Arc::ptr_eq(&newest, &ours) && root.number() == roots.active().number() {
                        return Ok(self.learn(newest));
                    }
                    newest
                }
            };
            if written(backend, write(sealed.as_deref(), newest.seal(&roots, &*self.random))).await? {
                return Ok(self.learn(newest));
            }
        }
        Err(KeyRingError::Contended)
    }

    /// Changes the ring, in the store first and then here.
    pub(crate) async fn change(
        &self,
        backend: &dyn Backend,
        change: impl Fn(&mut Keys, &dyn Random) -> Result<(), KeyRingError>,
    ) -> Result<(), KeyRingError> {
        self.settle(backend, self.roots()).await?;
        for _ in 0..ATTEMPTS {
            let roots = self.roots();
            let sealed = read(backend).await?.ok_or(KeyRingError::Unreadable)?;
            let (_, mut keys) = open(&roots, &sealed)?;
            change(&mut keys, &*self.random)?;
            keys.revision += 1;
            if written(backend, write(Some(&sealed), keys.seal(&roots, &*self.random))).await? {
                self.learn(Arc::new(keys));
                return Ok(());
            }
        }
        Err(KeyRingError::Contended)
    }

    fn learn(&self, keys: Arc<Keys>) -> bool {
        let mut ours = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let newer = keys.revision > ours.revision;
        if newer {
            *ours = keys;
        }
        newer
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn roots(&self) -> RootKeys {
        self.roots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody else may write between our read and our write; then there is something newer to read. Each turn that fails is one
/// in which another process has moved on, so a few are plenty.
const ATTEMPTS: usize = 8;

/// Writes a ring in the place of the one that was read.
fn write(read: Option<&[u8]>, value: Vec<u8>) -> Op {
    let key = KEYRING.to_owned();
    match read {
        None => Op::PutNew { key, value, lifetime: None },
        Some(read) => {
            let revision = read.get(..REVISION_BYTES).unwrap_or_default().to_vec();
            Op::ReplaceIf { key, revision, value, lifetime: None }
        }
    }
}

#[async_trait]
impl Seal for KeyRing {
    fn seal(&self, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let mut salt = [0; 32];
        self.random.fill(&mut salt);
        self.keys().active.seal(&salt, place, plain)
    }

    fn open(&self, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.keys().numbered(seal::number(sealed)?)?.open(place, sealed)
    }

    fn unknown(&self, sealed: &[u8]) -> Option<u32> {
        let number = seal::number(sealed).filter(|number| self.keys().numbered(*number).is_none())?;
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        (!missed.contains(&number)).then_some(number)
    }

    async fn look_up(&self, number: u32, backend: &dyn Backend) -> Result<(), StoreError> {
        // A ring that cannot be read is told of where it is read as a matter of course.
        if let Err(KeyRingError::Store(error)) = self.settle(backend, self.roots()).await {
            return Err(error);
        }
        if self.keys().numbered(number).is_none() {
            self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        }
        Ok(())
    }

    fn is_sealed_anew(&self, revision: &[u8], present: &[u8]) -> bool {
        // No two records share a salt by chance.
        seal::salt(revision).is_some_and(|salt| seal::salt(present) == Some(salt))
            && seal::number(revision) != seal::number(present)
    }

    fn blind(&self, class: &str, value: &[u8]) -> String {
        debug_assert!(!class.contains('\0'), "the NUL ends the class");
        let mut name = mac(&self.keys().index, &[class.as_bytes(), &[0], value]);
        name.truncate(22);
        name
    }

    fn subject(&self, parts: &[&[u8]]) -> String {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let prefixed: Vec<&[u8]> = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]).collect();
        mac(&self.keys().subject, &prefixed)
    }
}

/// HMAC-SHA-256 as 43 characters of base64url.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    base64url(&mac.finalize().into_bytes())
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The ring is sealed with a root key that is not configured.
    #[error("the key ring is sealed with root key {sealed_with}, and seal.keys has only {configured:?}")]
    RootKeyMissing {
        /// The number of that root key.
        sealed_with: u32,
        /// The numbers that are configured.
        configured: Vec<u32>,
    },
    /// The root key of the right number does not open the ring.
    #[error("root key {0} does not open the key ring: it is another key of this number, or the record was changed")]
    Sealed(u32),
    /// The record is none of ours, or one of a later release.
    #[error("the record at {KEYRING} is not a key ring that this release can read")]
    Unreadable,
    /// The store has the ring of another store now.
    #[error(
        "the record at {KEYRING} is another key ring than the one that this process started with; the present one stays in use"
    )]
    AnotherRing,
    /// There is no such data key, or it is the one that seals.
    #[error("the key ring has no data key {0} that only opens")]
    NoSuchKey(u32),
    /// Others kept changing the ring.
    #[error("the key ring changed every time it was read; start again")]
    Contended,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn read(backend: &dyn Backend) -> Result<Option<Vec<u8>>, StoreError> {
    match &mut backend.run(vec![Op::Get { key: KEYRING.into() }]).await?[..] {
        [Reply::Value(value)] => Ok(value.take()),
        replies => unreachable!("the contract answers Get with a value, not {replies:?}"),
    }
}

async fn written(backend: &dyn Backend, op: Op) -> Result<bool, StoreError> {
    match backend.run(vec![op]).await?[..] {
        [Reply::Written(written)] => Ok(written),
        ref replies => unreachable!("the contract answers PutNew and ReplaceIf with Written, not {replies:?}"),
    }
}

fn open<'a>(roots: &'a RootKeys, sealed: &[u8]) -> Result<(&'a RootKey, Keys), KeyRingError> {
    let number = seal::number(sealed).ok_or(KeyRingError::Unreadable)?;
    let missing = || KeyRingError::RootKeyMissing { sealed_with: number, configured: roots.numbers() };
    let root = roots.numbered(number).ok_or_else(missing)?;
    let plain = root.sealing_key().open(PLACE, sealed).ok_or(KeyRingError::Sealed(number))?;
    Ok((root, Keys::read(&plain).ok_or(KeyRingError::Unreadable)?))
}

/// The plain record of the ring, schema 1, numbers in big endian:
///
/// ```text
///  0   1  version: 1
///  1   8  revision
///  9  32  index key
/// 41  32  subject key
/// 73   2  number of data keys
/// 75  37  each: number (4) ‖ state (1): 1 active, 2 open only ‖ key (32)
/// ```
///
/// Exactly one is active. Binary, so that no copy of a key is left behind by a serialiser.
impl Keys {
    const VERSION: u8 = 1;
    const ACTIVE: u8 = 1;
    const OPEN_ONLY: u8 = 2;

    fn generate(random: &dyn Random) -> Self {
        let active = Self::data_key(random);
        let [mut index, mut subject] = [(); 2].map(|()| Zeroizing::new([0; 32]));
        random.fill(&mut *index);
        random.fill(&mut *subject);
        Self { revision: 1, index, subject, active, open_only: Vec::new() }
    }

    /// A new data key.
    pub(crate) fn data_key(random: &dyn Random) -> SealingKey {
        let (mut number, mut bytes) = ([0; 4], Zeroizing::new([0; 32]));
        random.fill(&mut number);
        random.fill(&mut *bytes);
        SealingKey { number: u32::from_be_bytes(number), bytes }
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&SealingKey> {
        std::iter::once(&self.active).chain(&self.open_only).find(|key| key.number == number)
    }

    fn seal(&self, roots: &RootKeys, random: &dyn Random) -> Vec<u8> {
        let mut salt = [0; 32];
        random.fill(&mut salt);
        roots.active().sealing_key().seal(&salt, PLACE, &self.write())
    }

    fn write(&self) -> Zeroizing<Vec<u8>> {
        let count = 1 + self.open_only.len();
        let mut plain = Zeroizing::new(Vec::with_capacity(75 + 37 * count)); // never grows: growing leaves copies behind
        plain.push(Self::VERSION);
        plain.extend(self.revision.to_be_bytes());
        plain.extend(&*self.index);
        plain.extend(&*self.subject);
        plain.extend(u16::try_from(count).expect("data keys are few").to_be_bytes());
        let open_only = self.open_only.iter().map(|key| (key, Self::OPEN_ONLY));
        for (key, state) in std::iter::once((&self.active, Self::ACTIVE)).chain(open_only) {
            plain.extend(key.number.to_be_bytes());
            plain.push(state);
            plain.extend(&*key.bytes);
        }
        plain
    }

    fn read(plain: &[u8]) -> Option<Self> {
        fn take<'a, const N: usize>(from: &mut &'a [u8]) -> Option<&'a [u8; N]> {
            let (first, rest) = from.split_first_chunk()?;
            *from = rest;
            Some(first)
        }
        let mut rest = plain;
        if take(&mut rest)? != &[Self::VERSION] {
            return None;
        }
        let revision = u64::from_be_bytes(*take(&mut rest)?);
        let index = Zeroizing::new(*take(&mut rest)?);
        let subject = Zeroizing::new(*take(&mut rest)?);
        let count = u16::from_be_bytes(*take(&mut rest)?);
        let (mut active, mut open_only) = (None, Vec::new());
        for _ in 0..count {
            let number = u32::from_be_bytes(*take(&mut rest)?);
            let [state] = *take(&mut rest)?;
            let key = SealingKey { number, bytes: Zeroizing::new(*take(&mut rest)?) };
            match state {
                Self::ACTIVE if active.is_none() => active = Some(key),
                Self::OPEN_ONLY => open_only.push(key),
                _ => return None,
            }
        }
        rest.is_empty().then_some(Self { revision, index, subject, active: active?, open_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryBackend;
    use crate::stage::{TestClock, TestRandom, one};

    fn store() -> Arc<dyn Backend> {
        Arc::new(MemoryBackend::new(Arc::new(TestClock::default())))
    }

    fn root(number: u32) -> RootKey {
        RootKey::generate(number, &TestRandom::seeded(1000 + number))
    }

    fn roots(numbers: &[u32]) -> RootKeys {
        let texts: Vec<String> = numbers.iter().map(|number| root(*number).to_text().expose().to_owned()).collect();
        RootKeys::parse(&texts).unwrap()
    }

    async fn load(backend: &dyn Backend, roots: &RootKeys, seed: u32) -> Result<KeyRing, KeyRingError> {
        KeyRing::load_or_create(backend, roots, Arc::new(TestRandom::seeded(seed))).await
    }

    const CODE: Place<'_> = Place { class: "code", schema: 1, key: "p1:o:{abc}", bearer: b"the code itself" };

    #[tokio::test]
    async fn a_ring_is_made_once_and_found_again() {
        let store = store();
        let first = load(&*store, &roots(&[1]), 1).await.unwrap();
        let second = load(&*store, &roots(&[1]), 2).await.unwrap();
        let sealed = first.seal(CODE, b"plain");
        assert_eq!(**second.open(CODE, &sealed).unwrap(), *b"plain");
        assert_eq!(first.blind("tenant", b"acme"), second.blind("tenant", b"acme"));
        assert_eq!(first.subject(&[b"acme", b"alice"]), second.subject(&[b"acme", b"alice"]));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn processes_that_start_at_once_agree_on_one_ring() {
        let store = store();
        let starts = (0..20).map(|seed| {
            let store = store.clone();
            tokio::spawn(async move { load(&*store, &roots(&[1]), seed).await.unwrap().blind("tenant", b"acme") })
        });
        let mut names = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            names.push(start.await.unwrap());
        }
        names.dedup();
        assert_eq!(names.len(), 1);
    }

    #[tokio::test]
    async fn rings_of_two_stores_share_nothing() {
        let first = load(&*store(), &roots(&[1]), 1).await.unwrap();
        let second = load(&*store(), &roots(&[1]), 2).await.unwrap();
        let (one, two) = (first.seal(CODE, b"plain"), second.seal(CODE, b"plain"));
        assert_ne!(one, two);
        assert!(first.open(CODE, &two).is_none() && second.open(CODE, &one).is_none());
        assert_ne!(first.blind("tenant", b"acme"), second.blind("tenant", b"acme"));
        assert_ne!(first.subject(&[b"alice"]), second.subject(&[b"alice"]));
    }

    #[tokio::test]
    async fn no_two_seals_of_a_ring_are_alike() {
        let ring = load(&*store(), &roots(&[1]), 1).await.unwrap();
        let (one, two) = (ring.seal(CODE, b"plain"), ring.seal(CODE, b"plain"));
        assert_ne!(one[..REVISION_BYTES], two[..REVISION_BYTES]);
        let same = one[REVISION_BYTES..].iter().zip(&two[REVISION_BYTES..]).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} bytes are the same, about 1 of 256 would be by chance");
    }

    #[tokio::test]
    async fn a_new_root_key_seals_the_same_ring_anew() {
        let store = store();
        let old = load(&*store, &roots(&[1]), 1).await.unwrap();
        let both = load(&*store, &roots(&[2, 1]), 2).await.unwrap();
        let new = load(&*store, &roots(&[2]), 3).await.unwrap();
        let sealed = old.seal(CODE, b"plain");
        assert!(both.open(CODE, &sealed).is_some() && new.open(CODE, &sealed).is_some());
        assert_eq!(old.blind("tenant", b"acme"), new.blind("tenant", b"acme"));
        assert_eq!(old.subject(&[b"alice"]), new.subject(&[b"alice"]));
        let gone = load(&*store, &roots(&[1]), 4).await.err().unwrap();
        assert_eq!(gone.to_string(), "the key ring is sealed with root key 2, and seal.keys has only [1]");
    }

    #[tokio::test]
    async fn a_ring_that_does_not_open_is_never_replaced() {
        let store = store();
        load(&*store, &roots(&[1]), 1).await.unwrap();
        let before = one(&*store, Op::Get { key: KEYRING.into() }).await;

        let impostor = RootKeys::single(RootKey::generate(1, &TestRandom::seeded(77)));
        assert!(matches!(load(&*store, &impostor, 2).await, Err(KeyRingError::Sealed(1))));
        assert!(matches!(load(&*store, &roots(&[8, 9]), 2).await, Err(KeyRingError::RootKeyMissing { .. })));
        assert_eq!(one(&*store, Op::Get { key: KEYRING.into() }).await, before);

        let put = |value| Op::Put { key: KEYRING.into(), value, lifetime: None, bound: false };
        let Reply::Value(Some(mut damaged)) = before else { panic!("there is a ring") };
        damaged[100] ^= 1;
        one(&*store, put(damaged)).await;
        assert!(matches!(load(&*store, &roots(&[1]), 2).await, Err(KeyRingError::Sealed(1))));
        one(&*store, put(b"something else".to_vec())).await;
        assert!(matches!(load(&*store, &roots(&[1]), 2).await, Err(KeyRingError::Unreadable)));
    }

    #[test]
    fn the_record_of_a_ring_is_read_strictly() {
        let mut keys = Keys::generate(&TestRandom::default());
        keys.open_only.push(Keys::generate(&TestRandom::seeded(9)).active);
        let plain = keys.write();
        assert_eq!(plain.len(), 75 + 2 * 37);
        assert_eq!(*Keys::read(&plain).unwrap().write(), *plain);
        for length in 0..plain.len() {
            assert!(Keys::read(&plain[..length]).is_none(), "{length} bytes");
        }
        for (what, at, byte) in [("version", 0, 2), ("state", 79, 3), ("none active", 79, 2), ("two active", 116, 1)] {
            let mut changed = plain.to_vec();
            changed[at] = byte;
            assert!(Keys::read(&changed).is_none(), "{what}");
        }
        assert!(Keys::read(&[&plain[..], &[0]].concat()).is_none());
    }

    #[tokio::test]
    async fn blind_names_are_names_and_tell_nothing() {
        let ring = load(&*store(), &roots(&[1]), 1).await.unwrap();
        for value in ["a", "acme", "acme.example", "alice@acme.example", ""] {
            let name = ring.blind("tenant", value.as_bytes());
            assert_eq!(name.len(), 22);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            assert!(value.len() < 2 || !name.contains(value));
            assert_ne!(name, ring.blind("product", value.as_bytes()), "a name belongs to its class");
        }
        assert_ne!(ring.blind("a", b"bc"), ring.blind("ab", b"c"));
        let subject = ring.subject(&[b"acme", b"alice"]);
        assert_eq!(subject.len(), 43);
        assert_ne!(subject, ring.subject(&[b"acmea", b"lice"]));
        assert_ne!(subject, ring.subject(&[b"acme", b"alice", b""]));
    }
}
