//! A cluster: which of its nodes keeps which key.
//!
//! Every key lies in one of 16384 slots, and every slot is kept by one primary. A batch is split by who keeps its keys; each
//! part is a pipeline to one node, and all of them are on their way at the same time. The client's own cluster support is
//! not used: it takes pipelines of one slot only, sends a whole pipeline again when one key of it is on its way to another
//! node, and hides from which connection an answer came.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ::redis::{ErrorKind, RedisError, RedisResult, Value, from_redis_value};
use postern_core::ports::StoreError;

use super::dial::Dial;
use super::epoch::Epochs;
use super::link::{self, Callee, Line, Link};
use super::words;
use crate::url::Address;

/// How many slots there are.
const SLOTS: u16 = 16384;

/// The nodes of a cluster, as one runtime knows them.
pub(crate) struct Cluster {
    dial: Dial,
    epochs: Arc<Epochs>,
    /// Those that the configuration names.
    first: Vec<Address>,
    state: Mutex<State>,
    /// Held by the one who asks where slots are, so that a crowd asks once.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    slots: Option<Arc<Slots>>,
    links: HashMap<Address, Arc<Link>>,
    /// Whether no node answered the last time: then nobody waits for whoever asks again.
    lost: bool,
}

/// Who keeps which slots.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slots(Vec<(u16, u16, Address)>);

impl Slots {
    /// Who keeps a key.
    pub(crate) fn keeper(&self, key: &str) -> Option<&Address> {
        let slot = slot(key);
        self.0.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(_, _, address)| address)
    }

    /// All who keep something, in an order of their own.
    pub(crate) fn keepers(&self) -> BTreeSet<&Address> {
        self.0.iter().map(|(_, _, address)| address).collect()
    }
}

impl Cluster {
    pub(crate) fn new(dial: Dial, first: Vec<Address>, epochs: Arc<Epochs>) -> Arc<Self> {
        let (state, looking) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { dial, epochs, first, state, looking })
    }

    /// Who keeps which slots, as far as we know.
    pub(crate) async fn slots(&self) -> Result<Arc<Slots>, StoreError> {
        match self.known() {
            Some(slots) => Ok(slots),
            None => self.look(None, None).await,
        }
    }

    /// Asks anew who keeps which slots, because `stale` was wrong: `hint` first, which somebody named instead. Where others
    /// have asked meanwhile, their answer is as good.
    pub(crate) async fn look(
        &self,
        stale: Option<&Arc<Slots>>,
        hint: Option<Address>,
    ) -> Result<Arc<Slots>, StoreError> {
        let _looking = match self.looking.try_lock() {
            Ok(looking) => looking,
            Err(_) if self.state().lost => return Err(link::known_to_be_away()),
            Err(_) => self.looking.lock().await,
        };
        match self.known() {
            Some(known) if stale.is_none_or(|stale| !Arc::ptr_eq(stale, &known)) => return Ok(known),
            _ => {}
        }
        let mut trouble = link::nobody();
        for address in hint.into_iter().chain(self.candidates()) {
            match self.ask(&address).await {
                Ok(slots) => return Ok(self.learn(slots)),
                Err(error) => trouble = error,
            }
        }
        self.state().lost = true;
        Err(trouble)
    }

    /// Asks once more, whatever is known.
    pub(crate) async fn look_again(&self) -> Result<Arc<Slots>, StoreError> {
        self.look(self.known().as_ref(), None).await
    }

    /// The link to a node.
    pub(crate) fn link(&self, address: &Address) -> Result<Arc<Link>, StoreError> {
        let mut state = self.state();
        if let Some(link) = state.links.get(address) {
            return Ok(link.clone());
        }
        let client = self.dial.client_at(address).map_err(|error| link::unavailable(&error))?;
        let link = Link::new(Callee::Node(client, address.clone()), self.epochs.clone());
        state.links.insert(address.clone(), link.clone());
        Ok(link)
    }

    /// Whom to ask: those first who can be reached at this moment.
    fn candidates(&self) -> Vec<Address> {
        let state = self.state();
        let known = state.slots.iter().flat_map(|slots| slots.0.iter().map(|(_, _, address)| address));
        let mut all: Vec<Address> = known.chain(&self.first).cloned().collect();
        all.sort_by_key(|address| !state.links.get(address).is_some_and(|link| link.is_up()));
        all.dedup();
        all
    }

    async fn ask(&self, address: &Address) -> Result<Slots, StoreError> {
        let link = self.link(address)?;
        let Line { call, mut connection, .. } = link.line().await?;
        let answer = words::CLUSTER_SLOTS.cmd().query_async::<Vec<Value>>(&mut connection).await;
        answer.and_then(|ranges| read(ranges, &address.host)).map_err(|error| {
            link.failed(call, &error);
            link::unavailable(&error)
        })
    }

    fn learn(&self, slots: Slots) -> Arc<Slots> {
        let slots = Arc::new(slots);
        let mut state = self.state();
        state.lost = false;
        state.links.retain(|address, _| slots.0.iter().any(|(_, _, keeper)| keeper == address));
        if state.slots.replace(slots.clone()).is_some_and(|before| before != slots) {
            self.epochs.moved();
        }
        slots
    }

    fn known(&self) -> Option<Arc<Slots>> {
        self.state().slots.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `CLUSTER SLOTS`: ranges, each with its primary and then its replicas. A node that does not know its own name leaves it
/// out, and means the one under which it was reached.
pub(crate) fn read(ranges: Vec<Value>, asked: &str) -> RedisResult<Slots> {
    let mut slots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut parts = from_redis_value::<Vec<Value>>(range)?.into_iter();
        let (Some(first), Some(last), Some(primary)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(nonsense());
        };
        let mut primary = from_redis_value::<Vec<Value>>(primary)?.into_iter();
        let (Some(host), Some(port)) = (primary.next(), primary.next()) else { return Err(nonsense()) };
        let host = from_redis_value::<Option<String>>(host)?.filter(|host| !host.is_empty() && host != "?");
        let host = host.unwrap_or_else(|| asked.to_owned());
        let address = Address { host, port: from_redis_value(port)? };
        slots.push((from_redis_value(first)?, from_redis_value(last)?, address));
    }
    // Nodes tell the ranges in orders of their own.
    slots.sort_by_key(|(first, ..)| *first);
    Ok(Slots(slots))
}

fn nonsense() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "a range of slots without a primary").into()
}

/// The slot of a key: by its hash tag, where it has one (Redis Cluster specification, "Hash tags").
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16(hashed.as_bytes()) % SLOTS
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0, most significant bit first.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3, "the check value that the specification gives");
        // What `CLUSTER KEYSLOT` of Redis 7.0 says.
        for (key, expected) in
            [("", 0), ("foo", 12182), ("{foo}bar", 12182), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015)]
        {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    #[test]
    fn nodes_that_do_not_know_their_names_are_those_that_were_asked() {
        let text = |text: &str| Value::BulkString(text.into());
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]);
        let range = |first, last, nodes: Vec<Value>| {
            Value::Array([Value::Int(first), Value::Int(last)].into_iter().chain(nodes).collect())
        };
        let ranges = vec![
            range(0, 99, vec![node(text("a.example"), 1), node(text("replica.example"), 2)]),
            range(100, 199, vec![node(Value::Nil, 3)]),
            range(200, 16383, vec![node(text("?"), 4)]),
        ];
        let address = |host: &str, port| Address { host: host.into(), port };
        let slots = read(ranges, "asked.example").unwrap();
        let expected = [
            (0, 99, address("a.example", 1)),
            (100, 199, address("asked.example", 3)),
            (200, 16383, address("asked.example", 4)),
        ];
        assert_eq!(slots.0, expected);
        assert_eq!(slots.keeper("foo"), Some(&address("asked.example", 4)));
        assert!(read(vec![range(0, 99, vec![])], "asked.example").is_err());
    }
}
