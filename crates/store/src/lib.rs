//! Keeps bytes and seals bytes: the two ports of `postern_core::ports` that stand between a login and its store.
//!
//! A [`Backend`](postern_core::ports::Backend) is one folder that speaks to one store, and one line that runs the contract
//! suite (`contract.rs`) on it: [`MemoryBackend`], [`RedbBackend`] and [`RedisBackend`]. What a verb means where one
//! process has exclusive access is written once, in `verbs.rs`; Redis has its own words for the same. The
//! [`KeyRing`] is the [`Seal`](postern_core::ports::Seal): the record format is at the top of `seal.rs`, the keys
//! are in `keyring.rs`. `docs/STORE.md` tells the whole story.

mod batch;
mod census;
#[cfg(test)]
mod contract;
mod counted;
mod keyring;
mod memory;
mod open;
mod position;
mod redb;
mod redis;
mod reseal;
mod root;
mod rotation;
mod seal;
#[cfg(test)]
mod stage;
mod url;
mod verbs;

pub use census::{Census, Needs, census};
pub use counted::{Counted, Counts};
pub use keyring::{DataKeys, KEYRING, KeyRing, KeyRingError};
pub use memory::MemoryBackend;
pub use open::{OpenError, open, ping};
pub use position::is_position;
pub use redb::RedbBackend;
pub use redis::{ClientCertificate, Failover, Part, RedisBackend, RedisOptions, SentinelLogin, Server, Told, examine};
pub use reseal::{Progress, reseal};
pub use root::{RootKey, RootKeyError, RootKeys};
pub use url::{RedisUrl, StoreUrl, StoreUrlError};

/// Redis servers for tests: on free ports of loopback, to be cut off, killed and started again. `redis-server` has to be on the PATH.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    pub use crate::redis::fleet::{Cluster, Watched, until};
    pub use crate::redis::server::RedisServer;
}
