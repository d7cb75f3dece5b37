//! How the last test login of a connection ended ([`crate::login::test_login`]), and whether that still says something about it.
//!
//! It is kept beside the connection and not in it, so that a test changes nothing about the connection.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Map;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::connection::{Connection, Idp};
use crate::connections::Connections;
use crate::fault::Fault;
use crate::federation::Lifetime;
use crate::openid::{ClientAuthentication, VerificationKeys};
use crate::ports::Timestamp;
use crate::store::Record;

/// How a test login ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTest {
    /// When.
    pub at: Timestamp,
    /// The code of the fault that it ended in; `None`: it passed.
    pub code: Option<String>,
    /// What the connection was like.
    pub likeness: Likeness,
}

impl Record for LastTest {
    const CLASS: &'static str = "last-test";
    const LASTS: bool = true;
}

impl LastTest {
    /// Whether it passed, and nothing that it is about has changed since.
    pub fn vouches_for(&self, connection: &Connection) -> bool {
        self.code.is_none() && !self.is_stale(connection)
    }

    /// Whether the connection is another one by now than the one that was tested.
    pub fn is_stale(&self, connection: &Connection) -> bool {
        self.likeness != Likeness::of(connection)
    }
}

/// What a connection is like, as far as a test login says something about it: its IdP, whom it
/// trusts, what it calls us, and where claims come from.
/// Two connections with the same likeness pass the same tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Likeness(String);

impl Likeness {
    /// Of a connection as it is now. What documents say of their own end is left out, and so are keys that change as a matter of
    /// course: those that a provider publishes at an address which is trusted, and ours. A release that knows more settings
    /// of an IdP sees another likeness: then it is tested once more.
    pub fn of(connection: &Connection) -> Self {
        let mut idp = connection.idp.clone();
        match &mut idp {
            Idp::Saml(idp) => idp.lifetime = Lifetime::default(),
            Idp::Oidc(idp) => {
                if let (Some(_), Some(any)) = (&idp.provider.jwks_uri, VerificationKeys::new(vec![Map::new()])) {
                    idp.provider.keys = any;
                }
                if let ClientAuthentication::PrivateKeyJwt { keys } = &mut idp.authentication {
                    keys.clear();
                }
            }
        }
        // Records are plain data with string keys, which serde_json always writes.
        let written =
            Zeroizing::new(serde_json::to_vec(&(idp, &connection.mapping, &connection.region)).unwrap_or_default());
        Self(crate::base64url(&Sha256::digest(&written)))
    }
}

impl Connections {
    /// How the last tests of these connections ended, in their order. 1 round trip.
    pub async fn last_tests(&self, connections: &[Arc<Connection>]) -> Result<Vec<Option<Arc<LastTest>>>, Fault> {
        let keys = self.store.keys();
        let mut batch = self.store.batch();
        let slots: Vec<_> = connections.iter().map(|connection| batch.get(&keys.last_test(&connection.id))).collect();
        let answers = batch.run().await?;
        Ok(slots.into_iter().map(|slot| answers.get(slot)).collect::<Result<_, _>>()?)
    }
}
