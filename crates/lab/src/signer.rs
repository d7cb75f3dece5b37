//! An app with a key of its own: it signs who it is (RFC 7523), and proves that a token is its (DPoP, RFC 9449). It signs with
//! code of this crate's own, and can get every claim wrong.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use postern_core::ports::Timestamp;
use serde_json::{Map, Value, json};

/// A key on P-256, which signs with ES256.
pub struct Signer(EcdsaKeyPair);

impl Signer {
    /// A new key.
    pub fn generate() -> Result<Self, Unspecified> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self)
    }

    /// Its public half.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y) })
    }

    /// The set that it registers or publishes, under a name.
    pub fn jwks(&self, kid: &str) -> Value {
        json!({ "keys": [changed(self.jwk(), json!({ "kid": kid, "use": "sig", "alg": "ES256" }))] })
    }

    /// The name of the key that tokens are bound to (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let members = ["crv", "kty", "x", "y"].map(|name| format!("\"{name}\":{}", jwk[name])).join(",");
        hash(&format!("{{{members}}}"))
    }

    /// A signed token of any header and any claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, Unspecified> {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok(format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref())))
    }

    /// A good assertion that it is `client_id`, for a minute, with changed claims; `null` takes one away.
    pub fn assertion(
        &self,
        client_id: &str,
        issuer: &str,
        now: Timestamp,
        changes: Value,
    ) -> Result<String, Unspecified> {
        let now = now.as_second();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": issuer, "jti": jti()?, "iat": now, "nbf": now, "exp": now + 60,
        });
        self.sign(&json!({ "alg": "ES256", "kid": "1" }), &changed(claims, changes))
    }

    /// A good proof for a request, with changed claims; `null` takes one away. `access_token` is the token beside it.
    pub fn proof(
        &self,
        (method, url): (&str, &str),
        access_token: Option<&str>,
        now: Timestamp,
        changes: Value,
    ) -> Result<String, Unspecified> {
        let claims = json!({ "htm": method, "htu": url, "jti": jti()?, "iat": now.as_second() });
        let claims = match access_token {
            Some(token) => changed(claims, json!({ "ath": hash(token) })),
            None => claims,
        };
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        self.sign(&header, &changed(claims, changes))
    }
}

/// A name that no other token has.
fn jti() -> Result<String, Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

fn hash(text: &str) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

fn changed(object: Value, changes: Value) -> Value {
    let mut members: Map<String, Value> = object.as_object().cloned().unwrap_or_default();
    members.extend(changes.as_object().cloned().unwrap_or_default());
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}
