//! The service provider's own keys, ready for use: read from what the store keeps, made where there are none.

use jiff::ToSpan as _;
use postern_core::connection::Certificate;
use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{OwnKeys, Purpose};
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use postern_saml::keys::{DecryptionKey, KeyError, SigningKey};

/// What the certificates of made keys call us. Nobody trusts a name in them; administrators read it in lists.
const NAME: &str = "Postern";

/// Keys in the order of their use: the first signs, all open.
#[derive(Debug, Default)]
pub struct ServiceProviderKeys {
    /// For our requests.
    pub signing: Vec<SigningKey>,
    /// For what is encrypted for us.
    pub decryption: Vec<DecryptionKey>,
}

impl ServiceProviderKeys {
    /// The certificates that assertions may be encrypted for. Providers take the first, so the newest comes first.
    pub fn encryption_certificates(&self) -> Vec<Certificate> {
        self.decryption.iter().rev().filter_map(|key| key.certificate().cloned()).collect()
    }

    /// The certificates of the signing keys, the one in use first.
    pub fn signing_certificates(&self) -> Vec<Certificate> {
        self.signing.iter().map(|key| key.certificate().clone()).collect()
    }

    /// Reads what the store keeps.
    pub fn read(kept: &OwnKeys) -> Result<Self, Fault> {
        let unreadable = |why: KeyError| Code::RecordUnreadable.fault().because(why);
        let signing = kept.of(Purpose::Signing).map(|key| SigningKey::from_pem(key.pem.expose()));
        let decryption = kept.of(Purpose::Encryption).map(|key| DecryptionKey::from_pem(key.pem.expose()));
        Ok(Self {
            signing: signing.collect::<Result<_, _>>().map_err(unreadable)?,
            decryption: decryption.collect::<Result<_, _>>().map_err(unreadable)?,
        })
    }
}

/// Makes a key. Its certificate is valid for twenty years: dates in it decide nothing, and some providers refuse expired ones.
pub fn make(purpose: Purpose, now: Timestamp) -> Result<Secret, Fault> {
    let until = now.checked_add((20 * 365 * 24).hours()).unwrap_or(Timestamp::MAX);
    let made = match purpose {
        Purpose::Signing => SigningKey::generate(NAME, now, until).map(|key| key.to_pem().clone()),
        Purpose::Encryption => DecryptionKey::generate(NAME, now, until).map(|key| key.to_pem().clone()),
    };
    made.map_err(|why| Code::Defect.fault().because(why))
}
