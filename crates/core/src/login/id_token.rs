//! What the app reads without asking again: the ID token (OIDC Core §2), as claims that are still to be signed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use super::session::SessionId;
use crate::identity::Authentication;
use crate::mapping::Claims;
use crate::ports::Timestamp;
use crate::secret::Secret;
use crate::signing::SigningAlgorithm;

/// What an app asked of its ID token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenWish {
    /// What it has to repeat, byte for byte.
    pub nonce: Option<String>,
    /// How it is signed.
    pub algorithm: SigningAlgorithm,
}

/// An ID token that is to be signed.
#[derive(Debug, Clone, PartialEq)]
pub struct IdToken {
    /// How.
    pub algorithm: SigningAlgorithm,
    /// What it says.
    pub claims: Claims,
}

/// What an ID token is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Who we are.
    pub issuer: &'a str,
    /// Whom it is for: the `client_id` as it was sent.
    pub client_id: &'a str,
    /// The session that it tells of.
    pub session: &'a SessionId,
    /// What the app is told at userinfo.
    pub claims: &'a Claims,
    /// How the person was authenticated.
    pub authentication: &'a Authentication,
    /// The access token beside it.
    pub access_token: &'a Secret,
    /// When it is issued.
    pub now: Timestamp,
    /// How long it may be taken.
    pub lifetime: Duration,
}

/// Claims of userinfo that stay there: as large as the IdP likes, and what the app itself asked.
const LEFT_OUT: [&str; 2] = ["raw", "requested"];

impl IdToken {
    /// The token that answers a wish. What the person is called comes first, so that nothing of it can stand for what the
    /// token says about itself.
    pub fn new(wish: &IdTokenWish, facts: &Facts<'_>) -> Self {
        let told = facts.claims.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
        let mut claims: Claims = told.map(|(name, value)| (name.clone(), value.clone())).collect();
        let authentication = facts.authentication;
        let seconds = facts.now.as_second();
        for (name, value) in [
            ("iss", Some(json!(facts.issuer))),
            ("aud", Some(json!(facts.client_id))),
            ("iat", Some(json!(seconds))),
            ("exp", Some(json!(seconds.saturating_add_unsigned(facts.lifetime.as_secs())))),
            ("sid", Some(json!(facts.session.0))),
            ("at_hash", Some(json!(access_token_hash(wish.algorithm, facts.access_token)))),
            ("nonce", wish.nonce.as_ref().map(|nonce| json!(nonce))),
            ("auth_time", authentication.at.map(|at| json!(at.as_second()))),
            ("acr", authentication.context.as_ref().map(|context| json!(context))),
            ("amr", (!authentication.methods.is_empty()).then(|| json!(authentication.methods))),
        ] {
            match value {
                Some(value) => claims.insert(name.into(), value),
                None => claims.remove(name),
            };
        }
        Self { algorithm: wish.algorithm, claims }
    }
}

/// OIDC Core §3.1.3.6: "the left-most half of the hash", of the algorithm's own hash: SHA-512 for Ed25519.
fn access_token_hash(algorithm: SigningAlgorithm, access_token: &Secret) -> String {
    let text = access_token.expose().as_bytes();
    match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => crate::base64url(&Sha256::digest(text)[..16]),
        SigningAlgorithm::EdDsa => crate::base64url(&Sha512::digest(text)[..32]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(value: serde_json::Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn token(wish: &IdTokenWish, told: &Claims, authentication: &Authentication) -> Claims {
        let facts = Facts {
            issuer: "https://sso.example.com",
            client_id: "tenant=acme.example&product=crm",
            session: &SessionId("a session".into()),
            claims: told,
            authentication,
            access_token: &Secret::new("a session.a secret"),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            lifetime: Duration::from_secs(300),
        };
        IdToken::new(wish, &facts).claims
    }

    const PLAIN: IdTokenWish = IdTokenWish { nonce: None, algorithm: SigningAlgorithm::Es256 };

    #[test]
    fn f1_f3_it_says_who_for_whom_and_since_when_and_repeats_the_nonce() {
        let told = claims(json!({ "sub": "s", "id": "s", "email": "alice@example.com", "raw": {}, "requested": {} }));
        let wish = IdTokenWish { nonce: Some("a nonce +/= ä".into()), algorithm: SigningAlgorithm::Rs256 };
        let authentication = Authentication {
            at: Timestamp::from_second(1_799_999_000).ok(),
            context: Some("urn:oasis:names:tc:SAML:2.0:ac:classes:X509".into()),
            methods: vec!["hwk".into()],
            ..Authentication::default()
        };
        let expected = json!({
            "iss": "https://sso.example.com", "sub": "s", "id": "s", "aud": "tenant=acme.example&product=crm",
            "iat": 1_800_000_000, "exp": 1_800_000_300, "auth_time": 1_799_999_000, "nonce": "a nonce +/= ä",
            "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "amr": ["hwk"], "sid": "a session",
            "at_hash": crate::base64url(&Sha256::digest(b"a session.a secret")[..16]), "email": "alice@example.com",
        });
        assert_eq!(token(&wish, &told, &authentication), claims(expected));
    }

    #[test]
    fn a_connection_that_maps_a_claim_of_the_token_itself_changes_nothing() {
        let told =
            claims(json!({ "sub": "s", "iss": "https://evil.example", "nonce": "n", "auth_time": 1, "acr": "high" }));
        let token = token(&PLAIN, &told, &Authentication::default());
        assert_eq!(token["iss"], "https://sso.example.com");
        for name in ["nonce", "auth_time", "acr", "amr"] {
            assert!(!token.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_hash_of_the_access_token_is_half_of_that_of_the_algorithm() {
        for (algorithm, length) in SigningAlgorithm::ALL.into_iter().zip([22, 22, 43]) {
            let token = token(&IdTokenWish { algorithm, ..PLAIN }, &Claims::new(), &Authentication::default());
            assert_eq!(token["at_hash"].as_str().unwrap().len(), length);
        }
    }
}
