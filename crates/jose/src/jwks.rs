//! Public keys, one or a set of them (RFC 7517), whoever they came from.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::DecodingKey;
use postern_core::base64url;
use serde_json::{Map, Value, json};

use crate::jws::Algorithm;
use crate::signing::SigningKey;

/// Why something is not a set of keys, or not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// More than [`Jwks::LARGEST`] bytes or [`Jwks::MOST`] keys.
    #[error("the key set is larger than is read")]
    TooLarge,
    /// Not JSON, or without `keys`.
    #[error("the text is not a JSON Web Key Set")]
    Malformed,
    /// No key that could verify anything here.
    #[error("the key set has no key that can be used: RSA of 2048 to 4096 bits, EC on P-256, or Ed25519")]
    Empty,
    /// A private or a shared key lies open in it.
    #[error("the key set holds a private key")]
    Private,
}

/// Public keys that may have made a signature.
#[derive(Debug, Clone)]
pub struct Jwks {
    keys: Vec<PublicKey>,
}

/// A public key.
#[derive(Clone)]
pub(crate) struct PublicKey {
    pub(crate) kid: Option<String>,
    /// How signatures of it may be made, the only way where the key names one.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) thumbprint: String,
    pub(crate) key: DecodingKey,
}

impl Jwks {
    /// How large a set may be.
    pub const LARGEST: usize = 64 * 1024;
    /// How many keys a set may have.
    pub const MOST: usize = 50;

    /// Reads a set. Keys of other kinds and for other purposes are passed over (RFC 7517 §5); a private one spoils the set,
    /// because whoever reads it could sign.
    pub fn parse(text: &[u8]) -> Result<Self, JwksError> {
        if text.len() > Self::LARGEST {
            return Err(JwksError::TooLarge);
        }
        let set: Value = serde_json::from_slice(text).map_err(|_| JwksError::Malformed)?;
        let listed = set["keys"].as_array().ok_or(JwksError::Malformed)?;
        if listed.len() > Self::MOST {
            return Err(JwksError::TooLarge);
        }
        let mut keys = Vec::new();
        for jwk in listed {
            let jwk = jwk.as_object().ok_or(JwksError::Malformed)?;
            if is_private(jwk) {
                return Err(JwksError::Private);
            }
            keys.extend(PublicKey::read(jwk));
        }
        match keys.is_empty() {
            true => Err(JwksError::Empty),
            false => Ok(Self { keys }),
        }
    }

    /// The public halves of keys of ours.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Self {
        let public = keys.into_iter().filter_map(|key| key.public().as_object());
        Self { keys: public.filter_map(PublicKey::read).collect() }
    }

    /// Whether a key of it is called so; any key, where no name is given.
    pub(crate) fn names(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }

    /// The keys that may have made a signature: those of its name, or, where it names none, every one.
    pub(crate) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a PublicKey> {
        let named = move |key: &&PublicKey| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        self.keys.iter().filter(named).filter(move |key| key.algorithms.contains(&algorithm))
    }
}

/// What is published: the public halves of keys of ours, as a set.
pub fn published<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    let keys: Vec<_> = keys.into_iter().map(SigningKey::public).collect();
    json!({ "keys": keys })
}

impl PublicKey {
    /// Reads a JWK. `None`: a kind, size, purpose or algorithm that verifies nothing here.
    pub(crate) fn read(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let verifies =
            |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
        if !jwk.get("key_ops").is_none_or(verifies) {
            return None;
        }
        let (key, mut algorithms) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
                // Below: broken. Above: whoever brings the key decides what a verification costs.
                if !(2048..=4096).contains(&bits) || e.len() > 4 {
                    return None;
                }
                (DecodingKey::from_rsa_raw_components(&n, &e), vec![Algorithm::Ps256, Algorithm::Rs256])
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                (DecodingKey::from_ec_der(&[&[4], &x[..], &y].concat()), vec![Algorithm::Es256])
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x").filter(|x| x.len() == 32)?;
                (DecodingKey::from_ed_der(&x), vec![Algorithm::EdDsa])
            }
            _ => return None,
        };
        if let Some(name) = text("alg") {
            algorithms.retain(|algorithm| algorithm.name() == name);
        }
        let thumbprint = thumbprint(&Value::Object(jwk.clone()))?;
        let kid = text("kid").map(str::to_owned);
        (!algorithms.is_empty()).then_some(Self { kid, algorithms, thumbprint, key })
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// RFC 7518 §6: the members of private and of shared keys.
pub(crate) fn is_private(jwk: &Map<String, Value>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.contains_key(*member))
}

/// RFC 7638 §3: the hash of the members that make the key, in the order of their names, without white space.
pub(crate) fn thumbprint(jwk: &Value) -> Option<String> {
    let members: &[&str] = match jwk["kty"].as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut canonical = String::new();
    for member in members {
        canonical.push(if canonical.is_empty() { '{' } else { ',' });
        // Names and values are base64url or names of curves: nothing in them is escaped in JSON.
        let value = jwk[*member]
            .as_str()
            .filter(|value| value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))?;
        canonical.push_str(&format!("\"{member}\":\"{value}\""));
    }
    canonical.push('}');
    Some(base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()).as_ref()))
}

#[cfg(test)]
mod tests {
    use postern_core::signing::SigningAlgorithm;

    use super::*;

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::from_pem(algorithm, SigningKey::generate(algorithm).unwrap().expose()).unwrap()
    }

    fn parse(keys: Vec<Value>) -> Result<Jwks, JwksError> {
        Jwks::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    /// RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_is_that_of_the_example() {
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        });
        assert_eq!(thumbprint(&jwk).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    }

    #[test]
    fn a_set_with_a_private_or_a_shared_key_is_refused() {
        let mut private = key(SigningAlgorithm::Es256).public().clone();
        private["d"] = json!("AAAA");
        assert_eq!(parse(vec![private]).err(), Some(JwksError::Private));
        assert_eq!(parse(vec![json!({ "kty": "oct", "k": "AAAA" })]).err(), Some(JwksError::Private));
    }

    #[test]
    fn keys_that_verify_nothing_here_are_passed_over() {
        let good = key(SigningAlgorithm::Es256).public().clone();
        let with = |name: &str, value: Value| {
            let mut jwk = good.clone();
            jwk[name] = value;
            jwk
        };
        let short = json!({ "kty": "RSA", "n": base64url(&[0xff; 128]), "e": "AQAB" });
        let long = json!({ "kty": "RSA", "n": base64url(&[0xff; 1024]), "e": "AQAB" });
        for other in [
            with("use", json!("enc")),
            with("key_ops", json!(["sign"])),
            with("alg", json!("ES384")),
            with("alg", json!("HS256")),
            with("crv", json!("P-384")),
            with("x", json!("AAAA")),
            with("kty", json!("AKP")),
            short,
            long,
        ] {
            assert_eq!(parse(vec![other.clone()]).err(), Some(JwksError::Empty), "{other}");
            assert_eq!(parse(vec![other, good.clone()]).unwrap().keys.len(), 1);
        }
        assert!(parse(vec![with("key_ops", json!(["verify"]))]).is_ok());
    }

    #[test]
    fn sets_are_bounded() {
        let good = key(SigningAlgorithm::EdDsa).public().clone();
        assert_eq!(parse(vec![good.clone(); 51]).err(), Some(JwksError::TooLarge));
        assert!(parse(vec![good; 50]).is_ok());
        assert_eq!(Jwks::parse(&[b' '; 64 * 1024 + 1]).err(), Some(JwksError::TooLarge));
        for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[1]}"] {
            assert_eq!(Jwks::parse(text.as_bytes()).err(), Some(JwksError::Malformed), "{text}");
        }
        assert_eq!(parse(vec![]).err(), Some(JwksError::Empty));
    }
}
