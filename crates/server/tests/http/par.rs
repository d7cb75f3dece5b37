//! `/api/oauth/par` (RFC 9126), and the authorization requests that are begun there: table E.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::registered::App;
use crate::world::{CALLBACK, PUBLIC, World, authn_request, waiting};

const URN: &str = "urn:ietf:params:oauth:request_uri:";

#[actix_web::test]
async fn e1_an_authenticated_client_pushes_its_question_and_gets_a_reference() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let answer = app.push(&[]).await;
    assert_eq!(answer.status, 201);
    assert!(answer.header("cache-control").contains("no-store"));
    let body = answer.json();
    assert_eq!(body["expires_in"], 300);
    assert!(body["request_uri"].as_str().unwrap().starts_with(URN));

    // RFC 9126 §2: authenticated like at the token endpoint.
    assert_eq!(app.push(&[("client_secret", "wrong")]).await.code(), "ClientSecretWrong");
    let nobody = app.push(&[("client_secret", "")]).await;
    assert_eq!((nobody.status.as_u16(), nobody.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(app.push(&[("client_id", "dummy"), ("product", "crm")]).await.code(), "ClientMissing");
    let basic = data_encoding::BASE64.encode(format!("{}:{}", app.client_id, app.secret).as_bytes());
    let form = [("tenant", "acme.example"), ("response_type", "code"), ("redirect_uri", CALLBACK), ("state", "s")];
    let answer = world.form("/api/oauth/par", &form, &[("Authorization", &format!("Basic {basic}"))]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);

    // What authorize would refuse is refused here, and told to the client.
    for (given, error, code) in [
        (("request_uri", "urn:x"), "invalid_request", "RequestUriPushed"),
        (("request", "e30.e30."), "request_not_supported", "RequestObjectUnsupported"),
        (("redirect_uri", "https://evil.example/"), "invalid_request", "RedirectUriNotAllowed"),
        (("response_type", "token"), "unsupported_response_type", "ResponseTypeUnsupported"),
        (("code_challenge_method", "plain"), "invalid_request", "ChallengeMethodUnsupported"),
        (("tenant", "nobody.example"), "access_denied", "ConnectionMissing"),
        (("idp_hint", "conn_other"), "invalid_request", "IdpHintForeign"),
        (("prompt", "none login"), "invalid_request", "PromptMalformed"),
    ] {
        let answer = app.push(&[given]).await;
        assert_eq!((answer.json()["error"].as_str(), answer.code().as_str()), (Some(error), code), "{given:?}");
        assert!(answer.status.is_client_error() && answer.header("location").is_empty(), "{given:?}");
    }
    assert_eq!(world.get("/api/oauth/par").await.status, 405);
    let large = TestRequest::post().uri("/api/oauth/par").set_payload("x".repeat(1024 * 1024 + 1));
    assert_eq!(world.send(large).await.status, 413);
}

#[actix_web::test]
async fn e2_a_reference_is_one_clients_expires_and_completes_once() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let reference = app.pushed(&[]).await;
    assert!(reference.strip_prefix(URN).unwrap().len() >= 43);
    let other = App { world: &world, client_id: "tenant=acme.example&product=crm".into(), secret: String::new() };
    assert_eq!(other.open(&reference, &[]).await.code(), "RequestUriUnknown");
    assert_eq!(app.open(&format!("{URN}guess"), &[]).await.code(), "RequestUriUnknown");

    // Opened twice, before anybody signs in: a reload, and a browser that looks ahead.
    let (first, second) = (app.open(&reference, &[]).await, app.open(&reference, &[]).await);
    let (first, second) = (waiting(&first), waiting(&second));
    let done = world.answer(&second, &world.response(&second).signed_assertion(&world.key)).await;
    assert_eq!(done.sent("state").as_deref(), Some("a state"));
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", &app.secret)];
    assert_eq!(world.redeem_with(&done.sent("code").unwrap(), &proof).await.status, 200);
    let late = world.answer(&first, &world.response(&first).signed_assertion(&world.key)).await;
    assert_eq!((late.code().as_str(), late.sent("error").as_deref()), ("RequestUriSpent", Some("invalid_request_uri")));
    let spent = app.open(&reference, &[]).await;
    assert_eq!((spent.code().as_str(), spent.header("location")), ("RequestUriSpent", ""));

    let slow = app.pushed(&[]).await;
    let opened = waiting(&app.open(&slow, &[]).await);
    world.advance(Duration::from_secs(300));
    assert_eq!(app.open(&slow, &[]).await.code(), "RequestUriUnknown");
    // Whoever opened it in time may take their time to sign in.
    let done = world.answer(&opened, &world.response(&opened).signed_assertion(&world.key)).await;
    assert!(done.sent("code").is_some(), "{}", done.location());
}

#[actix_web::test]
async fn e3_a_product_may_take_pushed_requests_alone() {
    let world = World::new().await;
    let app = App::new(&world, json!({ "require_pushed_authorization_requests": true })).await;
    let plain = world.authorize(&[("client_id", &app.client_id), ("tenant", "acme.example")]).await;
    assert_eq!((plain.sent("error").as_deref(), plain.code().as_str()), (Some("invalid_request"), "PushRequired"));
    // However its client is named.
    assert_eq!(world.authorize(&[]).await.code(), "PushRequired");
    let reference = app.pushed(&[]).await;
    assert_eq!(app.open(&reference, &[]).await.status, 302);
    let change = json!({ "name": "crm", "require_pushed_authorization_requests": false });
    let changed = world.api(Method::PATCH, "products", change).await.json();
    assert_eq!(changed["require_pushed_authorization_requests"], false);
    assert_eq!(world.authorize(&[]).await.status, 302);
}

#[actix_web::test]
async fn e4_what_the_browser_adds_counts_for_nothing() {
    let world = World::new().await;
    let app = App::new(
        &world,
        json!({ "redirect_urls": [CALLBACK, "https://app.example.com/other", "http://localhost:3000/callback"] }),
    )
    .await;
    let reference = app.pushed(&[("prompt", "login"), ("response_mode", "query")]).await;
    let beside = [
        ("redirect_uri", "https://app.example.com/other"),
        ("state", "another"),
        ("prompt", "none"),
        ("response_mode", "form_post"),
        ("scope", "openid"),
        ("nonce", "another"),
        ("idp_hint", "conn_other"),
    ];
    let opened = app.open(&reference, &beside).await;
    let request = authn_request(&opened);
    assert!(request.contains("ForceAuthn=\"true\"") && !request.contains("IsPassive"));
    let login = waiting(&opened);
    let done = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    assert!(done.header("location").starts_with(CALLBACK));
    assert_eq!((done.sent("state").as_deref(), done.sent("iss").as_deref()), (Some("a state"), Some(PUBLIC)));

    // The person may choose among connections, and nothing else.
    let second = world.connect("acme.example", "crm", "https://second.example.com/metadata").await;
    let reference = app.pushed(&[]).await;
    let choice = app.open(&reference, &[]).await;
    let page = world.get(choice.header("location").strip_prefix("https://sso.example.com").unwrap()).await;
    let link = page.body.split("href=\"").find(|link| link.contains(second["id"].as_str().unwrap())).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let login = waiting(&world.get(link.strip_prefix("https://sso.example.com").unwrap()).await);
    let response = world.response(&login).sent_by("https://second.example.com/metadata").signed_assertion(&world.key);
    assert_eq!(world.answer(&login, &response).await.sent("state").as_deref(), Some("a state"));
}
