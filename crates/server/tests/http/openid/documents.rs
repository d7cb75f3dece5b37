//! A provider's documents and keys: how they are found, renewed and kept.

use std::time::Duration;

use actix_web::http::Method;
use postern::jobs::metadata::round;
use postern_lab::key::Key;
use postern_lab::openid::{Lies, Signature};
use serde_json::{Value, json};

use super::{SECRET, bring, connect, connected, login, outcome, provider_of, try_connect};
use crate::world::World;

#[actix_web::test]
async fn a_login_fetches_no_document_and_takes_six_round_trips() {
    let (world, provider) = connected().await;
    let product = world.register(json!({})).await;
    let (id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    let mut trips = 0;
    for _ in 0..2 {
        let before = world.counted.counts();
        let asked = world.authorize(&[("client_id", id), ("tenant", "oidc.example")]).await;
        let answer = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
        let code = answer.sent("code").unwrap();
        let tokens = world.redeem_with(&code, &[("client_id", id), ("client_secret", secret)]).await.json();
        assert_eq!(world.claims(tokens["access_token"].as_str().unwrap()).await.status, 200);
        trips = (world.counted.counts() - before).round_trips;
    }
    assert_eq!(trips, 6, "a change belongs into docs/LOGIN.md");
    let asked = provider.asked();
    assert_eq!((asked.metadata, asked.keys, asked.token, asked.userinfo), (1, 1, 2, 0));
    provider.stop().await;
}

#[actix_web::test]
async fn g6_an_unknown_key_is_looked_up_once_and_known_keys_survive_an_outage() {
    let (world, provider) = connected().await;
    provider.rotate(Key::generate().unwrap(), false);
    assert_eq!(outcome(&login(&world, &provider).await), "code", "within one login");
    assert_eq!(provider.asked().keys, 2);

    provider.lie(Lies {
        header: vec![("kid", json!("nobody"))],
        signature: Signature::OfAnotherKey,
        ..Lies::default()
    });
    for fetches in 3..6 {
        world.advance(Duration::from_secs(5));
        assert_eq!(outcome(&login(&world, &provider).await), "OidcKeyUnknown");
        assert_eq!(provider.asked().keys, fetches);
    }

    provider.lie(Lies { is_down: true, ..Lies::default() });
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.stop().await;
}

#[actix_web::test]
async fn g1_a_renewed_document_changes_keys_and_addresses_but_never_the_issuer() {
    let (world, provider) = connected().await;
    let events =
        || async { world.api(Method::GET, "events", Value::Null).await.json()["data"].as_array().unwrap().clone() };
    provider.rotate(Key::generate().unwrap(), true);
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    let last = events().await.pop().unwrap();
    assert_eq!((&last["type"], &last["data"]["changed"]["signing_keys"]), (&json!("connection.updated"), &json!(true)));
    let before = provider.asked().keys;
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    assert_eq!(provider.asked().keys, before);

    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!(format!("{}/", provider.issuer))),
        ("token_endpoint", json!("http://idp.example.com/token")),
        ("jwks_uri", Value::Null),
    ] {
        provider.lie(Lies { metadata: vec![(name, value)], ..Lies::default() });
        world.advance(Duration::from_secs(3601));
        round(&world.app).await.unwrap();
        assert_eq!(events().await.pop().unwrap()["type"], "connection.metadata_failed", "{name}");
        assert_eq!(outcome(&login(&world, &provider).await), "code", "{name}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn g1_a_connection_needs_the_exact_issuer_and_usable_documents() {
    let (world, provider) = connected().await;
    let slash = format!("{}/", provider.issuer);
    assert_eq!(
        try_connect(&world, &provider, json!({ "oidcIssuer": slash })).await.code(),
        "OidcMetadataIssuerMismatch"
    );
    let elsewhere =
        try_connect(&world, &provider, json!({ "oidcDiscoveryUrl": format!("{}/x", provider.issuer) })).await;
    assert_eq!(elsewhere.code(), "FetchStatus");
    let same = json!({ "oidcIssuer": provider.issuer, "oidcDiscoveryUrl": Value::Null });
    assert_eq!(try_connect(&world, &provider, same).await.status, 200);
    for (name, value, code) in [
        ("issuer", json!("https://evil.example"), "OidcMetadataIssuerMismatch"),
        ("token_endpoint", Value::Null, "OidcMetadataIncomplete"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "OidcMetadataEndpointInvalid"),
        ("id_token_signing_alg_values_supported", json!(["HS256"]), "OidcMetadataAlgorithms"),
    ] {
        provider.lie(Lies { metadata: vec![(name, value)], ..Lies::default() });
        assert_eq!(try_connect(&world, &provider, json!({})).await.code(), code);
    }
    provider.lie(Lies { keys: Some(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })), ..Lies::default() });
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "OidcMetadataKeyMissing");
    provider.lie(Lies { keys: Some(json!([])), ..Lies::default() });
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "OidcKeysUnreadable");
    provider.stop().await;
}

#[actix_web::test]
async fn g7_no_address_of_a_provider_leads_into_our_own_network() {
    let world = World::new().await; // nothing is opened
    let provider = provider_of(&world, Some(SECRET));
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "FetchAddressForbidden");
    for url in ["https://169.254.169.254/.well-known/openid-configuration", "https://10.0.0.1", "https://[::1]"] {
        let refused = try_connect(&world, &provider, json!({ "oidcDiscoveryUrl": url })).await;
        assert_eq!(refused.code(), "FetchAddressForbidden", "{url}");
    }
    // By hand: the address is met when it is fetched.
    let metadata = |issuer: &str, jwks_uri: &str| {
        json!({ "oidcDiscoveryUrl": Value::Null, "oidcMetadata": {
            "issuer": issuer, "authorization_endpoint": "https://idp.example.com/authorize",
            "token_endpoint": "https://169.254.169.254/token", "jwks_uri": jwks_uri,
        } })
    };
    let refused =
        try_connect(&world, &provider, metadata("https://idp.example.com", "https://169.254.169.254/jwks")).await;
    assert_eq!(refused.code(), "FetchAddressForbidden");
    provider.stop().await;

    let (world, provider) = connected().await;
    let by_hand = metadata(&provider.issuer, &format!("{}/jwks", provider.issuer));
    connect(&world, &provider, by_hand).await;
    assert_eq!(outcome(&login(&world, &provider).await), "OidcProviderUnreachable");
    provider.stop().await;
}
