//! What an app verifies our tokens with: the key set that a Postern serves, and a JOSE library that is none of ours.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::{Postern, http};

/// The key set of one Postern, as it was served just now.
#[derive(Debug, Clone)]
pub struct KeySet(JwkSet);

impl KeySet {
    /// Asks for it.
    pub async fn of(postern: &Postern) -> Self {
        let answer = http().get(format!("{}/oauth/jwks", postern.origin)).send().await.expect("the key set");
        Self::read(&answer.text().await.expect("a text"))
    }

    /// The same from its JSON.
    pub fn read(served: &str) -> Self {
        Self(serde_json::from_str(served).expect("a JWK Set"))
    }

    /// The names of its keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys.iter().filter_map(|key| key.common.key_id.as_deref())
    }

    /// The claims of a token of `issuer` for `audience` that was signed with one of these keys and has not expired.
    pub fn verify(&self, token: &str, issuer: &str, audience: &str) -> Result<Value, String> {
        let header = decode_header(token).map_err(|why| why.to_string())?;
        let name = header.kid.as_deref().ok_or("it names no key")?;
        let key = self.0.find(name).ok_or_else(|| format!("its key {name} is not published"))?;
        let key = DecodingKey::from_jwk(key).map_err(|why| why.to_string())?;
        let mut expected = Validation::new(header.alg);
        expected.set_issuer(&[issuer]);
        expected.set_audience(&[audience]);
        Ok(decode(token, &key, &expected).map_err(|why| why.to_string())?.claims)
    }
}

/// The name of the key that a token says it was signed with.
pub fn key_of(token: &str) -> String {
    decode_header(token).expect("a token").kid.expect("the name of a key")
}
