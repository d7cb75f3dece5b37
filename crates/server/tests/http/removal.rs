//! Who deletes a connection, a scope, a product or a tenant has deleted everything that was under it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::http::Method;
use postern::jobs::{certificates, health, logout_notices};
use postern_lab::dns::NameServer;
use postern_lab::key::Key;
use serde_json::{Value, json};

use crate::backchannel::Ear;
use crate::refresh::{self, Address};
use crate::registered::{App, member};
use crate::test_login::Trial;
use crate::world::{Answer, CALLBACK, IDP, World};
use crate::{discover, domains, policy};

/// What becomes of a key when what it is about is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes with the tenant, and with a product what is in it.
    Goes,
    /// It goes with the product.
    GoesWithProduct,
    /// It ends by itself, after this time at the latest, and is worth nothing until then.
    Ends(Duration),
    /// It is the deployment's.
    Stays,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest that refresh tokens live unless a setting says otherwise: `oauth.refresh_days`.
const REFRESH: Duration = Duration::from_secs(30 * 24 * 3600);

/// Every class of key (`crates/core/src/store/keys.rs`). Whoever adds one says here what becomes of it, and lets [`inhabit`] write one
/// that goes.
pub(crate) const FATES: &[(&str, Fate)] = &[
    ("p1:conn", Fate::Goes),
    ("p1:alias", Fate::Goes),
    ("p1:scope", Fate::Goes),
    ("p1:tenant", Fate::Goes),
    ("p1:domain", Fate::Goes),
    ("p1:domains", Fate::Goes),
    ("p1:owners", Fate::Goes),
    ("p1:policy", Fate::Goes),
    ("p1:person", Fate::Goes),
    ("p1:x:people", Fate::Goes),
    ("p1:session", Fate::Goes),
    ("p1:trace", Fate::Goes),
    ("p1:health", Fate::Goes),
    ("p1:tested", Fate::Goes),
    ("p1:x:conn:product", Fate::Goes),
    ("p1:x:conn:entity", Fate::Goes),
    ("p1:x:refresh", Fate::Goes),
    ("p1:x:expiry", Fate::Goes),
    ("p1:x:health", Fate::Goes),
    ("p1:x:domain:product", Fate::Goes),
    ("p1:x:domain-checks", Fate::Goes),
    ("p1:x:tenant", Fate::Goes),
    ("p1:x:tenant:product", Fate::Goes),
    ("p1:x:session", Fate::Goes),
    ("p1:x:session-ends", Fate::Goes),
    ("p1:x:trace", Fate::Goes),
    ("p1:x:observed", Fate::Goes),
    ("p1:product", Fate::GoesWithProduct),
    ("p1:client", Fate::GoesWithProduct),
    ("p1:x:product", Fate::GoesWithProduct),
    ("p1:login", Fate::Ends(Duration::from_secs(20 * 60))),
    ("p1:handoff", Fate::Ends(Duration::from_secs(2 * 60))),
    ("p1:par", Fate::Ends(Duration::from_secs(15 * 60))),
    ("p1:test", Fate::Ends(Duration::from_secs(7 * 24 * 3600))),
    ("p1:test-values", Fate::Ends(Duration::from_secs(30 * 60))),
    ("p1:parting", Fate::Ends(Duration::from_secs(10 * 60))),
    ("p1:lookup", Fate::Ends(MINUTE)),
    ("p1:notice", Fate::Ends(DAY)),
    ("p1:x:notices", Fate::Ends(DAY)),
    ("p1:lease", Fate::Ends(Duration::from_secs(90 * 24 * 3600))),
    ("p1:replay", Fate::Ends(DAY)),
    ("p1:code", Fate::Ends(REFRESH)),
    ("p1:token", Fate::Ends(Duration::from_secs(5 * 60))),
    ("p1:refresh", Fate::Ends(REFRESH)),
    ("p1:own-keys", Fate::Stays),
    ("p1:token-keys", Fate::Stays),
    ("p1:events", Fate::Stays),
];

pub(crate) fn class(key: &str) -> &str {
    key.split_once(":{").map_or(key, |(class, _)| class)
}

fn fate(key: &str) -> Fate {
    FATES.iter().find(|(known, _)| *known == class(key)).unwrap_or_else(|| panic!("{key} is of no class")).1
}

#[test]
fn of_every_class_of_key_it_is_said_what_becomes_of_it() {
    let source = include_str!("../../../core/src/store/keys.rs");
    let named = source.split('"').filter(|text| text.starts_with("p1:"));
    let made: BTreeSet<_> = named.map(|name| class(name.trim_end_matches('}'))).collect();
    let said: BTreeSet<_> = FATES.iter().map(|(class, _)| *class).collect();
    assert_eq!(made, said);
    let page = include_str!("../../../../docs/STORE.md");
    for class in said {
        let kind = postern_core::store::kind(&format!("{class}:{{name}}"), false);
        assert_eq!(kind.is_none(), class.starts_with("p1:x:"), "{class} in kinds.rs");
        assert!(page.contains(&format!("`{class}:{{")) || page.contains(&format!("`{class}`")), "{class} in STORE.md");
    }
}

/// Everything that is stored: records, and indexes with the number of their members.
fn everything(world: &World) -> BTreeMap<String, u64> {
    world.memory.keys().into_iter().map(|key| (key, 1)).chain(world.memory.indexes()).collect()
}

/// The classes of what is in `now` and was not in `before`, or is more by now.
fn new_classes(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> BTreeSet<String> {
    let more = now.iter().filter(|(key, count)| before.get(*key).is_none_or(|had| had < *count));
    more.map(|(key, _)| class(key).to_owned()).collect()
}

/// The world is as it was `before`: at once, but for what ends by itself, and after that in everything.
async fn assert_nothing_is_left(world: &World, before: &BTreeMap<String, u64>) {
    // A record that is replaced by one that ends at once.
    world.advance(Duration::from_millis(1));
    let left = new_classes(before, &everything(world));
    let lasting: Vec<_> = left.iter().filter(|class| !matches!(fate(class), Fate::Ends(_))).collect();
    assert!(lasting.is_empty(), "{lasting:?}");
    logout_notices::round(&world.app).await.unwrap();
    let ends = |class: &str| if let Fate::Ends(after) = fate(class) { after } else { Duration::ZERO };
    let instants: BTreeSet<_> = FATES.iter().map(|(class, _)| ends(class)).collect();
    let mut passed = Duration::ZERO;
    for instant in instants {
        world.advance(instant - passed);
        passed = instant;
        let left = new_classes(before, &everything(world));
        assert!(left.iter().all(|class| ends(class) > passed), "{left:?} after {passed:?}");
    }
    assert_eq!(&everything(world), before);
}

async fn delete(world: &World, path: &str) -> Value {
    let answer = world.api(Method::DELETE, path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// Postern without any tenant, a name server, and an app that wants to hear of sessions that end.
pub(crate) async fn world() -> (World, NameServer, Ear) {
    let (world, dns) = domains::world("").await;
    delete(&world, "tenants/acme.example").await;
    world.advance(Duration::from_millis(1));
    (world, dns, Ear::open())
}

/// Connects the tenant `acme.example` to the product `crm`, gives it everything that a tenant can have, and signs people in. Returns the
/// connection and the refresh tokens.
pub(crate) async fn inhabit(world: &World, dns: &NameServer, app: &App<'_>) -> (Value, Vec<String>) {
    let address = Address::start(refresh::of(&world.key));
    let connection = json!({
        "tenant": "acme.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "metadataUrl": address.url,
    });
    let connection = world.api(Method::POST, "sso", connection).await.json();
    let keys = format!("sso/{}/keys", member(&connection, "id"));
    assert_eq!(world.api(Method::POST, &keys, json!({ "use": "signing" })).await.status, 201);
    world.advance(MINUTE);
    health::round(&world.app, MINUTE).await.unwrap();
    dns.publish("example.com", &[]);
    domains::prove(world, dns, "acme.example", "example.com", json!({ "connection": connection["id"] })).await;
    domains::claim(world, "acme.example", "acme.example", json!({ "connection": connection["id"] })).await;
    for name in ["blocked", "invited"] {
        crate::people::list(world, name, json!({ "email": "bob@acme.example" })).await;
    }
    assert_eq!(policy::set(world, json!({ "foreign_domains": "flag", "enforce_sso": "observe" })).await.status, 200);
    discover::told(world, "alice@example.com", None).await;
    Trial::offer(world).await.run(|_| {}).await;
    let mut tokens = Vec::new();
    for scope in ["openid", "openid offline_access"] {
        tokens.push(member(&app.tokens(scope).await, "refresh_token").to_owned());
    }
    assert_eq!(app.refresh(&tokens[0], &[]).await.status, 200);
    app.code(&[]).await;
    world.begin(&[]).await;
    app.pushed(&[]).await;
    (connection, tokens)
}

/// How many of each there is after [`inhabit`], and a trace for each login that it began.
const INHABITED: [(&str, u64); 6] =
    [("connections", 1), ("domains", 2), ("policies", 1), ("people", 2), ("sessions", 3), ("traces", 5)];

/// These numbers, with others where they are given.
fn counts(other: &[(&str, u64)]) -> Value {
    let numbers = INHABITED.iter().chain(other);
    Value::Object(numbers.map(|(name, number)| ((*name).to_owned(), json!(number))).collect())
}

/// What is there that goes, of every class of which it is said that it does.
fn assert_complete(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>, goes: &[Fate]) {
    let there = new_classes(before, now);
    let missing: Vec<_> = FATES.iter().filter(|(class, fate)| goes.contains(fate) && !there.contains(*class)).collect();
    assert!(missing.is_empty(), "nothing of {missing:?} was written: nobody sees whether it goes");
}

#[actix_web::test]
async fn a_tenant_leaves_no_key_behind() {
    let (world, dns, ear) = world().await;
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    let empty = everything(&world);
    world.connect("globex.example", "crm", "https://idp.globex.example").await;
    let before = everything(&world);
    let (_, tokens) = inhabit(&world, &dns, &app).await;
    world.connect("acme.example", "wiki", IDP).await;
    assert_complete(&empty, &everything(&world), &[Fate::Goes]);
    let contents = world.api(Method::GET, "tenants/acme.example/contents", Value::Null).await.json();
    let crm = json!({ "product": "crm", "connections": 1, "domains": 2, "policies": 1, "people": 2, "sessions": 3 });
    let wiki = json!({ "product": "wiki", "connections": 1, "domains": 0, "policies": 0, "people": 0, "sessions": 0 });
    assert_eq!(contents["data"], json!([crm, wiki]));

    assert_eq!(delete(&world, "tenants/acme.example").await, counts(&[("connections", 2)]));
    assert_nothing_is_left_of_acme(&world, &app, &tokens).await;
    assert_eq!(told(&world, "tenant.deleted").await.last(), Some(&counts(&[("connections", 2)])));
    logout_notices::round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 3, "the app is told of every session");
    assert_nothing_is_left(&world, &before).await;
    world.begin(&[("client_id", "tenant=globex.example&product=crm")]).await;
    // The domain is free for another.
    domains::prove(&world, &dns, "globex.example", "example.com", json!({})).await;
}

/// What the API and the front door say of a tenant that is gone.
async fn assert_nothing_is_left_of_acme(world: &World, app: &App<'_>, tokens: &[String]) {
    world.advance(Duration::from_millis(1));
    for token in tokens {
        assert_eq!(app.refresh(token, &[]).await.code(), "RefreshTokenUnknown");
    }
    assert_eq!(world.authorize(&[]).await.code(), "ConnectionMissing");
    delete_traces(world).await;
    for path in ["tenants/acme.example/contents", "tenants/acme.example/contents?product=wiki"] {
        assert_eq!(world.api(Method::GET, path, Value::Null).await.json(), json!({ "data": [] }), "{path}");
    }
    for (method, path) in [
        (Method::GET, "tenants/acme.example"),
        (Method::DELETE, "tenants/acme.example"),
        (Method::DELETE, "tenants/acme.example/products/crm"),
    ] {
        assert_eq!(world.api(method, path, Value::Null).await.code(), "TenantNotFound", "{path}");
    }
}

/// What the events of this kind told, oldest first.
async fn told(world: &World, kind: &str) -> Vec<Value> {
    let (mut found, mut path) = (Vec::new(), "events".to_owned());
    loop {
        let events = world.api(Method::GET, &path, Value::Null).await.json();
        let page = events["data"].as_array().unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page.iter().filter(|event| event["type"] == kind).map(|event| event["data"].clone()));
        path = format!("events?after={}", member(&events, "cursor"));
    }
}

#[actix_web::test]
async fn a_product_goes_with_what_its_tenants_have_in_it() {
    let (world, dns, ear) = world().await;
    for tenant in ["acme.example", "globex.example"] {
        world.connect(tenant, "wiki", "https://idp.wiki.example").await;
    }
    let before = everything(&world);
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    inhabit(&world, &dns, &app).await;
    world.connect("globex.example", "crm", "https://idp.globex.example").await;
    assert_complete(&before, &everything(&world), &[Fate::GoesWithProduct]);

    let removed = delete(&world, "products?name=crm").await;
    assert_eq!(removed, counts(&[("connections", 2)]));
    let mut event = removed.clone();
    event["client_id"] = json!(app.client_id);
    assert_eq!(told(&world, "product.deleted").await, [event]);
    logout_notices::round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 3, "the app is told of every session");
    assert_nothing_is_left(&world, &before).await;
    let tenant = world.api(Method::GET, "tenants/acme.example", Value::Null).await.json();
    assert_eq!(tenant["products"], json!(["wiki"]));
    assert_eq!(world.api(Method::DELETE, "products?name=crm", Value::Null).await.code(), "ProductNotFound");
}

#[actix_web::test]
async fn a_scope_goes_and_the_tenant_stays_with_what_it_has_elsewhere() {
    let (world, dns, ear) = world().await;
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    world.connect("acme.example", "wiki", "https://idp.wiki.example").await;
    let before = everything(&world);
    inhabit(&world, &dns, &app).await;
    let path = "tenants/acme.example/products/crm";
    for (key, method, path, code) in [
        ("key-of-the-product-crm", Method::DELETE, "tenants/acme.example", "ApiKeyOtherProduct"),
        ("key-of-the-product-crm", Method::GET, "tenants/acme.example/contents", "ApiKeyOtherProduct"),
        ("key-of-the-product-crm", Method::DELETE, "tenants/acme.example/products/wiki", "ApiKeyOtherProduct"),
        ("key-that-may-only-read", Method::DELETE, path, "ApiKeyReadOnly"),
    ] {
        assert_eq!(world.api_as(key, method, path, Value::Null).await.code(), code, "{path}");
    }
    let answer = world.api_as("key-of-the-product-crm", Method::DELETE, path, Value::Null).await;
    assert_eq!(answer.json(), counts(&[]));
    assert_eq!(told(&world, "tenant.deleted").await.last(), Some(&counts(&[])));
    assert_nothing_is_left(&world, &before).await;
    let again = delete(&world, path).await;
    assert!(again.as_object().unwrap().values().all(|count| *count == 0), "{again}");
}

#[actix_web::test]
async fn a_connection_goes_with_the_sessions_of_its_people_and_no_others() {
    let (world, dns, ear) = world().await;
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    let (first, tokens) = inhabit(&world, &dns, &app).await;
    let other = world.connect("acme.example", "crm", "https://idp.other.example").await;
    assert_eq!(remove(&world, &first).await.status, 204);
    assert_eq!(app.refresh(&tokens[1], &[]).await.code(), "RefreshTokenUnknown");
    logout_notices::round(&world.app).await.unwrap();
    assert_eq!(ear.heard().len(), 3, "the app is told of every session");
    assert_eq!(told(&world, "connection.deleted").await.last(), Some(&json!({ "connection": first["id"] })));
    let reasons = told(&world, "session.ended").await;
    assert!(reasons.len() == 3 && reasons.iter().all(|event| event["reason"] == "deleted"), "{reasons:?}");
    let domains = world.api(Method::GET, "domains?tenant=acme.example&product=crm", Value::Null).await.json();
    let links: Vec<_> = domains["data"].as_array().unwrap().iter().map(|domain| &domain["connection"]).collect();
    assert_eq!(links, [&Value::Null, &Value::Null], "no domain leads to what is gone");

    world.advance(REFRESH);
    delete_traces(&world).await;
    let before = everything(&world);
    let second = world.connect("acme.example", "crm", IDP).await;
    world.code(&[("idp_hint", member(&second, "id"))]).await;
    assert_eq!(remove(&world, &second).await.status, 204);
    delete_traces(&world).await;
    assert_nothing_is_left(&world, &before).await;
    world.begin(&[("idp_hint", member(&other, "id"))]).await;
}

async fn remove(world: &World, connection: &Value) -> Answer {
    let (id, secret) = (member(connection, "clientID"), member(connection, "clientSecret"));
    world.api(Method::DELETE, &format!("sso?clientID={id}&clientSecret={secret}"), Value::Null).await
}

#[actix_web::test]
async fn a_warning_that_was_given_goes_with_its_connection() {
    let world = World::new().await;
    // The lab's certificates hold until 2050.
    let end: postern_core::ports::Timestamp = "2049-12-20T00:00:00Z".parse().unwrap();
    world.advance(end.duration_since(world.app.now()).unsigned_abs());
    certificates::round(&world.app).await.unwrap();
    let before = everything(&world);
    world.connect("globex.example", "crm", IDP).await;
    certificates::round(&world.app).await.unwrap();
    assert!(new_classes(&before, &everything(&world)).contains("p1:lease"));
    delete(&world, "tenants/globex.example").await;
    world.advance(Duration::from_millis(1));
    assert_eq!(everything(&world), before);
}

#[actix_web::test]
async fn a_deletion_that_broke_off_keeps_everybody_out_until_it_is_called_again() {
    let (world, dns, ear) = world().await;
    let app = App::register(&world, json!({ "backchannel_logout_uri": ear.url })).await;
    let before = everything(&world);
    let (_, tokens) = inhabit(&world, &dns, &app).await;
    for breaks_at in ["p1:alias", "p1:owners", "p1:trace", "p1:x:tenant:product"] {
        world.brittle.break_at(Some(breaks_at));
        let broken = world.api(Method::DELETE, "tenants/acme.example", Value::Null).await;
        assert_eq!((broken.status.as_u16(), broken.code().as_str()), (503, "StoreUnavailable"), "{breaks_at}");
        world.brittle.break_at(None);
        let tenant = world.api(Method::GET, "tenants/acme.example", Value::Null).await.json();
        assert_eq!(tenant["status"], "deleting", "{breaks_at}");
        for (method, path, body) in creations() {
            let answer = world.api(method, path, body).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "TenantDeleting"), "{path}");
        }
        let refused = world.authorize(&[]).await.code();
        assert!(["TenantSuspended", "ConnectionMissing"].contains(&refused.as_str()), "{breaks_at}: {refused}");
        assert!(app.refresh(&tokens[1], &[]).await.status.is_client_error(), "{breaks_at}");
    }
    delete(&world, "tenants/acme.example").await;
    delete_traces(&world).await;
    assert_nothing_is_left(&world, &before).await;
    world.connect("acme.example", "crm", IDP).await;
}

/// Every call that makes something under the tenant `acme.example`, or changes it.
fn creations() -> Vec<(Method, &'static str, Value)> {
    let scope = json!({ "tenant": "acme.example", "product": "crm" });
    let with = |more: Value| {
        let mut body = scope.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let metadata = postern_lab::metadata::metadata(IDP, "https://idp.example.com/sso", &Key::generate().unwrap());
    let connection = json!({ "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "rawMetadata": metadata });
    vec![
        (Method::POST, "sso", with(connection)),
        (Method::POST, "domains", with(json!({ "domain": "new.example" }))),
        (Method::PUT, "tenants/acme.example/products/wiki/policy", json!({ "revision": 0 })),
        (Method::PUT, "tenants/acme.example", json!({ "status": "active" })),
    ]
}

async fn delete_traces(world: &World) {
    let answer = world.api(Method::DELETE, "sso-traces/product?product=crm", Value::Null).await;
    assert_eq!(answer.status, 204);
}

#[actix_web::test]
async fn a_login_that_ends_while_its_connection_is_deleted_begins_no_session() {
    let world = World::new().await;
    App::register(&world, json!({})).await;
    let waiting = world.begin(&[]).await;
    let app = world.app.clone();
    // The connection was read and found good. Before the session is written, all of it goes.
    world.brittle.before("p1:session", async move {
        app.removals.tenant("acme.example").await.unwrap();
    });
    let answer = world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    assert_eq!((answer.code().as_str(), answer.sent("code")), ("ConnectionMissing", None));
    let sessions = everything(&world).into_keys().filter(|key| key.contains("session")).collect::<Vec<_>>();
    assert!(sessions.is_empty(), "{sessions:?}");
}

#[actix_web::test]
async fn what_is_made_while_its_tenant_is_deleted_is_found_or_taken_back() {
    for (record, (method, path, body)) in ["p1:conn:", "p1:domain:", "p1:policy:"].into_iter().zip(creations()) {
        let world = World::new().await;
        delete(&world, "tenants/acme.example").await;
        world.advance(Duration::from_millis(1));
        let before = everything(&world);
        world.connect("acme.example", "mail", IDP).await;
        // Whoever writes was told that the tenant is there. Before they write, its deletion begins, and breaks off.
        let (app, brittle) = (world.app.clone(), world.brittle.clone());
        world.brittle.before(record, async move {
            brittle.break_at(Some("p1:x:trace"));
            app.removals.tenant("acme.example").await.unwrap_err();
            brittle.break_at(None);
        });
        let answer = world.api(method, path, body).await;
        assert_eq!(answer.code(), "TenantDeleting", "{path}");
        delete(&world, "tenants/acme.example").await;
        world.advance(Duration::from_millis(1));
        assert_eq!(everything(&world), before, "{path}");
    }
}
