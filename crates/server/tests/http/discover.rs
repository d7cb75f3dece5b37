//! `/api/v1/discover` and `/api/discover`: where an address belongs. The table itself is tested in `postern_core::discover`.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::domains::claim;
use crate::policy;
use crate::world::{Answer, World};

const GLOBEX_IDP: &str = "https://globex.okta.com";

/// Two tenants; `acme.example` has proven its domain with the names below it, `globex.example` another.
async fn world(settings: &str) -> World {
    let world = World::configured(settings).await;
    world.connect("globex.example", "crm", GLOBEX_IDP).await;
    own(&world, "acme.example", "acme.example", json!({ "include_subdomains": true })).await;
    own(&world, "globex.example", "globex.example", json!({})).await;
    world
}

/// Lets the operator vouch for a domain.
pub(crate) async fn own(world: &World, tenant: &str, domain: &str, more: Value) {
    let mut settings = json!({ "proof": "operator" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = claim(world, tenant, domain, settings).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// What the app's server is told.
pub(crate) async fn told(world: &World, email: &str, tenant: Option<&str>) -> Value {
    let question = json!({ "email": email, "product": "crm", "tenant": tenant });
    let answer = world.api(Method::POST, "discover", question).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// What anybody is told.
async fn asked(world: &World, fields: Value) -> Answer {
    world.send(TestRequest::post().uri("/api/discover").set_json(fields)).await
}

pub(crate) async fn anybody_is_told(world: &World, email: &str) -> Value {
    let client_id = world.app.products.find("crm").await.unwrap().unwrap().client_id.clone();
    let answer = asked(world, json!({ "email": email, "client_id": client_id })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[actix_web::test]
async fn the_domain_of_an_address_leads_to_its_tenants_connections() {
    let world = world("").await;
    let connections = world.api(Method::GET, "sso?tenant=globex.example&product=crm", Value::Null).await.json();
    let found = told(&world, "bob@globex.example", None).await;
    let expected = json!({
        "sso": true, "required": false, "password": "anyone", "password_allowed": true, "grace_period_ends": null,
        "connections": [{
            "id": connections[0]["id"], "name": "globex.okta.com", "provider": "okta", "default": true,
        }],
    });
    assert_eq!(found, expected);
    for address in ["Bob@GLOBEX.Example", " bob@globex.example. "] {
        assert_eq!(told(&world, address, None).await, expected, "{address}");
    }
    for (address, name) in [("alice@acme.example", "idp.example.com"), ("alice@eu.acme.example", "idp.example.com")] {
        assert_eq!(told(&world, address, None).await["connections"][0]["name"], name, "{address}");
    }
    let nothing = json!({
        "sso": false, "required": false, "password": "anyone", "password_allowed": true, "grace_period_ends": null,
        "connections": [],
    });
    for address in ["carol@elsewhere.example", "bob@eu.globex.example", "bob@notglobex.example", "bob@gmail.com"] {
        assert_eq!(told(&world, address, None).await, nothing, "{address}");
    }
    assert_eq!(told(&world, "carol@elsewhere.example", Some("globex.example")).await, expected, "the tenant is named");
    assert_eq!(told(&world, "bob@globex.example", Some("nobody.example")).await, nothing);
}

#[actix_web::test]
async fn a_domain_of_another_product_leads_nowhere() {
    let world = World::new().await;
    world.connect("acme.example", "wiki", "https://idp.example.com/wiki").await;
    own(&world, "acme.example", "acme.example", json!({})).await;
    let question = json!({ "email": "alice@acme.example", "product": "wiki" });
    assert_eq!(world.api(Method::POST, "discover", question).await.json()["sso"], false);
}

#[actix_web::test]
async fn of_several_connections_the_linked_one_or_the_first_is_the_default() {
    let world = World::new().await;
    let second = world.connect("acme.example", "crm", "https://second.example.com").await;
    let ids = |found: &Value| -> Vec<(Value, bool)> {
        let connections = found["connections"].as_array().unwrap();
        connections.iter().map(|c| (c["name"].clone(), c["default"].as_bool().unwrap())).collect()
    };
    own(&world, "acme.example", "acme.example", json!({})).await;
    own(&world, "acme.example", "second.example", json!({ "connection": second["id"] })).await;
    let order = json!({ "id": second["id"], "clientID": second["clientID"], "clientSecret": second["clientSecret"],
        "tenant": "acme.example", "product": "crm", "sortOrder": 1 });
    let found = told(&world, "alice@second.example", None).await;
    assert_eq!(ids(&found), [(json!("second.example.com"), true), (json!("idp.example.com"), false)]);
    world.advance(Duration::from_secs(1));
    let third = world.connect("acme.example", "crm", "https://third.example.com").await;
    let found = told(&world, "alice@acme.example", None).await;
    assert_eq!(ids(&found)[0], (json!("third.example.com"), true), "the newest, where nothing says otherwise");
    let answer = world.api(Method::PATCH, "sso", order).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    let found = told(&world, "alice@acme.example", None).await;
    assert_eq!(ids(&found)[0], (json!("second.example.com"), true), "the order decides");
    let off = json!({ "clientID": second["clientID"], "clientSecret": second["clientSecret"],
        "tenant": "acme.example", "product": "crm", "deactivated": true });
    let answer = world.api(Method::PATCH, "sso", off).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    let found = told(&world, "alice@second.example", None).await;
    assert_eq!(ids(&found)[0], (json!("third.example.com"), true), "a deactivated one is no default, linked or not");
    assert_eq!(ids(&found).len(), 2, "{third}");
}

#[actix_web::test]
async fn nobody_is_looked_up_so_every_address_at_a_domain_costs_the_same() {
    let world = world("").await;
    world.register(json!({})).await;
    let cost = async |email: &str| {
        let before = world.counted.counts().round_trips;
        anybody_is_told(&world, email).await;
        world.counted.counts().round_trips - before
    };
    anybody_is_told(&world, "alice@acme.example").await;
    let (one, other) = (cost("alice@acme.example").await, cost("no-such-person@acme.example").await);
    assert_eq!(one, other);
}

#[actix_web::test]
async fn policy_2_a_suspended_tenant_has_no_sso() {
    let world = world("").await;
    let enforced = policy::set(&world, json!({ "enforce_sso": true, "force": true })).await;
    assert_eq!(enforced.status, 200, "{}", enforced.body);
    let suspended = world.api(Method::PUT, "tenants/acme.example", json!({ "status": "suspended" })).await;
    assert_eq!(suspended.status, 200, "{}", suspended.body);
    let found = told(&world, "alice@acme.example", None).await;
    assert_eq!(
        (&found["sso"], &found["password"], &found["connections"]),
        (&json!(false), &json!("anyone"), &json!([]))
    );
}

#[actix_web::test]
async fn what_is_no_question_is_refused() {
    let world = world("").await;
    let registered = world.register(json!({})).await;
    let client_id = registered["client_id"].as_str().unwrap();
    for email in
        ["postmaster", "bob@globex.example@evil.example", "@globex.example", "bob@globex", "\"a@b\"@globex.example"]
    {
        let answer = asked(&world, json!({ "email": email, "client_id": client_id })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "EmailMalformed"), "{email}");
        let answer = world.api(Method::POST, "discover", json!({ "email": email, "product": "crm" })).await;
        assert_eq!(answer.code(), "EmailMalformed", "{email}");
        assert!(!answer.body.contains(email), "{}", answer.body);
    }
    let email = "alice@acme.example";
    for (fields, code) in [
        (json!({ "client_id": client_id }), "FieldMissing"),
        (json!({ "email": email }), "ClientMissing"),
        (json!({ "email": email, "client_id": "prod_unknown" }), "ClientUnknown"),
        (json!({ "email": email, "client_id": "dummy" }), "ClientUnknown"),
        (json!({ "email": email, "client_id": "tenant=a&product=crm", "tenant": "b" }), "ClientNamesTwoProducts"),
    ] {
        assert_eq!(asked(&world, fields).await.code(), code);
    }
    let encoded = asked(&world, json!({ "email": email, "client_id": "tenant=acme.example&product=crm" })).await;
    assert_eq!(encoded.json()["sso"], true, "an app that is not registered");
    let other = json!({ "email": email, "product": "wiki" });
    let answer = world.api_as("key-of-the-product-crm", Method::POST, "discover", other).await;
    assert_eq!(answer.code(), "ApiKeyOtherProduct");
}

#[actix_web::test]
async fn anybody_may_ask_only_so_often_and_from_any_site() {
    let world = world("discover.requests_per_minute = 3").await;
    let ask = async |from: &str| {
        let request = TestRequest::post().uri("/sso/api/discover").peer_addr(from.parse().unwrap());
        world.send(request.set_json(json!({ "email": "alice@acme.example", "client_id": "prod_unknown" }))).await
    };
    for _ in 0..3 {
        assert_eq!(ask("192.0.2.1:1000").await.code(), "ClientUnknown", "a bad question counts too");
    }
    let refused = ask("192.0.2.1:2000").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "RequestsTooMany"));
    assert_eq!(refused.header("retry-after"), "20");
    assert_eq!(refused.header("access-control-allow-origin"), "*", "the app's page reads why");
    assert_eq!(ask("192.0.2.2:1000").await.status, 400, "others are not kept out");
    world.advance(Duration::from_secs(20));
    assert_eq!(ask("192.0.2.1:1000").await.status, 400);
    for _ in 0..10 {
        assert_eq!(told(&world, "alice@acme.example", None).await["sso"], true, "whoever has a key is not counted");
    }
}
