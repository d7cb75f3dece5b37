//! Connections that are older than the list of their scope says they are by now: somebody brought them back into the store.
//!
//! The list is raised after the connection is written, and both are read in one batch, the list first. So where one server keeps both
//! the connection that comes along is never older. In a cluster each comes from a server of its own, in whatever order: then the
//! connection is read once more before anybody is accused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Logins;
use crate::connection::{Connection, ConnectionId};
use crate::fault::Fault;
use crate::store::Revision;

impl Logins {
    /// Refuses connections that are older than their list says, which costs a round trip only where one seems to be.
    pub(super) async fn check_pins(
        &self,
        connections: &mut [Arc<Connection>],
        least: &BTreeMap<ConnectionId, Revision>,
    ) -> Result<(), Fault> {
        for connection in connections {
            let least = least.get(&connection.id).copied().unwrap_or_default();
            if self.store.is_pinned(connection.revised, least) {
                continue;
            }
            if let Some(present) = self.store.get(&self.store.keys().connection(&connection.id)).await? {
                *connection = present;
            }
            self.store.check_pinned::<Connection>(connection.revised, least)?;
        }
        Ok(())
    }
}
