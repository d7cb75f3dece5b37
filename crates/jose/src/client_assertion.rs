//! A client that proves itself by a key: `private_key_jwt` (OIDC Core §9, RFC 7523 §3).

use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;
use serde_json::{Map, Value};

use crate::jwks::Jwks;
use crate::jws::{self, Algorithm, JwsError};
use crate::times::{ahead, instant};

/// `client_assertion_type` of such a token (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an assertion has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who says that it is.
    pub client_id: &'a str,
    /// Who we are.
    pub issuer: &'a str,
    /// How it may be signed.
    pub algorithms: &'a [Algorithm],
    /// How many seconds from now it may at most live.
    pub longest_seconds: i64,
    /// The present instant.
    pub now: Timestamp,
}

/// A good assertion, which may be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAssertion {
    /// Its name, which is remembered until [`ClientAssertion::usable_until`].
    pub jti: String,
    /// From then on it would be refused without having been remembered.
    pub usable_until: Timestamp,
}

/// Why an assertion proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientAssertionError {
    /// It is not signed as it should be.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `iss` or `sub` is not the client.
    #[error("the assertion is about another client")]
    Client,
    /// `aud` is not our issuer, alone and as text.
    #[error("the assertion is for another audience")]
    Audience,
    /// There is no `exp`, no `jti`, or one of the times is none.
    #[error("the assertion has no usable {0}")]
    Missing(&'static str),
    /// `exp` is past.
    #[error("the assertion has expired")]
    Expired,
    /// `exp` is too far away.
    #[error("the assertion lives too long")]
    LongLived,
    /// `nbf` or `iat` is to come.
    #[error("the assertion is not valid yet")]
    Early,
}

impl From<ClientAssertionError> for Fault {
    fn from(error: ClientAssertionError) -> Self {
        use ClientAssertionError as Error;
        let code = match error {
            Error::Jws(JwsError::Algorithm) => Code::ClientAssertionAlgorithm,
            Error::Jws(JwsError::KeyUnknown | JwsError::Signature) => Code::ClientAssertionKey,
            Error::Jws(_) => Code::ClientAssertionForm,
            Error::Client => Code::ClientAssertionClient,
            Error::Audience => Code::ClientAssertionAudience,
            Error::Missing(_) | Error::Expired | Error::LongLived | Error::Early => Code::ClientAssertionTimes,
        };
        code.fault().because(error)
    }
}

/// How many seconds the client's clock may differ from ours.
const LEEWAY: i64 = 10;

/// A name is remembered; a longer one is nobody's.
const LONGEST_JTI: usize = 256;

/// The types that an assertion may call itself: none, the usual one, or its own (RFC 7523bis §4).
const TYPES: &[Option<&str>] = &[None, Some("jwt"), Some("client-authentication+jwt")];

/// Verifies an assertion of a client whose keys are known. Whether it was used before, the caller finds out: `jti` is to be
/// remembered, in one atomic step, before anything is given.
pub fn verify(token: &str, keys: &Jwks, expected: &Expected<'_>) -> Result<ClientAssertion, ClientAssertionError> {
    use ClientAssertionError as Error;
    let claims = jws::verify(token, keys, expected.algorithms, TYPES)?;
    if text(&claims, "iss") != Some(expected.client_id) || text(&claims, "sub") != Some(expected.client_id) {
        return Err(Error::Client);
    }
    // RFC 7523bis §4: the issuer as the one value. Another server that could have us as a second audience, or that publishes
    // our endpoint as its own, would get assertions that work here.
    if text(&claims, "aud") != Some(expected.issuer) {
        return Err(Error::Audience);
    }
    let time = |name| instant(&claims, name).map_err(|()| Error::Missing(name));
    let expires = time("exp")?.ok_or(Error::Missing("exp"))?;
    match ahead(expires, expected.now) {
        seconds if seconds <= -LEEWAY => return Err(Error::Expired),
        seconds if seconds > expected.longest_seconds => return Err(Error::LongLived),
        _ => {}
    }
    for name in ["nbf", "iat"] {
        if time(name)?.is_some_and(|from| ahead(from, expected.now) > LEEWAY) {
            return Err(Error::Early);
        }
    }
    let jti = text(&claims, "jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
    let jti = jti.ok_or(Error::Missing("jti"))?.to_owned();
    let usable_until = Timestamp::from_second(expires.as_second().saturating_add(LEEWAY)).unwrap_or(Timestamp::MAX);
    Ok(ClientAssertion { jti, usable_until })
}

/// Whether a set has a key of the name that an assertion gives, before anything is verified: if not, newer keys are worth a
/// look.
pub fn names_known_key(token: &str, keys: &Jwks) -> bool {
    jws::names_known_key(token, keys)
}

/// The client that an assertion says it is of, before anything is verified: only to find the keys by. What it is verified
/// against has to be the same.
pub fn unverified_client(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1).filter(|claims| claims.len() <= jws::LARGEST)?;
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    text(&claims, "sub").map(str::to_owned)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}
