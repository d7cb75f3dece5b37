//! Our own ID token, shown to us again (OIDC Core §3.1.2.1, RP-Initiated Logout §2).

use postern_core::login::SessionId;
use serde_json::Value;

use crate::jwks::Jwks;
use crate::jws::{self, Algorithm, JwsError};

/// What an ID token of ours said when it was issued. It proves who was meant, not who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenHint {
    /// Who.
    pub subject: String,
    /// Whom it was issued to: the `client_id` as it was sent.
    pub client_id: String,
    /// Of which session it told.
    pub session: SessionId,
}

/// Why something is no ID token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenHintError {
    /// Not signed by us.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Of another issuer, or without what an ID token of ours has.
    #[error("the token is not an ID token of this issuer")]
    Foreign,
}

/// Verifies an ID token of ours. It may have expired (RP-Initiated Logout §4: "The OP SHOULD accept ID Tokens when the RP
/// identified by the ID Token's aud claim and/or sid claim has a current session or had a recent session at the OP, even
/// when the exp time has passed.").
pub fn verify(token: &str, ours: &Jwks, issuer: &str) -> Result<IdTokenHint, IdTokenHintError> {
    const WAYS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
    let mut claims = jws::verify(token, ours, WAYS, &[Some("jwt")])?; // a logout token has another type
    let mut text = |name: &str| match claims.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(IdTokenHintError::Foreign),
    };
    if text("iss")? != issuer {
        return Err(IdTokenHintError::Foreign);
    }
    Ok(IdTokenHint { subject: text("sub")?, client_id: text("aud")?, session: SessionId(text("sid")?) })
}
