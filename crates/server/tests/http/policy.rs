//! `/api/v1/tenants/{tenant}/products/{product}/policy`: settings with ranges, under a revision.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::world::{API_KEY, Answer, World};

pub(crate) const POLICY: &str = "tenants/acme.example/products/crm/policy";

/// Changes settings of `acme.example`, based on what they are now.
pub(crate) async fn set(world: &World, mut settings: Value) -> Answer {
    settings["revision"] = world.api(Method::GET, POLICY, Value::Null).await.json()["revision"].clone();
    world.api(Method::PATCH, POLICY, settings).await
}

/// Checks one setting: its default, what it takes, and what it does not, with a message that names it.
pub(crate) async fn check(world: &World, name: &str, default: Value, good: &[Value], bad: &[Value]) {
    assert_eq!(world.api(Method::GET, POLICY, Value::Null).await.json()[name], default, "{name}");
    for value in good {
        let answer = set(world, json!({ name: value })).await;
        assert_eq!((answer.status.as_u16(), &answer.json()[name]), (200, value), "{name}: {}", answer.body);
    }
    for value in bad {
        let answer = set(world, json!({ name: value })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"), "{name} {value}");
        assert!(answer.body.contains(name), "{}", answer.body);
    }
    let answer = set(world, json!({ name: "" })).await;
    assert_eq!(answer.json()[name], default, "nothing goes back to the default: {}", answer.body);
}

#[actix_web::test]
async fn policy_1_foreign_domains_are_refused_or_flagged() {
    let world = World::new().await;
    let bad = [json!("allow"), json!(true), json!(["flag"])];
    check(&world, "foreign_domains", json!("refuse"), &[json!("flag"), json!("refuse")], &bad).await;
    assert_eq!(set(&world, json!({ "no_such_setting": 1 })).await.code(), "FieldInvalid");
}

#[actix_web::test]
async fn two_administrators_do_not_overwrite_each_other() {
    let world = World::new().await;
    let read = world.api(Method::GET, POLICY, Value::Null).await;
    assert_eq!((read.header("etag"), &read.json()["revision"]), ("\"0\"", &json!(0)));

    let unbased = world.api(Method::PATCH, POLICY, json!({ "foreign_domains": "flag" })).await;
    assert_eq!((unbased.status.as_u16(), unbased.code().as_str()), (428, "PolicyRevisionMissing"));
    let first = world.api(Method::PATCH, POLICY, json!({ "foreign_domains": "flag", "revision": 0 })).await;
    assert_eq!((first.status.as_u16(), first.header("etag")), (200, "\"1\""), "{}", first.body);
    for method in [Method::PATCH, Method::PUT] {
        let second = world.api(method, POLICY, json!({ "revision": 0 })).await;
        assert_eq!((second.status.as_u16(), second.code().as_str()), (412, "PolicyChanged"));
    }
    // By header, as RFC 9110 §13.1.1 has it; and PUT replaces all.
    let put = |tag: &'static str| {
        let request = TestRequest::put().uri(&format!("/api/v1/{POLICY}")).set_json(json!({}));
        let request = request.insert_header(("Authorization", format!("Api-Key {API_KEY}")));
        world.send(request.insert_header(("If-Match", tag)))
    };
    assert_eq!(put("\"0\"").await.code(), "PolicyChanged");
    assert_eq!(put("*").await.code(), "FieldInvalid");
    let replaced = put("\"1\"").await;
    assert_eq!(replaced.json()["foreign_domains"], "refuse", "{}", replaced.body);
    assert_eq!(world.api(Method::GET, POLICY, Value::Null).await.json(), replaced.json());
}

#[actix_web::test]
async fn of_changes_at_the_same_time_one_is_made() {
    let world = World::new().await;
    let change = || world.api(Method::PATCH, POLICY, json!({ "foreign_domains": "flag", "revision": 0 }));
    let answers = futures_util::future::join_all((0..20).map(|_| change())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.code() == "PolicyChanged"));
}

#[actix_web::test]
async fn a_change_is_an_event_with_what_was_and_what_is() {
    let world = World::new().await;
    set(&world, json!({ "foreign_domains": "flag" })).await;
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let event = events["data"].as_array().unwrap().last().unwrap();
    assert_eq!((&event["type"], &event["tenant"]), (&json!("policy.updated"), &json!("acme.example")));
    let data =
        json!({ "revision": 1, "before": { "foreign_domains": "refuse" }, "after": { "foreign_domains": "flag" } });
    assert_eq!(event["data"], data);
}

#[actix_web::test]
async fn a_policy_is_its_own_tenant_s_and_its_own_product_s() {
    let world = World::new().await;
    set(&world, json!({ "foreign_domains": "flag" })).await;
    let other = world.api(Method::GET, "tenants/globex.example/products/crm/policy", Value::Null).await.json();
    assert_eq!((&other["foreign_domains"], &other["revision"]), (&json!("refuse"), &json!(0)));
    let path = "tenants/acme.example/products/wiki/policy";
    let answer = world.api_as("key-of-the-product-crm", Method::GET, path, Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "ApiKeyOtherProduct"));
    let answer = world.api_as("key-that-may-only-read", Method::PUT, POLICY, json!({ "revision": 1 })).await;
    assert_eq!(answer.code(), "ApiKeyReadOnly");
    assert_eq!(world.api(Method::GET, "tenants/a%3Ab/products/crm/policy", Value::Null).await.code(), "FieldInvalid");
}
