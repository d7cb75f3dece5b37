//! Root keys: what an operator configures as `seal.keys`. They seal one record, the key ring, and nothing else, so that a
//! root key can be changed without touching any other record.

use std::fmt;

use data_encoding::BASE64;
use postern_core::ports::Random;
use postern_core::secret::Secret;
use zeroize::Zeroizing;

use crate::seal::SealingKey;

/// A root key: a number, and 32 random bytes. Written `number:base64`.
#[derive(Clone)]
pub struct RootKey(SealingKey);

impl RootKey {
    /// A new one.
    pub fn generate(number: u32, random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes);
        Self(SealingKey { number, bytes })
    }

    /// Reads `number:base64`.
    fn parse(text: &str) -> Result<Self, RootKeyProblem> {
        let (number, key) = text.trim().split_once(':').ok_or(RootKeyProblem::NoColon)?;
        let number = number.parse().map_err(|_| RootKeyProblem::Number)?;
        let decoded = Zeroizing::new(BASE64.decode(key.as_bytes()).map_err(|_| RootKeyProblem::Base64)?);
        let bytes = <[u8; 32]>::try_from(&decoded[..]).map_err(|_| RootKeyProblem::Length(decoded.len()))?;
        Ok(Self(SealingKey { number, bytes: Zeroizing::new(bytes) }))
    }

    /// The number, which is no secret: the key ring names it.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The key as it is configured.
    pub fn to_text(&self) -> Secret {
        let key = Zeroizing::new(BASE64.encode(&*self.0.bytes));
        Secret::new(format!("{}:{}", self.0.number, *key))
    }

    pub(crate) fn sealing_key(&self) -> &SealingKey {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}:…)", self.0.number)
    }
}

/// The configured root keys: the first seals, all of them open. Never none.
#[derive(Debug, Clone)]
pub struct RootKeys(Vec<RootKey>);

impl RootKeys {
    /// Takes one key.
    pub fn single(key: RootKey) -> Self {
        Self(vec![key])
    }

    /// Reads keys as they are configured, each `number:base64`, the active one first.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, RootKeyError> {
        let mut keys: Vec<RootKey> = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let wrong = |problem| RootKeyError::Key { position: at + 1, problem };
            let key = RootKey::parse(text.as_ref()).map_err(wrong)?;
            if keys.iter().any(|earlier| earlier.number() == key.number()) {
                return Err(wrong(RootKeyProblem::NumberTaken(key.number())));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(RootKeyError::None) } else { Ok(Self(keys)) }
    }

    /// The one that seals.
    pub(crate) fn active(&self) -> &RootKey {
        &self.0[0] // never none
    }

    /// The one of this number.
    pub(crate) fn numbered(&self, number: u32) -> Option<&RootKey> {
        self.0.iter().find(|key| key.number() == number)
    }

    /// All numbers, in the order of the configuration.
    pub fn numbers(&self) -> Vec<u32> {
        self.0.iter().map(RootKey::number).collect()
    }
}

/// Why root keys cannot be used. Names their places, never what is written there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyError {
    /// The list is empty.
    #[error("no root key is configured; `postern keys generate` prints one")]
    None,
    /// One of the list is not a key.
    #[error("root key {position}: {problem}")]
    Key {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong with it.
        problem: RootKeyProblem,
    },
}

/// What is wrong with a root key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyProblem {
    /// There is no colon.
    #[error("write it as number:base64")]
    NoColon,
    /// The part before the colon.
    #[error("the part before the colon has to be a number from 0 to 4294967295")]
    Number,
    /// The part after the colon.
    #[error("the part after the colon is not standard base64 with padding")]
    Base64,
    /// The key's length.
    #[error("the key has {0} bytes and needs 32")]
    Length(usize),
    /// Two of a number.
    #[error("an earlier key has the number {0} too")]
    NumberTaken(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::TestRandom;

    #[test]
    fn a_generated_key_is_read_again() {
        let key = RootKey::generate(7, &TestRandom::default());
        let text = key.to_text();
        let keys = RootKeys::parse(&[text.expose()]).unwrap();
        assert_eq!(keys.active().number(), 7);
        assert_eq!(keys.active().0.bytes, key.0.bytes);
        assert!(RootKeys::parse(&[format!(" {}\n", text.expose())]).is_ok(), "files end in a newline");
    }

    #[test]
    fn errors_say_where_and_what_and_not_the_key() {
        let good = "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let parse = |texts: &[&str]| RootKeys::parse(texts).unwrap_err().to_string();
        assert_eq!(parse(&[]), "no root key is configured; `postern keys generate` prints one");
        assert_eq!(parse(&[good, "sesame"]), "root key 2: write it as number:base64");
        assert_eq!(
            parse(&["x:c2VzYW1l"]),
            "root key 1: the part before the colon has to be a number from 0 to 4294967295"
        );
        assert_eq!(parse(&["1:sesame!"]), "root key 1: the part after the colon is not standard base64 with padding");
        assert_eq!(parse(&["1:c2VzYW1l"]), "root key 1: the key has 6 bytes and needs 32");
        assert_eq!(parse(&[good, good]), "root key 2: an earlier key has the number 1 too");
        assert_eq!(format!("{:?}", RootKeys::parse(&[good]).unwrap()), "RootKeys([RootKey(1:…)])");
    }
}
