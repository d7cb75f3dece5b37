//! Whatever is done to a genuine token: if it is accepted, it says what its issuer signed; and no reader takes a token of one
//! kind for one of another (RFC 8725 §3.11, §3.12).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use postern_core::openid::{AssertionAudience, Callback, ClientAuthentication, OidcIdp, Provider, VerificationKeys};
use postern_core::secret::Secret;
use postern_jose::jwks::Jwks;
use postern_jose::jws::Algorithm;
use postern_jose::{client_assertion, dpop, id_token_hint};
use postern_oidc::id_token;
use serde_json::{Map, Value};

use crate::{ACCESS_TOKEN, NONCE, SKEW, TOKEN_AUDIENCE, TOKEN_ENDPOINT, TOKEN_ISSUER, now};

/// The public key of every seed, as a set.
const JWKS: &str = include_str!("../../keys/token.jwks");

static KEYS: LazyLock<Jwks> = LazyLock::new(|| Jwks::parse(JWKS.as_bytes()).expect("a set"));

static IDP: LazyLock<OidcIdp> = LazyLock::new(|| {
    let set: Map<String, Value> = serde_json::from_str(JWKS).expect("a set");
    let keys = serde_json::from_value::<VerificationKeys>(set["keys"].clone()).expect("a key");
    OidcIdp {
        issuer: TOKEN_ISSUER.into(),
        discovery_url: None,
        client_id: TOKEN_AUDIENCE.into(),
        authentication: ClientAuthentication::ClientSecretBasic { secret: Secret::new("s") },
        scopes: vec!["openid".into()],
        parameters: BTreeMap::new(),
        required_claims: BTreeMap::new(),
        audiences: vec![],
        assertion_audience: AssertionAudience::default(),
        callback: Callback::Own,
        provider: Provider {
            authorization_endpoint: format!("{TOKEN_ISSUER}/authorize"),
            token_endpoint: TOKEN_ENDPOINT.into(),
            userinfo_endpoint: None,
            jwks_uri: None,
            end_session_endpoint: None,
            names_itself: false,
            keys,
        },
    }
});

/// What the readers make of a token; at most one of them takes it.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    id_token: Option<Map<String, Value>>,
    assertion: Option<client_assertion::ClientAssertion>,
    proof: Option<dpop::Proof>,
    hint: Option<id_token_hint::IdTokenHint>,
}

static SEEDS: LazyLock<[Taken; 4]> = LazyLock::new(|| {
    [
        include_str!("../../corpus/token/id_token"),
        include_str!("../../corpus/token/client_assertion"),
        include_str!("../../corpus/token/dpop"),
        include_str!("../../corpus/token/id_token_hint"),
    ]
    .map(taken)
});

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Ok(token) = str::from_utf8(input) else { return };
    let taken = taken(token);
    assert!(taken == Taken::default() || SEEDS.contains(&taken), "{taken:?}");
}

fn taken(token: &str) -> Taken {
    let (secret, nonce, access_token) = (Secret::new(token), &Secret::new(NONCE), &Secret::new(ACCESS_TOKEN));
    let id_token = id_token::Expectation { idp: &IDP, nonce, access_token, now: now(), skew: SKEW };
    let assertion = client_assertion::Expected {
        client_id: TOKEN_AUDIENCE,
        issuer: TOKEN_ISSUER,
        algorithms: Algorithm::ALL,
        longest_seconds: 300,
        now: now(),
    };
    let proof = dpop::Expected {
        method: "POST",
        url: TOKEN_ENDPOINT,
        algorithms: Algorithm::ALL,
        access_token: None,
        nonces: &[],
        now: now(),
    };
    Taken {
        id_token: id_token::verify(&secret, id_token).ok().map(|token| token.claims().clone()),
        assertion: client_assertion::verify(token, &KEYS, &assertion).ok(),
        proof: dpop::verify(token, &proof).ok(),
        hint: id_token_hint::verify(token, &KEYS, TOKEN_ISSUER).ok(),
    }
}
