//! `/api/v1/providers` and `/api/v1/sso/{id}/guide`: what is known of identity providers, and what to enter there.

use actix_web::http::Method;
use postern_lab::metadata::metadata;
use serde_json::{Value, json};

use crate::world::{Answer, CALLBACK, IDP, PUBLIC, World};

const OKTA: &str = "http://www.okta.com/exk1abcd";

async fn get(world: &World, path: &str) -> Value {
    let answer = world.api(Method::GET, path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// Connects the tenant `t` to this SAML identity provider.
async fn connect(world: &World, entity_id: &str, more: Value) -> Answer {
    let mut body = json!({
        "tenant": "t", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata(entity_id, "https://idp.example.com/sso", &world.key),
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.api(Method::POST, "sso", body).await
}

/// Connects the tenant `t` to an OpenID Provider whose metadata offer a scope for groups.
async fn connect_openid(world: &World, issuer: &str, more: Value) -> Value {
    let key = json!({
        "kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let mut body = json!({
        "tenant": "t", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "oidcClientId": issuer, "oidcClientSecret": "a secret",
        "oidcMetadata": {
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks": { "keys": [key] },
            "scopes_supported": ["openid", "email", "profile", "groups", "phone"],
        },
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = world.api(Method::POST, "sso", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[actix_web::test]
async fn every_provider_is_listed_and_shown_with_our_addresses() {
    let world = World::new().await;
    let listed = get(&world, "providers").await;
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 12);
    let okta = json!({ "id": "okta", "name": "Okta", "protocols": ["saml", "oidc", "scim"], "recommended": "saml" });
    assert_eq!(listed[0], okta);
    let google = listed.iter().find(|provider| provider["id"] == "google-workspace").unwrap();
    assert_eq!(google["protocols"], json!(["saml", "oidc"]), "Google has no SCIM");
    for provider in listed {
        let whole = get(&world, &format!("providers/{}", provider["id"].as_str().unwrap())).await;
        for (protocol, address) in [("saml", format!("{PUBLIC}/api/oauth/saml")), ("oidc", "{callback_url}".into())] {
            let offered = provider["protocols"].as_array().unwrap().contains(&json!(protocol));
            assert_eq!(whole.get(protocol).is_some(), offered, "{provider}");
            let steps = whole[protocol]["steps"].as_array().cloned().unwrap_or_default();
            let mut entered = steps.iter().flat_map(|step| step["enter"].as_array().unwrap());
            assert!(!offered || entered.any(|entry| entry["value"] == address), "{provider}: {steps:?}");
        }
    }
    let unknown = world.api(Method::GET, "providers/nobody", Value::Null).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "ProviderNotFound"));
}

#[actix_web::test]
async fn a_guide_has_the_values_of_its_connection() {
    let world = World::new().await;
    let made = connect(&world, "https://app.onelogin.com/saml/metadata/1", json!({ "allow": ["unsolicited"] })).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let guide = get(&world, &format!("sso/{id}/guide")).await;
    assert_eq!((&guide["provider"], &guide["protocol"]), (&json!("onelogin"), &json!("saml")));
    let entered: Vec<_> =
        guide["steps"].as_array().unwrap().iter().flat_map(|step| step["enter"].as_array().unwrap()).collect();
    let value = |field: &str| entered.iter().find(|entry| entry["field"] == field).unwrap()["value"].as_str().unwrap();
    assert_eq!(value("ACS (Consumer) URL"), format!("{PUBLIC}/api/oauth/saml/{id}"));
    let pattern = format!(r"^https:\/\/sso\.example\.com\/sso\/api\/oauth\/saml\/{id}$");
    assert_eq!(value("ACS (Consumer) URL Validator"), pattern);
    assert_eq!(value("Audience (EntityID)"), PUBLIC);
    assert_eq!(value("Single Logout URL"), format!("{PUBLIC}/api/oauth/saml/slo/{id}"));
    assert!(!guide.to_string().contains("_url}") && !guide.to_string().contains("{entity_id}"));

    let made = connect_openid(&world, "https://idp.example.com", json!({ "provider": "onelogin" })).await;
    let guide = get(&world, &format!("sso/{}/guide", made["clientID"].as_str().unwrap())).await;
    assert_eq!(guide["protocol"], "oidc");
    let text = guide.to_string();
    assert!(text.contains(made["callbackUrl"].as_str().unwrap()) && text.contains(CALLBACK) && !text.contains("_url}"));

    let refused = world.api(Method::GET, "sso/conn_unknown/guide", Value::Null).await;
    assert_eq!(refused.code(), "ConnectionNotFound");
    let path = format!("sso/{id}/guide");
    assert_eq!(world.api_as("key-that-may-only-read", Method::GET, &path, Value::Null).await.status, 200);
    world.connect("acme.example", "other", IDP).await;
    let other = get(&world, "sso?tenant=acme.example&product=other").await;
    let path = format!("sso/{}/guide", other[0]["id"].as_str().unwrap());
    let foreign = world.api_as("key-of-the-product-crm", Method::GET, &path, Value::Null).await;
    assert_eq!(foreign.code(), "ConnectionNotFound");
}

#[actix_web::test]
async fn a_provider_is_recognised_or_set() {
    let world = World::new().await;
    let unknown = get(&world, "sso?tenant=acme.example&product=crm").await;
    assert_eq!(unknown[0]["provider"], "generic-saml");
    assert_eq!(unknown[0]["idpMetadata"]["friendlyProviderName"], Value::Null);

    let made = connect(&world, OKTA, json!({})).await.json();
    assert_eq!((&made["provider"], &made["mapping"]), (&json!("okta"), &Value::Null));
    let found = get(&world, "sso?tenant=t&product=crm").await;
    assert_eq!(found[0]["idpMetadata"]["friendlyProviderName"], "Okta");
    assert_eq!(found[0]["idpMetadata"]["provider"], "www.okta.com", "as in Jackson");

    for wrong in ["nobody", "generic-oidc"] {
        assert_eq!(connect(&world, OKTA, json!({ "provider": wrong })).await.code(), "FieldInvalid", "{wrong}");
    }
    let change = |provider: &str| json!({ "clientID": made["clientID"], "clientSecret": made["clientSecret"], "provider": provider });
    for (set, shown) in [("keycloak", "keycloak"), ("", "okta")] {
        assert_eq!(world.api(Method::PATCH, "sso", change(set)).await.status, 204);
        assert_eq!(get(&world, "sso?tenant=t&product=crm").await[0]["provider"], shown);
    }
    let inspected =
        json!({ "rawMetadata": metadata("https://kc.example.com/realms/a", "https://kc.example.com/x", &world.key) });
    let inspected = world.api(Method::POST, "sso/inspect", inspected).await.json();
    assert_eq!((&inspected["provider"], &inspected["friendlyProviderName"]), (&json!("keycloak"), &json!("Keycloak")));
}

#[actix_web::test]
async fn a_provider_that_is_set_on_a_new_connection_brings_its_mapping() {
    let world = World::new().await;
    let made = connect(&world, IDP, json!({ "provider": "onelogin" })).await.json();
    assert_eq!(made["mapping"]["rules"]["firstName"]["from"], json!(["firstName", "User.FirstName"]));
    // What was settled stays, and what is sent beside it counts.
    let again = connect(&world, IDP, json!({ "provider": "entra-id" })).await.json();
    assert_eq!(again["mapping"], made["mapping"]);
    let own = json!({ "rules": { "email": { "from": ["NameID"] } } });
    let other = "https://other.example.com/metadata";
    let made = connect(&world, other, json!({ "provider": "onelogin", "mapping": own })).await.json();
    assert_eq!(made["mapping"]["rules"], own["rules"]);
}

#[actix_web::test]
async fn groups_are_asked_for_only_where_a_template_says_so_and_the_provider_offers_them() {
    let world = World::new().await;
    let usual = json!(["openid", "email", "profile"]);
    let with_groups = json!(["openid", "email", "profile", "groups"]);
    let scopes = async |issuer: &str, more: Value| connect_openid(&world, issuer, more).await["oidcScopes"].clone();
    assert_eq!(scopes("https://acme.okta.com", json!({})).await, with_groups);
    assert_eq!(scopes("https://acme.eu.auth0.com", json!({})).await, usual);
    assert_eq!(scopes("https://idp.example.com", json!({})).await, usual);
    assert_eq!(scopes("https://sso.acme.example", json!({ "provider": "okta" })).await, with_groups);
    assert_eq!(scopes("https://b.okta.com", json!({ "oidcScopes": "openid" })).await, json!(["openid"]));
}
