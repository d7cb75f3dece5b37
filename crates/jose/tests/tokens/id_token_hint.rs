//! Our own ID tokens, shown to us again.

use postern_core::login::SessionId;
use postern_core::signing::SigningAlgorithm;
use postern_jose::id_token_hint::{IdTokenHint, IdTokenHintError as Error, verify};
use postern_jose::jwks::Jwks;
use postern_jose::jws::JwsError;
use serde_json::{Value, json};

use crate::support::{changed, ours};

const ISSUER: &str = "https://sso.example.com/sso";

fn claims(changes: Value) -> Value {
    changed(json!({ "iss": ISSUER, "sub": "a subject", "aud": "a client", "sid": "a session", "exp": 1 }), changes)
}

#[test]
fn f12_an_id_token_of_ours_is_known_again_also_after_it_has_expired() {
    let keys: Vec<_> = SigningAlgorithm::ALL.into_iter().map(ours).collect();
    for key in &keys {
        let hint = verify(&key.sign("JWT", &claims(json!({}))).unwrap(), &Jwks::of(&keys), ISSUER).unwrap();
        let session = SessionId("a session".into());
        assert_eq!(hint, IdTokenHint { subject: "a subject".into(), client_id: "a client".into(), session });
    }
}

#[test]
fn p3_f12_other_tokens_are_none() {
    let (key, retired) = (ours(SigningAlgorithm::Rs256), ours(SigningAlgorithm::Rs256));
    let published = Jwks::of([&key]);
    let judged = |typ: &str, changes: Value| verify(&key.sign(typ, &claims(changes)).unwrap(), &published, ISSUER);
    for typ in ["logout+jwt", "at+jwt", "dpop+jwt"] {
        assert_eq!(judged(typ, json!({})), Err(JwsError::Type.into()));
    }
    for changes in [
        json!({ "iss": "https://sso.example.com" }),
        json!({ "iss": null }),
        json!({ "sub": null }),
        json!({ "aud": ["a client"] }),
        json!({ "sid": null }),
    ] {
        assert_eq!(judged("JWT", changes), Err(Error::Foreign));
    }
    let token = retired.sign("JWT", &claims(json!({}))).unwrap();
    assert_eq!(verify(&token, &published, ISSUER), Err(JwsError::KeyUnknown.into()));
    assert!(verify("no token", &published, ISSUER).is_err());
}
