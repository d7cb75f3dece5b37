//! `POST /api/v1/sso` with domains and settings of the policy: all of it comes about, or nothing.

use std::collections::BTreeMap;

use actix_web::http::Method;
use postern_core::ports::{Backend as _, Op, Reply};
use postern_lab::metadata::metadata;
use serde_json::{Value, json};

use crate::discover::{own, told};
use crate::world::{CALLBACK, World};

/// A connection of `initech.example`, with more members or others.
fn described(world: &World, more: &Value) -> Value {
    let mut connection = json!({
        "tenant": "initech.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata("https://idp.initech.example", "https://idp.initech.example/sso", &world.key),
    });
    connection.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    connection
}

async fn get(world: &World, path: &str) -> Value {
    world.api(Method::GET, path, Value::Null).await.json()
}

/// Everything that the store holds, byte for byte.
async fn whole(world: &World) -> (BTreeMap<String, Reply>, Vec<(String, Reply)>, Value) {
    let keys = world.memory.keys();
    let values = world.memory.run(keys.iter().cloned().map(|key| Op::Get { key }).collect()).await.unwrap();
    let mut indexes: Vec<_> = world.memory.indexes().into_iter().map(|(name, _)| name).collect();
    indexes.sort();
    let pages = indexes.iter().cloned().map(|index| Op::IndexPage { index, offset: 0, limit: 1_000 }).collect();
    let members = world.memory.run(pages).await.unwrap();
    let events = get(world, "events?limit=1000").await;
    (keys.into_iter().zip(values).collect(), indexes.into_iter().zip(members).collect(), events)
}

#[actix_web::test]
async fn a_connection_brings_its_domains_and_its_policy_along() {
    let world = World::new().await;
    world.register(json!({ "roles": ["admin"] })).await;
    let along = json!({
        "status": "draft", "default": true,
        "domains": ["Initech.example.", { "domain": "initech.test", "include_subdomains": true, "proof": "operator" }],
        "scopePolicy": { "group_roles": [{ "group": "crm-admins", "role": "admin" }], "foreign_domains": "flag" },
    });
    let answer = world.api(Method::POST, "sso", described(&world, &along)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let made = answer.json();
    assert_eq!((&made["status"], &made["default"]), (&json!("draft"), &json!(true)));
    let domains = made["domains"].as_array().unwrap();
    assert_eq!(domains.len(), 2);
    assert_eq!((&domains[0]["domain"], &domains[0]["status"]), (&json!("initech.example"), &json!("claimed")));
    assert_eq!(domains[0]["record"]["name"], "_postern-challenge.initech.example");
    assert!(domains[0]["record"]["value"].as_str().unwrap().len() > 40, "{}", domains[0]);
    let second = [&domains[1]["status"], &domains[1]["proof"], &domains[1]["include_subdomains"]];
    assert_eq!(second, [&json!("verified"), &json!("operator"), &json!(true)]);
    assert!(domains.iter().all(|domain| domain["connection"] == made["id"]));
    assert_eq!(get(&world, "domains?tenant=initech.example&product=crm").await["data"], made["domains"]);
    assert_eq!(
        (&made["scopePolicy"]["revision"], &made["scopePolicy"]["foreign_domains"]),
        (&json!(1), &json!("flag"))
    );
    assert_eq!(get(&world, "tenants/initech.example/products/crm/policy").await, made["scopePolicy"]);
    assert!(made["deactivated"].is_null(), "as in Jackson");
    assert_eq!(told(&world, "peter@initech.test", None).await["sso"], false, "it is a draft");

    // Again, on the same connection: the claims are there, and the policy is changed on.
    let again = json!({
        "status": "active", "domains": ["initech.test", "initech.example"],
        "scopePolicy": { "revision": 1, "foreign_domains": "refuse" },
    });
    let answer = world.api(Method::POST, "sso", described(&world, &again)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let again = answer.json();
    assert_eq!((&again["id"], &again["default"]), (&made["id"], &json!(true)));
    assert_eq!((&again["domains"][0], &again["domains"][1]), (&domains[1], &domains[0]));
    assert_eq!(
        (&again["scopePolicy"]["revision"], &again["scopePolicy"]["foreign_domains"]),
        (&json!(2), &json!("refuse"))
    );
    assert_eq!(again["scopePolicy"]["group_roles"], made["scopePolicy"]["group_roles"], "what is not named stays");
    assert_eq!(told(&world, "peter@initech.test", None).await["connections"][0]["id"], made["id"]);
    let plain = world.api(Method::POST, "sso", described(&world, &json!({}))).await.json();
    assert!(plain["domains"].is_null() && plain["scopePolicy"].is_null(), "{plain}");
}

#[actix_web::test]
async fn a_refusal_of_any_part_leaves_the_store_as_it_was() {
    let world = World::new().await;
    world.register(json!({ "roles": ["admin", { "name": "owner", "privileged": true }] })).await;
    own(&world, "acme.example", "acme.example", json!({})).await;
    let path = "tenants/globex.example/products/crm/policy";
    let settings = json!({ "revision": 0, "foreign_domains": "flag" });
    assert_eq!(world.api(Method::PATCH, path, settings).await.status, 200);
    let good = json!({ "domains": ["initech.example"], "scopePolicy": { "foreign_domains": "flag" } });
    let many: Vec<_> = (0..201).map(|number| format!("d{number}.example")).collect();
    let before = whole(&world).await;
    let refused = [
        // Of the domains.
        (json!({ "domains": ["initech.example", "no domain"] }), "DomainMalformed"),
        (json!({ "domains": ["initech.example", "gmail.com"] }), "DomainOfPublicMail"),
        (json!({ "domains": ["initech.example", "co.uk"] }), "DomainOfEverybody"),
        (json!({ "domains": ["initech.example", "acme.example"] }), "DomainTaken"),
        (json!({ "domains": ["initech.example", "INITECH.example"] }), "FieldInvalid"),
        (json!({ "domains": many }), "FieldInvalid"),
        (json!({ "domains": { "domain": "initech.example" } }), "FieldInvalid"),
        (json!({ "domains": [{ "domain": "initech.example", "proof": "word" }] }), "FieldInvalid"),
        (json!({ "domains": [{ "domain": "initech.example", "subdomains": true }] }), "FieldInvalid"),
        // Of the policy.
        (json!({ "scopePolicy": [] }), "FieldInvalid"),
        (json!({ "scopePolicy": { "unheard_of": true } }), "FieldInvalid"),
        (json!({ "scopePolicy": { "revalidate_minutes": 1 } }), "FieldInvalid"),
        (json!({ "scopePolicy": { "default_role": "king" } }), "FieldInvalid"),
        (json!({ "scopePolicy": { "default_role": "owner" } }), "FieldInvalid"),
        (json!({ "scopePolicy": { "revision": 7, "foreign_domains": "flag" } }), "PolicyChanged"),
        (json!({ "tenant": "globex.example", "scopePolicy": { "foreign_domains": "flag" } }), "PolicyChanged"),
        // Of the connection.
        (json!({ "rawMetadata": "<none/>" }), "MetadataNotIdp"),
        (json!({ "rawMetadata": null }), "FieldInvalid"),
        (json!({ "redirectUrl": [] }), "FieldMissing"),
        (json!({ "redirectUrl": ["https://elsewhere.example.com/"] }), "FieldInvalid"),
        (json!({ "defaultRedirectUrl": null }), "FieldMissing"),
        (json!({ "defaultRedirectUrl": "nowhere" }), "FieldInvalid"),
        (json!({ "tenant": "a:b" }), "FieldInvalid"),
        (json!({ "description": "d".repeat(101) }), "FieldInvalid"),
        (json!({ "status": "asleep" }), "FieldInvalid"),
        (json!({ "default": "perhaps" }), "FieldInvalid"),
        (json!({ "sortOrder": -1 }), "FieldInvalid"),
        (json!({ "provider": "nobody" }), "FieldInvalid"),
        (json!({ "mapping": "{" }), "FieldInvalid"),
        (json!({ "policy": { "default_role": "king" } }), "FieldInvalid"),
        (json!({ "allow": ["everything"] }), "FieldInvalid"),
        (json!({ "unsolicitedDelivery": "by hand" }), "FieldInvalid"),
    ];
    for (bad, code) in refused {
        let mut request = good.clone();
        request.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        let answer = world.api(Method::POST, "sso", described(&world, &request)).await;
        assert_eq!(answer.code(), code, "{bad} {}", answer.body);
        assert!(whole(&world).await == before, "{bad} left something behind");
    }
    // A key for one product vouches for no domain.
    let vouched = json!({ "domains": [{ "domain": "initech.example", "proof": "operator" }] });
    let answer = world.api_as("key-of-the-product-crm", Method::POST, "sso", described(&world, &vouched)).await;
    assert_eq!(answer.code(), "ApiKeyOtherProduct");
    assert!(whole(&world).await == before);
    assert_eq!(
        world.api(Method::POST, "sso", described(&world, &good)).await.status,
        200,
        "all that was wrong was named"
    );
}

#[actix_web::test]
async fn what_is_written_before_another_part_fails_is_taken_back() {
    let world = World::new().await;
    world.register(json!({})).await;
    let policy = async || get(&world, "tenants/initech.example/products/crm/policy").await;
    for keys in ["p1:domains:", "p1:owners:", "p1:policy:", "p1:conn:", "p1:scope:"] {
        let along = json!({
            "domains": ["initech.example", { "domain": "initech.test", "proof": "operator" }],
            "scopePolicy": { "revision": policy().await["revision"], "foreign_domains": "flag" },
        });
        world.brittle.break_once_at(keys);
        let answer = world.api(Method::POST, "sso", described(&world, &along)).await;
        assert_eq!(answer.code(), "StoreUnavailable", "{keys}");
        assert_eq!(get(&world, "sso?tenant=initech.example&product=crm").await, json!([]), "{keys}");
        assert_eq!(get(&world, "sso/product?product=crm").await.as_array().unwrap().len(), 1, "{keys}");
        assert_eq!(get(&world, "domains?tenant=initech.example&product=crm").await["data"], json!([]), "{keys}");
        assert_eq!(policy().await["foreign_domains"], "refuse", "{keys}");
        // Nobody has the domain, so that another tenant may have it.
        own(&world, "globex.example", "initech.test", json!({})).await;
        let theirs = get(&world, "domains?tenant=globex.example&product=crm").await["data"][0]["id"].clone();
        let given_up = world.api(Method::DELETE, &format!("domains/{}", theirs.as_str().unwrap()), Value::Null).await;
        assert_eq!(given_up.status, 204, "{keys}");
    }
}

#[actix_web::test]
async fn a_claim_that_was_there_is_again_what_it_was() {
    let world = World::new().await;
    let first =
        world.api(Method::POST, "sso", described(&world, &json!({ "domains": ["initech.example"] }))).await.json();
    let second = json!({
        "rawMetadata": metadata("https://second.initech.example", "https://second.initech.example/sso", &world.key),
        "domains": [{ "domain": "initech.example", "include_subdomains": true, "proof": "operator" }],
    });
    world.brittle.break_once_at("p1:scope:");
    let answer = world.api(Method::POST, "sso", described(&world, &second)).await;
    assert_eq!(answer.code(), "StoreUnavailable");
    let found = get(&world, "domains?tenant=initech.example&product=crm").await["data"].clone();
    assert_eq!(found, first["domains"]);
    let known = get(&world, "sso?tenant=initech.example&product=crm").await;
    assert_eq!(known.as_array().unwrap().len(), 1);
    let answer = world.api(Method::POST, "sso", described(&world, &second)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["domains"][0]["connection"], answer.json()["id"]);
}

#[actix_web::test]
async fn a_full_scope_is_told_so_and_stays_as_it_is() {
    let world = World::new().await;
    for number in 0..100 {
        let entity_id = format!("https://idp{number}.initech.example");
        let other = json!({ "rawMetadata": metadata(&entity_id, &format!("{entity_id}/sso"), &world.key) });
        let answer = world.api(Method::POST, "sso", described(&world, &other)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let before = whole(&world).await;
    let answer = world.api(Method::POST, "sso", described(&world, &json!({ "domains": ["initech.example"] }))).await;
    assert_eq!((answer.code().as_str(), answer.body.contains("100 connections")), ("FieldInvalid", true));
    assert!(whole(&world).await == before);
}
