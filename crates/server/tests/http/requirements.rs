//! What an identity has to bring along, by the tenant's policy or by the connection's: claims, and a way to authenticate.

use actix_web::http::Method;
use postern_lab::response::Response;
use serde_json::{Value, json};

use crate::policy::{check, set};
use crate::world::{Answer, World};

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MULTI_FACTOR: &str = "https://refeds.org/profile/mfa";

async fn login(world: &World) -> Answer {
    let waiting = world.begin(&[]).await;
    world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await
}

async fn outcome(world: &World) -> String {
    let answer = login(world).await;
    if answer.sent("code").is_some() { "code".to_owned() } else { answer.code() }
}

/// Overrides settings for the connection; returns what it overrides then.
async fn overrides(world: &World, policy: Value) -> Value {
    let change = json!({
        "tenant": "acme.example", "product": "crm", "isSAML": true,
        "clientSecret": world.connection_secret("acme.example").await, "policy": policy,
    });
    let answer = world.api(Method::PATCH, "sso", change).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0]["policy"].clone()
}

#[actix_web::test]
async fn policy_1_required_claims_are_names_and_by_default_an_address() {
    let world = World::new().await;
    let good = [json!(["email", "department"]), json!([])];
    let bad = [json!("email"), json!([1]), json!([""]), json!(["a b"]), json!(["role"]), json!(vec!["x"; 51])];
    check(&world, "required_claims", json!(["email"]), &good, &bad).await;
    check(&world, "missing_claims", json!("refuse"), &[json!("tell"), json!("refuse")], &[json!("flag"), json!(1)])
        .await;
    check(
        &world,
        "required_acr",
        json!([]),
        &[json!([MULTI_FACTOR]), json!([])],
        &[json!("mfa"), json!([1]), json!([""])],
    )
    .await;
}

#[actix_web::test]
async fn h20_a_missing_claim_is_named_with_what_did_arrive() {
    let world = World::new().await;
    set(&world, json!({ "required_claims": ["email", "department"] })).await;
    assert_eq!(outcome(&world).await, "AttributeMissing");
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    let fault = &traces["data"][0];
    let told = fault.to_string();
    assert!(told.contains("\"department\"") && told.contains("firstName"), "{told}");
    assert!(!told.contains("alice@"), "names, and no values: {told}");
}

#[actix_web::test]
async fn policy_1_a_missing_claim_is_told_but_no_login_goes_on_without_the_address() {
    let world = World::new().await;
    set(&world, json!({ "required_claims": ["department", "email"], "missing_claims": "tell" })).await;
    assert_eq!(outcome(&world).await, "code");
    let waiting = world.begin(&[]).await;
    let mut response = world.response(&waiting);
    response.attributes.retain(|(name, _)| name != "email");
    let answer = world.answer(&waiting, &response.signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "AttributeMissing");
}

#[actix_web::test]
async fn policy_1_a_connection_may_require_other_claims_than_its_scope() {
    let world = World::new().await;
    set(&world, json!({ "required_claims": ["department"] })).await;
    assert_eq!(outcome(&world).await, "AttributeMissing");
    let shown = overrides(&world, json!({ "required_claims": ["email"] })).await;
    assert_eq!((&shown["required_claims"], &shown["missing_claims"]), (&json!(["email"]), &Value::Null));
    assert_eq!(outcome(&world).await, "code");
    // What GET shows may be sent back, and overrides the same.
    assert_eq!(overrides(&world, shown.clone()).await, shown);
    overrides(&world, json!({ "missing_claims": "tell" })).await;
    assert_eq!(outcome(&world).await, "code", "the scope's claims, told instead of refused");
    assert_eq!(overrides(&world, json!({})).await, Value::Null);
    assert_eq!(outcome(&world).await, "AttributeMissing");
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let told: Vec<_> =
        events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "policy.updated").collect();
    let after = &told[1]["data"]["after"];
    assert_eq!((told.len(), after), (4, &json!({ "required_claims": ["email"] })), "{told:?}");
}

#[actix_web::test]
async fn policy_1_a_login_that_does_not_show_the_required_context_is_refused() {
    let world = World::new().await;
    set(&world, json!({ "required_acr": [MULTI_FACTOR] })).await;
    let answer = login(&world).await;
    let error = answer.sent("error");
    assert_eq!(
        (answer.code().as_str(), error.as_deref()),
        ("AuthenticationTooWeak", Some("unmet_authentication_requirements"))
    );
    let waiting = world.begin(&[]).await;
    let response = Response { context: MULTI_FACTOR.into(), ..world.response(&waiting) };
    assert!(world.answer(&waiting, &response.signed_assertion(&world.key)).await.sent("code").is_some());

    overrides(&world, json!({ "required_acr": [MULTI_FACTOR, PASSWORD] })).await;
    assert_eq!(outcome(&world).await, "code");
    overrides(&world, json!({ "required_acr": [] })).await;
    assert_eq!(outcome(&world).await, "code", "this connection demands nothing");
    overrides(&world, json!({})).await;
    assert_eq!(outcome(&world).await, "AuthenticationTooWeak");
}
