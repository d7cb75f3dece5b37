//! Single sign-on is enforced by API: what has to be so before, what it does, and the way back. The rows are those of the
//! table of enforcement; the table itself is tested in `postern_core::discover`.

use std::time::Duration;

use actix_web::http::Method;
use postern_core::discover::{Asker, Question};
use postern_core::observed::MOST_OBSERVED;
use postern_core::ports::Timestamp;
use postern_lab::response::Response;
use serde_json::{Value, json};

use crate::discover::{anybody_is_told, own, told};
use crate::policy::{POLICY, check, set};
use crate::test_login::Trial;
use crate::world::{Answer, CALLBACK, World};

const DAY: Duration = Duration::from_secs(24 * 3600);
const ALICE: &str = "alice@acme.example";
const ROOT: &str = "root@acme.example";

/// `acme.example` has proven its domain, and its connection has passed a test.
async fn ready() -> World {
    let world = World::new().await;
    register(&world).await;
    own(&world, "acme.example", "acme.example", json!({})).await;
    Trial::offer(&world).await.run(of_alice).await;
    world
}

/// Registers the app, with every address that the connection may lead to.
pub(crate) async fn register(world: &World) {
    world.register(json!({ "redirect_urls": [CALLBACK, "http://localhost:3000/callback"] })).await;
}

/// The person is one of the tenant's.
fn of_alice(response: &mut Response) {
    for (_, values) in response.attributes.iter_mut().filter(|(name, _)| name == "email") {
        *values = vec![ALICE.to_owned()];
    }
}

/// Changes settings, which has to work.
async fn must(world: &World, settings: Value) -> Value {
    let answer = set(world, settings).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// What is missing for single sign-on to be enforced, according to a refusal.
fn missing(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "EnforcementUnready"), "{}", answer.body);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    let named = message.split("Missing: ").nth(1).expect("names").trim_end_matches('.');
    named.split(", ").map(str::to_owned).collect()
}

/// `required` and `password`, as the app's server is told.
async fn verdict(world: &World, email: &str) -> (bool, String) {
    let found = told(world, email, None).await;
    (found["required"].as_bool().unwrap(), found["password"].as_str().unwrap().to_owned())
}

async fn last_event(world: &World) -> Value {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let mut changes = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "policy.updated");
    changes.next_back().expect("an event")["data"].clone()
}

async fn change_connection(world: &World, mut settings: Value) {
    settings["tenant"] = json!("acme.example");
    settings["product"] = json!("crm");
    settings["clientSecret"] = json!(world.connection_secret("acme.example").await);
    assert_eq!(world.api(Method::PATCH, "sso", settings).await.status, 204);
}

#[actix_web::test]
async fn policy_1_enforcement_has_its_defaults_and_ranges() {
    let world = World::new().await;
    let no = [json!("yes"), json!(1)];
    check(&world, "allow_password_fallback", json!(true), &[json!(false), json!(true)], &no).await;
    check(&world, "bypass_admins", json!(true), &[json!(false), json!(true)], &no).await;
    let scopes = [json!("organisation"), json!("verified_domains")];
    check(&world, "enforcement_scope", json!("verified_domains"), &scopes, &[json!("everybody")]).await;
    let days = [json!(1), json!(90), json!(0)];
    check(&world, "grace_period_days", json!(0), &days, &[json!(91), json!(-1), json!("soon")]).await;
    check(&world, "enforce_sso", json!(false), &[json!("observe"), json!(false)], &[json!("enforce"), json!(2)]).await;
    let addresses: Vec<_> = (0..20).map(|n| format!("root{n}@acme.example")).collect();
    let many: Vec<_> = (0..21).map(|n| format!("root{n}@acme.example")).collect();
    let long = format!("{}@acme.example", "x".repeat(250));
    let bad = [json!(many), json!(["root"]), json!([long]), json!("root@acme.example"), json!(["@acme.example"])];
    check(&world, "break_glass", json!([]), &[json!(addresses), json!([ROOT])], &bad).await;
    let twice = must(&world, json!({ "break_glass": ["Root@acme.example", ROOT, "admin@acme.example"] })).await;
    assert_eq!(twice["break_glass"], json!(["Root@acme.example", "admin@acme.example"]));
}

#[actix_web::test]
async fn policy_1_enforcement_needs_a_passed_test_a_proven_domain_and_a_break_glass_address() {
    let world = World::new().await;
    register(&world).await;
    let enforce = async || set(&world, json!({ "enforce_sso": true })).await;
    assert_eq!(missing(&enforce().await), ["test_login", "proven_domain", "break_glass"]);
    own(&world, "acme.example", "acme.example", json!({})).await;
    assert_eq!(missing(&enforce().await), ["test_login", "break_glass"]);
    must(&world, json!({ "break_glass": [ROOT] })).await;
    assert_eq!(missing(&enforce().await), ["test_login"]);
    // A test that failed, one of a connection that is not in use, one of a connection that is another by now.
    Trial::offer(&world).await.run(|_| {}).await;
    assert_eq!(missing(&enforce().await), ["test_login"], "the address was not the tenant's");
    Trial::offer(&world).await.run(of_alice).await;
    change_connection(&world, json!({ "deactivated": true })).await;
    assert_eq!(missing(&enforce().await), ["test_login"]);
    change_connection(&world, json!({ "deactivated": false, "allow": ["sha1"] })).await;
    assert_eq!(missing(&enforce().await), ["test_login"]);
    change_connection(&world, json!({ "allow": [] })).await;
    assert_eq!(verdict(&world, ALICE).await, (false, "anyone".to_owned()), "nothing was enforced so far");
    let enforced = must(&world, json!({ "enforce_sso": true })).await;
    assert_eq!((&enforced["enforce_sso"], &enforced["enforced_since"]), (&json!(true), &json!(world.app.now())));
    assert_eq!(last_event(&world).await.get("forced"), None);
    // In one call with the address, too.
    must(&world, json!({ "enforce_sso": "" , "break_glass": "" })).await;
    must(&world, json!({ "enforce_sso": true, "break_glass": [ROOT] })).await;
}

#[actix_web::test]
async fn policy_1_who_forces_enforcement_is_told_of_by_an_event() {
    let world = World::new().await;
    let forced = must(&world, json!({ "enforce_sso": true, "force": true })).await;
    assert_eq!(last_event(&world).await["forced"], json!(["test_login", "proven_domain", "break_glass"]));
    assert!(forced["warnings"][0].as_str().is_some_and(|warning| warning.starts_with("break_glass:")), "{forced}");
    // The way back is one call, and so is the way from there to what is safe.
    must(&world, json!({ "break_glass": [ROOT] })).await;
    let off = must(&world, json!({ "enforce_sso": false })).await;
    assert_eq!((&off["enforce_sso"], off.get("enforced_since")), (&json!(false), None));
    assert_eq!(set(&world, json!({ "enforce_sso": true, "force": false })).await.status, 409);
}

#[actix_web::test]
async fn what_is_taken_away_while_single_sign_on_is_enforced_locks_nobody_out() {
    let world = ready().await;
    must(&world, json!({ "enforce_sso": true, "break_glass": [ROOT], "allow_password_fallback": false })).await;
    let nobody = (true, "nobody".to_owned());
    let anyone = (false, "anyone".to_owned());
    assert_eq!(verdict(&world, ALICE).await, nobody);
    // The last address: refused, by PATCH and PUT, unless enforcement goes too.
    assert_eq!(missing(&set(&world, json!({ "break_glass": [] })).await), ["break_glass"]);
    let revision = world.api(Method::GET, POLICY, Value::Null).await.json()["revision"].clone();
    let put = json!({ "revision": revision, "enforce_sso": true });
    assert_eq!(missing(&world.api(Method::PUT, POLICY, put).await), ["break_glass"]);
    must(&world, json!({ "break_glass": ["admin@acme.example"] })).await;
    // The connection: whoever is in use answers, and where none is, nobody has to use one.
    change_connection(&world, json!({ "allow": ["sha1"] })).await;
    assert_eq!(verdict(&world, ALICE).await, nobody, "a stale test takes nothing away");
    change_connection(&world, json!({ "status": "draft" })).await;
    assert_eq!(verdict(&world, ALICE).await, anyone);
    change_connection(&world, json!({ "status": "active" })).await;
    assert_eq!(verdict(&world, ALICE).await, nobody);
    // The domain: no address is covered.
    let domains = world.api(Method::GET, "domains?tenant=acme.example&product=crm", Value::Null).await.json();
    let domain = format!("domains/{}", domains["data"][0]["id"].as_str().unwrap());
    assert_eq!(world.api(Method::DELETE, &domain, Value::Null).await.status, 204);
    assert_eq!(verdict(&world, ALICE).await, anyone);
}

#[actix_web::test]
async fn a_policy_that_is_replaced_keeps_enforcement_only_where_it_says_so() {
    let world = ready().await;
    let before = must(&world, json!({ "enforce_sso": true, "break_glass": [ROOT], "grace_period_days": 30 })).await;
    world.advance(DAY);
    let put = async |mut body: Value| {
        body["revision"] = world.api(Method::GET, POLICY, Value::Null).await.json()["revision"].clone();
        world.api(Method::PUT, POLICY, body).await
    };
    // What was shown may be sent back as it is, and a grace goes on.
    let again = put(before.clone()).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.json()["enforced_since"], before["enforced_since"]);
    let replaced = put(json!({})).await.json();
    for (name, default) in [("enforce_sso", json!(false)), ("break_glass", json!([])), ("grace_period_days", json!(0))]
    {
        assert_eq!(replaced[name], default, "{name}");
    }
}

#[actix_web::test]
async fn events_tell_of_break_glass_addresses_without_naming_them() {
    let world = World::new().await;
    must(&world, json!({ "break_glass": [ROOT] })).await;
    must(&world, json!({ "break_glass": ["admin@acme.example"] })).await;
    let event = last_event(&world).await;
    assert_eq!(
        (&event["before"]["break_glass"], &event["after"]["break_glass"]),
        (&json!(["r…@acme.example"]), &json!(["a…@acme.example"]))
    );
    let events = world.api(Method::GET, "events", Value::Null).await.body;
    assert!(!events.contains(ROOT) && !events.contains("admin@"), "{events}");
}

#[actix_web::test]
async fn policy_2_rows_1_and_2_without_enforcement_or_outside_of_it_anyone_may_use_a_password() {
    let world = ready().await;
    own(&world, "acme.example", "brand.example", json!({})).await;
    must(&world, json!({ "allow_password_fallback": false, "grace_period_days": 30, "break_glass": [ROOT] })).await;
    for email in [ALICE, ROOT, "carol@elsewhere.example"] {
        assert_eq!(verdict(&world, email).await, (false, "anyone".to_owned()), "{email}");
    }
    must(&world, json!({ "enforce_sso": true })).await;
    assert_eq!(verdict(&world, "bob@brand.example").await, (true, "nobody".to_owned()), "each of the domains");
    let claimed = crate::domains::claim(&world, "acme.example", "claimed.example", json!({})).await;
    assert_eq!(claimed.status, 201);
    for email in ["carol@elsewhere.example", "carol@claimed.example"] {
        assert_eq!(told(&world, email, Some("acme.example")).await["password"], "anyone", "{email}");
    }
    must(&world, json!({ "enforcement_scope": "organisation" })).await;
    for email in ["carol@elsewhere.example", "carol@claimed.example"] {
        assert_eq!(told(&world, email, Some("acme.example")).await["password"], "nobody", "{email}");
        assert_eq!(told(&world, email, None).await["password"], "anyone", "{email}");
    }
}

#[actix_web::test]
async fn policy_2_row_3_only_the_apps_own_server_hears_of_who_may_always_use_a_password() {
    let world = ready().await;
    must(&world, json!({ "enforce_sso": true, "allow_password_fallback": false, "break_glass": [ROOT] })).await;
    assert_eq!(verdict(&world, "Root@acme.example").await, (false, "anyone".to_owned()));
    assert_eq!(verdict(&world, ALICE).await, (true, "nobody".to_owned()));
    let root = anybody_is_told(&world, ROOT).await;
    assert_eq!((&root["required"], &root["password"]), (&json!(true), &json!("nobody")));
    assert_eq!(root, anybody_is_told(&world, "no-such-person@acme.example").await);
    // Who is an administrator of the app, the app says.
    let of_admin = async |email: &str| {
        let question = json!({ "email": email, "product": "crm", "admin": true });
        world.api(Method::POST, "discover", question).await.json()["password"].clone()
    };
    assert_eq!(of_admin(ALICE).await, "anyone");
    let client_id = world.app.products.find("crm").await.unwrap().unwrap().client_id.clone();
    let question = json!({ "email": ALICE, "client_id": client_id, "admin": true });
    let request = actix_web::test::TestRequest::post().uri("/api/discover").set_json(question);
    assert_eq!(world.send(request).await.json()["password"], "nobody", "anybody could say so");
    must(&world, json!({ "bypass_admins": false })).await;
    assert_eq!(of_admin(ALICE).await, "nobody");
    assert_eq!(of_admin(ROOT).await, "anyone");
}

#[actix_web::test]
async fn policy_2_rows_4_to_7_passwords_go_at_once_or_stay_or_go_when_the_grace_is_over() {
    let world = ready().await;
    must(&world, json!({ "enforce_sso": true, "allow_password_fallback": false, "break_glass": [ROOT] })).await;
    let nobody = (true, "nobody".to_owned());
    let existing = (false, "existing_users".to_owned());
    for days in [0, 30] {
        must(&world, json!({ "grace_period_days": days })).await;
        assert_eq!(verdict(&world, ALICE).await, nobody, "row 4, {days} days");
    }
    must(&world, json!({ "allow_password_fallback": true, "grace_period_days": 0 })).await;
    assert_eq!(verdict(&world, ALICE).await, existing, "row 5");
    world.advance(90 * DAY);
    assert_eq!(verdict(&world, ALICE).await, existing, "row 5");
    // Enforcement begins anew, and the grace with it.
    must(&world, json!({ "enforce_sso": false })).await;
    must(&world, json!({ "enforce_sso": true, "grace_period_days": 30 })).await;
    world.advance(30 * DAY - Duration::from_millis(1));
    assert_eq!(verdict(&world, ALICE).await, existing, "row 6");
    let found = told(&world, ALICE, None).await;
    assert_eq!(found, anybody_is_told(&world, ALICE).await);
    let ends: Timestamp = serde_json::from_value(found["grace_period_ends"].clone()).unwrap();
    assert_eq!(ends.duration_since(world.app.now()), jiff::SignedDuration::from_millis(1));
    world.advance(Duration::from_millis(1));
    assert_eq!(verdict(&world, ALICE).await, nobody, "row 7");
    assert_eq!(told(&world, ALICE, None).await, anybody_is_told(&world, ALICE).await);
}

#[actix_web::test]
async fn policy_1_observing_counts_whom_enforcement_would_keep_out_and_changes_nothing() {
    let world = ready().await;
    let observed = async || world.api(Method::GET, POLICY, Value::Null).await.json()["observed"].clone();
    assert_eq!(observed().await, Value::Null);
    told(&world, ALICE, None).await;
    let since = json!(world.app.now());
    let settings = json!({ "enforce_sso": "observe", "allow_password_fallback": false, "break_glass": [ROOT] });
    let shown = must(&world, settings).await;
    assert_eq!(shown["observed"], json!({ "since": since, "addresses": 0, "kept_out": 0 }), "from now on");
    for email in [ALICE, "Alice@ACME.example", "bob@acme.example", ROOT, "carol@elsewhere.example"] {
        assert_eq!(verdict(&world, email).await, (false, "anyone".to_owned()), "{email}");
    }
    anybody_is_told(&world, "stranger@acme.example").await;
    let admin = json!({ "email": "admin@acme.example", "product": "crm", "admin": true });
    world.api(Method::POST, "discover", admin).await;
    assert_eq!(observed().await, json!({ "since": since, "addresses": 2, "kept_out": 2 }), "alice and bob");
    must(&world, json!({ "allow_password_fallback": true })).await;
    assert_eq!(observed().await["kept_out"], 0, "whoever has a password keeps it");
    must(&world, json!({ "grace_period_days": 1 })).await;
    assert_eq!(observed().await["kept_out"], 2, "for a day");
    let shown = must(&world, json!({ "enforce_sso": true })).await;
    assert_eq!(shown.get("observed"), None);
    world.advance(DAY);
    assert_eq!(must(&world, json!({ "enforce_sso": "observe" })).await["observed"]["addresses"], 0, "counted anew");
}

#[actix_web::test]
async fn only_so_many_addresses_are_told_apart_and_observing_costs_one_round_trip() {
    let world = ready().await;
    let cost = async |email: &str| {
        let before = world.counted.counts().round_trips;
        told(&world, email, None).await;
        world.counted.counts().round_trips - before
    };
    cost(ALICE).await;
    let usual = cost(ALICE).await;
    must(&world, json!({ "enforce_sso": "observe" })).await;
    cost(ALICE).await;
    assert_eq!((cost(ALICE).await, cost("carol@elsewhere.example").await), (usual + 1, 1));
    for n in 1..MOST_OBSERVED {
        let (email, asker) = (format!("person-{n}@acme.example"), Asker::Backend { of_admin: false });
        let question = Question { product: "crm", tenant: None, email: &email, asker };
        world.app.discovery.answer(question).await.unwrap();
    }
    assert_eq!(cost("one-more@acme.example").await, usual, "there is no room");
    let shown = world.api(Method::GET, POLICY, Value::Null).await.json();
    assert_eq!(shown["observed"]["addresses"], MOST_OBSERVED);
}
