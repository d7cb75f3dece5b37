//! `/api/oauth/token` with `grant_type=refresh_token`: table C.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::registered::{App, member};
use crate::world::{Answer, World};

const HOUR: Duration = Duration::from_secs(3600);

#[track_caller]
fn assert_refused(answer: &Answer, error: &str, code: &str) {
    let seen = (answer.status.as_u16(), answer.json()["error"].as_str().unwrap_or_default().to_owned(), answer.code());
    assert_eq!(seen, (400, error.to_owned(), code.to_owned()), "{}", answer.body);
}

#[actix_web::test]
async fn a_refresh_gives_new_tokens_that_say_the_same() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let first = app.tokens("openid email").await;
    let answer = app.refresh(member(&first, "refresh_token"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"), "B12");
    let second = answer.json();
    assert_eq!(
        (&second["token_type"], &second["expires_in"], second.get("scope")),
        (&json!("bearer"), &json!(300), None)
    );
    for name in ["access_token", "refresh_token"] {
        assert_ne!(member(&first, name), member(&second, name));
    }
    let [before, after] = [&first, &second].map(|tokens| world.claims(member(tokens, "access_token")));
    assert_eq!(before.await.json(), after.await.json());
}

#[actix_web::test]
async fn c1_reuse_ends_the_whole_family() {
    for method in ["client_secret_basic", "none"] {
        let world = World::new().await;
        let app = App::register(&world, json!({ "token_endpoint_auth_method": method })).await;
        let first = app.tokens("").await;
        let second = app.refresh(member(&first, "refresh_token"), &[]).await.json();
        let third = app.refresh(member(&second, "refresh_token"), &[]).await.json();
        world.advance(Duration::from_secs(11));
        let reused = app.refresh(member(&first, "refresh_token"), &[]).await;
        assert_refused(&reused, "invalid_grant", "RefreshTokenReused");
        let latest = app.refresh(member(&third, "refresh_token"), &[]).await;
        assert_refused(&latest, "invalid_grant", "RefreshTokenUnknown");
        assert_eq!(world.claims(member(&third, "access_token")).await.code(), "TokenInvalid", "{method}");
        let events = world.api(Method::GET, "events", Value::Null).await.body;
        assert!(events.contains("refresh_token.reused") && events.contains("session.ended"), "{events}");
    }
}

#[actix_web::test]
async fn c1_an_invalid_repetition_ends_nothing() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let first = app.tokens("").await;
    let second = app.refresh(member(&first, "refresh_token"), &[]).await.json();
    world.advance(Duration::from_secs(11));
    let spent = member(&first, "refresh_token");
    assert_eq!(app.refresh(spent, &[("client_secret", "wrong")]).await.code(), "ClientSecretWrong");
    assert_eq!(app.refresh(spent, &[("client_secret", "")]).await.code(), "ClientAuthenticationMissing");
    assert_eq!(app.refresh(member(&second, "refresh_token"), &[]).await.status, 200);
}

#[actix_web::test]
async fn c2_a_retry_after_a_lost_answer_gets_the_same_successor() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let first = app.tokens("").await;
    let lost = app.refresh(member(&first, "refresh_token"), &[]).await.json();
    world.advance(Duration::from_secs(5));
    let again = app.refresh(member(&first, "refresh_token"), &[]).await.json();
    assert_eq!(member(&lost, "refresh_token"), member(&again, "refresh_token"));
    assert_ne!(member(&lost, "access_token"), member(&again, "access_token"));
    assert_eq!(world.claims(member(&again, "access_token")).await.status, 200);

    // Once the successor is used, the answer was not lost: within the ten seconds too this is reuse.
    let next = app.refresh(member(&again, "refresh_token"), &[]).await.json();
    let reused = app.refresh(member(&first, "refresh_token"), &[]).await;
    assert_refused(&reused, "invalid_grant", "RefreshTokenReused");
    assert_refused(&app.refresh(member(&next, "refresh_token"), &[]).await, "invalid_grant", "RefreshTokenUnknown");
}

#[actix_web::test]
async fn c2_the_grace_is_not_renewed_by_using_it() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let first = app.tokens("").await;
    for _ in 0..3 {
        assert_eq!(app.refresh(member(&first, "refresh_token"), &[]).await.status, 200);
        world.advance(Duration::from_millis(3_333));
    }
    world.advance(Duration::from_millis(1));
    let late = app.refresh(member(&first, "refresh_token"), &[]).await;
    assert_refused(&late, "invalid_grant", "RefreshTokenReused");
}

#[actix_web::test]
async fn c2_of_many_refreshes_at_once_all_get_one_successor() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let first = app.tokens("").await;
    let answers =
        futures_util::future::join_all((0..50).map(|_| app.refresh(member(&first, "refresh_token"), &[]))).await;
    let successors: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| member(&answer.json(), "refresh_token").to_owned()).collect();
    assert_eq!(successors.len(), 1);
    let next = app.refresh(successors.first().unwrap(), &[]).await;
    assert_eq!(next.status, 200, "{}", next.body);
}

#[actix_web::test]
async fn c3_a_refresh_token_is_bound_to_its_client_and_its_scope() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid email").await;
    let token = member(&tokens, "refresh_token");
    let other = json!({
        "name": "other", "redirect_urls": ["https://other.example.com/"], "grant_types": ["authorization_code", "refresh_token"],
    });
    let other = world.api(Method::POST, "products", other).await.json();
    let other = [("client_id", member(&other, "client_id")), ("client_secret", member(&other, "client_secret"))];
    assert_refused(&app.refresh(token, &other).await, "invalid_grant", "RefreshTokenForOtherClient");
    for wider in ["openid email profile", "offline_access", "admin"] {
        assert_refused(&app.refresh(token, &[("scope", wider)]).await, "invalid_scope", "ScopeNotGranted");
    }
    let narrow = app.refresh(token, &[("scope", "email")]).await.json();
    assert_eq!(app.introspect(member(&narrow, "access_token")).await["scope"], "email");
    // The refresh token keeps what was granted.
    let whole = app.refresh(member(&narrow, "refresh_token"), &[]).await.json();
    assert_eq!(app.introspect(member(&whole, "access_token")).await["scope"], "openid email");
}

#[actix_web::test]
async fn c4_online_tokens_end_with_the_session_and_when_it_is_left_unused() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let mut token = member(&tokens, "refresh_token").to_owned();
    for _ in 0..12 {
        world.advance(2 * HOUR - Duration::from_secs(1));
        let answer = app.refresh(&token, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        token = member(&answer.json(), "refresh_token").to_owned();
    }
    world.advance(Duration::from_secs(12));
    assert_refused(&app.refresh(&token, &[]).await, "invalid_grant", "RefreshTokenUnknown");

    let idle = app.tokens("").await;
    world.advance(2 * HOUR);
    let answer = app.refresh(member(&idle, "refresh_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshTokenExpired");
}

#[actix_web::test]
async fn c4_the_limits_of_a_product_come_first() {
    let world = World::configured("oauth.session_hours = 12\noauth.idle_minutes = 0\n").await;
    let app = App::register(&world, json!({ "session_hours": 2, "idle_minutes": 30 })).await;
    let tokens = app.tokens("").await;
    world.advance(Duration::from_secs(30 * 60));
    let answer = app.refresh(member(&tokens, "refresh_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshTokenExpired");
    let change = json!({ "name": "crm", "session_hours": "", "idle_minutes": "" });
    assert_eq!(world.api(Method::PATCH, "products", change).await.status, 200);
    let tokens = app.tokens("").await;
    world.advance(12 * HOUR - Duration::from_secs(1));
    assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.status, 200);
}

#[actix_web::test]
async fn c4_offline_tokens_outlive_the_session_up_to_limits_of_their_own() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid offline_access").await;
    let unused = app.tokens("offline_access").await;
    let mut token = member(&tokens, "refresh_token").to_owned();
    for _ in 0..2 {
        world.advance(14 * 24 * HOUR - Duration::from_secs(1));
        let answer = app.refresh(&token, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let tokens = answer.json();
        assert_eq!(world.claims(member(&tokens, "access_token")).await.status, 200);
        token = member(&tokens, "refresh_token").to_owned();
    }
    let idle = app.refresh(member(&unused, "refresh_token"), &[]).await;
    assert_refused(&idle, "invalid_grant", "RefreshTokenUnknown");
    world.advance(2 * 24 * HOUR + Duration::from_secs(2));
    assert_refused(&app.refresh(&token, &[]).await, "invalid_grant", "RefreshTokenUnknown");
}

#[actix_web::test]
async fn c5_a_refresh_is_refused_once_the_connection_is_deactivated_or_deleted() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let (first, second) = (app.tokens("").await, app.tokens("offline_access").await);
    let secret = world.connection_secret("acme.example").await;
    let change = |deactivated: bool| {
        json!({
            "tenant": "acme.example", "product": "crm", "clientSecret": secret, "isSAML": true, "deactivated": deactivated,
        })
    };
    assert_eq!(world.api(Method::PATCH, "sso", change(true)).await.status, 204);
    let answer = app.refresh(member(&first, "refresh_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshConnectionGone");
    assert_eq!(world.api(Method::PATCH, "sso", change(false)).await.status, 204);
    assert_eq!(app.refresh(member(&first, "refresh_token"), &[]).await.status, 200, "nothing was spent");
    assert_eq!(world.api(Method::DELETE, "sso?tenant=acme.example&product=crm", Value::Null).await.status, 204);
    let answer = app.refresh(member(&second, "refresh_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshTokenUnknown");
}

#[actix_web::test]
async fn b8_a_replayed_code_takes_the_refresh_token_along() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example")];
    let proof = [asked[0], ("client_secret", app.secret.as_str())];
    let code = world.code(&asked).await;
    let tokens = world.redeem_with(&code, &proof).await.json();
    world.advance(HOUR);
    assert_eq!(world.redeem_with(&code, &proof).await.code(), "CodeSpent");
    let answer = app.refresh(member(&tokens, "refresh_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshTokenUnknown");
}

#[actix_web::test]
async fn b16_only_clients_registered_for_it_refresh() {
    let world = World::new().await;
    let app = App::register(&world, json!({ "grant_types": ["authorization_code"] })).await;
    assert!(app.tokens("openid offline_access").await.get("refresh_token").is_none());
    assert_refused(&app.refresh("x.y", &[]).await, "unauthorized_client", "RefreshNotAllowed");
    let unregistered = World::new().await;
    let tokens = unregistered.redeem(&unregistered.code(&[("scope", "offline_access")]).await, &[]).await.json();
    assert!(tokens.get("refresh_token").is_none());
    for bad in [json!([]), json!(["refresh_token"]), json!(["authorization_code", "password"])] {
        let answer = world.api(Method::PATCH, "products", json!({ "name": "crm", "grant_types": bad })).await;
        assert_eq!(answer.code(), "FieldInvalid");
    }
    // A product that loses the grant loses its tokens.
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let change = json!({ "name": "crm", "grant_types": ["authorization_code"] });
    assert_eq!(world.api(Method::PATCH, "products", change).await.status, 200);
    let answer = app.refresh(member(&tokens, "refresh_token"), &[]).await;
    assert_refused(&answer, "unauthorized_client", "RefreshNotAllowed");
}

#[actix_web::test]
async fn f10_offline_access_is_granted_only_where_the_product_allows_it() {
    let world = World::new().await;
    let app = App::register(&world, json!({ "grant_types": ["authorization_code"] })).await;
    let tokens = app.tokens("openid offline_access").await;
    assert_eq!((tokens.get("refresh_token"), &tokens["scope"]), (None, &json!("openid")));
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid offline_access").await;
    assert!(tokens.get("refresh_token").is_some() && tokens.get("scope").is_none());
}

#[actix_web::test]
async fn a21_b13_a_narrower_scope_is_told() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    assert_eq!(app.tokens("openid profile admin").await["scope"], "openid profile");
    for same in ["openid", "openid profile email", ""] {
        assert_eq!(app.tokens(same).await.get("scope"), None, "{same}");
    }
    // RFC 6749 §3.3: "their order does not matter".
    assert!(app.tokens("email openid").await.get("id_token").is_some());
}

#[actix_web::test]
async fn f11_a_refreshed_id_token_says_the_same_person_and_time_and_no_nonce() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let asked =
        [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("scope", "openid"), ("nonce", "n")];
    let proof = [asked[0], ("client_secret", app.secret.as_str())];
    let first = world.redeem_with(&world.code(&asked).await, &proof).await.json();
    world.advance(HOUR);
    let second = app.refresh(member(&first, "refresh_token"), &[]).await.json();
    let (before, _) = verified(&world, member(&first, "id_token")).await;
    let (after, _) = verified(&world, member(&second, "id_token")).await;
    for name in ["iss", "sub", "aud", "auth_time", "sid", "acr"] {
        assert!(!before[name].is_null() && before[name] == after[name], "{name}: {after}");
    }
    assert_eq!((&before["nonce"], after.get("nonce")), (&json!("n"), None));
    assert_eq!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap(), 3600);
    assert_ne!(before["at_hash"], after["at_hash"]);
    // None for a refresh that leaves openid out, nor where it was not asked for at first.
    let app_alone = app.tokens("email").await;
    assert!(app.refresh(member(&app_alone, "refresh_token"), &[]).await.json().get("id_token").is_none());
    let both = app.tokens("openid email").await;
    let narrow = app.refresh(member(&both, "refresh_token"), &[("scope", "email")]).await.json();
    assert!(narrow.get("id_token").is_none());
}

#[actix_web::test]
async fn a_refresh_token_is_no_access_token_nor_the_reverse() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    assert_eq!(world.claims(member(&tokens, "refresh_token")).await.code(), "TokenInvalid");
    let answer = app.refresh(member(&tokens, "access_token"), &[]).await;
    assert_refused(&answer, "invalid_grant", "RefreshTokenUnknown");
    assert_refused(&app.refresh("", &[]).await, "invalid_request", "RefreshTokenMissing");
}
