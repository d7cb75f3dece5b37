//! OpenID Connect towards identity providers (table G): the whole way, with a provider on loopback that does what it is told.

mod answers;
mod connections;
mod documents;
mod keys;
mod regions;
mod settings;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::system::SystemRandom;
use postern_lab::idp::people;
use postern_lab::key::Key;
use postern_lab::openid::{Lies, OpenidProvider, Options};
use serde_json::{Value, json};
use url::Url;

use crate::test_login::Trial;
use crate::world::{Answer, CALLBACK, World};

const CLIENT: &str = "client-of-postern";
const SECRET: &str = "a secret: with/odd+characters";
const SCOPE: &str = "tenant=oidc.example&product=crm";

fn provider_of(world: &World, client_secret: Option<&str>) -> OpenidProvider {
    OpenidProvider::start(Options {
        host: "127.0.0.1".into(),
        port: 0,
        key: Key::generate().unwrap(),
        client_id: CLIENT.into(),
        client_secret: client_secret.map(str::to_owned),
        people: people(),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
    })
    .unwrap()
}

/// Postern, a provider, and the tenant `oidc.example` that is connected to it.
async fn connected() -> (World, OpenidProvider) {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\nfetch.timeout_seconds = 3\n").await;
    let provider = provider_of(&world, Some(SECRET));
    connect(&world, &provider, json!({})).await;
    (world, provider)
}

async fn connect(world: &World, provider: &OpenidProvider, more: Value) -> Value {
    let answer = try_connect(world, provider, more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn try_connect(world: &World, provider: &OpenidProvider, more: Value) -> Answer {
    let mut body = json!({
        "tenant": "oidc.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "oidcDiscoveryUrl": format!("{}/.well-known/openid-configuration", provider.issuer),
        "oidcClientId": CLIENT, "oidcClientSecret": SECRET,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.api(Method::POST, "sso", body).await
}

/// Sends the browser to the provider.
async fn begin(world: &World, parameters: &[(&str, &str)]) -> Answer {
    let scope = [("client_id", SCOPE)];
    world.authorize(&[&scope, parameters].concat()).await
}

/// Brings the provider's answer back, with the cookie of the browser that began.
async fn bring(world: &World, cookie: &str, url: &Url) -> Answer {
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    world.send(TestRequest::get().uri(&path).insert_header(("Cookie", cookie))).await
}

/// A whole login.
async fn login(world: &World, provider: &OpenidProvider) -> Answer {
    let asked = begin(world, &[]).await;
    bring(world, &asked.cookie(), &provider.answer(&asked.location())).await
}

fn outcome(answer: &Answer) -> String {
    let signed_in = answer.headers.contains_key("location") && answer.sent("code").is_some();
    if signed_in { "code".to_owned() } else { answer.code() }
}

/// What the app is told after a login.
async fn claims(world: &World, answer: &Answer) -> Value {
    let code = answer.sent("code").unwrap_or_else(|| panic!("no code: {}", answer.location()));
    let secret = world.connection_secret("oidc.example").await;
    let tokens = world.redeem_with(&code, &[("client_id", SCOPE), ("client_secret", &secret)]).await.json();
    world.claims(tokens["access_token"].as_str().unwrap()).await.json()
}

#[actix_web::test]
async fn a_test_login_by_openid_connect_has_a_result_too() {
    let (world, provider) = connected().await;
    let found = world.api(Method::GET, "sso?tenant=oidc.example&product=crm", Value::Null).await.json();
    let other = Lies { claims: vec![("iss", json!("https://other.example.com"))], ..Lies::default() };
    for (lies, code) in [(Lies::default(), None), (other, Some("OidcIssuerMismatch"))] {
        provider.lie(lies);
        let trial = Trial::of(&world, found[0]["id"].as_str().unwrap()).await;
        let asked = trial.press().await;
        let answer = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
        assert_eq!(answer.location().as_str(), trial.url(), "{}", answer.body);
        let result = trial.result().await;
        assert_eq!(result["fault"]["code"].as_str(), code, "{result}");
        assert_eq!(result["values"]["attributes"]["email"].is_array(), code.is_none(), "{result}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_login_by_openid_connect_ends_in_the_same_claims_as_by_saml() {
    let (world, provider) = connected().await;
    let answer = login(&world, &provider).await;
    assert_eq!(answer.sent("state").as_deref(), Some("a state"));
    let claims = claims(&world, &answer).await;
    for (name, value) in [
        ("email", json!("alice@example.com")),
        ("firstName", json!("Alice")),
        ("lastName", json!("Martin")),
        ("name", json!("Alice Martin")),
        ("groups", json!(["engineering", "everyone"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims.get("email_verified").is_none(), "that is the provider's word alone (F16)");
    assert_eq!(claims["id"], claims["sub"]);
    assert_ne!(claims["sub"], "u-1001", "the provider's own name for the person is hashed");
    let raw = &claims["raw"];
    assert_eq!((&raw["sub"], &raw["groups"]), (&json!("u-1001"), &json!(["engineering", "everyone"])));
    assert!(raw.get("nonce").is_none() && raw.get("at_hash").is_none());
    let requested = &claims["requested"];
    assert_eq!((&requested["protocol"], &requested["providerName"]), (&json!("oidc"), &json!("127.0.0.1")));
    assert_eq!((&requested["tenant"], &requested["login_type"]), (&json!("oidc.example"), &json!("sp-initiated")));
    provider.stop().await;
}
