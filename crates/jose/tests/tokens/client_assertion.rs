//! B18: `private_key_jwt`.

use postern_jose::client_assertion::{
    ClientAssertion, ClientAssertionError as Error, Expected, unverified_client, verify,
};
use postern_jose::jws::{Algorithm, JwsError};
use serde_json::{Value, json};

use crate::support::{Client, NOW, changed, now};

const CLIENT_ID: &str = "prod_abc";
const ISSUER: &str = "https://sso.example.com/sso";

fn claims(changes: Value) -> Value {
    let usual =
        json!({ "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": ISSUER, "jti": "a name", "iat": NOW, "exp": NOW + 60 });
    changed(usual, changes)
}

fn judged(client: &Client, token: &str, algorithms: &[Algorithm]) -> Result<ClientAssertion, Error> {
    let expected = Expected { client_id: CLIENT_ID, issuer: ISSUER, algorithms, longest_seconds: 300, now: now() };
    verify(token, &client.jwks(json!({ "kid": "k1" })), &expected)
}

fn with_claims(client: &Client, changes: Value) -> Result<ClientAssertion, Error> {
    let header = json!({ "alg": client.alg(), "kid": "k1" });
    judged(client, &client.sign(&header, &claims(changes)), Algorithm::FAPI)
}

fn with_header(client: &Client, header: Value) -> Result<ClientAssertion, Error> {
    judged(client, &client.sign(&header, &claims(json!({}))), Algorithm::FAPI)
}

#[test]
fn b18_a_client_proves_itself_by_its_key_and_the_proof_is_remembered_as_long_as_it_would_be_taken() {
    for client in [Client::rsa(), Client::p256(), Client::ed25519()] {
        let good = with_claims(&client, json!({})).unwrap();
        assert_eq!((good.jti.as_str(), good.usable_until.as_second()), ("a name", NOW + 70));
    }
}

#[test]
fn b18_the_audience_is_the_issuer_alone() {
    let client = Client::p256();
    for aud in [
        json!([ISSUER]),
        json!([ISSUER, "https://other.example.com"]),
        json!(format!("{ISSUER}/api/oauth/token")),
        json!(format!("{ISSUER}/api/oauth/par")),
        json!(format!("{ISSUER}/")),
        json!("https://other.example.com"),
        Value::Null,
    ] {
        assert_eq!(with_claims(&client, json!({ "aud": aud })), Err(Error::Audience), "{aud}");
    }
}

#[test]
fn b18_issuer_and_subject_are_the_client() {
    let client = Client::p256();
    for changes in
        [json!({ "iss": "other" }), json!({ "sub": "other" }), json!({ "iss": null }), json!({ "sub": null })]
    {
        assert_eq!(with_claims(&client, changes), Err(Error::Client));
    }
}

#[test]
fn b18_times_are_judged_with_ten_seconds_of_leeway() {
    let client = Client::p256();
    for (changes, outcome) in [
        (json!({ "exp": NOW - 9 }), Ok(())),
        (json!({ "exp": NOW - 10 }), Err(Error::Expired)),
        (json!({ "exp": NOW - 300 }), Err(Error::Expired)),
        (json!({ "exp": NOW + 300 }), Ok(())),
        (json!({ "exp": NOW + 301 }), Err(Error::LongLived)),
        (json!({ "exp": i64::MAX }), Err(Error::Missing("exp"))),
        (json!({ "exp": "soon" }), Err(Error::Missing("exp"))),
        (json!({ "exp": null }), Err(Error::Missing("exp"))),
        (json!({ "nbf": NOW + 8 }), Ok(())),
        (json!({ "nbf": NOW + 60 }), Err(Error::Early)),
        (json!({ "iat": NOW + 8 }), Ok(())),
        (json!({ "iat": NOW + 60 }), Err(Error::Early)),
        (json!({ "iat": null }), Ok(())),
        (json!({ "exp": NOW as f64 + 59.5 }), Ok(())),
    ] {
        assert_eq!(with_claims(&client, changes.clone()).map(drop), outcome, "{changes}");
    }
}

#[test]
fn b18_without_a_name_it_could_be_used_twice() {
    let client = Client::p256();
    for jti in [Value::Null, json!(""), json!(7), json!("x".repeat(257))] {
        assert_eq!(with_claims(&client, json!({ "jti": jti })), Err(Error::Missing("jti")));
    }
}

#[test]
fn b18_other_ways_of_signing_are_refused() {
    let client = Client::p256();
    for alg in ["none", "None", "HS256", "RS256", "ES384", "ES256K", ""] {
        assert_eq!(with_header(&client, json!({ "alg": alg, "kid": "k1" })), Err(JwsError::Algorithm.into()), "{alg}");
    }
    // Allowed, but the registered key cannot have made it.
    assert_eq!(with_header(&client, json!({ "alg": "PS256", "kid": "k1" })), Err(JwsError::KeyUnknown.into()));
    let rsa = Client::rsa();
    let rs256 = rsa.sign(&json!({ "alg": "RS256", "kid": "k1" }), &claims(json!({})));
    assert_eq!(judged(&rsa, &rs256, Algorithm::FAPI), Err(JwsError::Algorithm.into()));
    assert!(judged(&rsa, &rs256, Algorithm::ALL).is_ok());
    // The text of a public key as a shared secret: there is no algorithm in which that would be one.
    let message = rs256.rsplit_once('.').unwrap().0;
    assert_eq!(judged(&rsa, &format!("{message}."), Algorithm::ALL), Err(JwsError::Signature.into()));
}

#[test]
fn b18_keys_come_from_the_registration_alone() {
    let (client, stranger) = (Client::p256(), Client::p256());
    for header in [
        json!({ "alg": "ES256", "kid": "k1" }),
        json!({ "alg": "ES256", "kid": "k1", "jwk": stranger.jwk() }),
        json!({ "alg": "ES256", "jku": "https://evil.example/jwks" }),
        json!({ "alg": "ES256", "x5u": "https://evil.example/cert.pem", "x5c": ["AAAA"] }),
    ] {
        let token = stranger.sign(&header, &claims(json!({})));
        assert_eq!(judged(&client, &token, Algorithm::FAPI), Err(JwsError::Signature.into()), "{header}");
    }
    assert_eq!(with_header(&client, json!({ "alg": "ES256", "kid": "k2" })), Err(JwsError::KeyUnknown.into()));
    assert!(with_header(&client, json!({ "alg": "ES256" })).is_ok(), "the name of the key may be left out");
    // A key that is registered for one way of signing is for that one alone.
    let rsa = Client::rsa();
    let token = rsa.sign(&json!({ "alg": "RS256" }), &claims(json!({})));
    let expected =
        Expected { client_id: CLIENT_ID, issuer: ISSUER, algorithms: Algorithm::ALL, longest_seconds: 300, now: now() };
    assert_eq!(verify(&token, &rsa.jwks(json!({ "alg": "PS256" })), &expected), Err(JwsError::KeyUnknown.into()));
}

#[test]
fn p3_tokens_of_other_types_and_with_critical_headers_are_refused() {
    let client = Client::p256();
    for typ in ["dpop+jwt", "at+jwt", "logout+jwt", "application/logout+jwt", "secevent+jwt"] {
        assert_eq!(with_header(&client, json!({ "alg": "ES256", "typ": typ })), Err(JwsError::Type.into()), "{typ}");
    }
    for typ in ["JWT", "jwt", "application/jwt", "client-authentication+jwt"] {
        assert!(with_header(&client, json!({ "alg": "ES256", "typ": typ })).is_ok(), "{typ}");
    }
    for crit in [json!(["exp"]), json!([]), json!("b64")] {
        assert_eq!(with_header(&client, json!({ "alg": "ES256", "crit": crit })), Err(JwsError::Critical.into()));
    }
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    let client = Client::p256();
    let good = client.sign(&json!({ "alg": "ES256" }), &claims(json!({})));
    let [header, body, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for text in [
        String::new(),
        ".".into(),
        "..".into(),
        good.replace('.', " "),
        format!("{header}.{body}"),
        format!("{good}.{signature}"),
        format!("{header}=.{body}.{signature}"),
        client.sign_text("ES256", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "{}"),
        client.sign_text("ES256", "[]", "{}"),
        client.sign_text("ES256", "{\"alg\":\"ES256\"}", "[]"),
        client.sign_text("ES256", "{\"alg\":\"ES256\"}", "no JSON"),
    ] {
        let refused = judged(&client, &text, Algorithm::FAPI).unwrap_err();
        assert!(matches!(refused, Error::Jws(JwsError::Malformed)), "{refused} {text}");
    }
    let long = client.sign(&json!({ "alg": "ES256" }), &claims(json!({ "more": "x".repeat(16 * 1024) })));
    assert_eq!(judged(&client, &long, Algorithm::FAPI), Err(JwsError::TooLarge.into()));
    for at in (0..good.len()).filter(|at| good.as_bytes()[*at] != b'.') {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(judged(&client, std::str::from_utf8(&bytes).unwrap(), Algorithm::FAPI).is_err(), "byte {at}");
    }
}

#[test]
fn the_client_is_found_before_anything_is_verified() {
    let token = Client::p256().sign(&json!({ "alg": "ES256" }), &claims(json!({})));
    assert_eq!(unverified_client(&token).as_deref(), Some(CLIENT_ID));
    for text in ["", "a.b.c", "a"] {
        assert_eq!(unverified_client(text), None);
    }
}
