//! Values that open something: compared in constant time, wiped when dropped, never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ports::Random;

/// A secret string.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes what is secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }
    /// 256 random bits as 43 base64url characters after `prefix`, which says what the secret is for.
    pub fn random(random: &dyn Random, prefix: &str) -> Self {
        Self(format!("{prefix}{}", random_text(random)))
    }
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
    /// Whether `other` is the same, in a time that tells nothing but the length.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a secret of at least 128 random bits: enough to recognise it, useless to whoever reads it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

impl SecretHash {
    /// Hashes a secret.
    pub fn of(secret: &str) -> Self {
        Self(crate::base64url(&Sha256::digest(secret.as_bytes())))
    }
    /// Whether `secret` is the one that was hashed, in constant time.
    pub fn matches(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(secret).0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// 160 random bits in 32 lower-case letters and digits, for ids that people copy.
pub fn random_id(random: &dyn Random) -> String {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

/// 256 random bits as 43 base64url characters.
pub fn random_text(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    crate::base64url(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?} {:?}", Secret::new("hunter2"), SecretHash::of("hunter2")), "Secret(…) SecretHash(…)");
    }

    #[test]
    fn a_hash_recognises_only_its_secret() {
        let hash = SecretHash::of("right");
        assert!(hash.matches("right") && !hash.matches("wrong") && !hash.matches(""));
    }
}
