//! Looking a key up: what happens when a response is signed with a key that its connection does not know (M5).
//!
//! The key may be new and announced in the metadata this very moment, or it may be a stranger's; only the metadata tells. So
//! it is fetched, but however many such responses arrive, on however many replicas, a fetch for one connection begins at
//! most every [`SPACING`]. Whoever may not fetch waits for somebody's fetch **that began after their response arrived**: one
//! that was under way already may have read what the metadata said before. A lookup has an id, so that the next can be told
//! from the present one, and no clocks are compared.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::{Connection, ConnectionId};
use crate::connections::Connections;
use crate::fault::{Code, Fault};
use crate::secret::random_id;
use crate::store::Record;

/// The time between the beginnings of two lookups for one connection, at least. A lookup has to end within it.
pub const SPACING: Duration = Duration::from_secs(4);

/// One fetch of a connection's metadata for the sake of an unknown key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    id: String,
    done: bool,
}

impl Record for Lookup {
    const CLASS: &'static str = "lookup";
}

impl Lookup {
    /// Whether the connection says by now what this lookup found.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Whether this is the same lookup, at whatever stage.
    pub fn is(&self, other: &Lookup) -> bool {
        self.id == other.id
    }
}

/// Where looking a key up stands.
#[derive(Debug)]
pub struct Turn {
    /// Whether the caller has to fetch, and to say [`Connections::looked_up`] then. Otherwise somebody else does, or just did.
    pub own: bool,
    /// The present lookup.
    pub lookup: Lookup,
    /// The connection, no older than the state of the lookup.
    pub connection: Arc<Connection>,
}

impl Connections {
    /// Begins a lookup, unless there is one.
    pub async fn look_up(&self, id: &ConnectionId) -> Result<Turn, Fault> {
        let keys = self.store.keys();
        let key = keys.lookup(id);
        let begun = Lookup { id: random_id(&*self.random), done: false };
        let mut batch = self.store.batch();
        let written = batch.put_new(&key, &begun, Some(SPACING));
        let present = batch.get(&key);
        let connection = batch.get(&keys.connection(id));
        let answers = batch.run().await?;
        let own = answers.written(written);
        // One that ended between the two questions is as good as ours, which never began: neither is the next one.
        let lookup = answers.get(present)?.filter(|_| !own).map_or(begun, |present| (*present).clone());
        let connection = answers.get(connection)?.ok_or(Code::ConnectionMissing)?;
        Ok(Turn { own, lookup, connection })
    }

    /// Says that a lookup has found what there is to be found, and that the connection says so too.
    pub async fn looked_up(&self, id: &ConnectionId, lookup: Lookup) -> Result<(), Fault> {
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().lookup(id), &Lookup { done: true, ..lookup }, Some(SPACING));
        batch.run().await?;
        Ok(())
    }
}
