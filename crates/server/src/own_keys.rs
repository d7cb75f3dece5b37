//! Our own keys, ready for use: read from what the store keeps, made where there are none. What signs tokens for apps is in
//! [`crate::token_keys`].

use std::cmp::Reverse;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::ToSpan as _;
use postern_core::connection::{Certificate, Connection, ConnectionId};
use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{OwnKey, OwnKeys, Purpose};
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use postern_saml::keys::{DecryptionKey, KeyError, SigningKey};

use crate::token_keys::TokenKeys;

/// What the certificates of made keys call us. Nobody trusts a name in them; administrators read it in lists.
const NAME: &str = "Postern";

/// Keys in the order of their use.
#[derive(Debug, Default, Clone)]
pub struct ServiceProviderKeys {
    /// For our requests: the first signs.
    pub signing: Vec<SigningKey>,
    /// For what is encrypted for us: all open. Providers take the first that we publish, so the newest comes first.
    pub decryption: Vec<DecryptionKey>,
    /// The ids of the keys that these are.
    ids: Vec<String>,
}

impl ServiceProviderKeys {
    /// The certificates that assertions may be encrypted for.
    pub fn encryption_certificates(&self) -> Vec<Certificate> {
        self.decryption.iter().filter_map(|key| key.certificate().cloned()).collect()
    }

    /// The certificates of the signing keys, the one in use first.
    pub fn signing_certificates(&self) -> Vec<Certificate> {
        self.signing.iter().map(|key| key.certificate().clone()).collect()
    }

    /// Reads what the store keeps.
    pub fn read(kept: &OwnKeys) -> Result<Self, Fault> {
        let unreadable = |why: KeyError| Code::RecordUnreadable.fault().because(why);
        let signing = kept.of(Purpose::Signing).map(|key| SigningKey::from_pem(key.pem.expose()));
        let mut newest_first: Vec<&OwnKey> = kept.of(Purpose::Encryption).collect();
        newest_first.sort_by_key(|key| Reverse(key.created));
        let decryption = newest_first.iter().map(|key| DecryptionKey::from_pem(key.pem.expose()));
        Ok(Self {
            signing: signing.collect::<Result<_, _>>().map_err(unreadable)?,
            decryption: decryption.collect::<Result<_, _>>().map_err(unreadable)?,
            ids: kept.keys.iter().map(|key| key.id.clone()).collect(),
        })
    }

    /// The keys for one connection: its own, and these as long as its own are not alone.
    fn beside(&self, connection: &Connection) -> Result<Self, Fault> {
        let mut keys = Self::read(connection.own_keys.all())?;
        if !connection.own_keys.are_alone(Purpose::Signing) {
            keys.signing = [&self.signing[..], &keys.signing].concat();
        }
        if !connection.own_keys.are_alone(Purpose::Encryption) {
            keys.decryption.extend(self.decryption.iter().cloned());
        }
        Ok(keys)
    }
}

/// The keys of the deployment and of those connections that have some of their own, each read once for as long as it is what
/// the store keeps.
pub struct KeyShelf {
    shared: RwLock<Arc<ServiceProviderKeys>>,
    tokens: RwLock<Arc<TokenKeys>>,
    of_connections: quick_cache::sync::Cache<ConnectionId, (Vec<String>, Arc<ServiceProviderKeys>)>,
}

impl KeyShelf {
    /// For how many connections keys stay read.
    const CONNECTIONS: usize = 500;

    /// A shelf with nothing on it.
    pub fn new() -> Self {
        let (shared, tokens) = (RwLock::default(), RwLock::default());
        Self { shared, tokens, of_connections: quick_cache::sync::Cache::new(Self::CONNECTIONS) }
    }

    /// The deployment's keys.
    pub fn shared(&self) -> Arc<ServiceProviderKeys> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other keys of the deployment in place.
    pub fn replace_shared(&self, keys: ServiceProviderKeys) {
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The keys that sign tokens for apps.
    pub fn tokens(&self) -> Arc<TokenKeys> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other keys that sign tokens in place.
    pub fn replace_tokens(&self, keys: TokenKeys) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The keys towards this connection's IdP.
    pub fn of(&self, connection: &Connection) -> Result<Arc<ServiceProviderKeys>, Fault> {
        let shared = self.shared();
        if connection.own_keys.all().keys.is_empty() {
            return Ok(shared);
        }
        let own = connection.own_keys.fingerprint().map(str::to_owned);
        let made_of: Vec<String> = own.chain(shared.ids.iter().cloned()).collect();
        if let Some((of, keys)) = self.of_connections.get(&connection.id)
            && of == made_of
        {
            return Ok(keys);
        }
        let keys = Arc::new(shared.beside(connection)?);
        self.of_connections.insert(connection.id.clone(), (made_of, keys.clone()));
        Ok(keys)
    }
}

impl Default for KeyShelf {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a key. A certificate is valid for twenty years: dates in it decide nothing, and some providers refuse expired ones.
pub fn make(purpose: Purpose, now: Timestamp) -> Result<Secret, Fault> {
    let until = now.checked_add((20 * 365 * 24).hours()).unwrap_or(Timestamp::MAX);
    let unmade = |why: KeyError| Code::Defect.fault().because(why);
    match purpose {
        Purpose::Signing => Ok(SigningKey::generate(NAME, now, until).map_err(unmade)?.to_pem().clone()),
        Purpose::Encryption => Ok(DecryptionKey::generate(NAME, now, until).map_err(unmade)?.to_pem().clone()),
        Purpose::Token(algorithm) => {
            postern_jose::signing::SigningKey::generate(algorithm).map_err(|why| Code::Defect.fault().because(why))
        }
    }
}
