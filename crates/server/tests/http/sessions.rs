//! `/api/v1/sessions`, and how long sessions stay in its lists.

use std::time::Duration;

use actix_web::http::Method;
use postern::jobs;
use serde_json::{Value, json};

use crate::registered::{App, member};
use crate::world::World;

const OF_SCOPE: &str = "sessions?tenant=acme.example&product=crm";

async fn listed(world: &World, rest: &str) -> Vec<Value> {
    let answer = world.api(Method::GET, &format!("{OF_SCOPE}{rest}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].as_array().unwrap().clone()
}

async fn end(world: &World, rest: &str) -> Value {
    let answer = world.api(Method::DELETE, &format!("{OF_SCOPE}{rest}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["ended"].clone()
}

#[actix_web::test]
async fn sessions_are_found_by_scope_person_address_and_name() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid").await;
    let claims = world.claims(member(&tokens, "access_token")).await.json();
    let subject = member(&claims, "sub");
    let [session] = &listed(&world, "").await[..] else { panic!("one login, one session") };
    assert_eq!((&session["sub"], &session["client_id"]), (&json!(subject), &json!(app.client_id)));
    assert!(member(&tokens, "access_token").starts_with(member(session, "id")));
    assert_eq!((&session["idle_minutes"], &session["offline_ends_at"]), (&json!(120), &Value::Null));
    assert!(session["authenticated_at"].is_string());
    for by in [
        format!("&sub={subject}"),
        "&email=alice@example.com".into(),
        "&email=Alice@Example.com".into(),
        format!("&id={}", member(session, "id")),
    ] {
        assert_eq!(listed(&world, &by).await, std::slice::from_ref(session), "{by}");
    }
    for by in ["&sub=x", "&email=bob@example.com", "&id=x"] {
        assert!(listed(&world, by).await.is_empty(), "{by}");
    }
    let two = world.api(Method::GET, &format!("{OF_SCOPE}&sub=x&id=y"), Value::Null).await;
    assert_eq!(two.code(), "FieldInvalid");
    // The address itself is nowhere in what the list tells.
    assert!(!session.to_string().contains("alice"));
}

#[actix_web::test]
async fn lists_come_in_pages_the_newest_first() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    for _ in 0..3 {
        app.tokens("").await;
        world.advance(Duration::from_secs(1));
    }
    let all = listed(&world, "").await;
    let began: Vec<_> = all.iter().map(|session| member(session, "began_at").to_owned()).collect();
    assert!(began.len() == 3 && began.is_sorted_by(|a, b| a > b), "{began:?}");
    assert_eq!(listed(&world, "&pageOffset=1&pageLimit=1").await, all[1..2]);
}

#[actix_web::test]
async fn ending_the_sessions_of_a_person_kills_their_tokens_and_nobody_else_s() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let (first, second) = (app.tokens("").await, app.tokens("offline_access").await);
    let subject = listed(&world, "").await[0]["sub"].as_str().unwrap().to_owned();
    world.connect("other.example", "crm", "https://idp.example.com/metadata").await;
    let other = "sessions?tenant=other.example&product=crm";
    let foreign = world.api(Method::DELETE, &format!("{other}&sub={subject}"), Value::Null).await.json();
    assert_eq!(foreign["ended"], 0);
    assert_eq!(world.claims(member(&first, "access_token")).await.status, 200);

    assert_eq!(end(&world, &format!("&sub={subject}")).await, 2);
    for tokens in [&first, &second] {
        assert_eq!(world.claims(member(tokens, "access_token")).await.code(), "TokenInvalid");
        assert_eq!(app.refresh(member(tokens, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
    }
    assert!(listed(&world, "").await.is_empty());
    assert_eq!(end(&world, &format!("&sub={subject}")).await, 0);
    let events = world.api(Method::GET, "events", Value::Null).await.body;
    assert_eq!(events.matches("session.ended").count(), 2, "{events}");
}

#[actix_web::test]
async fn one_session_is_ended_by_its_name() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let (first, second) = (app.tokens("").await, app.tokens("").await);
    let (id, _) = member(&first, "access_token").split_once('.').unwrap();
    let elsewhere = format!("sessions?tenant=other.example&product=crm&id={id}");
    assert_eq!(world.api(Method::DELETE, &elsewhere, Value::Null).await.code(), "SessionNotFound");
    assert_eq!(end(&world, &format!("&id={id}")).await, 1);
    assert_eq!(world.claims(member(&first, "access_token")).await.status, 401);
    assert_eq!(world.claims(member(&second, "access_token")).await.status, 200);
    let again = world.api(Method::DELETE, &format!("{OF_SCOPE}&id={id}"), Value::Null).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (404, "SessionNotFound"));
    let nobody = world.api(Method::DELETE, OF_SCOPE, Value::Null).await;
    assert_eq!(nobody.code(), "FieldMissing", "a whole scope is not ended by leaving something out");
}

#[actix_web::test]
async fn keys_of_a_product_see_its_sessions_alone_and_reading_keys_end_none() {
    let world = World::new().await;
    App::register(&world, json!({})).await.tokens("").await;
    let own = world.api_as("key-of-the-product-crm", Method::GET, OF_SCOPE, Value::Null).await;
    assert_eq!(own.json()["data"].as_array().unwrap().len(), 1);
    let other = "sessions?tenant=acme.example&product=other";
    for method in [Method::GET, Method::DELETE] {
        let answer = world.api_as("key-of-the-product-crm", method, &format!("{other}&sub=x"), Value::Null).await;
        assert_eq!(answer.code(), "ApiKeyOtherProduct");
    }
    let reading =
        world.api_as("key-that-may-only-read", Method::DELETE, &format!("{OF_SCOPE}&sub=x"), Value::Null).await;
    assert_eq!(reading.code(), "ApiKeyReadOnly");
}

/// How many entries the lists of sessions have.
fn entries(world: &World) -> u64 {
    let lists = world.memory.indexes().into_iter().filter(|(name, _)| name.starts_with("p1:x:session"));
    lists.map(|(_, entries)| entries).sum()
}

#[actix_web::test]
async fn lists_hold_no_session_that_is_over() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    app.tokens("").await;
    app.tokens("offline_access").await;
    assert_eq!(entries(&world), 2 * 5, "scope, subject, address, the IdP's name, and all that end");
    world.advance(Duration::from_secs(24 * 3600));
    jobs::sessions::round(&world.app).await.unwrap();
    assert_eq!(entries(&world), 5);
    assert_eq!(listed(&world, "").await.len(), 1);
    world.advance(Duration::from_secs(30 * 24 * 3600));
    jobs::sessions::round(&world.app).await.unwrap();
    assert_eq!(entries(&world), 0);
    // What is ended goes at once.
    app.tokens("").await;
    end(&world, "&email=alice@example.com").await;
    assert_eq!(entries(&world), 0);
}

#[actix_web::test]
async fn a_session_is_used_by_userinfo_and_introspection_too_and_that_costs_a_trip_a_minute() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("").await;
    let token = member(&tokens, "access_token");
    let used = async || member(&listed(&world, "").await[0], "last_used_at").to_owned();
    let trips = async || {
        let before = world.counted.counts();
        assert_eq!(world.claims(token).await.status, 200);
        (world.counted.counts() - before).round_trips
    };
    let began = used().await;
    assert_eq!(trips().await, 1);
    world.advance(Duration::from_secs(60));
    assert_eq!((used().await, trips().await, trips().await), (began.clone(), 2, 1));
    let by_userinfo = used().await;
    assert!(by_userinfo > began);
    world.advance(Duration::from_secs(60));
    assert_eq!(app.introspect(token).await["active"], true);
    assert!(used().await > by_userinfo);
}
