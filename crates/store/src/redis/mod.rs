//! Redis and Valkey, from 6.2 on: standalone, over TCP, TLS or a socket; the primary that sentinels name; a cluster. One batch is
//! one pipeline, so one round trip; in a cluster one for each node that keeps something of it, all at once. Every command
//! touches one key. What lasts is acknowledged when replicas have it, if that is wanted: for that there are connections of
//! their own, because `WAIT` holds up all that is asked over one.
//!
//! Only commands and options are used that Redis 6.2 and Valkey share, each of which is in `words.rs`; and `SUBSCRIBE`, which sentinels are
//! sent. The server has to keep what it is given: `maxmemory-policy noeviction`. [`examine`] says whether it does.
//!
//! While a server is away one request at a time, of each thread, finds out whether it is back; the others are refused at once.

mod cluster;
mod command;
mod delivery;
mod dial;
mod epoch;
#[cfg(test)]
mod examinations;
mod examine;
#[cfg(test)]
mod failovers;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod fleet;
mod inventory;
mod link;
mod sentinel;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod server;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Clock, Op, Reply, StoreError, Timestamp};
use tokio::runtime::{self, Handle};

use self::cluster::Cluster;
use self::dial::Dial;
pub use self::dial::{ClientCertificate, Failover, RedisOptions, SentinelLogin};
use self::epoch::Epochs;
pub use self::examine::{Part, Server, Told, examine};
use self::link::{Callee, Link};
use self::sentinel::Sentinels;
use crate::url::{Address, RedisPlace};
use crate::{OpenError, RedisUrl, batch};

/// Keeps everything in a Redis.
pub struct RedisBackend {
    dial: Dial,
    whereabouts: Whereabouts,
    epochs: Arc<Epochs>,
    /// The connections of each runtime, and each thread that serves requests is one. Whoever waits for an answer is then
    /// woken by the thread it runs on; with one connection for all, a round trip would cost two switches between threads,
    /// which is more than all else it costs.
    servers: PerRuntime,
    /// Those over which replicas are waited for: they are busy meanwhile.
    patient: PerRuntime,
    wait_replicas: u32,
}

type PerRuntime = Mutex<HashMap<runtime::Id, Servers>>;

/// How servers are found.
enum Whereabouts {
    Fixed,
    Sentinels(Arc<Sentinels>),
    Cluster(Vec<Address>),
}

/// The servers, as one runtime reaches them.
#[derive(Clone)]
enum Servers {
    /// One that keeps everything.
    One(Arc<Link>),
    /// Several that keep a part each.
    Cluster(Arc<Cluster>),
}

/// A login waits for the store this long at most, with everything: dialling again, and asking again.
const PATIENCE: Duration = Duration::from_secs(3);

impl RedisBackend {
    /// A client of the Redis at `url`. It is called when it is first needed.
    pub fn new(url: &RedisUrl, clock: Arc<dyn Clock>, options: &RedisOptions) -> Result<Self, OpenError> {
        let dial = Dial::new(url, options)?;
        let whereabouts = match &url.place {
            RedisPlace::Single => Whereabouts::Fixed,
            RedisPlace::Sentinels { sentinels, service } => {
                let to_sentinels = dial.sentinels(options.sentinel_login.as_ref());
                let (sentinels, service) = (sentinels.clone(), service.clone());
                Whereabouts::Sentinels(Arc::new(Sentinels::new(sentinels, service, to_sentinels, dial.clone())))
            }
            RedisPlace::Cluster { nodes } => Whereabouts::Cluster(nodes.clone()),
        };
        let epochs = Arc::new(Epochs::new((options.failover == Failover::Strict).then_some(clock)));
        let (servers, patient) = (Mutex::default(), Mutex::default());
        Ok(Self { dial, whereabouts, epochs, servers, patient, wait_replicas: options.wait_replicas })
    }

    fn servers(&self, kept: &PerRuntime) -> Result<Servers, StoreError> {
        let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(servers) = all.get(&Handle::current().id()) {
            return Ok(servers.clone());
        }
        let epochs = self.epochs.clone();
        let servers = match &self.whereabouts {
            Whereabouts::Fixed => {
                let client = self.dial.client().map_err(|error| link::unavailable(&error))?;
                Servers::One(Link::new(Callee::Server(client), epochs))
            }
            Whereabouts::Sentinels(sentinels) => Servers::One(Link::new(Callee::Primary(sentinels.clone()), epochs)),
            Whereabouts::Cluster(nodes) => Servers::Cluster(Cluster::new(self.dial.clone(), nodes.clone(), epochs)),
        };
        all.insert(Handle::current().id(), servers.clone());
        Ok(servers)
    }
}

#[async_trait]
impl Backend for RedisBackend {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        batch::check(&batch)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let wait_for = if batch.iter().any(command::lasts) { self.wait_replicas } else { 0 };
        let servers = self.servers(if wait_for == 0 { &self.servers } else { &self.patient })?;
        tokio::time::timeout(PATIENCE, delivery::deliver(&servers, &batch, wait_for))
            .await
            .map_err(|_| link::too_slow())?
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        let servers = self.servers(&self.servers)?;
        let page = inventory::page(&servers, prefix, after);
        tokio::time::timeout(PATIENCE, page).await.map_err(|_| link::too_slow())?
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.epochs.changed()
    }
}

#[cfg(test)]
mod tests;
