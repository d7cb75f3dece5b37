//! `/api/v1/tenants`: which there are, and what becomes of one that is suspended.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::registered::{App, member};
use crate::world::{Answer, IDP, World};

async fn say(world: &World, tenant: &str, status: &str) -> Answer {
    world.api(Method::PUT, &format!("tenants/{tenant}"), json!({ "status": status })).await
}

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let answer = world.api(Method::GET, &format!("tenants?{query}"), Value::Null).await.json();
    answer["data"].as_array().unwrap().iter().map(|tenant| tenant["name"].clone()).collect()
}

#[actix_web::test]
async fn policy_1_status_a_suspended_tenant_gets_no_code_and_no_refresh() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let record = world.connect("acme.example", "crm", IDP).await;
    world.connect("globex.example", "crm", "https://idp.globex.example").await;
    let tokens = app.tokens("openid").await;
    let refresh_token = member(&tokens, "refresh_token");
    let begun = world.begin(&[]).await;
    assert_eq!(say(&world, "acme.example", "suspended").await.json()["status"], "suspended");

    let names = [
        ("client_id", "tenant=acme.example&product=crm"),
        ("client_id", member(&record, "id")),
        ("client_id", member(&record, "clientID")),
    ];
    for name in names {
        let refused = world.authorize(&[name]).await;
        assert_eq!(refused.sent("error").as_deref(), Some("access_denied"), "{name:?}");
        assert_eq!(refused.code(), "TenantSuspended", "{name:?}");
    }
    // Who was with the identity provider when it happened.
    let answer = world.answer(&begun, &world.response(&begun).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "TenantSuspended");
    let refused = app.refresh(refresh_token, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(refused.code(), "RefreshTenantSuspended");
    world.begin(&[("client_id", "tenant=globex.example&product=crm")]).await;

    assert_eq!(say(&world, "acme.example", "active").await.json()["status"], "active");
    assert_eq!(app.refresh(refresh_token, &[]).await.status, 200, "nothing was spent");
    world.code(&[]).await;
}

#[actix_web::test]
async fn tenants_are_known_by_what_they_have_and_by_what_is_said_of_them() {
    let world = World::new().await;
    world.advance(std::time::Duration::from_secs(1));
    world.connect("globex.example", "crm", "https://idp.globex.example").await;
    let claim = json!({ "tenant": "globex.example", "product": "wiki", "domain": "globex.example" });
    assert_eq!(world.api(Method::POST, "domains", claim).await.status, 201);
    world.advance(std::time::Duration::from_secs(1));
    let made = say(&world, "a%2Fb%20c", "suspended").await;
    assert_eq!((made.status.as_u16(), &made.json()["name"]), (200, &json!("a/b c")));
    assert_eq!(listed(&world, "").await, ["a/b c", "globex.example", "acme.example"]);
    assert_eq!(listed(&world, "offset=1&limit=1").await, ["globex.example"]);

    let globex = world.api(Method::GET, "tenants/globex.example", Value::Null).await.json();
    assert_eq!((&globex["status"], &globex["products"]), (&json!("active"), &json!(["crm", "wiki"])));
    assert_eq!(world.api(Method::GET, "tenants/initech.example", Value::Null).await.code(), "TenantNotFound");
    for (tenant, status) in [("acme.example", "closed"), ("acme.example", ""), ("a:b", "active")] {
        assert_eq!(say(&world, tenant, status).await.status, 400, "{tenant} {status}");
    }
    for path in ["tenants", "tenants/acme.example"] {
        let answer = world.api_as("key-of-the-product-crm", Method::GET, path, Value::Null).await;
        assert_eq!(answer.code(), "ApiKeyOtherProduct", "{path}");
    }
    let body = json!({ "status": "suspended" });
    let answer = world.api_as("key-of-the-product-crm", Method::PUT, "tenants/acme.example", body.clone()).await;
    assert_eq!(answer.code(), "ApiKeyOtherProduct");
    let answer = world.api_as("key-that-may-only-read", Method::PUT, "tenants/acme.example", body).await;
    assert_eq!(answer.code(), "ApiKeyReadOnly");
    for (key, told) in [("key-that-may-only-read", 1), ("key-of-the-product-crm", 0)] {
        let events = world.api_as(key, Method::GET, "events", Value::Null).await.body;
        assert_eq!(events.matches("tenant.updated").count(), told, "{key}: {events}");
    }
}
