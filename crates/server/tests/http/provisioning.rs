//! Who comes in, and whether the app may make an account for them: the claim `provisioning`, row by row of what decides it.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::domains::{self, prove};
use crate::id_token::verified;
use crate::people::list;
use crate::policy::{check, set};
use crate::registered::{App, member};
use crate::world::{Answer, World};

/// A login of somebody with this address, or with none.
pub(crate) async fn login(app: &App<'_>, email: Option<&str>) -> Answer {
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

pub(crate) async fn set_well(world: &World, settings: Value) {
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
async fn policy_1_a_scope_is_open_to_its_domain_or_to_the_invited_alone() {
    let world = World::new().await;
    let (anyone, invited) = (json!("anyone_in_domain"), json!("invited_only"));
    check(&world, "access_policy", anyone.clone(), &[invited, anyone], &[json!("anyone"), json!(true)]).await;
    let (refuse, tell) = (json!("refuse"), json!("tell"));
    check(&world, "uninvited", refuse.clone(), &[tell, refuse], &[json!("flag"), json!(0)]).await;
}

/// A tenant that has proven `acme.example`, and its app.
async fn with_a_domain() -> (World, postern_lab::dns::NameServer) {
    let (world, dns) = domains::world("").await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    (world, dns)
}

const ALICE: Option<&str> = Some("alice@acme.example");
const STRANGER: Option<&str> = Some("alice@initech.example");

#[actix_web::test]
async fn policy_3_row_1_a_blocked_person_is_refused() {
    let (world, _dns) = with_a_domain().await;
    let app = App::register(&world, json!({})).await;
    list(&world, "blocked", json!({ "email": "Alice@ACME.example" })).await;
    let answer = login(&app, ALICE).await;
    assert_eq!((answer.code().as_str(), answer.sent("error").as_deref()), ("PersonBlocked", Some("access_denied")));
    assert!(login(&app, Some("bob@acme.example")).await.sent("code").is_some());
}

#[actix_web::test]
async fn policy_3_row_2_who_is_not_invited_is_refused() {
    let (world, _dns) = with_a_domain().await;
    let app = App::register(&world, json!({})).await;
    set_well(&world, json!({ "access_policy": "invited_only" })).await;
    assert_eq!(login(&app, ALICE).await.code(), "NotInvited");
    list(&world, "invited", json!({ "email": "ALICE@acme.example" })).await;
    assert_eq!(told(&app, ALICE).await, json!({ "allowed": true }));
    assert_eq!(login(&app, Some("bob@acme.example")).await.code(), "NotInvited");
}

#[actix_web::test]
async fn policy_3_row_3_who_is_not_invited_gets_no_account_where_that_is_told() {
    let (world, _dns) = with_a_domain().await;
    let app = App::register(&world, json!({})).await;
    set_well(&world, json!({ "access_policy": "invited_only", "uninvited": "tell" })).await;
    assert_eq!(told(&app, ALICE).await, refused("not_invited"));
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    assert_eq!(traces["data"][0]["notes"], json!(["provisioning: not_invited"]));
    list(&world, "invited", json!({ "email": "alice@acme.example" })).await;
    assert_eq!(told(&app, ALICE).await, json!({ "allowed": true }));
}

#[actix_web::test]
async fn policy_3_row_8_who_lacks_a_required_claim_gets_no_account_where_that_is_told() {
    let (world, _dns) = with_a_domain().await;
    let app = App::register(&world, json!({})).await;
    set_well(&world, json!({ "required_claims": ["email", "department"], "missing_claims": "tell" })).await;
    assert_eq!(told(&app, ALICE).await, refused("attribute_missing"));
    set_well(&world, json!({ "missing_claims": "refuse" })).await;
    assert_eq!(login(&app, ALICE).await.code(), "AttributeMissing");
}

/// What a login comes to: a refusal by its code, or the reason for which there is no account.
async fn outcome(app: &App<'_>, email: Option<&str>) -> String {
    let answer = login(app, email).await;
    match answer.sent("code") {
        None => answer.code(),
        Some(_) => told(app, email).await["reason"].as_str().unwrap_or("allowed").to_owned(),
    }
}

#[actix_web::test]
async fn policy_3_the_first_row_that_fits_decides() {
    let (world, _dns) = with_a_domain().await;
    let app = App::register(&world, json!({})).await;
    // Everything at once is wrong with the stranger; what decided is mended, row by row.
    let everything = json!({
        "access_policy": "invited_only", "auto_provision": false, "required_claims": ["department"], "missing_claims": "tell",
    });
    set_well(&world, everything).await;
    list(&world, "blocked", json!({ "email": "alice@initech.example" })).await;
    assert_eq!(outcome(&app, STRANGER).await, "PersonBlocked");
    let unblock = "people/blocked?tenant=acme.example&product=crm&email=alice@initech.example";
    assert_eq!(world.api(Method::DELETE, unblock, Value::Null).await.status, 200);
    assert_eq!(outcome(&app, STRANGER).await, "NotInvited");
    set_well(&world, json!({ "uninvited": "tell" })).await;
    assert_eq!(outcome(&app, STRANGER).await, "EmailDomainForeign", "F16: before what is only told");
    set_well(&world, json!({ "foreign_domains": "flag" })).await;
    assert_eq!(outcome(&app, STRANGER).await, "not_invited");
    let events = world.api(Method::GET, "events", Value::Null).await.body;
    assert!(events.contains("login.anomaly"), "F16: somebody hears of it: {events}");
    set_well(&world, json!({ "access_policy": "anyone_in_domain" })).await;
    assert_eq!(outcome(&app, STRANGER).await, "foreign_domain");
    assert_eq!(outcome(&app, ALICE).await, "auto_provision_off");
    set_well(&world, json!({ "auto_provision": true })).await;
    assert_eq!(outcome(&app, ALICE).await, "attribute_missing");
    set_well(&world, json!({ "required_claims": "" })).await;
    assert_eq!(outcome(&app, ALICE).await, "allowed");
}

#[actix_web::test]
async fn policy_3_invited_people_pass_every_row_but_those_of_blocks_and_foreign_domains() {
    let (world, dns) = domains::world("").await;
    let app = App::register(&world, json!({})).await;
    let people = json!([{ "email": "alice@acme.example" }, { "email": "alice@initech.example" }]);
    list(&world, "invited", json!({ "people": people })).await;
    let strict = json!({ "auto_provision": false, "required_claims": ["department"], "missing_claims": "tell" });
    set_well(&world, strict).await;
    assert_eq!(outcome(&app, ALICE).await, "allowed", "at a domain that nobody has proven");
    assert_eq!(outcome(&app, Some("bob@acme.example")).await, "domain_not_verified");
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    assert_eq!(outcome(&app, ALICE).await, "allowed", "no accounts are made, and a claim is missing");
    assert_eq!(outcome(&app, Some("bob@acme.example")).await, "auto_provision_off");
    set_well(&world, json!({ "access_policy": "invited_only" })).await;
    assert_eq!(outcome(&app, ALICE).await, "allowed");
    assert_eq!(outcome(&app, STRANGER).await, "EmailDomainForeign");
    set_well(&world, json!({ "foreign_domains": "flag" })).await;
    assert_eq!(outcome(&app, STRANGER).await, "foreign_domain");
    list(&world, "blocked", json!({ "email": "alice@acme.example" })).await;
    assert_eq!(outcome(&app, ALICE).await, "PersonBlocked");
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
