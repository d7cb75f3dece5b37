//! What a provider can lie about.

use std::time::Duration;

use serde_json::Value;

use super::set;

/// One lie or several. By default none.
#[derive(Debug, Clone, Default)]
pub struct Lies {
    /// Members of the metadata that are other than they ought to be; `null`: missing.
    pub metadata: Vec<(&'static str, Value)>,
    /// Another key set.
    pub keys: Option<Value>,
    /// Keys beside its own, in a key set that is its own.
    pub more_keys: Vec<Value>,
    /// Its own keys have no `kid`.
    pub nameless_keys: bool,
    /// Parameters of the answer; none: missing.
    pub callback: Vec<(&'static str, Option<&'static str>)>,
    /// What the token endpoint answers instead.
    pub token: Option<(u16, Value)>,
    /// Another access token than the hash in the ID token is of.
    pub access_token: Option<&'static str>,
    /// There is no ID token.
    pub no_id_token: bool,
    /// Members of the ID token's header.
    pub header: Vec<(&'static str, Value)>,
    /// Claims of the ID token; `null`: missing. Numbers for times count from now.
    pub claims: Vec<(&'static str, Value)>,
    /// How the ID token is signed.
    pub signature: Signature,
    /// What the userinfo endpoint answers.
    pub userinfo: Option<Value>,
    /// How long the token endpoint takes.
    pub delay: Option<Duration>,
    /// Its documents cannot be had.
    pub is_down: bool,
}

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signature {
    /// With the provider's key.
    #[default]
    Good,
    /// Not at all: `alg` is `none`.
    None,
    /// With a key that it does not publish, under the name of one that it does.
    OfAnotherKey,
    /// Over something else.
    OfOtherBytes,
    /// With HS256, and the public key as the secret.
    HmacWithThePublicKey,
}

impl Lies {
    pub(super) fn of_metadata(&self, document: &mut Value) {
        for (name, value) in &self.metadata {
            set(document, name, value.clone());
        }
    }

    /// The claims with the lies among them. Times are relative to `iat`, which is now.
    pub(super) fn of_claims(&self, mut claims: Value) -> Value {
        let now = claims["iat"].as_i64().unwrap_or_default();
        for (name, value) in &self.claims {
            let value = match (*name, value.as_i64()) {
                ("iat" | "exp" | "nbf" | "auth_time", Some(seconds)) => (now + seconds).into(),
                _ => value.clone(),
            };
            set(&mut claims, name, value);
        }
        claims
    }
}
