//! Client secrets are replaced while apps go on with the one before.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What an app with this secret is answered that redeems a code of its own.
async fn redeem(world: &World, client_id: &str, secret: &Value) -> u16 {
    let code = world.code(&[("client_id", client_id), ("tenant", "acme.example")]).await;
    let credentials = [("client_id", client_id), ("client_secret", secret.as_str().unwrap())];
    world.redeem(&code, &credentials).await.status.as_u16()
}

async fn last_event(world: &World) -> Value {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    events["data"].as_array().unwrap().last().unwrap().clone()
}

#[actix_web::test]
async fn a_product_goes_on_with_the_secret_before_until_its_end() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let (client_id, first) = (product["client_id"].as_str().unwrap(), &product["client_secret"]);
    assert!(product["former_secret_ends_at"].is_null());

    let rotated = world.api(Method::POST, "products/secret", json!({ "name": "crm" })).await.json();
    let event = last_event(&world).await;
    let end = json!("2027-01-16T08:00:00Z");
    assert_eq!(rotated["former_secret_ends_at"], end, "a day, where nothing else is said");
    assert_eq!(
        (&event["type"], &event["data"]["changed"]["client_secret"]["former_secret_ends_at"]),
        (&json!("product.updated"), &end)
    );
    let second = &rotated["client_secret"];
    assert!(
        !event.to_string().contains(second.as_str().unwrap()) && !event.to_string().contains(first.as_str().unwrap())
    );
    assert_eq!((redeem(&world, client_id, first).await, redeem(&world, client_id, second).await), (200, 200));
    assert_eq!(redeem(&world, client_id, &json!("ps_another")).await, 401);

    // What else is changed leaves it alone.
    let post = json!({ "name": "crm", "token_endpoint_auth_method": "client_secret_post" });
    assert_eq!(world.api(Method::PATCH, "products", post).await.json()["former_secret_ends_at"], end);
    world.advance(DAY - Duration::from_secs(1));
    assert_eq!(redeem(&world, client_id, first).await, 200);
    world.advance(Duration::from_secs(1));
    assert_eq!((redeem(&world, client_id, first).await, redeem(&world, client_id, second).await), (401, 200));
    assert!(world.api(Method::GET, "products?name=crm", Value::Null).await.json()["former_secret_ends_at"].is_null());
}

#[actix_web::test]
async fn without_an_overlap_every_secret_before_ends_at_once() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let client_id = product["client_id"].as_str().unwrap();
    let rotate = async |overlap: Value| {
        world.api(Method::POST, "products/secret", json!({ "name": "crm", "overlap_seconds": overlap })).await
    };
    let second = rotate(json!(60)).await.json();
    let third = rotate(json!(0)).await.json();
    assert!(third["former_secret_ends_at"].is_null());
    for (secret, status) in [(&product, 401), (&second, 401), (&third, 200)] {
        assert_eq!(redeem(&world, client_id, &secret["client_secret"]).await, status);
    }
    for wrong in [json!(2_592_001), json!(-1), json!("a day")] {
        assert_eq!(rotate(wrong).await.code(), "FieldInvalid");
    }
}

#[actix_web::test]
async fn a_connection_goes_on_with_the_secret_before_until_its_end() {
    let world = World::new().await;
    let connection = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    let (client_id, first) = (connection["clientID"].as_str().unwrap(), &connection["clientSecret"]);
    let rotate = async |overlap: u32| {
        let path = format!("sso/{client_id}/secret");
        world.api(Method::POST, &path, json!({ "overlap_seconds": overlap })).await.json()
    };
    let second = rotate(60).await;
    assert_eq!(second["formerSecretEndsAt"], "2027-01-15T08:01:00Z");
    let event = last_event(&world).await;
    assert_eq!((&event["type"], &event["tenant"]), (&json!("connection.updated"), &json!("acme.example")));
    assert_eq!(
        (redeem(&world, client_id, first).await, redeem(&world, client_id, &second["clientSecret"]).await),
        (200, 200)
    );
    world.advance(Duration::from_secs(60));
    assert_eq!(
        (redeem(&world, client_id, first).await, redeem(&world, client_id, &second["clientSecret"]).await),
        (401, 200)
    );

    let third = rotate(0).await;
    assert!(third["formerSecretEndsAt"].is_null());
    assert_eq!(redeem(&world, client_id, &second["clientSecret"]).await, 401);
    assert_eq!(world.api(Method::POST, "sso/conn_unknown/secret", json!({})).await.code(), "ConnectionNotFound");
    let path = format!("sso/{client_id}/secret");
    let reader = world.api_as("key-that-may-only-read", Method::POST, &path, json!({})).await;
    assert_eq!(reader.code(), "ApiKeyReadOnly");
}
