//! `/api/v1/people/blocked` and `/api/v1/people/invited`: who is out, who is in, and how fast that counts.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::policy::set;
use crate::registered::{App, member};
use crate::unsolicited;
use crate::world::{Answer, World, asking};

const SCOPE: &str = "tenant=acme.example&product=crm";
const ALICE: &str = "alice@example.com";

async fn try_list(world: &World, name: &str, mut people: Value) -> Answer {
    people
        .as_object_mut()
        .unwrap()
        .extend([("tenant".into(), "acme.example".into()), ("product".into(), "crm".into())]);
    world.api(Method::POST, &format!("people/{name}"), people).await
}

/// Puts people of `acme.example` on a list.
pub(crate) async fn list(world: &World, name: &str, people: Value) -> Value {
    let answer = try_list(world, name, people).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn remove(world: &World, name: &str, who: &str) -> Answer {
    world.api(Method::DELETE, &format!("people/{name}?{SCOPE}&{who}"), Value::Null).await
}

async fn found(world: &World, name: &str, rest: &str) -> Vec<Value> {
    let answer = world.api(Method::GET, &format!("people/{name}?{SCOPE}{rest}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].as_array().unwrap().clone()
}

/// What happened to people and sessions, with the reason where there is one.
async fn events(world: &World) -> Vec<String> {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let told = events["data"].as_array().unwrap().iter().filter_map(|event| {
        let kind = event["type"].as_str()?;
        let told = kind.starts_with("person.") || kind == "session.ended";
        told.then(|| format!("{kind} {}", event["data"]["reason"].as_str().unwrap_or_default()).trim().to_owned())
    });
    told.collect()
}

async fn login(app: &App<'_>) -> Answer {
    let world = app.world;
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example"), ("scope", "openid")]).await;
    world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await
}

#[actix_web::test]
async fn people_are_listed_by_address_or_sub_and_found_in_pages() {
    let world = World::new().await;
    let added = list(&world, "blocked", json!({ "email": " Bob@ACME.example", "reason": "left in May" })).await;
    let bob = &added["data"][0];
    assert_eq!(
        (&bob["email"], &bob["reason"], &added["ended"]),
        (&json!("bob@acme.example"), &json!("left in May"), &json!(0))
    );
    assert_eq!((&bob["sub"], &bob["expires_at"]), (&Value::Null, &Value::Null));
    for number in 0..30 {
        world.advance(Duration::from_secs(1));
        list(&world, "blocked", json!({ "sub": format!("subject {number}") })).await;
    }
    let first = found(&world, "blocked", "&pageLimit=20").await;
    assert_eq!((first.len(), &first[0]["sub"]), (20, &json!("subject 29")));
    let rest = found(&world, "blocked", "&pageOffset=20&pageLimit=20").await;
    assert_eq!((rest.len(), &rest[10]), (11, bob));
    assert_eq!(found(&world, "blocked", "&email=BOB@acme.example").await, std::slice::from_ref(bob));
    assert_eq!(found(&world, "blocked", "&sub=subject%207").await[0]["sub"], "subject 7");
    assert!(found(&world, "invited", "").await.is_empty() && found(&world, "blocked", "&sub=x").await.is_empty());

    // What is said of somebody may be changed; since when they are listed stays.
    list(&world, "blocked", json!({ "email": "bob@acme.example", "reason": "" })).await;
    let now = found(&world, "blocked", "&email=bob@acme.example").await;
    assert_eq!((&now[0]["reason"], &now[0]["added_at"], &now[0]["id"]), (&Value::Null, &bob["added_at"], &bob["id"]));
    assert_eq!(remove(&world, "blocked", "email=bob@acme.example").await.json(), json!({ "ended": 0 }));
    let again = remove(&world, "blocked", "email=bob@acme.example").await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (404, "PersonNotListed"));
    let told = events(&world).await;
    assert_eq!((told.len(), told.last().unwrap().as_str()), (32, "person.unblocked"), "who is listed again is no news");
    let told = world.api(Method::GET, "events", Value::Null).await.body;
    assert!(!told.contains("bob") && !told.contains("left in May") && told.contains(bob["id"].as_str().unwrap()));
}

#[actix_web::test]
async fn a_thousand_people_are_listed_at_once_and_what_is_malformed_is_not() {
    let world = World::new().await;
    let many = |count: usize| {
        (0..count).map(|number| json!({ "email": format!("p{number}@acme.example") })).collect::<Vec<_>>()
    };
    let listed = list(&world, "invited", json!({ "people": many(1000) })).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1000);
    assert_eq!(found(&world, "invited", "&email=p999@acme.example").await.len(), 1);
    let before = world.counted.counts();
    list(&world, "blocked", json!({ "people": many(1000) })).await;
    assert!((world.counted.counts() - before).round_trips < 10, "whoever is not signed in costs nothing");

    let future = "2999-01-01T00:00:00Z";
    for (name, sent, named) in [
        ("invited", json!({ "people": many(1001) }), "people"),
        ("invited", json!({ "people": [] }), "people"),
        ("invited", json!({ "people": [{ "mail": "x@acme.example" }] }), "people"),
        ("invited", json!({ "people": [{ "sub": "x" }], "sub": "y" }), "people"),
        ("invited", json!({ "email": "nobody" }), "email"),
        ("invited", json!({ "email": "a@b@acme.example" }), "email"),
        ("invited", json!({ "sub": "x".repeat(257) }), "sub"),
        ("invited", json!({ "sub": "x", "email": "x@acme.example" }), "email"),
        ("invited", json!({ "sub": "x", "reason": "a\nb" }), "reason"),
        ("invited", json!({ "sub": "x", "expires_at": "tomorrow" }), "expires_at"),
        ("invited", json!({ "sub": "x", "expires_at": "2020-01-01T00:00:00Z" }), "expires_at"),
        ("blocked", json!({ "sub": "x", "expires_at": future }), "expires_at"),
    ] {
        let answer = try_list(&world, name, sent).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "FieldInvalid"), "{}", answer.body);
        assert!(answer.body.contains(named), "{}", answer.body);
    }
    assert_eq!(try_list(&world, "invited", json!({})).await.code(), "FieldMissing");
    assert_eq!(try_list(&world, "friends", json!({ "sub": "x" })).await.code(), "RouteUnknown");
    assert_eq!(remove(&world, "invited", "").await.code(), "FieldMissing");
}

#[actix_web::test]
async fn keys_of_a_product_have_its_people_alone_and_reading_keys_change_nothing() {
    let world = World::new().await;
    let own = json!({ "tenant": "acme.example", "product": "crm", "sub": "x" });
    let other = json!({ "tenant": "acme.example", "product": "wiki", "sub": "x" });
    let add = async |key, body: &Value| world.api_as(key, Method::POST, "people/blocked", body.clone()).await;
    assert_eq!(add("key-of-the-product-crm", &own).await.status, 200);
    assert_eq!(add("key-of-the-product-crm", &other).await.code(), "ApiKeyOtherProduct");
    assert_eq!(add("key-that-may-only-read", &own).await.code(), "ApiKeyReadOnly");
    let elsewhere = world.api(Method::GET, "people/blocked?tenant=globex.example&product=crm", Value::Null).await;
    assert_eq!(elsewhere.json()["data"], json!([]), "a list is its scope's own");
}

#[actix_web::test]
async fn policy_6_who_is_blocked_is_out_at_once_and_does_not_come_back() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let sub = member(&world.claims(member(&app.tokens("openid").await, "access_token")).await.json(), "sub").to_owned();
    for who in [json!({ "email": "Alice@Example.COM." }), json!({ "sub": sub })] {
        assert_eq!(remove(&world, "blocked", "email=alice@example.com").await.code(), "PersonNotListed");
        let before = crate::people::events(&world).await.len();
        let (online, offline) = (app.tokens("openid").await, app.tokens("openid offline_access").await);
        let live = found_sessions(&world).await;
        assert_eq!(list(&world, "blocked", who.clone()).await["ended"], live);
        for tokens in [&online, &offline] {
            assert_eq!(world.claims(member(tokens, "access_token")).await.code(), "TokenInvalid");
            assert_eq!(app.refresh(member(tokens, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
        }
        assert_eq!(found_sessions(&world).await, 0);
        assert_eq!(events(&world).await[before + 1..], vec!["session.ended person_blocked"; live]);
        assert_eq!(login(&app).await.code(), "PersonBlocked");
        let name = if who["sub"].is_string() { format!("sub={sub}") } else { format!("email={ALICE}") };
        assert_eq!(remove(&world, "blocked", &name).await.status, 200);
        assert!(login(&app).await.sent("code").is_some(), "{who}");
    }
}

async fn found_sessions(world: &World) -> usize {
    let answer = world.api(Method::GET, &format!("sessions?{SCOPE}"), Value::Null).await;
    answer.json()["data"].as_array().unwrap().len()
}

#[actix_web::test]
async fn policy_6_a_login_that_is_under_way_does_not_survive_a_block() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    // The person is with the identity provider.
    let waiting = world.begin(&[("client_id", &app.client_id), ("tenant", "acme.example")]).await;
    list(&world, "blocked", json!({ "email": ALICE })).await;
    let answer = world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "PersonBlocked");
    remove(&world, "blocked", &format!("email={ALICE}")).await;

    // The app has a code, and has not redeemed it.
    let code = login(&app).await.sent("code").unwrap();
    assert_eq!(list(&world, "blocked", json!({ "email": ALICE })).await["ended"], 1);
    let proof = [("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str())];
    let answer = world.redeem_with(&code, &proof).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "CodeSessionEnded"));
    assert!(!answer.body.contains("id_token"), "{}", answer.body);
    assert_eq!(world.redeem_with(&code, &proof).await.code(), "CodeSpent");
}

/// Somebody who came from the identity provider, was judged, and waits for the app to begin its login.
struct Arrived {
    connection: String,
    hint: String,
    cookie: String,
}

impl Arrived {
    async fn at(world: &World, connection: &str) -> Self {
        let xml = unsolicited::response(world, connection).signed_assertion(&world.key);
        let answer = unsolicited::post(world, &format!("/api/oauth/saml/{connection}"), &xml).await;
        let hint = answer.sent("login_hint").unwrap_or_else(|| panic!("{answer:?}"));
        Self { connection: connection.to_owned(), hint, cookie: answer.cookie() }
    }

    async fn goes_on(&self, world: &World) -> Answer {
        let parameters = [("login_hint", self.hint.as_str()), ("idp_hint", &self.connection)];
        let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{}", asking(&parameters)));
        world.send(request.insert_header(("Cookie", self.cookie.as_str()))).await
    }
}

#[actix_web::test]
async fn policy_6_who_was_judged_before_the_block_keeps_no_session_after_it() {
    let world = World::new().await;
    let connection = unsolicited::allow(&world, json!(["unsolicited"])).await;
    let product = world.register(json!({ "initiate_login_url": "https://app.example.com/login" })).await;
    let secret = [("client_secret", member(&product, "client_secret"))];
    let redeem = async |answer: Answer| world.redeem(&answer.sent("code").expect("a code"), &secret).await;
    world.advance(Duration::from_secs(180));
    assert!(Arrived::at(&world, &connection).await.goes_on(&world).await.sent("code").is_some());
    list(&world, "invited", json!({ "email": ALICE })).await;
    set(&world, json!({ "access_policy": "invited_only" })).await;
    assert!(Arrived::at(&world, &connection).await.goes_on(&world).await.sent("code").is_some());

    let waiting = Arrived::at(&world, &connection).await;
    assert_eq!(remove(&world, "invited", &format!("email={ALICE}")).await.json()["ended"], 2);
    assert_eq!(redeem(waiting.goes_on(&world).await).await.code(), "CodeSessionEnded");
    list(&world, "invited", json!({ "email": ALICE })).await;
    let waiting = Arrived::at(&world, &connection).await;
    list(&world, "blocked", json!({ "email": ALICE })).await;
    assert_eq!(redeem(waiting.goes_on(&world).await).await.code(), "CodeSessionEnded");
    assert_eq!(found_sessions(&world).await, 0);
    let told = events(&world).await;
    assert_eq!(told.iter().filter(|event| *event == "session.ended person_blocked").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|event| *event == "session.ended invitation_withdrawn").count(), 3, "{told:?}");
}

#[actix_web::test]
async fn policy_6_a_refresh_looks_also_where_the_sessions_could_not_be_ended() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let tokens = app.tokens("openid").await;
    world.brittle.break_at(Some("p1:x:session:"));
    assert_eq!(try_list(&world, "blocked", json!({ "email": ALICE })).await.status, 503);
    world.brittle.break_at(None);
    let refused = app.refresh(member(&tokens, "refresh_token"), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "RefreshPersonBlocked"));
    assert_eq!(refused.json()["error"], "invalid_grant");
    // The operator repeats the call.
    assert_eq!(list(&world, "blocked", json!({ "email": ALICE })).await["ended"], 1);
    assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");
}

#[actix_web::test]
async fn policy_1_a_withdrawn_invitation_ends_sessions_where_nobody_comes_in_without_one() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    list(&world, "invited", json!({ "email": ALICE })).await;
    let tokens = app.tokens("openid").await;
    assert_eq!(remove(&world, "invited", &format!("email={ALICE}")).await.json()["ended"], 0, "anyone comes in");
    assert_eq!(world.claims(member(&tokens, "access_token")).await.status, 200);

    // From now on a refresh wants an invitation too.
    set(&world, json!({ "access_policy": "invited_only" })).await;
    let refused = app.refresh(member(&tokens, "refresh_token"), &[]).await;
    assert_eq!((refused.code().as_str(), &refused.json()["error"]), ("RefreshNotInvited", &json!("invalid_grant")));
    list(&world, "invited", json!({ "email": ALICE })).await;
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    assert_eq!(world.claims(member(&tokens, "access_token")).await.status, 200);

    assert_eq!(remove(&world, "invited", &format!("email={ALICE}")).await.json()["ended"], 1);
    assert_eq!(world.claims(member(&tokens, "access_token")).await.code(), "TokenInvalid");
    assert_eq!(login(&app).await.code(), "NotInvited");
    let expected = [
        "person.invited",
        "person.uninvited",
        "person.invited",
        "person.uninvited",
        "session.ended invitation_withdrawn",
    ];
    assert_eq!(events(&world).await, expected);
}

#[actix_web::test]
async fn an_invitation_ends_by_itself() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    set(&world, json!({ "access_policy": "invited_only" })).await;
    let expires = world.app.now() + Duration::from_secs(600);
    list(&world, "invited", json!({ "email": ALICE, "expires_at": expires.to_string() })).await;
    let tokens = app.tokens("openid").await;
    world.advance(Duration::from_secs(599));
    let tokens = app.refresh(member(&tokens, "refresh_token"), &[]).await.json();
    world.advance(Duration::from_secs(1));
    assert_eq!(app.refresh(member(&tokens, "refresh_token"), &[]).await.code(), "RefreshNotInvited");
    assert_eq!(login(&app).await.code(), "NotInvited");
    assert_eq!(found(&world, "invited", "").await.len(), 1, "and is still shown");
}
