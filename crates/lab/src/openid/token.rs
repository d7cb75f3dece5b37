//! ID tokens and keys, written by hand.

use aws_lc_rs::hmac;
use postern_core::base64url;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::lies::{Lies, Signature};
use super::{Errand, State};
use crate::idp::Person;
use crate::key::Key;

/// What the provider says of a person, besides who it is.
pub(super) fn about(person: &Person) -> Value {
    json!({
        "sub": person.id,
        "email": person.email,
        "email_verified": true,
        "name": format!("{} {}", person.first_name, person.last_name),
        "given_name": person.first_name,
        "family_name": person.last_name,
        "groups": person.groups,
    })
}

/// The claims of an ID token (OIDC Core §2).
pub(super) fn claims(state: &State, errand: &Errand, access_token: &str) -> Value {
    let now = state.clock.now().as_second();
    let half = &Sha256::digest(access_token.as_bytes())[..16];
    let mut claims = about(&errand.person);
    for (name, value) in [
        ("iss", json!(state.issuer)),
        ("aud", json!(state.client_id)),
        ("iat", json!(now)),
        ("exp", json!(now + 300)),
        ("nonce", json!(errand.nonce)),
        ("at_hash", json!(base64url(half))),
        ("sid", json!("session-of-the-provider")),
        ("acr", json!("urn:example:password")),
        ("amr", json!(["pwd"])),
        ("auth_time", if errand.max_age { json!(now) } else { Value::Null }),
    ] {
        super::set(&mut claims, name, value);
    }
    claims
}

/// The public key, as it is published.
pub(super) fn jwk(key: &Key, generation: usize) -> Value {
    json!({
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": format!("key-{generation}"),
        "n": base64url(key.modulus()),
        "e": "AQAB",
    })
}

/// The token: signed well, or in one of the wrong ways.
pub(super) fn signed(key: &Key, stranger: &Key, generation: usize, claims: Value, lies: &Lies) -> String {
    let mut header = Map::new();
    header.insert("alg".into(), json!(if lies.signature == Signature::None { "none" } else { "RS256" }));
    header.insert("typ".into(), json!("JWT"));
    header.insert("kid".into(), json!(format!("key-{generation}")));
    if lies.signature == Signature::HmacWithThePublicKey {
        header.insert("alg".into(), json!("HS256"));
    }
    let mut header = Value::Object(header);
    for (name, value) in &lies.header {
        super::set(&mut header, name, value.clone());
    }
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    let signature = match &lies.signature {
        Signature::Good => key.sign(input.as_bytes()),
        Signature::None => Vec::new(),
        Signature::OfAnotherKey => stranger.sign(input.as_bytes()),
        Signature::OfOtherBytes => key.sign(format!("{input} ").as_bytes()),
        Signature::HmacWithThePublicKey => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.public_key_info());
            hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
        }
    };
    format!("{input}.{}", base64url(&signature))
}
