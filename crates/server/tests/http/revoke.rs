//! `/api/oauth/revoke`: giving a token back (C6, C7).

use actix_web::http::Method;
use serde_json::json;

use crate::registered::{App, member};
use crate::world::World;

#[actix_web::test]
async fn c7_revoking_a_refresh_token_kills_its_access_tokens() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    for spent in [false, true] {
        let first = app.tokens("").await;
        let second = app.refresh(member(&first, "refresh_token"), &[]).await.json();
        let token = member(if spent { &first } else { &second }, "refresh_token");
        let answer = app.post("/api/oauth/revoke", &[("token", token)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
        for tokens in [&first, &second] {
            assert_eq!(app.introspect(member(tokens, "access_token")).await, json!({ "active": false }));
            assert_eq!(world.claims(member(tokens, "access_token")).await.status, 401);
        }
        assert_eq!(app.refresh(member(&second, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
    }
}

#[actix_web::test]
async fn c6_an_access_token_goes_alone_and_hints_are_only_hints() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let access = member(&tokens, "access_token");
    for _ in 0..2 {
        let fields = [("token", access), ("token_type_hint", "refresh_token")];
        assert_eq!(app.post("/api/oauth/revoke", &fields).await.status, 200);
        assert_eq!(world.claims(access).await.code(), "TokenInvalid");
    }
    assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.status, 200);
}

#[actix_web::test]
async fn c6_unknown_tokens_are_revoked_and_those_of_others_are_not() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    for unknown in ["x", "x.y"] {
        assert_eq!(app.post("/api/oauth/revoke", &[("token", unknown)]).await.status, 200);
    }
    let tokens = app.tokens("").await;
    let other = json!({ "name": "other", "redirect_urls": ["https://other.example.com/"] });
    let other = world.api(Method::POST, "products", other).await.json();
    let proof = [("client_id", member(&other, "client_id")), ("client_secret", member(&other, "client_secret"))];
    for name in ["access_token", "refresh_token"] {
        let fields = [&proof[..], &[("token", member(&tokens, name))]].concat();
        let answer = app.post("/api/oauth/revoke", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "TokenForOtherClient"));
        assert_eq!(app.introspect(member(&tokens, name)).await["active"], true);
    }
    assert_eq!(app.post("/api/oauth/revoke", &[]).await.code(), "TokenParameterMissing");
    let wrong = [("token", member(&tokens, "access_token")), ("client_secret", "wrong")];
    assert_eq!(app.post("/api/oauth/revoke", &wrong).await.code(), "ClientSecretWrong");
}

#[actix_web::test]
async fn c6_public_clients_revoke_their_own_tokens() {
    let world = World::new().await;
    let app = App::register(&world, json!({ "token_endpoint_auth_method": "none" })).await;
    let tokens = app.tokens("").await;
    assert_eq!(app.post("/api/oauth/revoke", &[("token", member(&tokens, "refresh_token"))]).await.status, 200);
    assert_eq!(world.claims(member(&tokens, "access_token")).await.status, 401);
}
