//! Our private keys, parsed once, and what they sign.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use data_encoding::BASE64;
use postern_core::base64url;
use postern_core::secret::Secret;
use postern_core::signing::SigningAlgorithm;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::jwks::thumbprint;

/// Why a text is no key of ours, or a key did not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// Not PEM of a PKCS#8 key.
    #[error("the text has no PEM block PRIVATE KEY")]
    Missing,
    /// Of another kind, too small, broken.
    #[error("the private key is not one for {}", .0.name())]
    Unfit(SigningAlgorithm),
    /// The library did not make one.
    #[error("no key could be made")]
    Generate,
    /// The library did not sign, or what was to be signed cannot be written.
    #[error("nothing was signed")]
    Sign,
}

/// A private key that signs our tokens in one way.
pub struct SigningKey {
    pair: Pair,
    kid: String,
    public: Value,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a key, as PEM: RSA of 2048 bits, P-256 or Ed25519.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Secret, SigningError> {
        let generate = |_| SigningError::Generate;
        let der = match algorithm {
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(generate)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(generate)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(generate)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(generate)?.as_ref().to_vec())
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(generate)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(generate)?.as_ref().to_vec())
            }
        };
        Ok(pem(&der))
    }

    /// Reads a key: PKCS#8 as PEM.
    pub fn from_pem(algorithm: SigningAlgorithm, pem: &str) -> Result<Self, SigningError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| SigningError::Missing)?;
        let der = der.secret_pkcs8_der();
        let unfit = |_| SigningError::Unfit(algorithm);
        let (pair, mut public) = match algorithm {
            SigningAlgorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(unfit)?;
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let public = json!({
                    "kty": "RSA",
                    "n": base64url(n.big_endian_without_leading_zero()),
                    "e": base64url(e.big_endian_without_leading_zero()),
                });
                (Pair::Rsa(pair), public)
            }
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(unfit)?;
                // SEC 1 §2.3.3: 04, x, y.
                let point = pair.public_key().as_ref();
                let [_, x @ ..] = point else { return Err(SigningError::Unfit(algorithm)) };
                let (x, y) = x.split_at_checked(32).ok_or(SigningError::Unfit(algorithm))?;
                let public = json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) });
                (Pair::P256(pair), public)
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(unfit)?;
                let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) });
                (Pair::Ed25519(pair), public)
            }
        };
        let kid = thumbprint(&public).ok_or(SigningError::Unfit(algorithm))?;
        public["kid"] = json!(kid);
        public["use"] = json!("sig");
        public["alg"] = json!(algorithm.name());
        Ok(Self { pair, kid, public })
    }

    /// How it signs.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SigningAlgorithm::Rs256,
            Pair::P256(_) => SigningAlgorithm::Es256,
            Pair::Ed25519(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// Its name: the thumbprint of its public half (RFC 7638), so that two keys never have the same.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half as a JWK (RFC 7517), with what it is for.
    pub fn public(&self) -> &Value {
        &self.public
    }

    /// Signs claims: a token in the compact form (RFC 7515 §7.1), whose header says its type, so that it cannot stand for a
    /// token of another type (RFC 8725 §3.11), and nothing about where its key is.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let header = json!({ "typ": typ, "alg": self.algorithm().name(), "kid": self.kid });
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Sign)?;
        let mut token = base64url(header.to_string().as_bytes());
        token.push('.');
        data_encoding::BASE64URL_NOPAD.encode_append(&claims, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        data_encoding::BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| SigningError::Sign)?;
                Ok(signature)
            }
            // RFC 7518 §3.4: the two integers, one behind the other.
            Pair::P256(pair) => Ok(pair.sign(&random, message).map_err(|_| SigningError::Sign)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// RFC 7468: base64 in lines of 64.
fn pem(der: &[u8]) -> Secret {
    let base64 = Zeroizing::new(BASE64.encode(der));
    let mut text = Zeroizing::new(String::from("-----BEGIN PRIVATE KEY-----\n"));
    for line in base64.as_bytes().chunks(64) {
        // Base64 is ASCII, and so is every piece of it.
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    Secret::new(text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back_and_does_not_print() {
        for algorithm in SigningAlgorithm::ALL {
            let pem = SigningKey::generate(algorithm).unwrap();
            let key = SigningKey::from_pem(algorithm, pem.expose()).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.kid(), SigningKey::from_pem(algorithm, pem.expose()).unwrap().kid());
            assert_eq!(key.kid().len(), 43);
            assert!(format!("{key:?}").len() < 100);
        }
    }

    #[test]
    fn d6_the_public_half_says_what_it_is_for_and_nothing_private() {
        for algorithm in SigningAlgorithm::ALL {
            let key = SigningKey::from_pem(algorithm, SigningKey::generate(algorithm).unwrap().expose()).unwrap();
            let public = key.public().as_object().unwrap();
            assert_eq!((public["use"].as_str(), public["alg"].as_str()), (Some("sig"), Some(algorithm.name())));
            assert_eq!(public["kid"], key.kid());
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(!public.contains_key(private), "{private}");
            }
            if let Some(n) = public.get("n") {
                let modulus = data_encoding::BASE64URL_NOPAD.decode(n.as_str().unwrap().as_bytes()).unwrap();
                assert!(modulus.len() == 256 && modulus[0] >= 0x80, "RSA of 2048 bits");
            }
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let rsa = SigningKey::generate(SigningAlgorithm::Rs256).unwrap();
        let p256 = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
        for (algorithm, pem, error) in [
            (SigningAlgorithm::Es256, rsa.expose(), SigningError::Unfit(SigningAlgorithm::Es256)),
            (SigningAlgorithm::EdDsa, rsa.expose(), SigningError::Unfit(SigningAlgorithm::EdDsa)),
            (SigningAlgorithm::Rs256, p256.expose(), SigningError::Unfit(SigningAlgorithm::Rs256)),
            (SigningAlgorithm::Rs256, "", SigningError::Missing),
            (
                SigningAlgorithm::Rs256,
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                SigningError::Unfit(SigningAlgorithm::Rs256),
            ),
        ] {
            assert_eq!(SigningKey::from_pem(algorithm, pem).err(), Some(error));
        }
    }
}
