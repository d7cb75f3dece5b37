//! `/api/v1/sp-keys`, and what providers see of our keys.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::world::World;

#[actix_web::test]
async fn a_key_is_announced_before_it_is_used_and_removed_when_it_is_not() {
    let world = World::new().await;
    world.app.load_keys().await.unwrap();
    let list = async || world.api(Method::GET, "sp-keys", Value::Null).await.json();
    let first = list().await;
    let uses: Vec<_> =
        first.as_array().unwrap().iter().map(|key| (key["use"].clone(), key["active"].clone())).collect();
    assert_eq!(uses, [(json!("signing"), json!(true)), (json!("encryption"), json!(true))]);
    assert!(!first.to_string().contains("PRIVATE"));
    let old = world.get("/.well-known/saml.cer").await;
    assert!(old.body.starts_with("-----BEGIN CERTIFICATE-----"));

    let added = world.api(Method::POST, "sp-keys", json!({ "use": "signing" })).await;
    assert_eq!(added.status, 201);
    let fresh = added.json().as_array().unwrap().iter().find(|key| key["active"] == false).unwrap().clone();
    assert_eq!(world.get("/.well-known/saml.cer").await.body, old.body, "announced, not used");
    let active = first[0]["id"].as_str().unwrap();
    assert_eq!(world.api(Method::DELETE, &format!("sp-keys?id={active}"), Value::Null).await.code(), "KeyInUse");
    assert_eq!(world.api(Method::POST, "sp-keys/activate", json!({ "id": fresh["id"] })).await.status, 200);
    assert_ne!(world.get("/.well-known/saml.cer").await.body, old.body);
    assert_eq!(world.api(Method::DELETE, &format!("sp-keys?id={active}"), Value::Null).await.status, 204);
    assert_eq!(list().await.as_array().unwrap().len(), 2);
    assert_eq!(world.api(Method::DELETE, "sp-keys?id=key_x", Value::Null).await.code(), "KeyNotFound");
    assert_eq!(world.api(Method::POST, "sp-keys", json!({ "use": "fun" })).await.code(), "FieldInvalid");
    let limited = world.api_as("key-of-the-product-crm", Method::GET, "sp-keys", Value::Null).await;
    assert_eq!(limited.code(), "ApiKeyOtherProduct");

    // A restart reads them again.
    let before = world.get("/.well-known/saml.cer").await.body;
    world.app.load_keys().await.unwrap();
    assert_eq!(world.get("/.well-known/saml.cer").await.body, before);
}

#[actix_web::test]
async fn what_to_enter_at_a_provider_is_shown_to_people() {
    let world = World::new().await;
    let page = world.get("/.well-known/saml-configuration").await;
    assert_eq!(page.status, 200);
    for value in [crate::world::PUBLIC, "/api/oauth/saml", "/.well-known/sp-metadata"] {
        assert!(page.body.contains(value), "{value}");
    }
    let page = world.get("/.well-known/oidc-configuration").await;
    assert_eq!(page.status, 200);
    for path in ["/api/oauth/oidc", "/api/oauth/oidc/{connection}/jwks", "/api/oauth/logout/return"] {
        assert!(page.body.contains(&format!("{}{path}<", crate::world::PUBLIC)), "{path}");
    }
}

#[actix_web::test]
async fn h1_h6_requests_are_signed_where_the_provider_or_the_connection_wants_it() {
    let world = World::new().await;
    world.app.load_keys().await.unwrap();
    let metadata = postern_lab::metadata::metadata(crate::world::IDP, "https://idp.example.com/sso", &world.key);
    let wanting = metadata.replace("WantAuthnRequestsSigned=\"false\"", "WantAuthnRequestsSigned=\"true\"");
    assert_ne!(metadata, wanting);
    let connect = async |metadata: &str, sign: Value| {
        let body = json!({
            "tenant": "acme.example", "product": "crm", "redirectUrl": crate::world::CALLBACK,
            "defaultRedirectUrl": crate::world::CALLBACK, "rawMetadata": metadata, "signRequests": sign,
        });
        let answer = world.api(Method::POST, "sso", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    };
    for (metadata, sign, signed) in [
        (&metadata, json!(""), false),
        (&wanting, json!(""), true),
        (&wanting, json!(false), false),
        (&metadata, json!(true), true),
    ] {
        let id = connect(metadata, sign).await;
        let answer = world.authorize(&[]).await;
        assert_eq!(answer.sent("Signature").is_some(), signed);
        let published = world.get(&format!("/.well-known/sp-metadata?connection={id}")).await;
        assert!(published.body.contains(&format!("AuthnRequestsSigned=\"{signed}\"")), "{}", published.body);
    }
    let published = world.get("/.well-known/sp-metadata").await.body;
    assert!(published.contains("use=\"signing\"") && published.contains("use=\"encryption\""), "M1");
}
