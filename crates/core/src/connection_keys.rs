//! Keys that one connection has for itself towards its IdP, instead of those of the whole deployment: for a customer who asks
//! for that, or whose IdP takes a certificate only once. They lie in the connection's own record, so that they are read with
//! it, and go when it goes.
//!
//! A new key is announced, and nothing more. Until one is activated for a use, the deployment's keys are in use beside it:
//! they sign, and they open what is encrypted for them. From then on the connection's own are alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection::{Connection, ConnectionId};
use crate::connections::Connections;
use crate::event::EventKind;
use crate::fault::{Code, Fault};
use crate::own_keys::{Make, OwnKey, OwnKeys, Purpose};

/// The keys of one connection.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectionKeys {
    keys: OwnKeys,
    /// The uses in which the deployment's keys have no part any more.
    alone: Vec<Purpose>,
}

impl ConnectionKeys {
    /// All of them, those in use first.
    pub fn all(&self) -> &OwnKeys {
        &self.keys
    }

    /// Whether they are in use without the deployment's.
    pub fn are_alone(&self, purpose: Purpose) -> bool {
        self.alone.contains(&purpose)
    }

    /// What changes when they change, and not before.
    pub fn fingerprint(&self) -> impl Iterator<Item = &str> {
        self.keys.keys.iter().map(|key| key.id.as_str()).chain(self.alone.iter().map(|purpose| purpose.name()))
    }

    fn activate(&mut self, id: &str) -> Result<(), Fault> {
        let purpose = self.keys.activate(id)?;
        if !self.are_alone(purpose) {
            self.alone.push(purpose);
        }
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), Fault> {
        let purpose = self.keys.find(id)?.purpose;
        self.keys.remove(id, self.are_alone(purpose))
    }
}

impl Connections {
    /// Makes a key for a connection: announced, not yet in use.
    pub async fn add_key(&self, id: &ConnectionId, purpose: Purpose, make: Make<'_>) -> Result<ConnectionKeys, Fault> {
        let fresh = OwnKey::fresh(purpose, make, self.clock.now(), &*self.random)?;
        self.change_keys(id, |present| present.keys.add(fresh)).await
    }

    /// Puts a key of a connection into use, and the deployment's out of it.
    pub async fn activate_key(&self, id: &ConnectionId, key: &str) -> Result<ConnectionKeys, Fault> {
        self.change_keys(id, |present| present.activate(key)).await
    }

    /// Puts the deployment's keys back into use; the connection's own stay announced.
    pub async fn share_keys(&self, id: &ConnectionId, purpose: Purpose) -> Result<ConnectionKeys, Fault> {
        self.change_keys(id, |present| {
            present.alone.retain(|alone| *alone != purpose);
            Ok(())
        })
        .await
    }

    /// Removes a key of a connection that is not in use.
    pub async fn remove_key(&self, id: &ConnectionId, key: &str) -> Result<ConnectionKeys, Fault> {
        self.change_keys(id, |present| present.remove(key)).await
    }

    async fn change_keys(
        &self,
        id: &ConnectionId,
        change: impl FnOnce(&mut ConnectionKeys) -> Result<(), Fault>,
    ) -> Result<ConnectionKeys, Fault> {
        let key = self.store.keys().connection(id);
        let stored = self.stored(id).await?;
        let mut connection: Connection = (*stored.record).clone();
        change(&mut connection.own_keys)?;
        let mut event = self.event(EventKind::ConnectionUpdated, &connection);
        event.data["changed"] = json!({ "by": "api", "own_keys": true });
        let mut batch = self.store.batch();
        let revision = batch.revision();
        let written = batch.replace(&key, Some(&stored), &connection);
        event.append(&mut batch, &self.store);
        if !batch.run().await?.written(written) {
            return Err(Code::ChangedMeanwhile.into());
        }
        self.pin(&connection, revision).await?;
        Ok(connection.own_keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn key(id: &str, purpose: Purpose) -> OwnKey {
        let created = "2026-01-31T12:00:00Z".parse().unwrap();
        OwnKey { id: id.into(), purpose, pem: Secret::new(""), created, retired: None }
    }

    #[test]
    fn the_deployments_keys_are_in_use_until_one_of_the_connections_is_activated() {
        let mut keys = ConnectionKeys::default();
        for id in ["a", "b"] {
            keys.keys.add(key(id, Purpose::Signing)).unwrap();
        }
        assert!(!keys.are_alone(Purpose::Signing));
        let before = keys.fingerprint().map(str::to_owned).collect::<Vec<_>>();
        keys.activate("b").unwrap();
        assert!(keys.are_alone(Purpose::Signing) && !keys.are_alone(Purpose::Encryption));
        assert_eq!(keys.all().of(Purpose::Signing).map(|key| key.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_ne!(keys.fingerprint().collect::<Vec<_>>(), before);
        assert_eq!(keys.remove("b").map_err(|fault| fault.code), Err(Code::KeyInUse));
        assert_eq!(keys.activate("c").map_err(|fault| fault.code), Err(Code::KeyNotFound));
        keys.remove("a").unwrap();
        keys.alone.clear();
        keys.remove("b").unwrap();
        assert_eq!(keys.all().keys.len(), 0);
    }
}
