//! What we sign, another library reads; what is not signed as it must be, we do not.

use jsonwebtoken::{DecodingKey, Validation, decode};
use postern_core::signing::SigningAlgorithm;
use postern_jose::jwks::{Jwks, published};
use serde_json::{Value, json};

use crate::support::ours;

/// What a client of OpenID Connect does with a token of ours: find the key by its name in what is published, and verify.
fn read_by_client(token: &str, jwks: &Value) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let jwk = set.find(header.kid.as_deref().unwrap()).unwrap();
    assert_eq!(jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(), header.kid.unwrap());
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.set_audience(&["a client"]);
    decode(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap().claims
}

#[test]
fn d7_every_algorithm_signs_what_clients_read() {
    let claims = json!({ "iss": "https://sso.example.com", "aud": "a client", "exp": 1, "name": "Zoë +/=" });
    let keys: Vec<_> = SigningAlgorithm::ALL.into_iter().map(ours).collect();
    let jwks = published(&keys);
    for key in &keys {
        assert_eq!(read_by_client(&key.sign("JWT", &claims).unwrap(), &jwks), claims);
    }
}

#[test]
fn d6_what_is_published_is_a_set_of_public_keys_with_names_of_their_own() {
    let keys: Vec<_> = SigningAlgorithm::ALL.into_iter().chain(SigningAlgorithm::ALL).map(ours).collect();
    let jwks = published(&keys);
    let mut names: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6);
    // Our own reader refuses a set with anything private in it.
    assert!(Jwks::parse(jwks.to_string().as_bytes()).is_ok());
}

#[test]
fn f1_p3_the_header_names_type_algorithm_and_key_and_no_address() {
    for algorithm in SigningAlgorithm::ALL {
        let key = ours(algorithm);
        let token = key.sign("logout+jwt", &json!({})).unwrap();
        let header = data_encoding::BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header, json!({ "typ": "logout+jwt", "alg": algorithm.name(), "kid": key.kid() }));
    }
}
