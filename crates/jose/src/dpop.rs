//! Proof that whoever sends a request has the key that its token is bound to (DPoP, RFC 9449).

use postern_core::base64url;
use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use crate::jws::{self, Algorithm, JwsError};
use crate::times::{ahead, instant};

/// What a proof has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Where it went, without query.
    pub url: &'a str,
    /// How the proof may be signed.
    pub algorithms: &'a [Algorithm],
    /// The access token beside it; at the token endpoint there is none.
    pub access_token: Option<&'a str>,
    /// What the proof has to repeat one of, where we gave something.
    pub nonces: &'a [String],
    /// The present instant.
    pub now: Timestamp,
}

/// A good proof, which may be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The thumbprint of the key (RFC 9449 §6.1).
    pub jkt: String,
    /// Its name, which is remembered until [`Proof::usable_until`].
    pub jti: String,
    /// From then on it would be refused without having been remembered.
    pub usable_until: Timestamp,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not signed as it should be, or not by the key in it.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// There is no such claim, or it is of another kind.
    #[error("the proof has no usable {0}")]
    Missing(&'static str),
    /// `htm` is another method.
    #[error("the proof is for another method")]
    Method,
    /// `htu` is another address.
    #[error("the proof is for another address")]
    Url,
    /// `iat` is too long ago, or to come.
    #[error("the proof was not made just now")]
    Time,
    /// `nonce` is not the one that we gave.
    #[error("the proof does not repeat the nonce")]
    Nonce,
    /// `ath` is missing, or of another token.
    #[error("the proof is for another access token")]
    AccessToken,
}

impl From<ProofError> for Fault {
    fn from(error: ProofError) -> Self {
        let code = match error {
            ProofError::Jws(_) | ProofError::Missing(_) => Code::DpopProofForm,
            ProofError::Method | ProofError::Url => Code::DpopProofRequest,
            ProofError::Time => Code::DpopProofTime,
            ProofError::Nonce => Code::DpopNonceMissing,
            ProofError::AccessToken => Code::DpopProofToken,
        };
        code.fault().because(error)
    }
}

/// How many seconds a proof may be old, or ahead of our clock (RFC 9449 §11.1).
const WINDOW: i64 = 60;

/// A name is remembered; a longer one is nobody's.
const LONGEST_JTI: usize = 256;

/// Verifies a proof by the list of RFC 9449 §4.3. Whether it was used before, the caller finds out: `jti` is to be remembered
/// together with `jkt`, in one atomic step, on all replicas (§11.1).
pub fn verify(proof: &str, expected: &Expected<'_>) -> Result<Proof, ProofError> {
    use ProofError as Error;
    let (claims, jkt) = jws::verify_by_own_key(proof, expected.algorithms, "dpop+jwt")?;
    let text = |name: &'static str| required(&claims, name);
    if text("htm")? != expected.method {
        return Err(Error::Method);
    }
    if address(text("htu")?) != address(expected.url) {
        return Err(Error::Url);
    }
    let made = instant(&claims, "iat").ok().flatten().ok_or(Error::Missing("iat"))?;
    if ahead(made, expected.now).abs() > WINDOW {
        return Err(Error::Time);
    }
    let repeated = claims.get("nonce").and_then(Value::as_str);
    if !expected.nonces.is_empty() && !expected.nonces.iter().any(|nonce| repeated == Some(nonce)) {
        return Err(Error::Nonce);
    }
    if let Some(token) = expected.access_token {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        if claims.get("ath").and_then(Value::as_str) != Some(&base64url(hash.as_ref())) {
            return Err(Error::AccessToken);
        }
    }
    let jti = Some(text("jti")?).filter(|jti| jti.len() <= LONGEST_JTI).ok_or(Error::Missing("jti"))?.to_owned();
    let usable_until = Timestamp::from_second(made.as_second().saturating_add(WINDOW + 1)).unwrap_or(Timestamp::MAX);
    Ok(Proof { jkt, jti, usable_until })
}

fn required<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ProofError> {
    let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(ProofError::Missing(name))
}

/// RFC 9449 §4.3, 9: compared "ignoring any query and fragment parts"; scheme, host and port as RFC 3986 §6.2 has it.
fn address(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}
