//! Drafts, active and deactivated connections.

use actix_web::http::Method;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::discover::told;
use crate::world::{CALLBACK, IDP, World};
use postern_lab::metadata::metadata;

/// A connection of `acme.example` with this status.
async fn connect(world: &World, entity_id: &str, status: &str) -> Value {
    let connection = json!({
        "tenant": "acme.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata(entity_id, "https://idp.example.com/sso", &world.key), "status": status,
    });
    let answer = world.api(Method::POST, "sso", connection).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Changes a connection.
pub(crate) async fn change(world: &World, connection: &Value, settings: Value) -> StatusCode {
    let mut change = json!({ "clientID": connection["clientID"], "clientSecret": connection["clientSecret"] });
    change.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    world.api(Method::PATCH, "sso", change).await.status
}

async fn record(world: &World, connection: &Value) -> Value {
    let path = format!("sso?clientID={}", connection["id"].as_str().unwrap());
    world.api(Method::GET, &path, Value::Null).await.json()[0].clone()
}

/// The claims of a whole login.
async fn signed_in(world: &World) -> Value {
    let token = world.redeem(&world.code(&[]).await, &[]).await.json();
    world.claims(token["access_token"].as_str().unwrap()).await.json()
}

#[actix_web::test]
async fn a_draft_has_everything_and_signs_nobody_in() {
    let world = World::new().await;
    let draft = connect(&world, "https://next.example.com", "draft").await;
    assert_eq!(draft["status"], "draft");
    let id = draft["id"].as_str().unwrap();
    for part in ["sp", "guide"] {
        assert_eq!(world.api(Method::GET, &format!("sso/{id}/{part}"), Value::Null).await.status, 200);
    }
    assert_eq!(world.get(&format!("/.well-known/sp-metadata?connection={id}")).await.status, 200);
    assert_eq!(world.authorize(&[("idp_hint", id)]).await.code(), "ConnectionDraft");
    assert_eq!(world.authorize(&[("client_id", id)]).await.code(), "ConnectionDraft");
    // The other one is still the only one: nobody is asked to choose, nobody is offered the draft.
    assert!(world.authorize(&[]).await.header("location").starts_with("https://idp.example.com/sso?"));
    let offered = told(&world, "alice@acme.example", Some("acme.example")).await;
    assert_eq!(offered["connections"].as_array().unwrap().len(), 1);
    assert_ne!(offered["connections"][0]["id"], draft["id"]);

    assert_eq!(change(&world, &draft, json!({ "status": "active" })).await, 204);
    assert!(world.authorize(&[("idp_hint", id)]).await.header("location").starts_with("https://idp.example.com/sso?"));
    let shown = record(&world, &draft).await;
    for member in ["id", "clientID", "clientSecret", "createdAt"] {
        assert_eq!(shown[member], draft[member], "{member}");
    }
}

#[actix_web::test]
async fn an_answer_to_what_has_become_a_draft_is_refused() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let connection = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    assert_eq!(change(&world, &connection, json!({ "status": "draft" })).await, 204);
    let answer = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "ConnectionDraft");
    assert_eq!(told(&world, "alice@acme.example", Some("acme.example")).await["sso"], false);
}

#[actix_web::test]
async fn deactivating_and_activating_keeps_identifiers_secrets_and_subjects() {
    let world = World::new().await;
    let before = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    let person = signed_in(&world).await;
    for (settings, status, deactivated) in [
        (json!({ "status": "deactivated" }), "deactivated", true),
        (json!({ "deactivated": false }), "active", false),
        (json!({ "deactivated": true }), "deactivated", true),
        (json!({ "status": "draft" }), "draft", false),
        (json!({ "deactivated": false }), "draft", false),
        (json!({ "status": "active", "deactivated": false }), "active", false),
    ] {
        assert_eq!(change(&world, &before, settings.clone()).await, 204, "{settings}");
        let shown = record(&world, &before).await;
        assert_eq!((&shown["status"], &shown["deactivated"]), (&json!(status), &json!(deactivated)), "{settings}");
        for member in ["id", "clientID", "clientSecret"] {
            assert_eq!(shown[member], before[member], "{settings} {member}");
        }
    }
    assert_eq!(signed_in(&world).await["sub"], person["sub"]);
    let kept = connect(&world, IDP, "deactivated").await;
    assert_eq!((&kept["id"], &kept["status"]), (&before["id"], &json!("deactivated")));
}

#[actix_web::test]
async fn a_status_that_there_is_not_or_that_contradicts_changes_nothing() {
    let world = World::new().await;
    let before = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    for settings in [
        json!({ "status": "Active" }),
        json!({ "status": "active", "deactivated": true }),
        json!({ "status": "draft", "deactivated": true }),
        json!({ "status": "deactivated", "deactivated": false }),
    ] {
        assert_eq!(change(&world, &before, settings.clone()).await, 400, "{settings}");
        assert_eq!(record(&world, &before).await, before);
    }
}

#[actix_web::test]
async fn an_event_tells_that_a_status_changed() {
    let world = World::new().await;
    let connection = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    assert_eq!(change(&world, &connection, json!({ "status": "deactivated" })).await, 204);
    assert_eq!(change(&world, &connection, json!({ "name": "Acme" })).await, 204);
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let updated: Vec<_> =
        events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "connection.updated").collect();
    assert_eq!(updated.len(), 2, "{events}");
    assert_eq!(updated[0]["data"], json!({ "connection": connection["id"], "changed": { "status": "deactivated" } }));
    assert_eq!(updated[1]["data"], json!({ "connection": connection["id"] }));
}
