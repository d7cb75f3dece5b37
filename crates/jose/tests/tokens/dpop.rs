//! E5: proofs of possession. The negatives are those of the conformance suite's FAPI2SPFinalDpopNegativeTests.

use postern_core::base64url;
use postern_jose::dpop::{Expected, Proof, ProofError as Error, verify};
use postern_jose::jws::{Algorithm, JwsError};
use serde_json::{Value, json};

use crate::support::{Client, NOW, changed, now};

const URL: &str = "https://sso.example.com/sso/api/oauth/userinfo";
const TOKEN: &str = "session.secret";

fn claims(changes: Value) -> Value {
    let ath = base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, TOKEN.as_bytes()).as_ref());
    changed(json!({ "jti": "a name", "htm": "GET", "htu": URL, "iat": NOW, "ath": ath }), changes)
}

fn header(client: &Client, changes: Value) -> Value {
    changed(json!({ "typ": "dpop+jwt", "alg": client.alg(), "jwk": client.jwk() }), changes)
}

fn judged(proof: &str, nonce: Option<&str>) -> Result<Proof, Error> {
    let (algorithms, access_token) = (Algorithm::FAPI, Some(TOKEN));
    let nonces: Vec<_> = nonce.map(str::to_owned).into_iter().collect();
    verify(proof, &Expected { method: "GET", url: URL, algorithms, access_token, nonces: &nonces, now: now() })
}

fn with_claims(client: &Client, changes: Value) -> Result<Proof, Error> {
    judged(&client.sign(&header(client, json!({})), &claims(changes)), None)
}

fn with_header(client: &Client, changes: Value) -> Result<Proof, Error> {
    judged(&client.sign(&header(client, changes), &claims(json!({}))), None)
}

#[test]
fn e5_a_proof_tells_the_thumbprint_of_its_key() {
    for client in [Client::rsa(), Client::p256(), Client::ed25519()] {
        let proof = with_claims(&client, json!({})).unwrap();
        assert_eq!(proof.jti, "a name");
        assert_eq!(proof.usable_until.as_second(), NOW + 61);
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(client.jwk()).unwrap();
        assert_eq!(proof.jkt, jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap());
        // Without a token beside it, as at the token endpoint.
        let (algorithms, nonces) = (Algorithm::FAPI, &[]);
        let expected = Expected { method: "GET", url: URL, algorithms, access_token: None, nonces, now: now() };
        assert!(verify(&client.sign(&header(&client, json!({})), &claims(json!({ "ath": null }))), &expected).is_ok());
    }
}

#[test]
fn e5_the_header_says_that_it_is_a_proof_and_brings_a_public_key() {
    let client = Client::p256();
    let mut private = client.jwk();
    private["d"] = json!("AAAA");
    for (changes, error) in [
        (json!({ "typ": null }), JwsError::Type),
        (json!({ "typ": "JWT" }), JwsError::Type),
        (json!({ "alg": "none" }), JwsError::Algorithm),
        (json!({ "alg": "HS256" }), JwsError::Algorithm),
        (json!({ "alg": "RS256" }), JwsError::Algorithm),
        (json!({ "jwk": null }), JwsError::KeyUnknown),
        (json!({ "jwk": null, "kid": "k1" }), JwsError::KeyUnknown),
        (json!({ "jwk": private }), JwsError::KeyUnknown),
        (json!({ "jwk": { "kty": "oct", "k": "AAAA" } }), JwsError::KeyUnknown),
        (json!({ "jwk": Client::rsa().jwk() }), JwsError::KeyUnknown),
        (json!({ "jwk": Client::p256().jwk() }), JwsError::Signature),
        (json!({ "crit": ["x"], "x": 1 }), JwsError::Critical),
    ] {
        assert_eq!(with_header(&client, changes.clone()), Err(error.into()), "{changes}");
    }
    assert!(with_header(&client, json!({ "typ": "DPoP+JWT" })).is_ok());
}

#[test]
fn e5_method_and_address_are_those_of_the_request() {
    let client = Client::p256();
    for (changes, outcome) in [
        (json!({ "htm": "POST" }), Err(Error::Method)),
        (json!({ "htm": "get" }), Err(Error::Method)),
        (json!({ "htm": null }), Err(Error::Missing("htm"))),
        (json!({ "htu": "https://sso.example.com/sso/api/oauth/token" }), Err(Error::Url)),
        (json!({ "htu": "https://evil.example/sso/api/oauth/userinfo" }), Err(Error::Url)),
        (json!({ "htu": "http://sso.example.com/sso/api/oauth/userinfo" }), Err(Error::Url)),
        (json!({ "htu": "/sso/api/oauth/userinfo" }), Err(Error::Url)),
        (json!({ "htu": null }), Err(Error::Missing("htu"))),
        (json!({ "htu": format!("{URL}?a=b#c") }), Ok(())),
        (json!({ "htu": "HTTPS://SSO.example.com:443/sso/api/oauth/userinfo" }), Ok(())),
    ] {
        assert_eq!(with_claims(&client, changes.clone()).map(drop), outcome, "{changes}");
    }
}

#[test]
fn e5_a_proof_is_made_just_now_and_has_a_name() {
    let client = Client::p256();
    for (changes, outcome) in [
        (json!({ "iat": NOW - 10 }), Ok(())),
        (json!({ "iat": NOW + 10 }), Ok(())),
        (json!({ "iat": NOW - 61 }), Err(Error::Time)),
        (json!({ "iat": NOW + 61 }), Err(Error::Time)),
        (json!({ "iat": null }), Err(Error::Missing("iat"))),
        (json!({ "iat": "now" }), Err(Error::Missing("iat"))),
        (json!({ "jti": null }), Err(Error::Missing("jti"))),
        (json!({ "jti": "" }), Err(Error::Missing("jti"))),
        (json!({ "jti": "x".repeat(257) }), Err(Error::Missing("jti"))),
    ] {
        assert_eq!(with_claims(&client, changes.clone()).map(drop), outcome, "{changes}");
    }
}

#[test]
fn e5_it_is_about_the_token_beside_it() {
    let client = Client::p256();
    for ath in [Value::Null, json!(""), json!(base64url(b"another hash of thirty-two bytes")), json!(TOKEN)] {
        assert_eq!(with_claims(&client, json!({ "ath": ath })), Err(Error::AccessToken));
    }
}

#[test]
fn e8_it_repeats_the_nonce_where_one_was_given() {
    let client = Client::p256();
    let proof = |nonce: Value| client.sign(&header(&client, json!({})), &claims(json!({ "nonce": nonce })));
    assert!(judged(&proof(json!("n1")), Some("n1")).is_ok());
    assert!(judged(&proof(json!("n1")), None).is_ok());
    for nonce in [Value::Null, json!("n2"), json!("")] {
        assert_eq!(judged(&proof(nonce), Some("n1")), Err(Error::Nonce));
    }
}
