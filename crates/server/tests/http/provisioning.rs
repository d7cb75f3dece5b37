//! Whether the app may make an account: the claim `provisioning`, row by row of what decides it.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::domains::{self, prove};
use crate::id_token::verified;
use crate::policy::{check, set};
use crate::registered::{App, member};
use crate::world::{Answer, World};

/// A login of somebody with this address, or with none.
async fn login(app: &App<'_>, email: Option<&str>) -> Answer {
    let world = app.world;
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example"), ("scope", "openid")]).await;
    let mut response = world.response(&waiting);
    response.attributes.retain(|(name, _)| name != "email");
    response.attributes.extend(email.map(|email| ("email".to_owned(), vec![email.to_owned()])));
    world.answer(&waiting, &response.signed_assertion(&world.key)).await
}

/// What the app is told, the same at userinfo, in the ID token and by introspection, also after a refresh.
async fn told(app: &App<'_>, email: Option<&str>) -> Value {
    let code = login(app, email).await.sent("code").expect("a code");
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    let tokens = app.world.redeem_with(&code, &proof).await.json();
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    let access_token = member(&tokens, "access_token");
    let told = app.world.claims(access_token).await.json()["provisioning"].clone();
    let (id_token, _) = verified(app.world, member(&tokens, "id_token")).await;
    assert_eq!((&id_token["provisioning"], &app.introspect(access_token).await["provisioning"]), (&told, &told));
    told
}

fn refused(reason: &str) -> Value {
    json!({ "allowed": false, "reason": reason })
}

async fn set_well(world: &World, settings: Value) {
    let answer = set(world, settings).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[actix_web::test]
async fn policy_1_auto_provision_is_on_or_off() {
    let world = World::new().await;
    let bad = [json!("no"), json!(0), json!([])];
    check(&world, "auto_provision", json!(true), &[json!(false), json!(true)], &bad).await;
}

#[actix_web::test]
async fn policy_3_row_4_a_foreign_address_is_refused() {
    let (world, dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    assert_eq!(login(&app, Some("alice@initech.example")).await.code(), "EmailDomainForeign");
}

#[actix_web::test]
async fn policy_3_row_5_a_foreign_address_that_is_flagged_gets_no_account() {
    let (world, dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    // The first row that fits decides, so the last setting does not show.
    set_well(&world, json!({ "foreign_domains": "flag", "auto_provision": false })).await;
    assert_eq!(told(&app, Some("alice@initech.example")).await, refused("foreign_domain"));
    let events = world.api(Method::GET, "events", Value::Null).await.body;
    assert!(events.contains("login.anomaly"), "{events}");
}

#[actix_web::test]
async fn policy_3_row_6_nobody_gets_an_account_at_a_domain_that_is_not_proven() {
    let (world, _dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    assert_eq!(told(&app, Some("alice@acme.example")).await, refused("domain_not_verified"));
    domains::claim(&world, "acme.example", "acme.example", json!({})).await;
    assert_eq!(told(&app, Some("alice@acme.example")).await, refused("domain_not_verified"), "a claim is no proof");
    set_well(&world, json!({ "auto_provision": false })).await;
    assert_eq!(told(&app, Some("alice@acme.example")).await, refused("domain_not_verified"));
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    assert_eq!(traces["data"][0]["notes"], json!(["provisioning: domain_not_verified"]));

    // Nor does somebody without any address.
    let secret = world.connection_secret("acme.example").await;
    let mapping = json!({ "required": [] });
    let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "mapping": mapping });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    assert_eq!(told(&app, None).await, refused("domain_not_verified"));
}

#[actix_web::test]
async fn policy_3_row_7_without_auto_provision_the_app_makes_no_account() {
    let (world, dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    set_well(&world, json!({ "auto_provision": false })).await;
    assert_eq!(told(&app, Some("alice@acme.example")).await, refused("auto_provision_off"));
}

#[actix_web::test]
async fn policy_3_row_9_everybody_else_may_have_an_account() {
    let (world, dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    assert_eq!(told(&app, Some("alice@acme.example")).await, json!({ "allowed": true }));
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    assert_eq!(traces["data"][0]["notes"], json!([]));
}
