//! What an app registers of itself as an OAuth client (RFC 7591 §2): how it proves who it is, with which keys, which grants it
//! uses, and where it hears of a logout.

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::former_secrets::FormerSecrets;
use crate::ports::Timestamp;
use crate::products::invalid;
use crate::secret::SecretHash;

/// How a client proves who it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// By a secret, in the header or in the form.
    ClientSecret {
        /// What is kept of the secret.
        hash: SecretHash,
        /// Whether it was registered as `client_secret_post`; both ways are accepted.
        post: bool,
        /// Those that it had before and may still send.
        #[serde(default)]
        former: FormerSecrets,
    },
    /// By a token that it signs (RFC 7523 §2.2).
    PrivateKeyJwt {
        /// What it may have signed with.
        keys: ClientKeys,
    },
    /// Not at all: a public client, which PKCE protects.
    None,
}

/// The public keys of a client that signs (RFC 7591 §2, `jwks` and `jwks_uri`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKeys {
    /// A JWK Set, as JSON text.
    pub jwks: String,
    /// Where it was fetched, if it was.
    pub uri: Option<String>,
    /// When it was given to us, or fetched.
    pub since: Timestamp,
    /// How it has to sign (`token_endpoint_auth_signing_alg`); `None`: in any way of [`ClientKeys::USUAL`].
    pub algorithm: Option<String>,
}

impl ClientKeys {
    /// What is taken where a client does not say how it signs (FAPI 2.0 §5.4.1).
    pub const USUAL: &'static [&'static str] = &["PS256", "ES256", "EdDSA"];
    /// What a client may say.
    pub const OFFERED: &'static [&'static str] = &["PS256", "ES256", "EdDSA", "RS256"];
}

impl ClientAuthentication {
    /// The registered name (RFC 7591 §2).
    pub fn method(&self) -> &'static str {
        match self {
            Self::ClientSecret { post: false, .. } => "client_secret_basic",
            Self::ClientSecret { post: true, .. } => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// When the secrets end that it had before and may still send.
    pub fn former_secret_end(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::ClientSecret { former, .. } => former.end(now),
            Self::PrivateKeyJwt { .. } | Self::None => None,
        }
    }

    /// The keys of a client that signs.
    pub fn keys(&self) -> Option<&ClientKeys> {
        match self {
            Self::PrivateKeyJwt { keys } => Some(keys),
            Self::ClientSecret { .. } | Self::None => None,
        }
    }
}

/// The keys of a client that signs, changed.
pub(crate) fn changed_keys(
    present: Option<&ClientKeys>,
    (jwks, uri, algorithm): (Option<String>, Option<String>, Option<String>),
    now: Timestamp,
) -> Result<ClientKeys, Fault> {
    let mut keys = match (jwks, present) {
        (Some(jwks), present) => {
            let algorithm = present.and_then(|present| present.algorithm.clone());
            ClientKeys { jwks, uri, since: now, algorithm }
        }
        (None, Some(present)) => present.clone(),
        (None, None) => return Err(Code::FieldMissing.fault().expected("jwks or jwks_uri")),
    };
    if let Some(algorithm) = algorithm {
        keys.algorithm = Some(algorithm).filter(|name| !name.is_empty());
        if keys.algorithm.as_ref().is_some_and(|name| !ClientKeys::OFFERED.contains(&name.as_str())) {
            let known = format!("is not one of {}", ClientKeys::OFFERED.join(", "));
            return Err(invalid("token_endpoint_auth_signing_alg", known));
        }
    }
    Ok(keys)
}

/// RFC 7591 §2: `grant_types`. The authorization code is what every login begins with.
pub(crate) fn refresh_tokens(grants: &[String]) -> Result<bool, Fault> {
    let names: Vec<_> = grants.iter().map(String::as_str).collect();
    match names.contains(&"authorization_code")
        && names.iter().all(|name| matches!(*name, "authorization_code" | "refresh_token"))
    {
        true => Ok(names.contains(&"refresh_token")),
        false => Err(invalid("grant_types", "is not authorization_code, alone or with refresh_token")),
    }
}

/// Back-Channel Logout §2.2: an absolute URL, which "MUST NOT include a fragment component". It may be plain `http`: whether the
/// network behind it is one that is spoken to so, `fetch.allow_networks` says.
pub(crate) fn backchannel_url(url: String) -> Result<Option<String>, Fault> {
    if url.is_empty() {
        return Ok(None);
    }
    let good = url::Url::parse(&url).is_ok_and(|parsed| {
        matches!(parsed.scheme(), "http" | "https")
            && parsed.fragment().is_none()
            && parsed.username().is_empty()
            && parsed.password().is_none()
    });
    match good && url.len() <= 2048 {
        true => Ok(Some(url)),
        false => Err(invalid("backchannel_logout_uri", "is not an http or https URL without fragment and credentials")),
    }
}
