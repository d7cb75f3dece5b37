//! How data keys come and go: added so that everybody can open with it, then put into use, then, when nothing needs it any more,
//! retired.
//!
//! Between the first two steps the operator's command waits. No reader needs that: who meets an unknown key reads the ring at
//! once. The store does: a Redis that loses its last second in a failover must not lose a key of which it keeps records, and in a
//! cluster these lie on other servers than the ring. So a key is put into use only if the store still has it a while later.

use postern_core::ports::{Backend, Place, Seal as _};

use crate::keyring::{KeyRing, KeyRingError, Keys};
use crate::seal;

impl KeyRing {
    /// Adds a data key that only opens, until it is put into use. → its number
    pub async fn add_data_key(&self, backend: &dyn Backend) -> Result<u32, KeyRingError> {
        let before = self.data_keys();
        self.change(backend, |keys, random| {
            let mut key = Keys::data_key(random);
            // Numbers are chance, and of 32 bits.
            while keys.numbered(key.number).is_some() {
                key = Keys::data_key(random);
            }
            keys.open_only.push(key);
            Ok(())
        })
        .await?;
        let added = self.data_keys().open_only.into_iter().rfind(|number| !before.open_only.contains(number));
        added.ok_or(KeyRingError::Contended)
    }

    /// Lets a data key seal from now on. The one before only opens.
    pub async fn put_into_use(&self, backend: &dyn Backend, number: u32) -> Result<(), KeyRingError> {
        self.change(backend, |keys, _| {
            let key = take(keys, number)?;
            let before = std::mem::replace(&mut keys.active, key);
            keys.open_only.push(before);
            Ok(())
        })
        .await
    }

    /// Forgets a data key. Whatever it sealed never opens again, so ask [`census`](crate::census()) first.
    pub async fn retire(&self, backend: &dyn Backend, number: u32) -> Result<(), KeyRingError> {
        self.change(backend, |keys, _| take(keys, number).map(drop)).await
    }

    /// The same record under the active key, if another sealed it and it opens without a bearer. The salt stays: it tells those
    /// who read it before that the content is the same. Under another key it makes another key of the record.
    pub(crate) fn seal_anew(&self, place: Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        let plain = self.open(place, sealed)?;
        Some(self.keys().active.seal(seal::salt(sealed)?, place, &plain))
    }
}

fn take(keys: &mut Keys, number: u32) -> Result<seal::SealingKey, KeyRingError> {
    let at = keys.open_only.iter().position(|key| key.number == number).ok_or(KeyRingError::NoSuchKey(number))?;
    Ok(keys.open_only.remove(at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use postern_core::ports::{Op, Reply};

    use super::*;
    use crate::root::{RootKey, RootKeys};
    use crate::stage::{TestClock, TestRandom, one};
    use crate::{KEYRING, MemoryBackend, Progress, RedbBackend, census, reseal};

    fn store() -> Arc<dyn Backend> {
        Arc::new(MemoryBackend::new(Arc::new(TestClock::default())))
    }

    fn roots(numbers: &[u32]) -> RootKeys {
        let key = |number: &u32| RootKey::generate(*number, &TestRandom::seeded(1000 + number)).to_text();
        RootKeys::parse(&numbers.iter().map(|number| key(number).expose().to_owned()).collect::<Vec<_>>()).unwrap()
    }

    async fn ring(backend: &dyn Backend, seed: u32) -> KeyRing {
        KeyRing::load_or_create(backend, &roots(&[1]), Arc::new(TestRandom::seeded(seed))).await.unwrap()
    }

    /// → the number of the key that was in use before
    async fn rotate(ring: &KeyRing, backend: &dyn Backend) -> u32 {
        let before = ring.data_keys().active;
        let number = ring.add_data_key(backend).await.unwrap();
        assert_eq!(ring.data_keys().active, before, "it waits");
        ring.put_into_use(backend, number).await.unwrap();
        assert_eq!(ring.data_keys().active, number);
        before
    }

    const CODE: Place<'_> = Place { class: "code", schema: 1, key: "p1:code:{abc}", bearer: b"the code itself" };
    const CONNECTION: Place<'_> = Place { class: "connection", schema: 1, key: "p1:conn:{abc}", bearer: b"" };
    const SESSION: Place<'_> = Place { class: "ended-session", schema: 1, key: "p1:session:{abc}", bearer: b"" };
    const EVENTS: Place<'_> = Place { class: "event", schema: 1, key: "p1:events", bearer: b"" };

    #[tokio::test]
    async fn older_data_keys_open_and_do_not_seal_until_they_are_retired() {
        let store = store();
        let here = ring(&*store, 1).await;
        let sealed = here.seal(CONNECTION, b"plain");
        let older = rotate(&here, &*store).await;
        assert_ne!(seal::number(&here.seal(CONNECTION, b"plain")), Some(older));
        for ring in [&here, &ring(&*store, 2).await] {
            assert_eq!(**ring.open(CONNECTION, &sealed).unwrap(), *b"plain");
        }
        let active = here.data_keys().active;
        assert!(matches!(here.retire(&*store, active).await, Err(KeyRingError::NoSuchKey(_))), "it is in use");
        here.retire(&*store, older).await.unwrap();
        assert!(here.open(CONNECTION, &sealed).is_none(), "a retired key opens nothing");
        assert!(ring(&*store, 3).await.open(CONNECTION, &sealed).is_none());
        assert!(matches!(here.retire(&*store, older).await, Err(KeyRingError::NoSuchKey(_))));
    }

    #[tokio::test]
    async fn a_process_that_has_not_heard_of_a_key_looks_it_up_once() {
        let store = store();
        let (here, there) = (ring(&*store, 1).await, ring(&*store, 2).await);
        rotate(&here, &*store).await;
        let sealed = here.seal(CODE, b"plain");
        assert!(there.open(CODE, &sealed).is_none());
        let number = there.unknown(&sealed).unwrap();
        there.look_up(number, &*store).await.unwrap();
        assert_eq!(**there.open(CODE, &sealed).unwrap(), *b"plain");
        assert_eq!(there.unknown(&sealed), None);

        let mut damaged = sealed.clone();
        damaged[3] ^= 1;
        let nobodys = there.unknown(&damaged).unwrap();
        there.look_up(nobodys, &*store).await.unwrap();
        assert_eq!(there.unknown(&damaged), None, "it was looked up in vain");
        there.refresh(&*store).await.unwrap();
        assert_eq!(there.unknown(&damaged), Some(nobodys), "but not for ever");
        assert_eq!(there.unknown(b"something else"), None);
    }

    #[tokio::test]
    async fn a_ring_that_the_store_lost_is_put_back() {
        let store = store();
        let (here, there) = (ring(&*store, 1).await, ring(&*store, 2).await);
        let old = one(&*store, Op::Get { key: KEYRING.into() }).await;
        rotate(&here, &*store).await;
        let sealed = here.seal(CONNECTION, b"plain");

        let Reply::Value(Some(value)) = old else { panic!("there is a ring") };
        one(&*store, Op::Put { key: KEYRING.into(), value, lifetime: None, bound: false }).await;
        assert!(!here.refresh(&*store).await.unwrap());
        assert!(there.refresh(&*store).await.unwrap());
        assert_eq!(there.data_keys(), here.data_keys());
        assert!(there.open(CONNECTION, &sealed).is_some());

        one(&*store, Op::Delete { key: KEYRING.into() }).await;
        here.refresh(&*store).await.unwrap();
        assert!(ring(&*store, 3).await.open(CONNECTION, &sealed).is_some());

        let other = self::store();
        let stranger = ring(&*other, 4).await;
        assert!(matches!(here.refresh(&*other).await, Err(KeyRingError::AnotherRing)));
        assert!(stranger.open(CONNECTION, &sealed).is_none());
    }

    #[tokio::test]
    async fn root_keys_change_while_processes_run() {
        let store = store();
        let here = ring(&*store, 1).await;
        let sealed_by = async || match one(&*store, Op::Get { key: KEYRING.into() }).await {
            Reply::Value(Some(sealed)) => seal::number(&sealed).unwrap(),
            other => panic!("{other:?}"),
        };
        let wrong = here.change_roots(&*store, roots(&[2])).await.unwrap_err();
        assert_eq!(wrong.to_string(), "the key ring is sealed with root key 1, and seal.keys has only [2]");
        here.refresh(&*store).await.expect("the former root keys stay in force");

        here.change_roots(&*store, roots(&[2, 1])).await.unwrap();
        assert_eq!(sealed_by().await, 2);
        here.change_roots(&*store, roots(&[2])).await.unwrap();
        let older = rotate(&here, &*store).await;
        assert_eq!(sealed_by().await, 2);
        let there = KeyRing::load_or_create(&*store, &roots(&[2]), Arc::new(TestRandom::seeded(2))).await.unwrap();
        assert_eq!(there.data_keys().open_only, [older]);
    }

    /// What is stored under one key ring: what lasts, what ends, a tombstone, events, and what only its bearer opens.
    async fn stored(backend: &dyn Backend, ring: &KeyRing) {
        let lifetime = Some(Duration::from_secs(600));
        for number in 0..450 {
            let entry = ring.seal(EVENTS, format!("event {number}").as_bytes());
            one(backend, Op::LogAppend { log: EVENTS.key.into(), entry, keep: 1000 }).await;
        }
        for number in 0..450 {
            let key = format!("p1:trace:{{{number}}}");
            let value = ring.seal(Place { class: "trace", schema: 1, key: &key, bearer: b"" }, b"a trace");
            one(backend, Op::Put { key, value, lifetime, bound: false }).await;
        }
        let (value, tombstone) = (ring.seal(CONNECTION, b"a connection"), ring.seal(SESSION, b"ended"));
        for op in [
            Op::Put { key: CONNECTION.key.into(), value, lifetime: None, bound: false },
            Op::Put { key: CODE.key.into(), value: ring.seal(CODE, b"a code"), lifetime, bound: true },
            Op::Put { key: SESSION.key.into(), value: b"live".into(), lifetime, bound: false },
            Op::Consume { key: SESSION.key.into(), tombstone, lifetime: Duration::from_secs(600) },
            Op::IndexAdd { index: "p1:x:trace:{x}".into(), score: 1, member: "0".into() },
        ] {
            one(backend, op).await;
        }
    }

    async fn sealed_anew(backend: Arc<dyn Backend>, clock: &TestClock) {
        let ring = ring(&*backend, 1).await;
        stored(&*backend, &ring).await;
        clock.advance(Duration::from_secs(60));
        let events = crate::census::entries(&*backend, EVENTS.key, None).await.unwrap();
        let old_ring = self::ring(&*backend, 2).await;
        let older = rotate(&ring, &*backend).await;
        let all = census(&*backend).await.unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), [&older]);
        assert_eq!((all[&older].records(), all[&older].renewable()), (903, 902));

        let nobody_waits = async |_: Progress| Ok(());
        let done = reseal(&ring, &*backend, nobody_waits).await.unwrap();
        assert_eq!(done, Progress { sealed: 902, unreadable: 0 });
        let needs = &census(&*backend).await.unwrap()[&older];
        assert_eq!(needs.classes.iter().collect::<Vec<_>>(), [(&"code", &1)]);
        assert_eq!((needs.borne, needs.until), (1, Duration::from_secs(540)), "what has a bearer waits for its end");
        let again = reseal(&ring, &*backend, nobody_waits).await.unwrap();
        assert_eq!(again, Progress::default(), "there is nothing more to do");

        let now = crate::census::entries(&*backend, EVENTS.key, None).await.unwrap();
        for (at, ((position, entry), (before, _))) in now.iter().zip(&events).enumerate() {
            assert_eq!(position, before);
            assert_eq!(**ring.open(EVENTS, entry).unwrap(), *format!("event {at}").as_bytes());
            assert!(old_ring.open(EVENTS, entry).is_none());
        }
        let get = async |key: &str| match one(&*backend, Op::Get { key: key.into() }).await {
            Reply::Value(Some(value)) => value,
            other => panic!("{key}: {other:?}"),
        };
        let connection = get(CONNECTION.key).await;
        assert_eq!(**ring.open(CONNECTION, &connection).unwrap(), *b"a connection");
        assert!(old_ring.open(CONNECTION, &connection).is_none());
        assert_eq!(**ring.open(SESSION, &get(SESSION.key).await[1..]).unwrap(), *b"ended");

        clock.advance(Duration::from_secs(540));
        assert!(!census(&*backend).await.unwrap().contains_key(&older), "lifetimes have stayed");
        ring.retire(&*backend, older).await.unwrap();
        assert_eq!(**ring.open(CONNECTION, &get(CONNECTION.key).await).unwrap(), *b"a connection");
    }

    #[tokio::test]
    async fn everything_that_opens_is_sealed_anew_in_memory() {
        let clock = Arc::new(TestClock::default());
        sealed_anew(Arc::new(MemoryBackend::new(clock.clone())), &clock).await;
    }

    #[tokio::test]
    async fn everything_that_opens_is_sealed_anew_in_a_file() {
        let (clock, folder) = (Arc::new(TestClock::default()), tempfile::tempdir().unwrap());
        let backend = RedbBackend::open(&folder.path().join("postern.redb"), clock.clone()).await.unwrap();
        sealed_anew(Arc::new(backend), &clock).await;
    }

    #[tokio::test]
    async fn a_record_that_does_not_open_stays_and_is_counted() {
        let store = store();
        let ring = ring(&*store, 1).await;
        let mut value = ring.seal(CONNECTION, b"a connection");
        let at = value.len() - 1;
        value[at] ^= 1;
        one(&*store, Op::Put { key: CONNECTION.key.into(), value: value.clone(), lifetime: None, bound: false }).await;
        let older = rotate(&ring, &*store).await;
        let done = reseal(&ring, &*store, async |_| Ok(())).await.unwrap();
        assert_eq!(done, Progress { sealed: 0, unreadable: 1 });
        assert_eq!(one(&*store, Op::Get { key: CONNECTION.key.into() }).await, Reply::Value(Some(value)));
        assert_eq!(census(&*store).await.unwrap()[&older].records(), 1);
    }

    #[tokio::test]
    async fn who_read_a_record_before_it_was_sealed_anew_knows_it_again() {
        let store = store();
        let ring = ring(&*store, 1).await;
        let before = ring.seal(CONNECTION, b"a connection");
        rotate(&ring, &*store).await;
        let anew = ring.seal_anew(CONNECTION, &before).unwrap();
        assert!(ring.is_sealed_anew(&before[..postern_core::ports::REVISION_BYTES], &anew));
        assert!(!ring.is_sealed_anew(&before, &before));
        assert!(!ring.is_sealed_anew(&before, &ring.seal(CONNECTION, b"a connection")), "somebody else wrote that");
        assert!(ring.seal_anew(CODE, &ring.seal(CODE, b"a code")).is_some());
        assert!(ring.seal_anew(Place { bearer: b"", ..CODE }, &ring.seal(CODE, b"a code")).is_none());
    }
}
