//! Several connections in a scope: which is the default, in which order they stand, wherever people meet them.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::connection_status::change;
use crate::discover::{own, told};
use crate::world::{Answer, PUBLIC, World, authn_request};

/// `acme.example` with connections to `idp.example.com` and these, each newer than the one before.
async fn world(more: &[&str]) -> (World, Vec<Value>) {
    let world = World::new().await;
    let mut connections = vec![of_acme(&world).await[0].clone()];
    for entity_id in more {
        world.advance(std::time::Duration::from_secs(1));
        connections.push(world.connect("acme.example", "crm", entity_id).await);
    }
    (world, connections)
}

async fn of_acme(world: &World) -> Vec<Value> {
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    found.as_array().unwrap().clone()
}

/// Their names, in order, and which of them are marked as the default.
async fn shown(world: &World) -> (Vec<Value>, Vec<Value>) {
    let all = of_acme(world).await;
    let name = |connection: &Value| connection["idpMetadata"]["provider"].clone();
    let default = all.iter().filter(|connection| connection["default"] == true).map(name).collect();
    (all.iter().map(name).collect(), default)
}

async fn offered(world: &World) -> Vec<(Value, bool)> {
    let found = told(world, "alice@acme.example", Some("acme.example")).await;
    let connections = found["connections"].as_array().unwrap();
    connections.iter().map(|c| (c["name"].clone(), c["default"].as_bool().unwrap())).collect()
}

fn in_order(page: &Answer, names: &[&str]) -> bool {
    let places: Vec<_> = names.iter().map(|name| page.body.find(&format!("{name}</a>"))).collect();
    places.iter().all(Option::is_some) && places.is_sorted()
}

async fn visit(world: &World, url: &str) -> Answer {
    world.get(url.strip_prefix("https://sso.example.com").unwrap()).await
}

#[actix_web::test]
async fn policy_2_the_default_of_a_scope_stands_first_wherever_connections_are_offered() {
    let (world, connections) = world(&["https://second.example.com", "https://third.example.com"]).await;
    assert_eq!(shown(&world).await.1, [] as [Value; 0], "nobody said which");
    assert_eq!(change(&world, &connections[1], json!({ "default": true })).await, 204);
    assert_eq!(change(&world, &connections[0], json!({ "sortOrder": 7 })).await, 204);
    let order = ["second.example.com", "idp.example.com", "third.example.com"];
    assert_eq!(shown(&world).await, (order.map(Value::from).to_vec(), vec![json!("second.example.com")]));
    assert_eq!(offered(&world).await, order.map(|name| (json!(name), name == "second.example.com")));
    let chooser = world.authorize(&[]).await;
    assert!(chooser.header("location").starts_with(&format!("{PUBLIC}/idp/select?")));
    let page = visit(&world, chooser.header("location")).await;
    assert!(in_order(&page, &order), "{}", page.body);
    let product = world.register(json!({ "initiate_login_url": "https://app.example.com/start" })).await;
    let client_id = product["client_id"].as_str().unwrap();
    let page = world.get(&format!("/login?client_id={client_id}&tenant=acme.example")).await;
    assert!(in_order(&page, &order), "{}", page.body);
    assert!(page.body.contains("signs in with <strong>second.example.com"), "{}", page.body);
    let product = world.api(Method::GET, "sso/product?product=crm", Value::Null).await.json();
    let marked = product.as_array().unwrap().iter().filter(|connection| connection["default"] == true);
    assert!(marked.map(|connection| &connection["id"]).eq([&connections[1]["id"]]));
}

#[actix_web::test]
async fn there_is_one_default_at_most() {
    let (world, connections) = world(&["https://second.example.com"]).await;
    let defaults = async || shown(&world).await.1;
    for (which, default, after) in [
        (0, true, vec!["idp.example.com"]),
        (1, true, vec!["second.example.com"]),
        (0, false, vec!["second.example.com"]),
        (1, false, vec![]),
    ] {
        assert_eq!(change(&world, &connections[which], json!({ "default": default })).await, 204);
        assert_eq!(defaults().await, after, "{which} {default}");
    }
    // A new one can be it at once.
    let third = json!({
        "tenant": "acme.example", "product": "crm", "redirectUrl": ["https://app.example.com/callback"],
        "defaultRedirectUrl": "https://app.example.com/callback", "default": true,
        "rawMetadata": postern_lab::metadata::metadata("https://third.example.com", "https://third.example.com/sso", &world.key),
    });
    assert_eq!(world.api(Method::POST, "sso", third).await.json()["default"], true);
    assert_eq!(defaults().await, ["third.example.com"]);
}

#[actix_web::test]
async fn while_the_default_signs_nobody_in_the_first_of_the_others_stands_in() {
    let (world, connections) = world(&["https://second.example.com", "https://third.example.com"]).await;
    assert_eq!(change(&world, &connections[0], json!({ "default": true, "status": "deactivated" })).await, 204);
    assert_eq!(offered(&world).await[0], (json!("third.example.com"), true));
    assert_eq!(change(&world, &connections[0], json!({ "status": "active" })).await, 204);
    assert_eq!(offered(&world).await[0], (json!("idp.example.com"), true));
    let text = |name: &str| connections[0][name].as_str().unwrap().to_owned();
    let path = format!("sso?clientID={}&clientSecret={}", text("clientID"), text("clientSecret"));
    assert_eq!(world.api(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(offered(&world).await[0], (json!("third.example.com"), true));
    let again = world.connect("acme.example", "crm", crate::world::IDP).await;
    assert_ne!(again["id"], connections[0]["id"]);
    assert_eq!(shown(&world).await.1, [] as [Value; 0], "a deleted one is no default any more");
}

#[actix_web::test]
async fn who_cannot_choose_or_wrote_an_address_is_sent_to_the_default() {
    let (world, connections) = world(&["https://second.example.com"]).await;
    let chooses = |answer: &Answer| answer.header("location").starts_with(&format!("{PUBLIC}/idp/select?"));
    assert_eq!(world.authorize(&[("prompt", "none")]).await.code(), "ChoiceNeeded");
    assert_eq!(change(&world, &connections[0], json!({ "default": true })).await, 204);
    let login = world.authorize(&[("prompt", "none")]).await;
    assert!(authn_request(&login).contains("IsPassive=\"true\""));
    let response = {
        let login = crate::world::waiting(&login);
        world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await
    };
    assert!(response.sent("code").is_some(), "it is the default's login");

    let product = world.register(json!({})).await;
    own(&world, "acme.example", "acme.example", json!({})).await;
    let by_address = [("client_id", product["client_id"].as_str().unwrap()), ("login_hint", "alice@acme.example")];
    assert!(!chooses(&world.authorize(&by_address).await));
    let choosing = [by_address[0], by_address[1], ("prompt", "select_account")];
    assert!(chooses(&world.authorize(&choosing).await));
    assert!(chooses(&world.authorize(&[]).await), "an app that names the tenant lets people choose");
}
