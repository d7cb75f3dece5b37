//! A provider's keys that have no names, and keys that nobody can use (OIDC Core §10.1, RFC 7517 §5).

use std::time::Duration;

use postern_lab::key::Key;
use postern_lab::openid::{Lies, OpenidProvider, Signature};
use serde_json::{Value, json};

use super::{SECRET, connect, login, outcome, provider_of};
use crate::world::World;

/// Neither the keys nor the ID tokens say `kid`.
fn nameless() -> Lies {
    Lies { nameless_keys: true, header: vec![("kid", Value::Null)], ..Lies::default() }
}

async fn connected(lies: Lies) -> (World, OpenidProvider) {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let provider = provider_of(&world, Some(SECRET));
    provider.lie(lies);
    connect(&world, &provider, json!({})).await;
    (world, provider)
}

#[actix_web::test]
async fn g2_a_key_without_a_name_is_taken_where_it_alone_fits() {
    // Of another kind (RFC 7515 §A.3), of a kind that does not exist yet, and of none.
    let others = vec![
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }),
        json!({ "kty": "AKP", "alg": "ML-DSA-00", "kid": "future", "pub": "AAAA" }),
        json!({ "kty": "made up", "use": "sig" }),
    ];
    let (world, provider) = connected(Lies { more_keys: others, ..nameless() }).await;
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    // Two of one kind: the token has to say which.
    provider.rotate(Key::generate().unwrap(), true);
    world.advance(Duration::from_secs(5));
    assert_eq!(outcome(&login(&world, &provider).await), "OidcKeyAmbiguous");
    provider.stop().await;
}

#[actix_web::test]
async fn g6_a_provider_that_names_no_key_may_change_it() {
    let (world, provider) = connected(nameless()).await;
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.rotate(Key::generate().unwrap(), false);
    assert_eq!(outcome(&login(&world, &provider).await), "code", "within one login");
    assert_eq!(provider.asked().keys, 2);
    // What none of its keys signed is refused as ever.
    for signature in [Signature::OfAnotherKey, Signature::OfOtherBytes] {
        provider.lie(Lies { signature, ..nameless() });
        world.advance(Duration::from_secs(5));
        assert_eq!(outcome(&login(&world, &provider).await), "OidcKeyUnknown");
    }
    provider.stop().await;
}
