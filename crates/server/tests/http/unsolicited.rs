//! `/api/oauth/saml/{connection}`: logins that begin at the identity provider (H26).

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern_core::ports::Clock as _;
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};

use crate::world::{Answer, CALLBACK, IDP, PUBLIC, World, asking};

pub(crate) fn response(world: &World, connection: &str) -> Response {
    Response::at(world.clock.now())
        .with_random_ids(&postern::system::SystemRandom)
        .sent_by(IDP)
        .sent_to(&format!("{PUBLIC}/api/oauth/saml/{connection}"))
        .for_audience(PUBLIC)
}

pub(crate) async fn post(world: &World, path: &str, xml: &str) -> Answer {
    world.form(path, &[("SAMLResponse", &base64(xml)), ("RelayState", "https://evil.example/")], &[]).await
}

pub(crate) async fn allow(world: &World, names: Value) -> String {
    let secret = world.connection_secret("acme.example").await;
    let change =
        json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "allow": names, "isSAML": true });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    found[0]["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn h26_unsolicited_responses_are_refused_unless_the_connection_allows_them() {
    let world = World::new().await;
    let id = allow(&world, json!([])).await;
    let path = format!("/api/oauth/saml/{id}");
    let answer = post(&world, &path, &response(&world, &id).signed_assertion(&world.key)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "UnsolicitedNotAllowed"));
    // The address of solicited responses never takes one.
    let answer = post(&world, "/api/oauth/saml", &response(&world, &id).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "LoginOtherBrowser");
}

#[actix_web::test]
async fn h26_an_allowed_one_is_used_once_and_ends_where_the_app_begins_its_own_login() {
    let world = World::new().await;
    let id = allow(&world, json!(["unsolicited"])).await;
    let path = format!("/api/oauth/saml/{id}");
    let xml = response(&world, &id).signed_assertion(&world.key);
    // Nobody knows what was used before this process began to remember, clocks being what they are.
    assert_eq!(post(&world, &path, &xml).await.code(), "UnsolicitedBeforeStart");
    world.advance(std::time::Duration::from_secs(180));
    let xml = response(&world, &id).signed_assertion(&world.key);
    assert_eq!(post(&world, &path, &xml).await.code(), "InitiateLoginUrlMissing");
    let initiate = json!({ "redirect_urls": [CALLBACK], "initiate_login_url": "https://app.example.com/login?x=1" });
    world.register(initiate).await;

    let answer = post(&world, &path, &xml).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer.header("location").starts_with("https://app.example.com/login?x=1&iss="),
        "{}",
        answer.header("location")
    );
    assert_eq!(answer.sent("idp_hint").as_deref(), Some(id.as_str()));
    assert_eq!(answer.sent("tenant").as_deref(), Some("acme.example"));
    assert!(!answer.header("location").contains("evil"), "H7: RelayState is not followed");
    assert_eq!(post(&world, &path, &xml).await.code(), "SamlAssertionReplayed");

    let answering = response(&world, &id).answering("_some-request").signed_assertion(&world.key);
    assert_eq!(post(&world, &path, &answering).await.code(), "SamlInResponseToUnexpected");
    let elsewhere = response(&world, "conn_other").signed_assertion(&world.key);
    let code = post(&world, &path, &elsewhere).await.code();
    assert!(["SamlRecipientMismatch", "SamlDestinationMismatch"].contains(&code.as_str()), "{code}");
    assert_eq!(post(&world, "/api/oauth/saml/conn_unknown", &xml).await.code(), "ConnectionMissing");
}

#[actix_web::test]
async fn h26_the_apps_own_login_is_answered_at_once_in_the_same_browser() {
    let world = World::new().await;
    let id = allow(&world, json!(["unsolicited"])).await;
    world.register(json!({ "initiate_login_url": "https://app.example.com/login" })).await;
    world.advance(std::time::Duration::from_secs(180));
    let arrive = async || {
        let xml = response(&world, &id).signed_assertion(&world.key);
        let answer = post(&world, &format!("/api/oauth/saml/{id}"), &xml).await;
        (answer.sent("login_hint").unwrap(), answer.cookie())
    };
    let authorize = async |hint: &str, cookie: &str, more: &[(&str, &str)]| {
        let parameters: Vec<_> =
            more.iter().copied().chain([("login_hint", hint), ("idp_hint", id.as_str())]).collect();
        let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{}", asking(&parameters)));
        world.send(request.insert_header(("Cookie", cookie))).await
    };

    let (hint, cookie) = arrive().await;
    let at_once = authorize(&hint, &cookie, &[]).await;
    assert_eq!(at_once.sent("state").as_deref(), Some("a state"));
    let product_secret = world.api(Method::POST, "products/secret", json!({ "name": "crm" })).await.json();
    let secret = [("client_secret", product_secret["client_secret"].as_str().unwrap())];
    let tokens = world.redeem(&at_once.sent("code").unwrap(), &secret).await.json();
    let claims = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["requested"]["login_type"], "idp-initiated");
    let traces = world.api(Method::GET, "sso-traces?product=crm", Value::Null).await.json();
    assert_eq!(traces["data"][0]["status"], "succeeded");

    let to_the_idp = |answer: Answer| answer.header("location").starts_with("https://idp.example.com/sso");
    assert!(to_the_idp(authorize(&hint, &cookie, &[]).await), "once");
    let (hint, cookie) = arrive().await;
    assert!(to_the_idp(authorize(&hint, "", &[]).await), "another browser");
    assert!(to_the_idp(authorize("alice@example.com", &cookie, &[]).await), "without the handle");
    assert!(to_the_idp(authorize(&hint, &cookie, &[("forceAuthn", "true")]).await), "asked to sign in anew");
    world.advance(std::time::Duration::from_secs(61));
    assert!(to_the_idp(authorize(&hint, &cookie, &[]).await), "too late");
}
