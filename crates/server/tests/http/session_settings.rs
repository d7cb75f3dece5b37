//! How long sessions last, and how many a person has, where the tenant's policy says so.

use std::time::Duration;

use actix_web::http::Method;
use postern_lab::response::{Response, time};
use serde_json::{Value, json};

use crate::policy::{check, set};
use crate::registered::{App, member};
use crate::world::{Answer, Waiting, World, authn_request, waiting};

pub(crate) const HOUR: u64 = 3600;

/// The answer of an identity provider at which the person authenticated so many seconds ago.
pub(crate) async fn answered(world: &World, waiting: &Waiting, seconds_ago: u64) -> Answer {
    let then = world.app.now() - Duration::from_secs(seconds_ago);
    let response = Response { authn_instant: Some(time(then)), ..world.response(waiting) };
    world.answer(waiting, &response.signed_assertion(&world.key)).await
}

async fn tokens(app: &App<'_>, code: &str) -> Value {
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    app.world.redeem_with(code, &proof).await.json()
}

/// How many seconds from now the session ends of somebody who authenticated so many seconds ago.
async fn lasts(app: &App<'_>, seconds_ago: u64) -> i64 {
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("scope", "openid")];
    let code = answered(app.world, &app.world.begin(&asked).await, seconds_ago).await.sent("code").expect("a code");
    let claims = app.world.claims(member(&tokens(app, &code).await, "access_token")).await.json();
    claims["session_expires_at"].as_i64().unwrap() - app.world.app.now().as_second()
}

#[actix_web::test]
async fn policy_1_settings_of_sessions_have_their_ranges() {
    let world = World::new().await;
    let nothing = Value::Null;
    let check = async |name, good: &[Value], bad: &[Value]| check(&world, name, nothing.clone(), good, bad).await;
    check("session_duration_hours", &[json!(1), json!(24)], &[json!(0), json!(25), json!("long"), json!(-1)]).await;
    check("idle_timeout_minutes", &[json!(30), json!(480), json!(0)], &[json!(29), json!(481), json!(1)]).await;
    check("max_sessions_per_user", &[json!(1), json!(1000)], &[json!(0), json!(1001), json!([1])]).await;
    check("refresh_days", &[json!(1), json!(90)], &[json!(0), json!(91), json!(true)]).await;
}

#[actix_web::test]
async fn policy_1_the_operator_may_raise_how_long_sessions_last() {
    let world = World::configured("oauth.longest_session_hours = 72\n").await;
    check(&world, "session_duration_hours", Value::Null, &[json!(72)], &[json!(73)]).await;
    set(&world, json!({ "session_duration_hours": 72 })).await;
    assert_eq!(lasts(&App::register(&world, json!({})).await, 0).await, 72 * 3600);
}

#[actix_web::test]
async fn policy_1_a_duration_that_the_tenant_sets_counts_from_the_authentication() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    // Where nobody sets one, it counts from the answer, however old the authentication is.
    assert_eq!(lasts(&app, 100 * HOUR).await, 24 * 3600);
    set(&world, json!({ "session_duration_hours": 8 })).await;
    assert_eq!(lasts(&app, 0).await, 8 * 3600);
    assert_eq!(lasts(&app, 2 * HOUR).await, 6 * 3600);
    // The product's own limit gives way.
    let shorter = json!({ "name": "crm", "session_hours": 1 });
    assert_eq!(world.api(Method::PATCH, "products", shorter).await.status, 200);
    assert_eq!(lasts(&app, 2 * HOUR).await, 6 * 3600);
    set(&world, json!({ "session_duration_hours": "" })).await;
    assert_eq!(lasts(&app, 2 * HOUR).await, 3600);
}

#[actix_web::test]
async fn policy_1_an_authentication_that_leaves_nothing_of_the_session_is_asked_for_once_more() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    set(&world, json!({ "session_duration_hours": 8 })).await;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example")];
    let again = answered(&world, &world.begin(&asked).await, 8 * HOUR).await;
    assert!(authn_request(&again).contains("ForceAuthn=\"true\""));
    assert!(answered(&world, &waiting(&again), 5).await.sent("code").is_some());
    // A provider that does not obey is not asked for ever, and one that may not ask anything not at all.
    let again = answered(&world, &world.begin(&asked).await, 8 * HOUR).await;
    let stale = answered(&world, &waiting(&again), 8 * HOUR).await;
    assert_eq!(
        (stale.code().as_str(), stale.sent("error").as_deref()),
        ("AuthenticationStale", Some("login_required"))
    );
    let silent = world.begin(&[&asked[..], &[("prompt", "none")]].concat()).await;
    assert_eq!(answered(&world, &silent, 8 * HOUR).await.code(), "AuthenticationStale");
}

#[actix_web::test]
async fn policy_1_an_idle_session_ends_as_the_tenant_says() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    for (minutes, ends_after) in [(json!(30), Some(30)), (json!(0), None), (json!(""), Some(120))] {
        set(&world, json!({ "idle_timeout_minutes": minutes })).await;
        let tokens = app.tokens("").await;
        let token = member(&tokens, "refresh_token");
        world.advance(Duration::from_secs(60 * ends_after.unwrap_or(23 * 60) - 1));
        let tokens = app.refresh(token, &[]).await.json();
        let token = member(&tokens, "refresh_token");
        if let Some(minutes) = ends_after {
            world.advance(Duration::from_secs(60 * minutes));
            assert_eq!(app.refresh(token, &[]).await.code(), "RefreshTokenExpired", "{minutes}");
        }
    }
}

#[actix_web::test]
async fn policy_1_offline_tokens_last_as_many_days_as_the_tenant_says() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    set(&world, json!({ "refresh_days": 2 })).await;
    let tokens = app.tokens("offline_access").await;
    world.advance(Duration::from_secs(48 * HOUR - 1));
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    world.advance(Duration::from_secs(1));
    let over = app.refresh(member(&tokens, "refresh_token"), &[]).await.code();
    assert!(["RefreshTokenExpired", "RefreshTokenUnknown"].contains(&over.as_str()), "{over}");
}

#[actix_web::test]
async fn policy_1_of_too_many_sessions_of_a_person_the_oldest_ends() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    set(&world, json!({ "max_sessions_per_user": 2, "idle_timeout_minutes": 30 })).await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(app.tokens("").await);
        world.advance(Duration::from_secs(1));
    }
    let alive = async |tokens: &Value| world.claims(member(tokens, "access_token")).await.status == 200;
    for (at, tokens) in all.iter().enumerate() {
        assert_eq!(alive(tokens).await, at >= 2, "{at}");
    }
    let events = world.api(Method::GET, "events", Value::Null).await.body;
    assert_eq!(events.matches("session_limit").count(), 2, "{events}");

    // Those that nobody uses any more do not count: there is room for two again.
    world.advance(Duration::from_secs(31 * 60));
    let (first, second) = (app.tokens("").await, app.tokens("").await);
    assert!(alive(&first).await && alive(&second).await);
    // Another person's are another matter.
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example")]).await;
    let bob = Response { name_id: Some("u-2002".into()), ..world.response(&waiting) };
    assert!(world.answer(&waiting, &bob.signed_assertion(&world.key)).await.sent("code").is_some());
    assert!(alive(&first).await && alive(&second).await);
}
