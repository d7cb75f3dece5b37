//! Scoped values (H23), and what cannot be true (X22).

use std::time::Duration;

use actix_web::http::Method;
use postern_lab::response::{Response, time};
use serde_json::{Value, json};

use crate::world::{CALLBACK, IDP, World};

const SUBJECT_ID: &str = "urn:oasis:names:tc:SAML:attribute:subject-id";
const AFFILIATION: &str = "eduPersonScopedAffiliation";
const TENANT: &str = "tenant=scoped.example&product=crm";

async fn connect(world: &World, metadata: String, scopes: Value) -> Value {
    let body = json!({
        "tenant": "scoped.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK,
        "rawMetadata": metadata, "scopes": scopes,
    });
    let answer = world.api(Method::POST, "sso", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn of(world: &World) -> String {
    postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &world.key)
}

/// A login whose response has these attributes too: the code, or the fault's.
async fn login(world: &World, attributes: &[(&str, &str)]) -> Result<String, String> {
    login_with(world, |response| {
        response
            .attributes
            .extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])));
    })
    .await
}

async fn login_with(world: &World, change: impl FnOnce(&mut Response)) -> Result<String, String> {
    let login = world.begin(&[("client_id", TENANT)]).await;
    let mut response = world.response(&login);
    change(&mut response);
    let answer = world.answer(&login, &response.signed_assertion(&world.key)).await;
    answer.sent("code").ok_or_else(|| answer.code())
}

async fn raw(world: &World, code: &str) -> Value {
    let secret = world.connection_secret("scoped.example").await;
    let token = world.redeem(code, &[("client_id", TENANT), ("client_secret", &secret)]).await.json();
    world.claims(token["access_token"].as_str().unwrap()).await.json()["raw"].clone()
}

async fn last_events(world: &World) -> Vec<Value> {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    events["data"].as_array().unwrap().iter().rev().take(2).cloned().collect()
}

#[actix_web::test]
async fn h23_foreign_scopes_are_refused() {
    let world = World::new().await;
    let connection = connect(&world, of(&world), json!(["example.edu"])).await;
    assert_eq!(connection["scopes"], json!(["example.edu"]));

    let good = [(SUBJECT_ID, "alice@EXAMPLE.edu"), (AFFILIATION, "staff@example.edu")];
    let code = login(&world, &good).await.unwrap();
    assert_eq!(raw(&world, &code).await[AFFILIATION], "staff@example.edu");
    assert_eq!(last_events(&world).await[0]["type"], "login.succeeded");

    world.advance(Duration::from_secs(1)); // so that the second login's trace is the newest
    // Dropped: the app never sees it, the operator hears of it, by name and not by value.
    let code = login(&world, &[good[0], (AFFILIATION, "staff@evil.example")]).await.unwrap();
    assert_eq!(raw(&world, &code).await[AFFILIATION], json!([]));
    let event = last_events(&world).await.remove(0);
    let anomaly = json!([format!("dropped values of a foreign scope: {AFFILIATION}")]);
    assert_eq!((&event["type"], &event["data"]["anomalies"]), (&json!("login.anomaly"), &anomaly));
    let trace = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    assert_eq!(trace["data"][0]["anomalies"], anomaly);

    // It would have been the person: nobody gets in, also not as the NameID beside it.
    assert_eq!(login(&world, &[(SUBJECT_ID, "alice@evil.example")]).await, Err("SubjectScopeForeign".to_owned()));
}

#[actix_web::test]
async fn h23_scopes_are_learnt_from_metadata_and_an_operator_knows_better() {
    let world = World::new().await;
    let scope = r#"<md:Extensions><s:Scope xmlns:s="urn:mace:shibboleth:metadata:1.0" regexp="false">Example.edu</s:Scope></md:Extensions><md:KeyDescriptor "#;
    let metadata = of(&world).replacen("<md:KeyDescriptor ", scope, 1);
    let connection = connect(&world, metadata.clone(), json!([])).await;
    assert_eq!(connection["idpMetadata"]["scopes"], json!(["example.edu"]));
    let inspected = world.api(Method::POST, "sso/inspect", json!({ "rawMetadata": metadata })).await.json();
    assert_eq!(inspected["scopes"], json!(["example.edu"]));
    assert!(login(&world, &[(SUBJECT_ID, "alice@example.edu")]).await.is_ok());
    assert_eq!(login(&world, &[(SUBJECT_ID, "alice@example.org")]).await, Err("SubjectScopeForeign".to_owned()));

    connect(&world, metadata, json!(["example.org"])).await;
    assert!(login(&world, &[(SUBJECT_ID, "alice@example.org")]).await.is_ok());
    assert_eq!(login(&world, &[(SUBJECT_ID, "alice@example.edu")]).await, Err("SubjectScopeForeign".to_owned()));

    for wrong in [json!(["alice@example.edu"]), json!(["*.edu"]), json!(vec![""; 101])] {
        let body = json!({
            "tenant": "scoped.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK,
            "rawMetadata": of(&world), "scopes": wrong,
        });
        assert_eq!(world.api(Method::POST, "sso", body).await.code(), "FieldInvalid");
    }
}

#[actix_web::test]
async fn x22_an_impossible_time_of_authentication_is_an_event() {
    let world = World::new().await;
    connect(&world, of(&world), json!([])).await;
    let now = world.app.now();
    login_with(&world, |response| response.authn_instant = Some(time(now + jiff::SignedDuration::from_hours(1))))
        .await
        .unwrap();
    let event = last_events(&world).await.remove(0);
    assert_eq!(event["type"], "login.anomaly");
    let told = json!(["authenticated in the future", "authenticated after the assertion was issued"]);
    assert_eq!(event["data"]["anomalies"], told);
}
