//! `/api/v1/sso/{id}/test` and `/test/{token}`: a connection is tried out, and no app notices.

use std::time::Duration;

use actix_web::http::Method;
use futures_util::future::join_all;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::Response;
use serde_json::{Value, json};

use crate::policy;
use crate::session_settings::{HOUR, answered};
use crate::world::{Answer, CALLBACK, IDP, PUBLIC, Waiting, World, authn_request, waiting};

/// A test login of the connection of `acme.example`.
pub(crate) struct Trial<'w> {
    world: &'w World,
    connection: String,
    id: String,
    path: String,
}

impl<'w> Trial<'w> {
    pub(crate) async fn offer(world: &'w World) -> Self {
        let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
        Self::of(world, found[0]["id"].as_str().unwrap()).await
    }

    pub(crate) async fn of(world: &'w World, connection: &str) -> Self {
        let answer = world.api(Method::POST, &format!("sso/{connection}/test"), Value::Null).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let link = answer.json();
        let path = link["url"].as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned();
        Self { world, connection: connection.to_owned(), id: link["id"].as_str().unwrap().to_owned(), path }
    }

    pub(crate) async fn press(&self) -> Answer {
        self.world.form(&self.path, &[], &[]).await
    }

    async fn page(&self) -> Answer {
        self.world.get(&self.path).await
    }

    async fn begin(&self) -> Waiting {
        waiting(&self.press().await)
    }

    /// The whole of it, by a response that is bent like this; ends on the result.
    pub(crate) async fn run(&self, bend: impl FnOnce(&mut Response)) {
        let waiting = self.begin().await;
        let mut response = self.world.response(&waiting);
        bend(&mut response);
        let answer = self.world.answer(&waiting, &response.signed_assertion(&self.world.key)).await;
        assert_eq!(answer.location().as_str(), self.url(), "{}", answer.body);
        assert_eq!(answer.status, 303, "the browser posted here, and must not post there");
        assert!(answer.forgets_the_login());
    }

    pub(crate) async fn result(&self) -> Value {
        let answer = self.ask(crate::world::API_KEY).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub(crate) fn url(&self) -> String {
        format!("{PUBLIC}{}", self.path)
    }

    async fn ask(&self, key: &str) -> Answer {
        self.world.api_as(key, Method::GET, &self.at(), Value::Null).await
    }

    pub(crate) fn at(&self) -> String {
        format!("sso/{}/test/{}", self.connection, self.id)
    }
}

async fn last_test(world: &World) -> Value {
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let listed = world.api(Method::GET, "sso/product?product=crm", Value::Null).await.json();
    assert_eq!(found[0]["lastTest"], listed[0]["lastTest"]);
    found[0]["lastTest"].clone()
}

async fn events(world: &World) -> Vec<Value> {
    world.api(Method::GET, "events", Value::Null).await.json()["data"].as_array().unwrap().clone()
}

async fn change(world: &World, mut settings: Value) {
    settings["tenant"] = json!("acme.example");
    settings["product"] = json!("crm");
    settings["clientSecret"] = json!(world.connection_secret("acme.example").await);
    let answer = world.api(Method::PATCH, "sso", settings).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
}

#[actix_web::test]
async fn opening_the_link_spends_nothing_and_of_many_who_press_one_begins() {
    let world = World::new().await;
    let trial = Trial::offer(&world).await;
    assert!(trial.path.strip_prefix("/test/").is_some_and(|token| token.len() == 43 && !token.contains(&trial.id)));
    for _ in 0..3 {
        let page = trial.page().await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<form method=\"post\"><button"), "{}", page.body);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("cache-control").contains("no-store"));
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    }
    assert_eq!(trial.result().await["state"], "ready");
    let answers = join_all((0..20).map(|_| trial.press())).await;
    let (begun, late): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 302);
    assert_eq!(begun.len(), 1);
    for answer in late {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "TestLoginSpent"));
    }
    assert!(trial.page().await.body.contains("has not answered"));
    assert_eq!(trial.result().await["state"], "begun");
    world.advance(Duration::from_secs(601));
    assert_eq!(trial.result().await["state"], "incomplete");
}

#[actix_web::test]
async fn a_test_login_goes_the_whole_way_and_no_app_notices() {
    let world = World::new().await;
    world.register(json!({})).await;
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;

    let result = trial.ask("key-that-may-only-read").await.json();
    assert_eq!((&result["state"], &result["passed"], &result["fault"]), (&json!("ended"), &json!(true), &Value::Null));
    assert_eq!(result["attributes"][0], "NameID");
    assert_eq!(result["mapping"]["email"], json!(["email"]));
    assert!(result["claims"].as_array().is_some_and(|claims| claims.contains(&json!("role"))), "{result}");
    assert_eq!(result["notes"], json!(["provisioning: domain_not_verified"]));
    assert!(result.get("values").is_none(), "a key that only reads neither sees nor spends the values");

    let path = format!("sso-traces?id={}", result["trace"].as_str().unwrap());
    let trace = world.api(Method::GET, &path, Value::Null).await.json();
    let steps: Vec<_> = trace["data"]["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect();
    assert_eq!(
        (steps, &trace["data"]["status"]),
        (vec!["test".into(), "response".into(), "result".into()], &json!("succeeded"))
    );
    assert!(!trace.to_string().contains(trial.path.trim_start_matches("/test/")), "the link is in no trace");

    let events = events(&world).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert!(!kinds.iter().any(|kind| kind.starts_with("login.")), "{kinds:?}");
    let told = &events.iter().find(|event| event["type"] == "connection.tested").expect("an event")["data"];
    assert_eq!((&told["passed"], &told["connection"]), (&json!(true), &json!(trial.connection)));
    let sessions = world.api(Method::GET, "sessions?tenant=acme.example&product=crm", Value::Null).await.json();
    assert_eq!(sessions["data"], json!([]), "{sessions}");
    let metrics = world.app.metrics.text().unwrap();
    assert!(!metrics.contains("postern_logins_total{outcome=\"succeeded\",code=\"\"} 1"), "{metrics}");
    assert_eq!(last_test(&world).await["passed"], true);
}

#[actix_web::test]
async fn the_values_are_shown_once_to_whoever_asks_first() {
    let world = World::new().await;
    // The page.
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;
    for _ in 0..2 {
        let page = trial.page().await;
        assert!(page.body.contains("The test has passed") && page.body.contains("claim email"), "{}", page.body);
        assert!(!page.body.contains("alice@example.com"), "{}", page.body);
    }
    let pressed = join_all((0..10).map(|_| trial.press())).await;
    let shown: Vec<_> = pressed.iter().filter(|answer| answer.body.contains("alice@example.com")).collect();
    assert_eq!(shown.len(), 1);
    assert!(shown[0].body.contains("What the application would be told"), "{}", shown[0].body);
    assert!(!trial.page().await.body.contains("<form"), "there is nothing more to show");
    assert!(trial.result().await.get("values").is_none());
    // The API.
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;
    let values = trial.result().await["values"].clone();
    assert_eq!(values["attributes"]["email"], json!(["alice@example.com"]));
    assert_eq!(
        (&values["claims"]["email"], &values["claims"]["role"]),
        (&json!("alice@example.com"), &json!("member"))
    );
    assert_eq!(values["claims"]["tenant"], "acme.example");
    assert!(values["claims"].get("raw").is_none());
    assert!(trial.result().await.get("values").is_none());
    assert!(!trial.press().await.body.contains("alice@example.com"));
    // Nobody, in time.
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;
    world.advance(Duration::from_secs(15 * 60));
    let result = trial.result().await;
    assert_eq!((&result["passed"], result.get("values")), (&json!(true), None));
}

#[actix_web::test]
async fn a_test_that_fails_says_what_was_expected_what_came_and_who_mends_it() {
    let world = World::new().await;
    let trial = Trial::offer(&world).await;
    trial.run(|response| response.audiences = vec!["https://other.example.com".into()]).await;
    let result = trial.result().await;
    assert_eq!((&result["state"], &result["passed"]), (&json!("ended"), &json!(false)));
    let fault = &result["fault"];
    assert_eq!((&fault["code"], &fault["expected"]), (&json!("SamlAudienceMismatch"), &json!(PUBLIC)));
    assert_eq!(fault["received"], "https://other.example.com");
    assert_eq!(fault["mender"], "the identity provider's administrator");
    assert_eq!(result["attributes"], json!([]), "nothing is believed of it");
    let page = trial.page().await;
    for told in
        ["The test has failed", "SamlAudienceMismatch", PUBLIC, "https://other.example.com", "Who can mend this"]
    {
        assert!(page.body.contains(told), "no {told} in {}", page.body);
    }
    let last = last_test(&world).await;
    assert_eq!((&last["passed"], &last["code"]), (&json!(false), &json!("SamlAudienceMismatch")));

    // Where the answer is good and what it says is not, that is shown.
    let trial = Trial::offer(&world).await;
    trial.run(|response| response.attributes.retain(|(name, _)| name != "email")).await;
    let result = trial.result().await;
    assert_eq!(result["fault"]["code"], "AttributeMissing");
    assert!(result["attributes"].as_array().is_some_and(|names| names.contains(&json!("firstName"))), "{result}");
    assert_eq!(result["values"]["attributes"]["firstName"], json!(["Alice"]));
    assert_eq!((&result["claims"], &result["values"]["claims"]), (&json!([]), &json!({})));
    // So is an address that is not the tenant's.
    crate::discover::own(&world, "acme.example", "acme.example", json!({})).await;
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;
    assert_eq!(trial.result().await["fault"]["code"], "EmailDomainForeign");
}

#[actix_web::test]
async fn a_test_says_which_rule_gave_the_role_or_why_none_did() {
    let world = World::new().await;
    world.register(json!({ "roles": ["editor"] })).await;
    let rules = json!({ "group_roles": [{ "group": "engineering", "role": "editor" }] });
    assert_eq!(policy::set(&world, rules).await.status, 200);
    for (groups, note, role) in [
        (vec!["engineering"], "group_roles: rule 1 of the scope matched", "editor"),
        (vec!["sales"], "group_roles: no_group_rule_matched, of 1 rules for 1 values", "member"),
        (vec![], "group_roles: groups_attribute_missing, for 1 rules", "member"),
    ] {
        let trial = Trial::offer(&world).await;
        trial
            .run(|response| {
                response.attributes.retain(|(name, _)| name != "groups");
                if !groups.is_empty() {
                    response
                        .attributes
                        .push(("groups".into(), groups.iter().map(|group| (*group).to_owned()).collect()));
                }
            })
            .await;
        assert!(trial.page().await.body.contains(note), "{note}");
        let result = trial.result().await;
        assert!(result["notes"].as_array().is_some_and(|notes| notes.contains(&json!(note))), "{result}");
        assert_eq!(result["values"]["claims"]["role"], role);
        let advice: Vec<_> = result["advice"].as_array().unwrap().iter().map(|advice| advice["name"].clone()).collect();
        let of_role = note.split([' ', ',']).nth(1).filter(|_| role == "member");
        let expected: Vec<_> = ["domain_not_verified"].into_iter().chain(of_role).collect();
        assert_eq!(advice, expected);
    }
}

#[actix_web::test]
async fn a_connection_that_is_not_in_use_can_be_tested() {
    let world = World::new().await;
    for (status, code) in [("draft", "ConnectionDraft"), ("deactivated", "ConnectionDeactivated")] {
        change(&world, json!({ "status": status })).await;
        assert_eq!(world.authorize(&[]).await.code(), code);
        let trial = Trial::offer(&world).await;
        trial.run(|_| {}).await;
        assert_eq!(trial.result().await["passed"], true, "{status}");
    }
    let suspended = world.api(Method::PUT, "tenants/acme.example", json!({ "status": "suspended" })).await;
    assert_eq!(suspended.status, 200);
    let trial = Trial::offer(&world).await;
    trial.run(|_| {}).await;
    assert_eq!(trial.result().await["fault"]["code"], "TenantSuspended", "the same rules as for any login");
}

#[actix_web::test]
async fn a_test_is_stale_when_its_connection_changes_and_not_when_nothing_does() {
    let world = World::new().await;
    let stale = async || last_test(&world).await["stale"].clone();
    let test = async || Trial::offer(&world).await.run(|_| {}).await;
    assert_eq!(last_test(&world).await, Value::Null);
    test().await;
    assert_eq!(stale().await, false);
    // Metadata that say the same, until when they hold, and what is no matter of the identity provider.
    let same = metadata(IDP, "https://idp.example.com/sso", &world.key);
    change(&world, json!({ "rawMetadata": same })).await;
    let until = same.replace("entityID=", "validUntil=\"2030-01-01T00:00:00Z\" entityID=");
    assert_ne!(until, same);
    change(&world, json!({ "rawMetadata": until })).await;
    change(&world, json!({ "name": "Directory", "defaultRedirectUrl": CALLBACK, "deactivated": false })).await;
    assert_eq!(stale().await, false);
    let moved = metadata(IDP, "https://idp.example.com/other", &world.key);
    let other_key = metadata(IDP, "https://idp.example.com/sso", &Key::generate().unwrap());
    for settings in [
        json!({ "mapping": { "rules": { "email": { "from": ["mail", "email"] } } } }),
        json!({ "rawMetadata": moved }),
        json!({ "rawMetadata": other_key }),
        json!({ "allow": ["sha1"] }),
    ] {
        change(&world, settings.clone()).await;
        assert_eq!(stale().await, true, "{settings}");
        change(&world, json!({ "rawMetadata": same, "allow": [] })).await;
        test().await;
        assert_eq!(stale().await, false);
    }
    let removed = format!(
        "sso?clientID={}&clientSecret={}",
        Trial::offer(&world).await.connection,
        world.connection_secret("acme.example").await
    );
    assert_eq!(world.api(Method::DELETE, &removed, Value::Null).await.status, 204);
    world.connect("acme.example", "crm", IDP).await;
    assert_eq!(last_test(&world).await, Value::Null);
}

#[actix_web::test]
async fn an_assertion_that_a_test_used_is_used() {
    let world = World::new().await;
    let (first, second) = (Trial::offer(&world).await.begin().await, Trial::offer(&world).await);
    let xml = world.response(&first).signed_assertion(&world.key);
    assert_eq!(world.answer(&first, &xml).await.status, 303);
    assert_eq!(world.answer(&first, &xml).await.code(), "LoginSpent");
    let again = second.begin().await;
    let mut response = world.response(&again);
    response.assertion_id = xml
        .split("<saml:Assertion")
        .nth(1)
        .unwrap()
        .split("ID=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    world.answer(&again, &response.signed_assertion(&world.key)).await;
    assert_eq!(second.result().await["fault"]["code"], "SamlAssertionReplayed");
}

#[actix_web::test]
async fn a_test_belongs_to_its_connection_its_product_and_the_browser_that_began_it() {
    let world = World::new().await;
    let other = world.connect("globex.example", "wiki", "https://globex.example.com").await;
    let trial = Trial::offer(&world).await;
    let elsewhere = format!("sso/{}/test/{}", other["id"].as_str().unwrap(), trial.id);
    let answer = world.api(Method::GET, &elsewhere, Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "TestLoginUnknown"));
    let foreign = format!("sso/{}/test", other["id"].as_str().unwrap());
    let answer = world.api_as("key-of-the-product-crm", Method::POST, &foreign, Value::Null).await;
    assert_eq!(answer.code(), "ConnectionNotFound");
    assert_eq!(trial.ask("key-of-the-product-crm").await.status, 200);
    let waiting = trial.begin().await;
    let xml = world.response(&waiting).signed_assertion(&world.key);
    assert_eq!(world.answer_as("", &waiting, &xml).await.code(), "LoginOtherBrowser");
    assert_eq!(world.answer(&waiting, &xml).await.status, 303, "that spent nothing");
    // Only the secret of the link begins it, and only in time.
    let trial = Trial::offer(&world).await;
    let by_name = world.form(&format!("/test/{}", trial.id), &[], &[]).await;
    assert_eq!((by_name.status.as_u16(), by_name.code().as_str()), (404, "TestLoginUnknown"));
    let late = Trial::offer(&world).await.begin().await;
    world.advance(Duration::from_secs(15 * 60));
    for answer in [trial.press().await, trial.page().await, trial.ask(crate::world::API_KEY).await] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "TestLoginUnknown"));
    }
    let answer = world.answer(&late, &world.response(&late).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "LoginUnknown");
    assert!(!answer.body.contains("href"), "a test leads to no app: {}", answer.body);
}

#[actix_web::test]
async fn the_identity_provider_is_asked_once_more_where_a_login_would_ask_it() {
    let world = World::new().await;
    assert_eq!(policy::set(&world, json!({ "session_duration_hours": 8 })).await.status, 200);
    change(&world, json!({ "status": "draft" })).await;
    for (second_answer, passed) in [(0, true), (8 * HOUR, false)] {
        let trial = Trial::offer(&world).await;
        let again = answered(&world, &trial.begin().await, 8 * HOUR).await;
        assert!(authn_request(&again).contains("ForceAuthn=\"true\""));
        assert_eq!(trial.result().await["state"], "begun");
        let ended = answered(&world, &waiting(&again), second_answer).await;
        assert_eq!(ended.location().as_str(), trial.url(), "{}", ended.body);
        let result = trial.result().await;
        assert_eq!(result["passed"], passed);
        assert_eq!(result["fault"]["code"], if passed { Value::Null } else { json!("AuthenticationStale") });
    }
}
