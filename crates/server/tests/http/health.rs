//! Whether identity providers are there (policy §7).

use std::time::Duration;

use actix_web::http::Method;
use postern::jobs::health::round;
use postern_lab::key::Key;
use serde_json::{Value, json};

use crate::metrics::value;
use crate::refresh::{Address, of, world};
use crate::world::{CALLBACK, World};

const INTERVAL: Duration = Duration::from_secs(300);

/// The connection of `url.example`.
async fn connection(world: &World) -> String {
    let found = world.api(Method::GET, "sso?tenant=url.example&product=crm", Value::Null).await.json();
    found[0]["id"].as_str().unwrap().to_owned()
}

async fn health(world: &World, id: &str) -> Value {
    let answer = world.api(Method::GET, &format!("sso/{id}/health"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Looks once, when the next look is due at the latest.
async fn look(world: &World) {
    world.advance(INTERVAL * 11 / 10);
    round(&world.app, INTERVAL).await.unwrap();
}

/// The events of health: what it was, and what it is.
async fn changes(world: &World) -> Vec<(String, String)> {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let events = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "connection.health");
    let text = |event: &Value, member: &str| event["data"][member].as_str().unwrap().to_owned();
    events.map(|event| (text(event, "before"), text(event, "status"))).collect()
}

#[actix_web::test]
async fn policy_7_the_status_follows_the_looks_and_no_login_goes_by_it() {
    let key = Key::generate().unwrap();
    let address = Address::start(of(&key));
    let world = world(&address).await;
    let id = connection(&world).await;
    let unknown = json!({
        "status": "unknown", "checked_at": null, "latency_ms": null, "last_success_at": null, "failures": 0, "fault": null,
        "certificate_expires_at": health(&world, &id).await["certificate_expires_at"],
    });
    assert_eq!(health(&world, &id).await, unknown);
    assert!(unknown["certificate_expires_at"].is_string());

    look(&world).await;
    let good = health(&world, &id).await;
    assert_eq!((&good["status"], &good["failures"], &good["fault"]), (&json!("ok"), &json!(0), &Value::Null));
    assert_eq!(good["last_success_at"], good["checked_at"]);
    let asked = address.asked();
    round(&world.app, INTERVAL).await.unwrap();
    assert_eq!(address.asked(), asked, "nothing is due");

    address.say(500, String::new());
    for status in ["degraded", "degraded", "down", "down"] {
        look(&world).await;
        let bad = health(&world, &id).await;
        assert_eq!((&bad["status"], &bad["fault"]["code"]), (&json!(status), &json!("FetchStatus")));
        assert_eq!(bad["last_success_at"], good["checked_at"]);
    }
    let login = world.begin(&[("client_id", "tenant=url.example&product=crm")]).await;
    let answer = world.answer(&login, &world.response(&login).signed_assertion(&key)).await;
    assert!(answer.sent("code").is_some(), "{}", answer.body);

    address.say(200, of(&key));
    look(&world).await;
    assert_eq!(health(&world, &id).await["status"], "ok");
    let change = |before: &str, status: &str| (before.to_owned(), status.to_owned());
    assert_eq!(changes(&world).await, [change("ok", "degraded"), change("degraded", "down"), change("down", "ok"),]);
    assert_eq!(value(&world, "postern_health_checks_total{status=\"down\"}").await, Some(2));
    assert_eq!(value(&world, "postern_health_checks_total{status=\"ok\"}").await, Some(2));
}

#[actix_web::test]
async fn policy_7_a_connection_without_an_address_is_unknown() {
    let world = World::new().await;
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    look(&world).await;
    assert_eq!(health(&world, found[0]["id"].as_str().unwrap()).await["status"], "unknown");
    assert_eq!(world.api(Method::GET, "sso/conn_none/health", Value::Null).await.code(), "ConnectionNotFound");
}

#[actix_web::test]
async fn policy_7_one_replica_looks_at_each_address_once() {
    let address = Address::start(of(&Key::generate().unwrap()));
    let world = world(&address).await;
    let twin = json!({
        "tenant": "twin.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "metadataUrl": address.url,
    });
    assert_eq!(world.api(Method::POST, "sso", twin).await.status, 200);
    let asked = address.asked();
    look(&world).await;
    round(&world.app, INTERVAL).await.unwrap();
    assert_eq!(address.asked(), asked + 1, "two connections have this address");
    assert_eq!(value(&world, "postern_health_checks_total{status=\"ok\"}").await, Some(2));
}

#[actix_web::test]
async fn policy_7_whoever_is_deactivated_or_deleted_is_left_alone() {
    let address = Address::start(of(&Key::generate().unwrap()));
    let world = world(&address).await;
    let (id, secret) = (connection(&world).await, world.connection_secret("url.example").await);
    let change = json!({ "clientID": id, "clientSecret": secret, "tenant": "url.example", "product": "crm", "deactivated": true });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    let asked = address.asked();
    look(&world).await;
    assert_eq!(address.asked(), asked);

    world.api(Method::DELETE, &format!("sso?clientID={id}&clientSecret={secret}"), Value::Null).await;
    look(&world).await;
    assert_eq!(address.asked(), asked);
}
