//! ID tokens: who gets one, what it says, and what it is not good for.

use std::time::Duration;

use actix_web::http::Method;
use postern_core::signing::SigningAlgorithm;
use serde_json::{Value, json};

use crate::world::{PUBLIC, World};

/// The claims of a token, and its header, once the published keys have verified it as a client would.
pub(crate) async fn verified(world: &World, token: &str) -> (Value, Value) {
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(world.get("/oauth/jwks").await.json()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).expect("a published key");
    let mut validation = jsonwebtoken::Validation::new(header.alg);
    validation.validate_exp = false; // the test's clock is another
    validation.validate_aud = false;
    let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good signature").claims;
    (claims, serde_json::to_value(header).unwrap())
}

async fn tokens(world: &World, asked: &[(&str, &str)]) -> Value {
    let answer = world.redeem(&world.code(asked).await, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[actix_web::test]
async fn f1_f3_with_openid_there_is_an_id_token_that_says_who_for_whom_and_since_when() {
    let world = World::new().await;
    let tokens = tokens(&world, &[("scope", "openid email"), ("nonce", "n-0S6_WzA2Mj +/=ä")]).await;
    let (claims, header) = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert!(["jku", "x5u", "x5c", "jwk"].iter().all(|name| header.get(*name).is_none()));

    let now = world.app.now().as_second();
    for (name, value) in [
        ("iss", json!(PUBLIC)),
        ("aud", json!("tenant=acme.example&product=crm")),
        ("nonce", json!("n-0S6_WzA2Mj +/=ä")),
        ("iat", json!(now)),
        ("exp", json!(now + 300)),
        ("email", json!("alice@example.com")),
        ("given_name", json!("Alice")),
        ("firstName", json!("Alice")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims["auth_time"].as_i64().is_some_and(|at| at <= now), "when the IdP authenticated: {claims}");
    assert!(claims["acr"].as_str().is_some_and(|acr| acr.starts_with("urn:oasis:names:tc:SAML:2.0:ac:classes:")));
    let told = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!((&claims["sub"], &claims["id"]), (&told["sub"], &told["sub"]), "F2");
    assert!(claims["sub"].as_str().is_some_and(|sub| sub.len() <= 255 && sub.is_ascii()));
    assert!(claims.get("raw").is_none() && claims.get("requested").is_none(), "small");
    let session = tokens["access_token"].as_str().unwrap().split('.').next();
    assert_eq!(claims["sid"].as_str(), session);
}

#[actix_web::test]
async fn clients_of_oauth_alone_get_no_id_token() {
    let world = World::new().await;
    for scope in ["", "email profile", "openid2"] {
        assert!(tokens(&world, &[("scope", scope)]).await.get("id_token").is_none(), "{scope}");
    }
}

#[actix_web::test]
async fn d7_a_product_chooses_how_its_id_tokens_are_signed() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    assert_eq!(product["id_token_signed_response_alg"], "RS256");
    let (id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    for algorithm in SigningAlgorithm::ALL {
        let change = json!({ "name": "crm", "id_token_signed_response_alg": algorithm.name() });
        assert_eq!(world.api(Method::PATCH, "products", change).await.status, 200);
        let code = world.code(&[("client_id", id), ("tenant", "acme.example"), ("scope", "openid")]).await;
        let tokens = world.redeem_with(&code, &[("client_id", id), ("client_secret", secret)]).await.json();
        let (claims, header) = verified(&world, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!((&header["alg"], &claims["aud"]), (&json!(algorithm.name()), &json!(id)));
        assert!(claims.get("nonce").is_none(), "none was sent");
    }
    for other in ["none", "HS256", "PS256", "RS512", "rs256"] {
        let change = json!({ "name": "crm", "id_token_signed_response_alg": other });
        assert_eq!(world.api(Method::PATCH, "products", change).await.code(), "FieldInvalid");
    }
}

#[actix_web::test]
async fn p3_an_id_token_is_no_access_token() {
    let world = World::new().await;
    let tokens = tokens(&world, &[("scope", "openid")]).await;
    let answer = world.claims(tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "TokenInvalid"));
}

#[actix_web::test]
async fn d8_a_token_verifies_as_long_as_it_lives_while_keys_change() {
    let world = World::new().await;
    let old = tokens(&world, &[("scope", "openid")]).await["id_token"].as_str().unwrap().to_owned();
    let added = world.api(Method::POST, "token-keys", json!({ "alg": "RS256" })).await;
    assert_eq!(added.status, 201);
    let keys = added.json();
    let of_rsa = |active: bool| {
        let mut keys = keys.as_array().unwrap().iter().filter(|key| key["alg"] == "RS256");
        keys.find(|key| key["active"] == active).unwrap()["id"].clone()
    };
    let (former, fresh) = (of_rsa(true), of_rsa(false));
    let activate = async |force: bool| {
        world.api(Method::POST, "token-keys/activate", json!({ "id": fresh, "force": force })).await
    };
    let remove = async |force: bool| {
        let path = format!("token-keys?id={}&force={force}", former.as_str().unwrap());
        world.api(Method::DELETE, &path, Value::Null).await
    };

    // Published, and not used before everybody knows it.
    assert_eq!(world.get("/oauth/jwks").await.json()["keys"].as_array().unwrap().len(), 4);
    assert_eq!(activate(false).await.code(), "KeyNotAnnounced");
    world.advance(Duration::from_secs(600));
    assert_eq!(activate(false).await.status, 200);
    let new = tokens(&world, &[("scope", "openid")]).await["id_token"].as_str().unwrap().to_owned();
    let kid = async |token: &str| verified(&world, token).await.1["kid"].clone();
    assert_ne!(kid(&old).await, kid(&new).await);

    // Published until nothing lives that it signed.
    assert_eq!(remove(false).await.code(), "KeyStillNeeded");
    world.advance(Duration::from_secs(2 * 3600 - 1));
    assert_eq!(remove(false).await.code(), "KeyStillNeeded");
    kid(&old).await;
    world.advance(Duration::from_secs(1));
    assert_eq!(remove(false).await.status, 204);
    assert_eq!(world.get("/oauth/jwks").await.json()["keys"].as_array().unwrap().len(), 3);
    kid(&new).await;
}

#[actix_web::test]
async fn a_stolen_key_goes_at_once() {
    let world = World::new().await;
    let added = world.api(Method::POST, "token-keys", json!({ "alg": "ES256" })).await.json();
    let [stolen, fresh] = [true, false].map(|active| {
        let mut keys = added.as_array().unwrap().iter().filter(|key| key["alg"] == "ES256");
        keys.find(|key| key["active"] == active).unwrap()["id"].clone()
    });
    let delete = format!("token-keys?id={}&force=true", stolen.as_str().unwrap());
    assert_eq!(world.api(Method::DELETE, &delete, Value::Null).await.code(), "KeyInUse");
    let activate = json!({ "id": fresh, "force": true });
    assert_eq!(world.api(Method::POST, "token-keys/activate", activate).await.status, 200);
    assert_eq!(world.api(Method::DELETE, &delete, Value::Null).await.status, 204);
    assert_eq!(world.api(Method::DELETE, &delete, Value::Null).await.code(), "KeyNotFound");
    assert_eq!(world.api(Method::POST, "token-keys", json!({ "alg": "HS256" })).await.code(), "FieldInvalid");
    let limited = world.api_as("key-of-the-product-crm", Method::GET, "token-keys", Value::Null).await;
    assert_eq!(limited.code(), "ApiKeyOtherProduct");
    let listed = world.api(Method::GET, "token-keys", Value::Null).await.body;
    assert!(!listed.contains("PRIVATE"), "{listed}");
}
