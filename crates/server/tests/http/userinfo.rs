//! `/api/oauth/userinfo`: what the app is told.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::json;

use crate::world::World;

async fn token(world: &World) -> String {
    let tokens = world.redeem(&world.code(&[("scope", "openid"), ("nonce", "n")]).await, &[]).await.json();
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn the_claims_are_those_that_clients_of_jackson_read() {
    let world = World::new().await;
    let answer = world.claims(&token(&world).await).await;
    assert!(answer.header("cache-control").contains("no-store"), "B12");
    let claims = answer.json();
    for (name, value) in [("email", "alice@example.com"), ("firstName", "Alice"), ("lastName", "Martin")] {
        assert_eq!(claims[name], value);
    }
    assert_eq!(claims["groups"], json!(["engineering", "everyone"]));
    assert_eq!(claims["raw"]["email"], "alice@example.com");
    let requested = &claims["requested"];
    assert_eq!((&requested["tenant"], &requested["product"]), (&json!("acme.example"), &json!("crm")));
    assert_eq!(
        (&requested["nonce"], &requested["oidc"], &requested["state"]),
        (&json!("n"), &json!(true), &json!("a state"))
    );
    assert_eq!(requested["client_id"], "tenant=acme.example&product=crm");
}

#[actix_web::test]
async fn c9_c10_c11_tokens_come_in_the_header_alone() {
    let world = World::new().await;
    let token = token(&world).await;
    let url = world.get(&format!("/api/oauth/userinfo?access_token={token}")).await;
    assert_eq!((url.status.as_u16(), url.header("www-authenticate")), (401, "Bearer realm=\"postern\""));
    let scheme =
        TestRequest::get().uri("/api/oauth/userinfo").insert_header(("authorization", format!("bEaReR {token}")));
    assert_eq!(world.send(scheme).await.status, 200);
    for bad in ["x", "x.y", &token[..token.len() - 1], &format!("x{token}")] {
        let answer = world.claims(bad).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "TokenInvalid"));
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
}

#[actix_web::test]
async fn f9_both_methods_tell_the_same_and_nothing_empty() {
    let world = World::new().await;
    let token = token(&world).await;
    let get = world.claims(&token).await;
    assert_eq!(get.header("content-type"), "application/json");
    let post = |request: TestRequest| world.send(request.uri("/api/oauth/userinfo"));
    let bearer = ("Authorization", format!("Bearer {token}"));
    let posted = post(TestRequest::post().insert_header(bearer.clone())).await;
    assert_eq!(posted.json(), get.json());
    let with_a_body = post(TestRequest::post().insert_header(bearer).set_form([("unknown", "value")])).await;
    assert_eq!(with_a_body.json(), get.json());
    let in_the_body = post(TestRequest::post().set_form([("access_token", &token)])).await;
    assert_eq!((in_the_body.status.as_u16(), in_the_body.code().as_str()), (401, "TokenMissing"), "C9");

    let claims = get.json();
    assert!(claims["sub"].as_str().is_some_and(|sub| !sub.is_empty()));
    for (name, value) in claims.as_object().unwrap() {
        let empty = value.is_null() || *value == json!("") || *value == json!([]) || *value == json!({});
        assert!(!empty, "{name}");
    }
    // The same under the names of the standard, for clients that know no others.
    assert_eq!((&claims["given_name"], &claims["family_name"]), (&claims["firstName"], &claims["lastName"]));
}

#[actix_web::test]
async fn a_token_ends_after_its_lifetime() {
    let world = World::new().await;
    let token = token(&world).await;
    world.advance(Duration::from_millis(299_999));
    assert_eq!(world.claims(&token).await.status, 200);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.claims(&token).await.status, 401);
}
