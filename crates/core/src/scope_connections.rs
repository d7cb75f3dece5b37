//! The list of a scope's connections: which there are, which of them is the default, and in which order they are offered.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::connection::{Connection, ConnectionId};
use crate::fault::Fault;
use crate::products::invalid;
use crate::store::{Record, Revision};

/// The connections of a scope, in the order of their creation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeConnections {
    /// Their ids.
    pub ids: Vec<ConnectionId>,
    /// The one that people are sent to who choose nothing, where somebody said so. While it signs nobody in, the first of the
    /// others stands in for it.
    #[serde(default)]
    pub default: Option<ConnectionId>,
    /// The least revision that each of them has by now, so that a process which starts anew notices too where somebody brings an
    /// older one back. Raised once the connection is written: a list never asks for what is not there yet.
    #[serde(default)]
    pub least: BTreeMap<ConnectionId, Revision>,
}

impl ScopeConnections {
    /// Takes note that one of them was written.
    pub(crate) fn pin(&mut self, id: &ConnectionId, revision: Revision) {
        if self.ids.contains(id) {
            let least = self.least.entry(id.clone()).or_default();
            *least = revision.max(*least);
        }
    }

    /// Makes one of them the default, or no longer. There is one place for it, so that there are never two.
    pub(crate) fn appoint(&mut self, id: &ConnectionId, default: bool) {
        match default {
            true if self.ids.contains(id) => self.default = Some(id.clone()),
            false if self.default.as_ref() == Some(id) => self.default = None,
            _ => {}
        }
    }

    pub(crate) fn remove(&mut self, id: &ConnectionId) {
        self.ids.retain(|other| other != id);
        self.least.remove(id);
        self.appoint(id, false);
    }
}

impl Record for ScopeConnections {
    const CLASS: &'static str = "scope";
    const LASTS: bool = true;
    const CACHED: bool = true;
}

/// How many connections one scope may have.
const MOST_IN_A_SCOPE: usize = 100;

/// Refuses a scope with so many connections.
pub(crate) fn check_room(connections: usize) -> Result<(), Fault> {
    match connections > MOST_IN_A_SCOPE {
        true => Err(invalid("tenant", format!("already has {MOST_IN_A_SCOPE} connections for this product"))),
        false => Ok(()),
    }
}

/// The order in which connections of a scope are offered: its default first; then higher sort order, connections without one last;
/// then newer before older.
pub(crate) fn sort(connections: &mut [Arc<Connection>], defaults: &[ConnectionId]) {
    let place = |c: &Arc<Connection>| Reverse((defaults.contains(&c.id), c.sort_order, c.created));
    connections.sort_by_key(place);
}
