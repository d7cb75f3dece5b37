//! Back-channel logout: what an app is told when a session of its is ended (F14).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode};
use actix_web::{App as Actix, HttpResponse, HttpServer, web};
use postern::jobs::logout_notices::round;
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::logout::query;
use crate::registered::{App, member};
use crate::world::{PUBLIC, World};

const NETWORK: &str = "fetch.allow_networks = [\"127.0.0.0/8\"]\n";

/// An app's address for logout tokens: it answers what it is told to, and remembers what it got.
pub(crate) struct Ear {
    pub(crate) url: String,
    says: Arc<Mutex<u16>>,
    heard: Arc<Mutex<Vec<String>>>,
    server: ServerHandle,
}

impl Ear {
    pub(crate) fn open() -> Self {
        let (says, heard) = (Arc::new(Mutex::new(200)), Arc::new(Mutex::new(Vec::new())));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/logout", listener.local_addr().unwrap().port());
        let (status, got) = (says.clone(), heard.clone());
        let answer = move |form: web::Form<Vec<(String, String)>>| {
            let [(name, token)] = &form[..] else { panic!("one field: {form:?}") };
            assert_eq!(name, "logout_token");
            got.lock().unwrap().push(token.clone());
            let status = StatusCode::from_u16(*status.lock().unwrap()).unwrap();
            async move { HttpResponse::build(status).finish() }
        };
        let server = HttpServer::new(move || Actix::new().route("/logout", web::post().to(answer.clone())))
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, says, heard, server: handle }
    }
    fn say(&self, status: u16) {
        *self.says.lock().unwrap() = status;
    }
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn end(world: &World) -> u64 {
    let query = "sessions?tenant=acme.example&product=crm&email=alice@example.com";
    world.api(Method::DELETE, query, Value::Null).await.json()["ended"].as_u64().unwrap()
}

async fn undelivered(world: &World) -> Vec<Value> {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let events = events["data"].as_array().unwrap().iter();
    events.filter(|event| event["type"] == "logout.undelivered").cloned().collect()
}

#[actix_web::test]
async fn f14_a_logout_token_says_whose_session_was_ended_and_nothing_else() {
    for algorithm in ["RS256", "ES256"] {
        let (world, ear) = (World::configured(NETWORK).await, Ear::open());
        let settings = json!({ "backchannel_logout_uri": ear.url, "id_token_signed_response_alg": algorithm });
        let app = App::register(&world, settings).await;
        let tokens = app.tokens("openid").await;
        let (id_token, _) = verified(&world, member(&tokens, "id_token")).await;
        assert_eq!(end(&world).await, 1);
        round(&world.app).await.unwrap();
        let [token] = &ear.heard()[..] else { panic!("one token: {:?}", ear.heard()) };
        let (claims, header) = verified(&world, token).await;
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!(algorithm)));
        let now = world.app.now().as_second();
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(PUBLIC), &json!(app.client_id)));
        assert_eq!((&claims["sub"], &claims["sid"]), (&id_token["sub"], &id_token["sid"]));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 120)));
        assert_eq!(claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 27), "{claims}");
        let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], "no nonce");
        // Told once.
        world.advance(Duration::from_secs(24 * 3600));
        round(&world.app).await.unwrap();
        assert_eq!((ear.heard().len(), undelivered(&world).await.len()), (1, 0));
        ear.server.stop(false).await;
    }
}

#[actix_web::test]
async fn f12_f14_an_app_that_sends_a_person_to_sign_out_is_told_too() {
    const AFTER: &str = "https://app.example.com/signed-out";
    let (world, ear) = (World::configured(NETWORK).await, Ear::open());
    let settings = json!({ "backchannel_logout_uri": ear.url, "post_logout_redirect_urls": [AFTER] });
    let app = App::register(&world, settings).await;
    let (tokens, other) = (app.tokens("openid").await, app.tokens("openid").await);
    let state = "aB3-".repeat(32);
    let asked = [
        ("id_token_hint", member(&tokens, "id_token")),
        ("post_logout_redirect_uri", AFTER),
        ("state", state.as_str()),
    ];
    let answer = world.get(&format!("/api/oauth/logout?{}", query(&asked))).await;
    assert_eq!(answer.header("location"), format!("{AFTER}?state={state}"), "and nothing else");
    round(&world.app).await.unwrap();
    let [token] = &ear.heard()[..] else { panic!("one token: {:?}", ear.heard()) };
    let (told, _) = verified(&world, token).await;
    let (id_token, _) = verified(&world, member(&tokens, "id_token")).await;
    assert_eq!((&told["sub"], &told["sid"]), (&id_token["sub"], &id_token["sid"]));
    assert_eq!(world.claims(member(&other, "access_token")).await.status, 200);
    ear.server.stop(false).await;
}

#[actix_web::test]
async fn f14_what_an_app_refuses_is_not_repeated() {
    let (world, ear) = (World::configured(NETWORK).await, Ear::open());
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    app.tokens("").await;
    ear.say(400);
    end(&world).await;
    for _ in 0..3 {
        round(&world.app).await.unwrap();
        world.advance(Duration::from_secs(7 * 3600));
    }
    assert_eq!(ear.heard().len(), 1);
    let [event] = &undelivered(&world).await[..] else { panic!("one event") };
    assert_eq!((&event["data"]["status"], &event["data"]["client_id"]), (&json!(400), &json!(app.client_id)));
    ear.server.stop(false).await;
}

#[actix_web::test]
async fn f14_what_fails_for_the_moment_is_repeated_later_with_a_new_token() {
    let (world, ear) = (World::configured(NETWORK).await, Ear::open());
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    app.tokens("").await;
    ear.say(503);
    end(&world).await;
    round(&world.app).await.unwrap();
    round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 1, "not at once");
    world.advance(Duration::from_secs(5));
    round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 2);
    ear.say(204);
    world.advance(Duration::from_secs(29));
    round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 2);
    world.advance(Duration::from_secs(1));
    round(&world.app).await.unwrap();
    let heard = ear.heard();
    assert_eq!(heard.len(), 3);
    let mut names = Vec::new();
    for token in &heard {
        names.push(verified(&world, token).await.0["jti"].clone());
    }
    assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
    assert!(undelivered(&world).await.is_empty());
    ear.server.stop(false).await;
}

#[actix_web::test]
async fn f14_an_app_that_stays_away_is_given_up_and_leaves_nothing_behind() {
    let (world, ear) = (World::configured(NETWORK).await, Ear::open());
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    app.tokens("").await;
    ear.say(500);
    end(&world).await;
    for _ in 0..10 {
        round(&world.app).await.unwrap();
        world.advance(Duration::from_secs(6 * 3600));
    }
    assert_eq!(ear.heard().len(), 7);
    let [event] = &undelivered(&world).await[..] else { panic!("one event") };
    assert_eq!(event["data"]["status"], Value::Null);
    assert!(world.memory.indexes().iter().all(|(name, _)| name != "p1:x:notices"));
    ear.server.stop(false).await;
}

#[actix_web::test]
async fn g7_f14_logout_tokens_go_to_public_addresses_alone() {
    let (world, ear) = (World::new().await, Ear::open());
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    app.tokens("").await;
    end(&world).await;
    round(&world.app).await.unwrap();
    assert!(ear.heard().is_empty());
    for bad in ["ftp://app.example.com/", "https://app.example.com/#x", "https://a:b@app.example.com/", "app"] {
        let change = json!({ "name": "crm", "backchannel_logout_uri": bad });
        assert_eq!(world.api(Method::PATCH, "products", change).await.code(), "FieldInvalid", "{bad}");
    }
    ear.server.stop(false).await;
}

#[actix_web::test]
async fn a_session_that_a_thief_ends_is_told_and_one_that_the_app_gave_back_is_not() {
    let (world, ear) = (World::configured(NETWORK).await, Ear::open());
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    let given_back = app.tokens("").await;
    let token = [("token", member(&given_back, "refresh_token"))];
    assert_eq!(app.post("/api/oauth/revoke", &token).await.status, 200);
    round(&world.app).await.unwrap();
    assert!(ear.heard().is_empty());
    let stolen = app.tokens("").await;
    app.refresh(member(&stolen, "refresh_token"), &[]).await;
    world.advance(Duration::from_secs(11));
    assert_eq!(app.refresh(member(&stolen, "refresh_token"), &[]).await.code(), "RefreshTokenReused");
    round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 1);
    ear.server.stop(false).await;
}
