//! A signature of somebody else, verified: which ways of signing are taken, which keys may have signed, what the token may
//! claim to be. What comes out are its claims, still to be judged.

use jsonwebtoken::Validation;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::jwks::{Jwks, PublicKey, is_private};

/// How a foreign token may be signed. There is no `none` and no shared secret among them, so that neither can be meant
/// (RFC 8725 §3.1, §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256. FAPI 2.0 §5.4.1 does without.
    Rs256,
}

impl Algorithm {
    /// All of them, the better ones first.
    pub const ALL: &'static [Self] = &[Self::Ps256, Self::Es256, Self::EdDsa, Self::Rs256];
    /// Those of FAPI 2.0 §5.4.1.
    pub const FAPI: &'static [Self] = &[Self::Ps256, Self::Es256, Self::EdDsa];

    /// The registered name: `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
    /// The algorithm of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
    fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// Why a token is not taken for a signed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`LARGEST`].
    #[error("the token is longer than is read")]
    TooLarge,
    /// Not three parts, not base64url, not JSON, a member twice.
    #[error("the text is not a signed token")]
    Malformed,
    /// Signed in no way that is taken here.
    #[error("the token is signed in a way that is not taken")]
    Algorithm,
    /// A token of another kind, which says so.
    #[error("the token is of another type")]
    Type,
    /// The header demands something (RFC 7515 §4.1.11).
    #[error("the token's header has critical parameters")]
    Critical,
    /// No key of the set has the name that the header gives.
    #[error("the key that the token names is not known")]
    KeyUnknown,
    /// No such key signed it.
    #[error("the signature is not by a known key")]
    Signature,
}

/// How long a foreign token may be.
pub const LARGEST: usize = 16 * 1024;

/// How many keys are tried on a token that does not say which.
const MOST_TRIED: usize = 4;

/// The header, as far as anything here reads it. `jku`, `x5u`, `x5c` are not.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<Map<String, Value>>,
    crit: Option<Value>,
}

impl Header {
    /// Reads what is not signed yet: only to choose how, and by which key, the signature is verified.
    fn read(token: &str) -> Result<Self, JwsError> {
        if token.len() > LARGEST {
            return Err(JwsError::TooLarge);
        }
        let (header, _) = token.split_once('.').ok_or(JwsError::Malformed)?;
        let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes()).map_err(|_| JwsError::Malformed)?;
        let header: Self = serde_json::from_slice(&header).map_err(|_| JwsError::Malformed)?;
        match header.crit {
            // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
            // recipient, then the JWS is invalid." None is.
            Some(_) => Err(JwsError::Critical),
            None => Ok(header),
        }
    }

    fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, JwsError> {
        let named = Algorithm::named(&self.alg).filter(|algorithm| allowed.contains(algorithm));
        named.ok_or(JwsError::Algorithm)
    }

    /// RFC 7515 §4.1.9: upper and lower case do not count, and `application/` may be left out.
    fn is_of(&self, types: &[Option<&str>]) -> bool {
        let typ = self.typ.as_ref().map(|typ| typ.to_ascii_lowercase());
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        types.contains(&typ)
    }
}

/// Whether a key of the set has the name that the header gives, or the header gives none.
pub(crate) fn names_known_key(token: &str, keys: &Jwks) -> bool {
    Header::read(token).is_ok_and(|header| keys.names(header.kid.as_deref()))
}

/// The claims of a token that one of `keys` signed. `types` are the values of `typ` that it may have, in lower case; `None`
/// stands for none.
pub(crate) fn verify(
    token: &str,
    keys: &Jwks,
    allowed: &[Algorithm],
    types: &[Option<&str>],
) -> Result<Map<String, Value>, JwsError> {
    let header = Header::read(token)?;
    let algorithm = header.algorithm(allowed)?;
    if !header.is_of(types) {
        return Err(JwsError::Type);
    }
    let mut failed = JwsError::KeyUnknown;
    for key in keys.candidates(header.kid.as_deref(), algorithm).take(MOST_TRIED) {
        match verify_with(token, key, algorithm) {
            Err(JwsError::Signature) => failed = JwsError::Signature,
            other => return other,
        }
    }
    Err(failed)
}

/// The claims of a token that brings its key along, and the thumbprint of that key. All that this proves is that whoever
/// made the token has the private half.
pub(crate) fn verify_by_own_key(
    token: &str,
    allowed: &[Algorithm],
    typ: &str,
) -> Result<(Map<String, Value>, String), JwsError> {
    let header = Header::read(token)?;
    let algorithm = header.algorithm(allowed)?;
    if !header.is_of(&[Some(typ)]) {
        return Err(JwsError::Type);
    }
    let jwk = header.jwk.as_ref().filter(|jwk| !is_private(jwk)).ok_or(JwsError::KeyUnknown)?;
    let key = PublicKey::read(jwk).filter(|key| key.algorithms.contains(&algorithm)).ok_or(JwsError::KeyUnknown)?;
    Ok((verify_with(token, &key, algorithm)?, key.thumbprint))
}

fn verify_with(token: &str, key: &PublicKey, algorithm: Algorithm) -> Result<Map<String, Value>, JwsError> {
    let mut signature_alone = Validation::new(algorithm.of_library());
    signature_alone.required_spec_claims.clear();
    signature_alone.validate_exp = false; // by its own clock; ours judges, in `times`
    signature_alone.validate_aud = false;
    match jsonwebtoken::decode(token, &key.key, &signature_alone) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) if *error.kind() == jsonwebtoken::errors::ErrorKind::InvalidSignature => Err(JwsError::Signature),
        Err(_) => Err(JwsError::Malformed),
    }
}
