//! The public keys of a provider (RFC 7517, RFC 7518 §6), verified on aws-lc-rs.
//!
//! `openidconnect` would verify with the RustCrypto crates. It takes any key type instead, so it takes this one: one
//! implementation of cryptography in the program, RSA from 2048 bits on, and nothing but asymmetric keys.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use data_encoding::BASE64URL_NOPAD;
use openidconnect::core::{CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm as Algorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, SignatureVerificationError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How ID tokens may be signed. Never `none`, and never by a MAC: who can verify one could have made it (ASVS 9.1.2).
pub const ALGORITHMS: [Algorithm; 10] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EcdsaP521Sha512,
    Algorithm::EdDsa,
];

/// A public key that may have signed an ID token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Key {
    jwk: Map<String, Value>,
    id: Option<JsonWebKeyId>,
    kind: CoreJsonWebKeyType,
    usage: Option<CoreJsonWebKeyUse>,
    algorithm: Option<Result<Algorithm, NotForSigning>>,
    material: Material,
}

/// The key's `alg` is for something else, such as encryption.
#[derive(Debug, Clone)]
struct NotForSigning;

#[derive(Debug, Clone)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point and the one algorithm of its curve.
    Ec {
        point: Vec<u8>,
        algorithm: Algorithm,
    },
    Ed25519 {
        x: Vec<u8>,
    },
}

/// Why a JWK is no key for ID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of a supported kind")]
pub struct Unusable;

impl Key {
    /// Reads a JWK. One with a private part is not read: a provider that publishes it has lost it.
    pub fn read(jwk: &Map<String, Value>) -> Result<Self, Unusable> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let decoded =
                text(name).and_then(|text| BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok());
            decoded.filter(|bytes| !bytes.is_empty() && bytes.len() <= 1024).ok_or(Unusable)
        };
        if jwk.contains_key("d") {
            return Err(Unusable);
        }
        let (kind, material) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let without_zeros =
                    |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
                let (n, e) = (without_zeros(bytes("n")?), without_zeros(bytes("e")?));
                match n.len() >= 256 {
                    true => (CoreJsonWebKeyType::RSA, Material::Rsa { n, e }),
                    false => return Err(Unusable),
                }
            }
            (Some("EC"), Some(curve)) => {
                let (algorithm, width) = match curve {
                    "P-256" => (Algorithm::EcdsaP256Sha256, 32),
                    "P-384" => (Algorithm::EcdsaP384Sha384, 48),
                    "P-521" => (Algorithm::EcdsaP521Sha512, 66),
                    _ => return Err(Unusable),
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                match x.len() == width && y.len() == width {
                    true => (
                        CoreJsonWebKeyType::EllipticCurve,
                        Material::Ec { point: [&[4], &x[..], &y].concat(), algorithm },
                    ),
                    false => return Err(Unusable),
                }
            }
            (Some("OKP"), Some("Ed25519")) => (CoreJsonWebKeyType::OctetKeyPair, Material::Ed25519 { x: bytes("x")? }),
            _ => return Err(Unusable),
        };
        let algorithm =
            text("alg").map(|name| ALGORITHMS.into_iter().find(|known| named(known, name)).ok_or(NotForSigning));
        Ok(Self {
            id: text("kid").map(|id| JsonWebKeyId::new(id.to_owned())),
            kind,
            usage: jwk.get("use").and_then(|usage| serde_json::from_value(usage.clone()).ok()),
            algorithm,
            material,
            jwk: jwk.clone(),
        })
    }

    /// Whether it is there to sign, as far as it says (RFC 7517 §4.2, §4.3).
    pub fn may_sign(&self) -> bool {
        let usage = self.jwk.get("use").is_none_or(|usage| usage == "sig");
        let operations = self.jwk.get("key_ops").and_then(Value::as_array);
        usage
            && operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
            && !matches!(self.algorithm, Some(Err(NotForSigning)))
    }

    /// Verifies a signature by an algorithm that fits the key.
    fn verify(
        &self,
        algorithm: &Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        let wrong_key = || SignatureVerificationError::InvalidKey("the key is not for this algorithm".to_owned());
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                let parameters = rsa(algorithm).ok_or_else(wrong_key)?;
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Material::Ec { point, algorithm: own } => {
                let scheme: &'static dyn VerificationAlgorithm = match (algorithm == own, own) {
                    (true, Algorithm::EcdsaP256Sha256) => &signature::ECDSA_P256_SHA256_FIXED,
                    (true, Algorithm::EcdsaP384Sha384) => &signature::ECDSA_P384_SHA384_FIXED,
                    (true, Algorithm::EcdsaP521Sha512) => &signature::ECDSA_P521_SHA512_FIXED,
                    _ => return Err(wrong_key()),
                };
                UnparsedPublicKey::new(scheme, point).verify(message, signature)
            }
            Material::Ed25519 { x } if *algorithm == Algorithm::EdDsa => {
                UnparsedPublicKey::new(&signature::ED25519, x).verify(message, signature)
            }
            Material::Ed25519 { .. } => return Err(wrong_key()),
        };
        verified.map_err(|_| SignatureVerificationError::CryptoError("the signature is wrong".to_owned()))
    }
}

fn rsa(algorithm: &Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RsaSsaPkcs1V15Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RsaSsaPkcs1V15Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RsaSsaPkcs1V15Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::RsaSsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::RsaSsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::RsaSsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn named(algorithm: &Algorithm, name: &str) -> bool {
    serde_json::to_value(algorithm).is_ok_and(|own| own == name)
}

impl TryFrom<Map<String, Value>> for Key {
    type Error = Unusable;
    fn try_from(jwk: Map<String, Value>) -> Result<Self, Unusable> {
        Key::read(&jwk)
    }
}

impl From<Key> for Map<String, Value> {
    fn from(key: Key) -> Self {
        key.jwk
    }
}

impl JsonWebKey for Key {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = Algorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        self.id.as_ref()
    }
    fn key_type(&self) -> &CoreJsonWebKeyType {
        &self.kind
    }
    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        self.usage.as_ref()
    }
    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&Algorithm> {
        match (&self.algorithm, &self.material) {
            (Some(Ok(algorithm)), _) => JsonWebKeyAlgorithm::Algorithm(algorithm),
            (Some(Err(NotForSigning)), _) => JsonWebKeyAlgorithm::Unsupported,
            // A curve has one algorithm, so a set with several curves is not ambiguous.
            (None, Material::Ec { algorithm, .. }) => JsonWebKeyAlgorithm::Algorithm(algorithm),
            (None, _) => JsonWebKeyAlgorithm::Unspecified,
        }
    }
    /// A key that nothing fits: MACs are not accepted.
    fn new_symmetric(_: Vec<u8>) -> Self {
        Self {
            jwk: Map::new(),
            id: None,
            kind: CoreJsonWebKeyType::Symmetric,
            usage: None,
            algorithm: Some(Err(NotForSigning)),
            material: Material::Ed25519 { x: Vec::new() },
        }
    }
    fn verify_signature(
        &self,
        algorithm: &Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        self.verify(algorithm, message, signature)
    }
    fn hash_bytes(&self, bytes: &[u8], algorithm: &Algorithm) -> Result<Vec<u8>, String> {
        let hash = match algorithm {
            Algorithm::RsaSsaPkcs1V15Sha256 | Algorithm::RsaSsaPssSha256 | Algorithm::EcdsaP256Sha256 => {
                &digest::SHA256
            }
            Algorithm::RsaSsaPkcs1V15Sha384 | Algorithm::RsaSsaPssSha384 | Algorithm::EcdsaP384Sha384 => {
                &digest::SHA384
            }
            Algorithm::RsaSsaPkcs1V15Sha512
            | Algorithm::RsaSsaPssSha512
            | Algorithm::EcdsaP521Sha512
            | Algorithm::EdDsa => &digest::SHA512,
            _ => return Err("no hash belongs to this algorithm".to_owned()),
        };
        Ok(digest::digest(hash, bytes).as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(jwk: Value) -> Result<Key, Unusable> {
        Key::read(jwk.as_object().unwrap())
    }

    /// RFC 7515 §A.3: ES256 over the example's signing input.
    #[test]
    fn the_example_of_rfc_7515_verifies() {
        let key = read(json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }))
        .unwrap();
        let input = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        assert!(key.verify(&Algorithm::EcdsaP256Sha256, input.as_bytes(), &signature).is_ok());
        assert!(key.verify(&Algorithm::EcdsaP256Sha256, b"other", &signature).is_err());
        assert!(key.verify(&Algorithm::RsaSsaPkcs1V15Sha256, input.as_bytes(), &signature).is_err());
    }

    #[test]
    fn what_is_no_public_signing_key_is_not_read() {
        let n = BASE64URL_NOPAD.encode(&[0xC3; 256]);
        assert!(read(json!({ "kty": "RSA", "n": n, "e": "AQAB" })).unwrap().may_sign());
        let short = BASE64URL_NOPAD.encode(&[0xC3; 128]);
        for jwk in [
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            json!({ "kty": "RSA", "n": short, "e": "AQAB" }),
            json!({ "kty": "RSA", "n": n, "e": "AQAB", "d": "AQAB" }),
            json!({ "kty": "RSA", "n": n }),
            json!({ "kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB" }),
            json!({ "kty": "EC", "crv": "secp256k1", "x": "AQAB", "y": "AQAB" }),
            json!({ "kty": "OKP", "crv": "Ed448", "x": "AQAB" }),
            json!({}),
        ] {
            assert_eq!(read(jwk).err(), Some(Unusable));
        }
        for other in [json!({ "use": "enc" }), json!({ "alg": "RSA-OAEP" }), json!({ "key_ops": ["encrypt"] })] {
            let mut jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB" });
            jwk.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
            assert!(!read(jwk).unwrap().may_sign());
        }
    }
}
