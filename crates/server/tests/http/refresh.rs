//! Metadata that is fetched: once more for an unknown key, and in the background (M5, M6).

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::future::join_all;
use postern::jobs::lookup::MOST_WAITING;
use postern::jobs::metadata::round;
use postern_core::connection::Idp;
use postern_core::connections::Which;
use postern_core::fault::Code;
use postern_core::lookup::SPACING;
use postern_core::refresh::Renewal;
use postern_core::scope::Scope;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_saml::metadata::read;
use serde_json::{Value, json};

use crate::world::{CALLBACK, IDP, World};

/// An address that answers what it is told, and counts how often it is asked.
pub(crate) struct Address {
    pub(crate) url: String,
    says: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
    pub(crate) server: ServerHandle,
}

impl Address {
    pub(crate) fn start(document: String) -> Self {
        let says = Arc::new(Mutex::new((200, document)));
        let asked = Arc::new(AtomicUsize::new(0));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/metadata", listener.local_addr().unwrap().port());
        let (shared, count) = (says.clone(), asked.clone());
        let answer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let (status, document) = shared.lock().unwrap().clone();
            async move { HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).body(document) }
        };
        let server = HttpServer::new(move || App::new().default_service(web::to(answer.clone())))
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, says, asked, server: handle }
    }
    pub(crate) fn say(&self, status: u16, document: String) {
        *self.says.lock().unwrap() = (status, document);
    }
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

pub(crate) fn of(key: &Key) -> String {
    metadata(IDP, "https://idp.example.com/sso", key)
}

/// The tenant `url.example` whose metadata comes from an address.
pub(crate) async fn world(address: &Address) -> World {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let body = json!({
        "tenant": "url.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "metadataUrl": address.url,
    });
    let answer = world.api(Method::POST, "sso", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world
}

/// What a login of `url.example` ends in whose response is signed with `key`: a code, or a fault's.
async fn outcome(world: &World, key: &Key) -> String {
    let login = world.begin(&[("client_id", "tenant=url.example&product=crm")]).await;
    let answer = world.answer(&login, &world.response(&login).signed_assertion(key)).await;
    if answer.sent("code").is_some() { "code".to_owned() } else { answer.code() }
}

/// What twenty of them end in that come at the same time.
async fn outcomes(world: &World, key: &Key) -> Vec<String> {
    join_all((0..20).map(|_| outcome(world, key))).await
}

/// Waits for something while the clock goes on, from one possible lookup to the next; and says how many of them there were.
async fn while_time_passes<T>(world: &World, work: impl Future<Output = T>) -> (T, usize) {
    let mut work = pin!(work);
    let mut passed = 0;
    loop {
        world.advance(SPACING);
        passed += 1;
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(300), &mut work).await {
            return (done, passed);
        }
    }
}

pub(crate) async fn last_event(world: &World) -> Value {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    events["data"].as_array().unwrap().last().unwrap().clone()
}

#[actix_web::test]
async fn m5_an_unknown_key_is_looked_up_in_the_metadata_within_one_login() {
    let (old, new, rogue) = (Key::generate().unwrap(), Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    assert_eq!(outcome(&world, &old).await, "code");
    assert_eq!(address.asked(), 1);

    address.say(200, of(&new));
    assert_eq!(outcome(&world, &new).await, "code");
    assert_eq!(address.asked(), 2);

    let [old, rogue] = [&old, &rogue].map(|key| while_time_passes(&world, outcomes(&world, key)));
    assert_eq!(old.await.0, ["SamlSignatureOtherKey"; 20], "a key that is gone is gone");

    // A stranger's key is refused, and twenty strangers cause no more fetches than the time allows.
    let before = address.asked();
    let (outcomes, passed) = rogue.await;
    assert_eq!(outcomes, ["SamlSignatureOtherKey"; 20]);
    assert!(address.asked() - before <= passed, "{before}, then {}, while {passed} passed", address.asked());
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m5_of_twenty_that_come_with_a_new_key_none_fails_and_one_looks_it_up() {
    let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    address.say(200, of(&new));
    assert_eq!(outcomes(&world, &new).await, ["code"; 20]);
    assert_eq!(address.asked(), 2);
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m5_a_new_key_is_looked_up_although_a_strangers_was_a_moment_ago() {
    let (old, new, rogue) = (Key::generate().unwrap(), Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    assert_eq!(outcome(&world, &rogue).await, "SamlSignatureOtherKey");
    address.say(200, of(&new));
    assert_eq!(while_time_passes(&world, outcome(&world, &new)).await.0, "code");
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m5_those_who_find_no_place_to_wait_are_judged_by_the_known_keys() {
    let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    address.say(200, of(&new));
    let places = world.app.lookups.acquire_many(MOST_WAITING as u32).await.unwrap();
    assert_eq!(outcome(&world, &new).await, "SamlSignatureOtherKey");
    assert_eq!(outcome(&world, &old).await, "code");
    assert_eq!(address.asked(), 1);
    drop(places);
    assert_eq!(outcome(&world, &new).await, "code");
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m5_metadata_is_renewed_in_the_background_and_the_last_good_copy_goes_on() {
    let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    round(&world.app).await.unwrap();
    assert_eq!(address.asked(), 1, "nothing is due yet");

    address.say(200, of(&new));
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    round(&world.app).await.unwrap();
    assert_eq!(address.asked(), 2, "one replica at a time, and once");
    let event = last_event(&world).await;
    assert_eq!(
        (&event["type"], &event["data"]["changed"]["signing_keys"]),
        (&json!("connection.updated"), &json!(true))
    );
    assert_eq!(outcome(&world, &new).await, "code");

    for (status, document) in [
        (500, String::new()),
        (200, "<garbage".to_owned()),
        (200, of(&new).replace(IDP, "https://evil.example/metadata")),
        (200, of(&new).replace("https://idp.example.com/sso", "http://idp.example.com/sso")),
    ] {
        address.say(status, document);
        world.advance(Duration::from_secs(3601));
        round(&world.app).await.unwrap();
        assert_eq!(last_event(&world).await["type"], "connection.metadata_failed");
        assert_eq!(outcome(&world, &new).await, "code");
    }
    address.server.stop(false).await;
}

#[actix_web::test]
async fn m6_what_an_operator_settles_while_metadata_comes_stays() {
    let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
    let address = Address::start(of(&old));
    let world = world(&address).await;
    let which = Which::Scopes(vec![Scope::new("url.example", "crm").unwrap()]);
    let seen = world.app.connections.find(&which).await.unwrap().remove(0);
    let fresh = || Idp::Saml(read(of(&new).as_bytes(), Some(IDP)).unwrap().into());

    let id = &seen.client_id;
    let secret = seen.client_secret.expose();
    let change = |more: Value| {
        let mut body = json!({ "clientID": id, "clientSecret": secret, "tenant": "url.example", "product": "crm" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.api(Method::PATCH, "sso", body)
    };
    assert!(change(json!({ "forceAuthn": true })).await.status.is_success());
    let Renewal::Changed(renewed) = world.app.connections.renew(&seen, fresh()).await.unwrap() else { panic!() };
    let idp = renewed.idp.saml().unwrap();
    assert!(idp.force_authn, "the change is kept");
    assert_eq!(outcome(&world, &new).await, "code");

    // Metadata from an address that is no longer this connection's says nothing about it.
    assert!(change(json!({ "rawMetadata": of(&old) })).await.status.is_success());
    let fault = world.app.connections.renew(&renewed, fresh()).await.unwrap_err();
    assert_eq!(fault.code, Code::ChangedMeanwhile);
    assert_eq!(outcome(&world, &old).await, "code");
    address.server.stop(false).await;
}
