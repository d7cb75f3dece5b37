//! What is asked of a provider, and what an operator settles about its answers.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern_lab::openid::Lies;
use serde_json::{Value, json};

use super::{CLIENT, SCOPE, begin, bring, connect, connected, login, outcome};
use crate::world::{PUBLIC, World};

#[actix_web::test]
async fn g8_a_login_does_not_begin_at_a_provider() {
    let world = World::new().await;
    let answer =
        world.get("/api/oauth/oidc?iss=https%3A%2F%2Fevil.example&target_link_uri=https%3A%2F%2Fevil.example").await;
    assert_eq!(
        (answer.code().as_str(), answer.status.as_u16(), answer.header("location")),
        ("OidcStateMissing", 400, "")
    );
}

#[actix_web::test]
async fn g9_the_redirect_uri_does_not_depend_on_the_host_header() {
    let (world, provider) = connected().await;
    let query = crate::world::asking(&[("client_id", SCOPE)]);
    let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{query}"));
    let request = request.insert_header(("Host", "evil.example")).insert_header(("X-Forwarded-Host", "evil.example"));
    let asked = world.send(request).await;
    assert_eq!(asked.sent("redirect_uri"), Some(format!("{PUBLIC}/api/oauth/oidc")));
    provider.stop().await;
}

#[actix_web::test]
async fn g4_a_code_is_redeemed_with_the_verifier_and_a_secret_in_the_header() {
    let (world, provider) = connected().await;
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let mut sent: Vec<_> = provider.last_form().into_iter().map(|(name, _)| name).collect();
    sent.sort_unstable();
    // The provider signs nobody in who brings the secret neither here nor in the header (RFC 6749 §2.3.1).
    assert_eq!(sent, ["code", "code_verifier", "grant_type", "redirect_uri"]);
    provider.stop().await;
}

#[actix_web::test]
async fn what_the_app_asks_is_passed_on_and_the_answer_is_judged() {
    let (world, provider) = connected().await;
    let asked =
        begin(&world, &[("prompt", "login"), ("acr_values", "gold"), ("login_hint", "alice@example.com")]).await;
    let sent = ["prompt", "max_age", "acr_values", "login_hint"].map(|name| asked.sent(name).unwrap_or_default());
    assert_eq!(sent, ["login", "0", "gold", "alice@example.com"]);
    let answer = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
    assert_eq!(outcome(&answer), "code");

    // A provider that does not authenticate anew is asked once more, and then found out.
    provider.lie(Lies { claims: vec![("auth_time", json!(-7200))], ..Lies::default() });
    let asked = begin(&world, &[("max_age", "600")]).await;
    let once_more = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
    assert_eq!(once_more.sent("prompt").as_deref(), Some("login"));
    let answer = bring(&world, &once_more.cookie(), &provider.answer(&once_more.location())).await;
    assert_eq!(outcome(&answer), "AuthenticationStale");
    provider.stop().await;
}

#[actix_web::test]
async fn one_issuer_of_many_organisations_is_held_to_one() {
    let (world, provider) = connected().await;
    let record = connect(&world, &provider, json!({ "oidcRequiredClaims": { "hd": "acme.example" } })).await;
    assert_eq!(record["oidcRequiredClaims"]["hd"], "acme.example");
    assert_eq!(begin(&world, &[]).await.sent("hd").as_deref(), Some("acme.example"));
    assert_eq!(outcome(&login(&world, &provider).await), "OidcRequiredClaim");
    provider.lie(Lies { claims: vec![("hd", json!("evil.example"))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "OidcRequiredClaim");
    provider.lie(Lies { claims: vec![("hd", json!("acme.example"))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.stop().await;
}

#[actix_web::test]
async fn a_trusted_audience_may_stand_beside_us() {
    let (world, provider) = connected().await;
    let lies = |azp: Value| Lies { claims: vec![("aud", json!([CLIENT, "project"])), ("azp", azp)], ..Lies::default() };
    connect(&world, &provider, json!({ "oidcAudiences": ["project"] })).await;
    provider.lie(lies(json!(CLIENT)));
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.lie(lies(Value::Null));
    assert_eq!(outcome(&login(&world, &provider).await), "OidcAuthorizedParty");
    provider.stop().await;
}

#[actix_web::test]
async fn groups_that_are_too_many_are_noted() {
    let (world, provider) = connected().await;
    provider.lie(Lies { claims: vec![("groups", Value::Null), ("hasgroups", json!(true))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    let notes = traces["data"][0]["notes"].to_string();
    assert!(notes.contains("groups overage"), "{traces}");
    provider.stop().await;
}
