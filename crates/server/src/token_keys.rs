//! The keys that sign tokens for apps, ready for use: each parsed once, and the key set written once.

use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{OwnKeys, Purpose};
use postern_core::signing::SigningAlgorithm;
use postern_jose::jwks::{self, Jwks};
use postern_jose::signing::{SigningError, SigningKey};
use serde::Serialize;

/// Keys in the order of their use: the first of each algorithm signs, all are published.
#[derive(Debug)]
pub struct TokenKeys {
    keys: Vec<SigningKey>,
    published: String,
    public: Jwks,
}

impl TokenKeys {
    /// Reads what the store keeps.
    pub fn read(kept: &OwnKeys) -> Result<Self, Fault> {
        let keys = SigningAlgorithm::ALL.into_iter().flat_map(|algorithm| {
            kept.of(Purpose::Token(algorithm)).map(move |key| SigningKey::from_pem(algorithm, key.pem.expose()))
        });
        let keys: Vec<_> =
            keys.collect::<Result<_, _>>().map_err(|why: SigningError| Code::RecordUnreadable.fault().because(why))?;
        Ok(Self::of(keys))
    }

    fn of(keys: Vec<SigningKey>) -> Self {
        let (published, public) = (jwks::published(&keys).to_string(), Jwks::of(&keys));
        Self { keys, published, public }
    }

    /// Signs a token with the key in use.
    pub fn sign(&self, algorithm: SigningAlgorithm, typ: &str, claims: &impl Serialize) -> Result<String, Fault> {
        let key = self.keys.iter().find(|key| key.algorithm() == algorithm).ok_or(Code::Defect)?;
        key.sign(typ, claims).map_err(|why| Code::Defect.fault().because(why))
    }

    /// What `/oauth/jwks` says.
    pub fn published(&self) -> &str {
        &self.published
    }

    /// The public halves, to know tokens of ours again by.
    pub fn public(&self) -> &Jwks {
        &self.public
    }
}

/// None, before they were read.
impl Default for TokenKeys {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}
