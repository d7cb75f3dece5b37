//! `/api/oauth/introspect`: what a token is worth (C8).

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::registered::{App, member};
use crate::world::World;

fn inactive() -> Value {
    json!({ "active": false })
}

#[actix_web::test]
async fn c8_c12_a_token_that_works_is_described() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid email").await;
    let answer = app.post("/api/oauth/introspect", &[("token", member(&tokens, "access_token"))]).await;
    assert!(answer.header("cache-control").contains("no-store"), "B12");
    let told = answer.json();
    assert_eq!(told["active"], true);
    assert_eq!((&told["client_id"], &told["aud"]), (&json!(app.client_id), &json!(app.client_id)));
    assert_eq!((&told["scope"], &told["token_type"]), (&json!("openid email"), &json!("bearer")));
    assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 300);
    let claims = world.claims(member(&tokens, "access_token")).await.json();
    assert_eq!(told["sub"], claims["sub"]);
    let refresh = app.introspect(member(&tokens, "refresh_token")).await;
    assert_eq!((&refresh["active"], refresh.get("token_type")), (&json!(true), None));
    assert_eq!(refresh["sid"], told["sid"]);
}

#[actix_web::test]
async fn c8_whatever_is_not_active_says_no_more_than_that() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let (access, refresh) = (member(&tokens, "access_token"), member(&tokens, "refresh_token"));
    for unknown in ["x", "x.y", &access[1..], &format!("{access}x")] {
        assert_eq!(app.introspect(unknown).await, inactive(), "{unknown}");
    }
    // Somebody else's.
    let other = json!({ "name": "other", "redirect_urls": ["https://other.example.com/"] });
    let other = world.api(Method::POST, "products", other).await.json();
    let proof = [("client_id", member(&other, "client_id")), ("client_secret", member(&other, "client_secret"))];
    for token in [access, refresh] {
        let fields = [&proof[..], &[("token", token)]].concat();
        let answer = app.post("/api/oauth/introspect", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, inactive()));
    }
    // Used, expired, ended.
    app.refresh(refresh, &[]).await;
    assert_eq!(app.introspect(refresh).await, inactive());
    world.advance(Duration::from_secs(300));
    assert_eq!(app.introspect(access).await, inactive());
    let tokens = app.tokens("").await;
    let query = "sessions?tenant=acme.example&product=crm&email=ALICE@example.com";
    assert_eq!(world.api(Method::DELETE, query, Value::Null).await.json(), json!({ "ended": 2 }));
    for name in ["access_token", "refresh_token"] {
        assert_eq!(app.introspect(member(&tokens, name)).await, inactive());
    }
}

#[actix_web::test]
async fn c8_introspection_needs_authorization() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let token = member(&tokens, "access_token");
    for (fields, code) in [
        (vec![("client_secret", "")], "ClientAuthenticationMissing"),
        (vec![("client_secret", "wrong")], "ClientSecretWrong"),
        (vec![("client_id", "prod_unknown")], "ClientUnknown"),
        (vec![("client_id", ""), ("client_secret", "")], "ClientAuthenticationMissing"),
    ] {
        for token in [token, "x.y"] {
            let answer = app.post("/api/oauth/introspect", &[&fields[..], &[("token", token)]].concat()).await;
            assert_eq!((answer.status.as_u16() / 100, answer.code().as_str()), (4, code), "{fields:?}");
            assert_eq!(answer.json()["error"], "invalid_client");
        }
    }
    let answer = app.post("/api/oauth/introspect", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "TokenParameterMissing"));
    let get = world.get(&format!("/api/oauth/introspect?token={token}")).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));

    let world = World::new().await;
    let public = App::register(&world, json!({ "token_endpoint_auth_method": "none" })).await;
    let tokens = public.tokens("").await;
    let answer = public.post("/api/oauth/introspect", &[("token", member(&tokens, "access_token"))]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "IntrospectionNeedsSecret"));
}

#[actix_web::test]
async fn clients_without_a_registration_introspect_by_the_secret_of_their_connection() {
    let world = World::new().await;
    let secret = world.connection_secret("acme.example").await;
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.json();
    let scope = "tenant=acme.example&product=crm";
    for (token, active) in [(member(&tokens, "access_token"), true), ("x.y", false)] {
        let form = [("client_id", scope), ("client_secret", secret.as_str()), ("token", token)];
        let answer = world.form("/api/oauth/introspect", &form, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.json()["active"].as_bool()), (200, Some(active)));
    }
    let form = [("client_id", scope), ("client_secret", "wrong"), ("token", "x.y")];
    assert_eq!(world.form("/api/oauth/introspect", &form, &[]).await.code(), "ClientSecretWrong");
}
