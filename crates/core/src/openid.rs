//! A customer's OpenID Provider: what was configured about it, and what its own documents say.
//!
//! Both lie in the connection's record, so that a login fetches no document: the metadata and the keys are renewed in the
//! background, and once more for a key that is not known (OIDC Core §10.1.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ports::Timestamp;
use crate::secret::Secret;
use crate::signing::SigningAlgorithm;

/// An OpenID Provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcIdp {
    /// Its name, compared byte for byte (OIDC Discovery §4.3). Microsoft's shared ones hold [`TENANT_ID`].
    pub issuer: String,
    /// Where its metadata is fetched from; none: it was given by hand.
    pub discovery_url: Option<String>,
    /// What it calls us.
    pub client_id: String,
    /// How we prove that we are who it calls so.
    pub authentication: ClientAuthentication,
    /// What is asked for. `openid` is always among them.
    pub scopes: Vec<String>,
    /// More parameters of every authorization request.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Claims that an ID token has to carry with exactly this value, such as `hd` or `tid` where one issuer serves many
    /// organisations.
    #[serde(default)]
    pub required_claims: BTreeMap<String, String>,
    /// Audiences besides us that its ID tokens may name.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Whom our assertions name.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// Where it sends people back to.
    #[serde(default)]
    pub callback: Callback,
    /// What its documents say.
    pub provider: Provider,
}

/// What stands in Microsoft's shared issuers instead of the organisation, and is filled by the token's `tid`.
pub const TENANT_ID: &str = "{tenantid}";

/// The host at which an issuer may hold [`TENANT_ID`].
pub const TENANT_ID_HOST: &str = "login.microsoftonline.com";

impl OidcIdp {
    /// Whether something is to be kept fresh: documents that have an address, or keys of our own that are rotated.
    pub fn is_renewed(&self) -> bool {
        let rotates = matches!(self.authentication, ClientAuthentication::PrivateKeyJwt { .. });
        self.discovery_url.is_some() || self.provider.jwks_uri.is_some() || rotates
    }
}

/// What an OpenID Provider says of itself (OIDC Discovery §3), as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where more claims are.
    pub userinfo_endpoint: Option<String>,
    /// Where its keys are; none: they were given by hand.
    pub jwks_uri: Option<String>,
    /// Where people sign out (OIDC RP-Initiated Logout §2.1).
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
    /// Whether it names itself in every answer (RFC 9207 §3). Once it did, it has to.
    #[serde(default)]
    pub names_itself: bool,
    /// The keys that sign its ID tokens. Never none.
    pub keys: VerificationKeys,
}

/// Public keys as JWKs (RFC 7517): at least one, because without a key no login could be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Map<String, Value>>", into = "Vec<Map<String, Value>>")]
pub struct VerificationKeys(Vec<Map<String, Value>>);

impl VerificationKeys {
    /// The keys, or `None` if there are none.
    pub fn new(keys: Vec<Map<String, Value>>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }
    /// The keys.
    pub fn jwks(&self) -> &[Map<String, Value>] {
        &self.0
    }
}

impl TryFrom<Vec<Map<String, Value>>> for VerificationKeys {
    type Error = &'static str;
    fn try_from(keys: Vec<Map<String, Value>>) -> Result<Self, Self::Error> {
        Self::new(keys).ok_or("no verification key")
    }
}

impl From<VerificationKeys> for Vec<Map<String, Value>> {
    fn from(keys: VerificationKeys) -> Self {
        keys.0
    }
}

/// How we authenticate at the token endpoint (OIDC Core §9).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// A secret in the `Authorization` header.
    ClientSecretBasic {
        /// The secret.
        secret: Secret,
    },
    /// A secret in the form.
    ClientSecretPost {
        /// The secret.
        secret: Secret,
    },
    /// A signature by a key that nobody else ever has.
    PrivateKeyJwt {
        /// The keys, the oldest first.
        keys: Vec<ClientKey>,
    },
}

impl ClientAuthentication {
    /// Its name in metadata (OIDC Core §9).
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientSecretBasic { .. } => "client_secret_basic",
            Self::ClientSecretPost { .. } => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
        }
    }
    /// The secret, where there is one.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::ClientSecretBasic { secret } | Self::ClientSecretPost { secret } => Some(secret),
            Self::PrivateKeyJwt { .. } => None,
        }
    }
    /// Our own keys, where there are any.
    pub fn keys(&self) -> &[ClientKey] {
        match self {
            Self::PrivateKeyJwt { keys } => keys,
            _ => &[],
        }
    }
}

/// Secrets are compared in constant time, here too.
impl PartialEq for ClientAuthentication {
    fn eq(&self, other: &Self) -> bool {
        let secrets = match (self.secret(), other.secret()) {
            (Some(one), Some(other)) => one.matches(other.expose()),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.name() == other.name() && secrets && self.keys() == other.keys()
    }
}

impl Eq for ClientAuthentication {}

/// Whom a provider wants to be named in the assertions by which we authenticate: always one, as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// Its issuer (FAPI 2.0 §5.3.3.1, RFC 7523bis §4).
    #[default]
    Issuer,
    /// The address that is called: some providers know no other (OIDC Core §9 recommended it).
    TokenEndpoint,
}

impl AssertionAudience {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::TokenEndpoint => "token_endpoint",
        }
    }
    /// The audience of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Issuer, Self::TokenEndpoint].into_iter().find(|audience| audience.name() == name)
    }
}

/// A key of our own towards one provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientKey {
    /// Its name in the JWKS and in what it signs (`kid`).
    pub id: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// The private key, PEM.
    pub pem: Secret,
    /// The public key as a JWK, as it is published.
    pub public: Map<String, Value>,
    /// Since when there is it.
    pub created: Timestamp,
}

/// A key's name tells it from all others.
impl PartialEq for ClientKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ClientKey {}

/// Where a provider sends people back to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Callback {
    /// The one address of all connections. Enough where the provider names itself in its answers (RFC 9207).
    Shared,
    /// An address of the connection's own, so that no provider can pass its answer off as another's (RFC 9700 §4.4.2).
    #[default]
    Own,
}

impl Callback {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Own => "own",
        }
    }
    /// The callback of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Shared, Self::Own].into_iter().find(|callback| callback.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x11_a_provider_without_a_key_cannot_exist() {
        assert!(VerificationKeys::new(vec![]).is_none());
        assert!(serde_json::from_str::<VerificationKeys>("[]").is_err());
    }

    #[test]
    fn authentication_is_stored_under_its_name() {
        let ways = [
            ClientAuthentication::ClientSecretBasic { secret: Secret::new("s") },
            ClientAuthentication::ClientSecretPost { secret: Secret::new("s") },
            ClientAuthentication::PrivateKeyJwt { keys: vec![] },
        ];
        for way in ways {
            let stored = serde_json::to_value(&way).unwrap();
            assert_eq!(stored["method"], way.name());
            assert_eq!(serde_json::from_value::<ClientAuthentication>(stored).unwrap(), way);
        }
    }
}
