//! Whether a connection signs people in: once it is no draft any more, and as long as nobody deactivates it. Whatever it is, it
//! keeps its ids, secrets, settings and subjects.

use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::fault::{Code, Fault};

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "Stored")]
pub enum ConnectionStatus {
    /// It is being prepared, and has not signed anybody in yet.
    Draft,
    /// People sign in by it.
    Active,
    /// It signs nobody in any more.
    Deactivated,
}

impl ConnectionStatus {
    /// Every status.
    pub const ALL: [ConnectionStatus; 3] =
        [ConnectionStatus::Draft, ConnectionStatus::Active, ConnectionStatus::Deactivated];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            ConnectionStatus::Draft => "draft",
            ConnectionStatus::Active => "active",
            ConnectionStatus::Deactivated => "deactivated",
        }
    }
    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
    /// The same after Jackson's `deactivated` was set, which knows nothing of drafts: `false` leaves one a draft, so that a record
    /// which is sent back as it was shown changes nothing.
    pub fn deactivated(self, deactivated: bool) -> Self {
        match (self, deactivated) {
            (_, true) => ConnectionStatus::Deactivated,
            (ConnectionStatus::Deactivated, false) => ConnectionStatus::Active,
            (other, false) => other,
        }
    }
}

impl Connection {
    /// Whether people sign in by it.
    pub fn signs_in(&self) -> bool {
        self.status == ConnectionStatus::Active
    }
    /// Refuses a connection that signs nobody in, and says why.
    pub fn check_signs_in(&self) -> Result<(), Fault> {
        match self.status {
            ConnectionStatus::Active => Ok(()),
            ConnectionStatus::Draft => Err(Code::ConnectionDraft.into()),
            ConnectionStatus::Deactivated => Err(Code::ConnectionDeactivated.into()),
        }
    }
}

/// What stands in stored records: the name, and in those from before there were drafts whether it was deactivated.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Deactivated(bool),
    Name(String),
}

impl TryFrom<Stored> for ConnectionStatus {
    type Error = &'static str;
    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        match stored {
            Stored::Deactivated(deactivated) => Ok(ConnectionStatus::Active.deactivated(deactivated)),
            Stored::Name(name) => Self::named(&name).ok_or("no status of a connection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_stored_under_its_name() {
        for status in ConnectionStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(serde_json::from_value::<ConnectionStatus>(status.name().into()).unwrap(), status);
            assert_eq!(ConnectionStatus::named(status.name()), Some(status));
        }
        assert!(serde_json::from_value::<ConnectionStatus>("Draft".into()).is_err());
    }

    #[test]
    fn what_was_stored_before_there_were_drafts_still_opens() {
        for (stored, status) in [(false, ConnectionStatus::Active), (true, ConnectionStatus::Deactivated)] {
            assert_eq!(serde_json::from_value::<ConnectionStatus>(stored.into()).unwrap(), status);
        }
    }

    #[test]
    fn a_draft_stays_one_where_jacksons_member_is_sent_back() {
        use ConnectionStatus::{Active, Deactivated, Draft};
        for (before, deactivated, after) in [
            (Draft, false, Draft),
            (Draft, true, Deactivated),
            (Active, false, Active),
            (Active, true, Deactivated),
            (Deactivated, false, Active),
            (Deactivated, true, Deactivated),
        ] {
            assert_eq!(before.deactivated(deactivated), after, "{before:?} {deactivated}");
        }
    }
}
