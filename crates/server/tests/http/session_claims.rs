//! What an app is told of a session itself: whose person it is, and until when it lasts.

use std::time::Duration;

use actix_web::http::Method;
use postern_lab::response::time;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::registered::{App, member};
use crate::world::World;

/// The same two claims, wherever an app may read them: at userinfo, in the ID token, by introspection.
async fn told(app: &App<'_>, tokens: &Value) -> [(Value, Value); 3] {
    let access_token = member(tokens, "access_token");
    let userinfo = app.world.claims(access_token).await.json();
    let (id_token, _) = verified(app.world, member(tokens, "id_token")).await;
    let introspected = app.introspect(access_token).await;
    [userinfo, id_token, introspected].map(|told| (told["tenant"].clone(), told["session_expires_at"].clone()))
}

#[actix_web::test]
async fn the_tenant_and_the_end_of_the_session_are_told_everywhere_and_a_refresh_moves_neither() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid").await;
    let expected = (json!("acme.example"), json!(world.app.now().as_second() + 24 * 3600));
    assert_eq!(told(&app, &tokens).await, [&expected, &expected, &expected].map(Clone::clone));

    world.advance(Duration::from_secs(3600));
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    assert_eq!(told(&app, &tokens).await, [&expected, &expected, &expected].map(Clone::clone));
    let refresh_token = app.introspect(member(&tokens, "refresh_token")).await;
    assert_eq!(refresh_token["session_expires_at"], expected.1);
}

#[actix_web::test]
async fn a_session_that_the_identity_provider_ends_sooner_is_told_to_end_sooner() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example"), ("scope", "openid")]).await;
    let end = world.app.now() + Duration::from_secs(1800);
    let mut response = world.response(&waiting);
    response.session_not_on_or_after = Some(time(end));
    // What an IdP calls a tenant is an attribute like any other.
    response.attributes.push(("tenant".into(), vec!["other.example".into()]));
    let code = world.answer(&waiting, &response.signed_assertion(&world.key)).await.sent("code").unwrap();
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    let tokens = world.redeem_with(&code, &proof).await.json();
    let expected = (json!("acme.example"), json!(end.as_second()));
    assert_eq!(told(&app, &tokens).await, [&expected, &expected, &expected].map(Clone::clone));
}

#[actix_web::test]
async fn apps_that_speak_oauth_alone_are_told_too_and_no_connection_says_otherwise() {
    let world = World::new().await;
    let tokens = world.redeem(&world.code(&[]).await, &[]).await.json();
    let claims = world.claims(member(&tokens, "access_token")).await.json();
    assert_eq!(claims["tenant"], claims["requested"]["tenant"]);
    assert_eq!(claims["session_expires_at"], json!(world.app.now().as_second() + 24 * 3600));

    let secret = world.connection_secret("acme.example").await;
    for claim in ["tenant", "session_expires_at"] {
        let mapping = json!({ "rules": { claim: { "constant": "x" } } });
        let change = json!({ "tenant": "acme.example", "product": "crm", "clientSecret": secret, "mapping": mapping });
        let answer = world.api(Method::PATCH, "sso", change).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"), "{claim}");
    }
}
