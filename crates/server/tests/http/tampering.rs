//! Somebody else writes to the store: swaps values, cuts them, changes them, brings older ones back, undoes that something was spent
//! (fault 20 of docs/FAULTS.md). Every class of key is tried, and what lies there is used as its user would. What is refused is told by the metric
//! `store_values_refused`, with the class, and concerns nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::jobs::{health, logout_notices};
use postern_core::ports::{Backend as _, Op, Reply};
use postern_lab::dns::NameServer;
use postern_lab::key::Key;
use serde_json::{Value, json};

use crate::backchannel::Ear;
use crate::registered::{App, member};
use crate::removal::{FATES, class, inhabit};
use crate::slo_from_app::{Away, away};
use crate::test_login::Trial;
use crate::world::{API_KEY, Answer, CALLBACK, VERIFIER, Waiting, World, asking, waiting};
use crate::{domains, metrics, policy, removal, slo, unsolicited};

const AFTER: &str = "https://app.example.com/signed-out?x=1";
const MINUTE: Duration = Duration::from_secs(60);

/// How what lies under a class of key is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// It lasts, and is read.
    Lasting,
    /// It is made anew for each attempt, and is read.
    Fresh,
    /// The same, and reading it spends it.
    Taken,
    /// It is never opened: what counts is that it is there, and to delete it does the same as to spoil it.
    Unopened,
}

/// Every class of key with a value, the class of its record, and how it is met.
const STORED: &[(&str, &str, Met)] = &[
    ("p1:conn", "connection", Met::Lasting),
    ("p1:alias", "connection-alias", Met::Lasting),
    ("p1:scope", "scope", Met::Lasting),
    ("p1:product", "product", Met::Lasting),
    ("p1:client", "client", Met::Lasting),
    ("p1:tenant", "tenant", Met::Lasting),
    ("p1:domain", "domain", Met::Lasting),
    ("p1:domains", "scope-domains", Met::Lasting),
    ("p1:owners", "domain-owners", Met::Lasting),
    ("p1:policy", "policy", Met::Lasting),
    ("p1:person", "person", Met::Lasting),
    ("p1:health", "health", Met::Lasting),
    ("p1:tested", "last-test", Met::Lasting),
    ("p1:own-keys", "own-keys", Met::Lasting),
    ("p1:token-keys", "own-keys", Met::Lasting),
    ("p1:login", "login", Met::Taken),
    ("p1:handoff", "handoff", Met::Taken),
    ("p1:test-values", "test-values", Met::Taken),
    ("p1:parting", "parting", Met::Fresh),
    ("p1:par", "pushed-request", Met::Fresh),
    ("p1:test", "test-login", Met::Fresh),
    ("p1:code", "code", Met::Fresh),
    ("p1:session", "session", Met::Fresh),
    ("p1:token", "access-token", Met::Fresh),
    ("p1:refresh", "refresh-token", Met::Fresh),
    ("p1:trace", "trace", Met::Fresh),
    ("p1:lookup", "lookup", Met::Fresh),
    ("p1:notice", "logout-notice", Met::Fresh),
    ("p1:lease", "", Met::Unopened),
    ("p1:replay", "", Met::Unopened),
];

/// What both tenants use: whoever spoils it spoils it for both.
const SHARED: &[&str] = &["p1:product", "p1:client", "p1:own-keys", "p1:token-keys"];

#[test]
fn every_class_of_key_with_a_value_is_tampered_with() {
    let named = FATES.iter().map(|(class, _)| *class);
    let all: BTreeSet<_> = named.filter(|class| !class.starts_with("p1:x:") && *class != "p1:events").collect();
    assert_eq!(all, STORED.iter().map(|(class, ..)| *class).collect());
}

/// Two tenants of one app, of which `acme.example` has everything that a tenant can have.
struct Scene<'w> {
    world: &'w World,
    dns: NameServer,
    ear: Ear,
    app: App<'w>,
    connection: Value,
    /// The keys of what lasts and is not another tenant's.
    lasting: BTreeSet<String>,
}

/// What is used, once it is prepared.
enum Prepared {
    Nothing,
    Text(String),
    Tokens(Value),
    Login(Waiting, String),
    Hint(String, String),
    Away(Away),
}

impl<'w> Scene<'w> {
    async fn set(world: &'w World, dns: NameServer, ear: Ear) -> Self {
        let app = App::register(
            world,
            json!({
                "backchannel_logout_uri": ear.url, "post_logout_redirect_urls": [AFTER],
                "initiate_login_url": "https://app.example.com/login",
            }),
        )
        .await;
        inhabit(world, &dns, &app).await;
        slo::hearing(world, "redirect").await;
        let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
        let lasting = world.memory.keys().into_iter().collect();
        world.connect("globex.example", "crm", "https://idp.globex.example").await;
        dns.publish("globex.example", &[]);
        domains::prove(world, &dns, "globex.example", "globex.example", json!({})).await;
        // Responses from before the start might have been used before it.
        world.advance(3 * MINUTE);
        Self { world, dns, ear, app, connection: found[0].clone(), lasting }
    }

    /// The same people after a restart.
    fn after_a_restart<'n>(self, world: &'n World) -> Scene<'n> {
        let app = App { world, client_id: self.app.client_id.clone(), secret: self.app.secret.clone() };
        Scene { world, dns: self.dns, ear: self.ear, app, connection: self.connection, lasting: self.lasting }
    }

    fn id(&self) -> &str {
        member(&self.connection, "id")
    }

    async fn begin(&self) -> Waiting {
        self.world.begin(&[("client_id", &self.app.client_id), ("tenant", "acme.example")]).await
    }

    /// Whether people of the other tenant sign in as ever.
    async fn assert_nobody_else_is_affected(&self, class: &str) {
        let login = self.world.begin(&[("client_id", "tenant=globex.example&product=crm")]).await;
        let response = self.world.response(&login).sent_by("https://idp.globex.example");
        let response = postern_lab::response::Response { name_id: Some("bob".into()), ..response };
        let answer = self.world.answer(&login, &response.signed_assertion(&self.world.key)).await;
        let domain = answer.sent("error_description").unwrap_or_default();
        // That alice@example.com is no address of theirs is their own affair.
        assert!(answer.sent("code").is_some() || domain.contains("EmailDomainForeign"), "{class}: {domain}");
    }

    /// Prepares what a class is used for, and says which keys of it that made.
    async fn prepare(&self, class_of_key: &str) -> (Prepared, Vec<String>) {
        if class_of_key == "p1:lookup" {
            // There is one at a time for a connection.
            for key in self.world.memory.keys().into_iter().filter(|key| class(key) == class_of_key) {
                self.world.memory.run(vec![Op::Delete { key }]).await.unwrap();
            }
        }
        let before: BTreeSet<_> = self.world.memory.keys().into_iter().collect();
        let prepared = self.make(class_of_key).await;
        let of_class = |key: &String| class(key) == class_of_key;
        let keys: Vec<_> = match &prepared {
            Prepared::Nothing => self.lasting.iter().filter(|key| of_class(key)).cloned().collect(),
            _ => self.world.memory.keys().into_iter().filter(|key| of_class(key) && !before.contains(key)).collect(),
        };
        assert!(!keys.is_empty(), "there is nothing of {class_of_key}");
        (prepared, keys)
    }

    async fn make(&self, class_of_key: &str) -> Prepared {
        let (world, app) = (self.world, &self.app);
        match class_of_key {
            "p1:login" => {
                let login = self.begin().await;
                let xml = world.response(&login).signed_assertion(&world.key);
                Prepared::Login(login, xml)
            }
            "p1:lookup" => {
                let stranger = Key::generate().unwrap();
                let login = self.begin().await;
                world.answer(&login, &world.response(&login).signed_assertion(&stranger)).await;
                let login = self.begin().await;
                let xml = world.response(&login).signed_assertion(&stranger);
                Prepared::Login(login, xml)
            }
            "p1:handoff" => {
                unsolicited::allow(world, json!(["unsolicited"])).await;
                let xml = unsolicited::response(world, self.id()).signed_assertion(&world.key);
                let answer = unsolicited::post(world, &format!("/api/oauth/saml/{}", self.id()), &xml).await;
                unsolicited::allow(world, json!([])).await;
                Prepared::Hint(answer.sent("login_hint").unwrap(), answer.cookie())
            }
            "p1:parting" => Prepared::Away(away(app, self.id()).await),
            "p1:par" => Prepared::Text(app.pushed(&[]).await),
            "p1:test" => Prepared::Text(Trial::offer(world).await.url()),
            "p1:test-values" => {
                let trial = Trial::offer(world).await;
                trial.run(|_| {}).await;
                Prepared::Text(trial.at())
            }
            "p1:code" => Prepared::Text(app.code(&[]).await),
            "p1:trace" => {
                world.advance(Duration::from_secs(1)); // the newest comes first
                self.begin().await;
                let traces = world.api(Method::GET, "sso-traces?product=crm", Value::Null).await.json();
                Prepared::Text(member(&traces["data"][0], "traceId").to_owned())
            }
            "p1:session" | "p1:token" => Prepared::Tokens(app.tokens("openid").await),
            "p1:refresh" => Prepared::Tokens(app.tokens("openid offline_access").await),
            "p1:notice" => {
                logout_notices::round(&world.app).await.unwrap();
                let tokens = app.tokens("openid").await;
                app.post("/api/oauth/revoke", &[("token", member(&tokens, "access_token"))]).await;
                let query = "sessions?tenant=acme.example&product=crm&email=alice@example.com";
                world.api(Method::DELETE, query, Value::Null).await;
                Prepared::Text(String::new())
            }
            _ => Prepared::Nothing,
        }
    }

    /// Uses it: the code of the fault that comes of it, or nothing.
    async fn act(&self, class_of_key: &str, prepared: &Prepared) -> Option<String> {
        let (world, app) = (self.world, &self.app);
        let get = async |path: &str| world.api(Method::GET, path, Value::Null).await;
        let scope = "tenant=acme.example&product=crm";
        let answer = match (class_of_key, prepared) {
            ("p1:conn" | "p1:scope" | "p1:product" | "p1:tenant", _) => {
                world.authorize(&[("client_id", &app.client_id), ("tenant", "acme.example")]).await
            }
            ("p1:alias", _) => world.authorize(&[("client_id", member(&self.connection, "clientID"))]).await,
            ("p1:client", _) => get(&format!("products?client_id={}", app.client_id)).await,
            ("p1:domain" | "p1:domains", _) => get(&format!("domains?{scope}")).await,
            ("p1:owners", _) => {
                let question = json!({ "email": "alice@example.com", "product": "crm" });
                world.api(Method::POST, "discover", question).await
            }
            ("p1:policy", _) => get(policy::POLICY).await,
            ("p1:person", _) => {
                let blocked = get(&format!("people/blocked?{scope}")).await;
                if blocked.status == 200 { get(&format!("people/invited?{scope}")).await } else { blocked }
            }
            ("p1:health", _) => get(&format!("sso/{}/health", self.id())).await,
            ("p1:tested", _) => get(&format!("sso?{scope}")).await,
            ("p1:own-keys" | "p1:token-keys", _) => {
                return world.app.load_keys().await.err().map(|fault| fault.code.name().to_owned());
            }
            ("p1:notice", _) => {
                let heard = self.ear.heard().len();
                logout_notices::round(&world.app).await.unwrap();
                return (self.ear.heard().len() == heard).then(|| "untold".to_owned());
            }
            ("p1:lookup", Prepared::Login(login, xml)) => {
                let refused = refusal(&world.answer(login, xml).await);
                // The key stays a stranger's, however often it is looked up.
                return refused.filter(|code| code != "SamlSignatureOtherKey");
            }
            (_, Prepared::Login(login, xml)) => world.answer(login, xml).await,
            (_, Prepared::Hint(hint, cookie)) => {
                let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("login_hint", hint)];
                let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{}", asking(&asked)));
                let answer = world.send(request.insert_header(("Cookie", cookie.as_str()))).await;
                // The usual way to the identity provider is what is left.
                if answer.header("location").contains("SAMLRequest") {
                    return Some("asked".to_owned());
                }
                answer
            }
            (_, Prepared::Away(away)) => {
                let to = slo::address(self.id());
                away.back(world, &to, &away.response(world, &to), &world.key).await
            }
            ("p1:par", Prepared::Text(reference)) => app.open(reference, &[]).await,
            ("p1:test", Prepared::Text(url)) => world.get(url.strip_prefix(crate::world::PUBLIC).unwrap()).await,
            ("p1:test-values", Prepared::Text(at)) => {
                let answer = world.api_as(API_KEY, Method::GET, at, Value::Null).await;
                if answer.status == 200 && answer.json()["values"].is_null() {
                    return Some("seen".to_owned());
                }
                answer
            }
            ("p1:code", Prepared::Text(code)) => {
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", CALLBACK),
                    ("code_verifier", VERIFIER),
                ];
                app.post("/api/oauth/token", &fields).await
            }
            ("p1:trace", Prepared::Text(id)) => get(&format!("sso-traces?id={id}")).await,
            ("p1:session" | "p1:token", Prepared::Tokens(tokens)) => world.claims(member(tokens, "access_token")).await,
            ("p1:refresh", Prepared::Tokens(tokens)) => app.refresh(member(tokens, "refresh_token"), &[]).await,
            _ => panic!("nobody says how {class_of_key} is used"),
        };
        refusal(&answer)
    }

    async fn refused(&self, class: &str, why: &str) -> i64 {
        let series = format!("postern_store_values_refused_total{{class=\"{class}\",why=\"{why}\"}}");
        metrics::value(self.world, &series).await.unwrap_or_default()
    }

    async fn raw(&self, key: &str) -> Vec<u8> {
        match self.world.memory.run(vec![Op::Get { key: key.to_owned() }]).await.unwrap().remove(0) {
            Reply::Value(Some(value)) => value,
            other => panic!("{key}: {other:?}"),
        }
    }

    async fn write(&self, key: &str, value: Vec<u8>) {
        let op = Op::Put { key: key.to_owned(), value, lifetime: None, bound: false };
        self.world.memory.run(vec![op]).await.unwrap();
    }

    async fn values(&self, keys: &[String]) -> BTreeMap<String, Vec<u8>> {
        let mut values = BTreeMap::new();
        for key in keys {
            values.insert(key.clone(), self.raw(key).await);
        }
        values
    }
}

/// The code that an answer refuses with.
fn refusal(answer: &Answer) -> Option<String> {
    assert_ne!(answer.status, 500, "{}", answer.body);
    let told = answer.header("location").contains("error=");
    (told || answer.status.as_u16() >= 400).then(|| answer.code())
}

/// What somebody makes of a value who cannot make one: beside others, a value of another key of the class, and one of another class.
fn spoilt(own: &[u8], other: &[u8], of_another_class: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut values = vec![
        ("another of its class".to_owned(), other.to_vec()),
        ("of another class".to_owned(), of_another_class.to_vec()),
        ("longer".to_owned(), [own, &[0]].concat()),
    ];
    for length in [0, 1, 37, 70, own.len() - 1] {
        values.push((format!("cut to {length}"), own[..length].to_vec()));
    }
    // Format, suite, number of the key, salt, commitment, content, tag.
    for at in [0, 1, 5, 6, 38, 70, own.len() - 1] {
        let mut changed = own.to_vec();
        changed[at] ^= 0x80;
        values.push((format!("byte {at} changed"), changed));
    }
    values
}

#[actix_web::test]
async fn fault_20_what_was_swapped_cut_or_changed_is_refused_and_told() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let mut unnoticed = Vec::new();
    for &(class_of_key, record, met) in STORED.iter().filter(|(.., met)| *met != Met::Unopened) {
        let (prepared, _) = scene.prepare(class_of_key).await;
        assert_eq!(scene.act(class_of_key, &prepared).await, None, "{class_of_key} as it is");
        let (_, others) = scene.prepare(class_of_key).await;
        let other = scene.raw(others.last().unwrap()).await;
        let (mut prepared, mut keys) = scene.prepare(class_of_key).await;
        let mut good = scene.values(&keys).await;
        // Another tenant's, where there is one.
        let is_other = |key: &String| met == Met::Lasting && class(key) == class_of_key && !keys.contains(key);
        let theirs = world.memory.keys().into_iter().find(is_other);
        let elsewhere = if class_of_key == "p1:token-keys" { "p1:own-keys" } else { "p1:token-keys" };
        let is_alone = theirs.is_none() && others.iter().any(|key| keys.contains(key));
        let other = if let Some(key) = theirs { scene.raw(&key).await } else { other };
        let elsewhere = scene.raw(elsewhere).await;
        let kinds = spoilt(&good[&keys[0]], &other, &elsewhere);
        for (at, (how, _)) in kinds.iter().enumerate() {
            if met == Met::Taken || class_of_key == "p1:notice" || class_of_key == "p1:lookup" {
                (prepared, keys) = scene.prepare(class_of_key).await;
                good = scene.values(&keys).await;
            }
            for (key, value) in &good {
                let (_, bad) = spoilt(value, &other, &elsewhere).swap_remove(at);
                if bad != *value {
                    scene.write(key, bad).await;
                }
            }
            let before = scene.refused(record, "unreadable").await;
            let outcome = scene.act(class_of_key, &prepared).await;
            let expected = match class_of_key {
                "p1:notice" => Some("untold"),
                // Its key stays unknown, which is what is told.
                "p1:lookup" => None,
                _ => Some("RecordUnreadable"),
            };
            // A single record of the class is its own other one.
            let same = is_alone && at == 0;
            let told = scene.refused(record, "unreadable").await > before;
            if !same && (outcome.as_deref() != expected || !told) {
                unnoticed.push(format!("{class_of_key}, {how}: {outcome:?}, told: {told}"));
            }
            if at == 0 && !SHARED.contains(&class_of_key) {
                scene.assert_nobody_else_is_affected(class_of_key).await;
            }
            if met != Met::Taken {
                for (key, value) in &good {
                    scene.write(key, value.clone()).await;
                }
            }
        }
        if met != Met::Taken && class_of_key != "p1:notice" && class_of_key != "p1:lookup" {
            assert_eq!(scene.act(class_of_key, &prepared).await, None, "{class_of_key} as it was");
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Changes everything that lasts.
async fn change_everything(scene: &Scene<'_>) {
    let world = scene.world;
    let scope = json!({ "tenant": "acme.example", "product": "crm" });
    let with = |more: Value| {
        let mut all = scope.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let good = |answer: Answer| assert!(answer.status.is_success(), "{}", answer.body);
    health::round(&world.app, MINUTE).await.unwrap();
    let xml = postern_lab::metadata::metadata(crate::world::IDP, "https://idp.example.com/sso", &world.key);
    let again = with(json!({ "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK, "rawMetadata": xml }));
    good(world.api(Method::POST, "sso", again).await);
    good(world.api(Method::PATCH, "products", json!({ "name": "crm", "description": "changed" })).await);
    for status in ["suspended", "active"] {
        good(world.api(Method::PUT, "tenants/acme.example", json!({ "status": status })).await);
    }
    let claims = world.api(Method::GET, "domains?tenant=acme.example&product=crm", Value::Null).await.json();
    for claim in claims["data"].as_array().unwrap() {
        let path = format!("domains/{}", member(claim, "id"));
        good(world.api(Method::PATCH, &path, json!({ "include_subdomains": true })).await);
    }
    assert_eq!(policy::set(world, json!({ "revalidate_minutes": 60 })).await.status, 200);
    for name in ["blocked", "invited"] {
        crate::people::list(world, name, json!({ "email": "bob@acme.example", "reason": "changed" })).await;
    }
    Trial::offer(world).await.run(|_| {}).await;
    good(world.api(Method::POST, "sp-keys", json!({ "use": "signing" })).await);
    good(world.api(Method::POST, "token-keys", json!({ "alg": "ES256" })).await);
}

#[actix_web::test]
async fn fault_20_an_older_version_of_what_lasts_is_refused_and_told() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let keys: Vec<_> = scene.lasting.iter().filter(|key| lasts(key)).cloned().collect();
    let old = scene.values(&keys).await;
    world.advance(MINUTE);
    change_everything(&scene).await;
    let new = scene.values(&keys).await;
    // A client_id leads to the same product for ever.
    let unchanged: BTreeSet<_> = keys.iter().filter(|key| old[*key] == new[*key]).map(|key| class(key)).collect();
    assert_eq!(unchanged, BTreeSet::from(["p1:client"]));
    let mut unnoticed = Vec::new();

    for &(class_of_key, record, _) in STORED.iter().filter(|(class, ..)| lasts(class) && *class != "p1:client") {
        assert_eq!(scene.act(class_of_key, &Prepared::Nothing).await, None, "{class_of_key} as it is");
        for key in keys.iter().filter(|key| class(key) == class_of_key) {
            scene.write(key, old[key].clone()).await;
        }
        let before = scene.refused(record, "rolled_back").await;
        let outcome = scene.act(class_of_key, &Prepared::Nothing).await;
        let told = scene.refused(record, "rolled_back").await > before;
        if outcome.as_deref() != Some("RecordRolledBack") || !told {
            unnoticed.push(format!("{class_of_key}: {outcome:?}, told: {told}"));
        }
        if !SHARED.contains(&class_of_key) {
            scene.assert_nobody_else_is_affected(class_of_key).await;
        }
        for key in keys.iter().filter(|key| class(key) == class_of_key) {
            scene.write(key, new[key].clone()).await;
        }
        assert_eq!(scene.act(class_of_key, &Prepared::Nothing).await, None, "{class_of_key} as it was");
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

fn lasts(key: &str) -> bool {
    STORED.iter().any(|(of_key, _, met)| *of_key == class(key) && *met == Met::Lasting)
}

#[actix_web::test]
async fn fault_20_what_was_deleted_does_not_come_back() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let deleted = ["p1:conn", "p1:alias", "p1:scope"];
    let keys: Vec<_> = scene.lasting.iter().filter(|key| deleted.contains(&class(key))).cloned().collect();
    let old = scene.values(&keys).await;
    world.advance(MINUTE);
    let answer = world.api(Method::DELETE, "tenants/acme.example/products/crm", Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for (key, value) in old {
        scene.write(&key, value).await;
    }
    for class_of_key in deleted {
        let outcome = scene.act(class_of_key, &Prepared::Nothing).await;
        assert_eq!(outcome.as_deref(), Some("RecordRolledBack"), "{class_of_key}");
    }
    // Once they are out, what is made anew is good.
    for key in keys {
        world.memory.run(vec![Op::Delete { key }]).await.unwrap();
    }
    world.connect("acme.example", "crm", crate::world::IDP).await;
    assert_eq!(scene.act("p1:scope", &Prepared::Nothing).await, None);
}

#[actix_web::test]
async fn fault_20_what_was_spent_stays_spent_though_it_is_brought_back() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let mut unnoticed = Vec::new();
    for (class_of_key, record, outcome) in [
        ("p1:login", "login", "LoginUnknown"),
        ("p1:handoff", "handoff", "asked"),
        ("p1:test-values", "test-values", "seen"),
        ("p1:code", "code", "CodeUnknown"),
        ("p1:refresh", "refresh-token", "RefreshTokenUnknown"),
    ] {
        let (prepared, keys) = scene.prepare(class_of_key).await;
        let live = scene.values(&keys).await;
        assert_eq!(scene.act(class_of_key, &prepared).await, None, "{class_of_key}");
        for (key, value) in live {
            scene.write(&key, value).await;
        }
        let again = scene.act(class_of_key, &prepared).await;
        let told = scene.refused(record, "respent").await > 0;
        if again.as_deref() != Some(outcome) || !told {
            unnoticed.push(format!("{class_of_key}: {again:?}, told: {told}"));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");

    let (prepared, keys) = scene.prepare("p1:session").await;
    let live = scene.values(&keys).await;
    assert_eq!(scene.act("p1:session", &prepared).await, None);
    world.api(Method::DELETE, "sessions?tenant=acme.example&product=crm&email=alice@example.com", Value::Null).await;
    for (key, value) in live {
        scene.write(&key, value).await;
    }
    assert_eq!(scene.act("p1:session", &prepared).await.as_deref(), Some("TokenInvalid"), "a session that was ended");
}

#[actix_web::test]
async fn fault_20_a_process_that_has_seen_nothing_notices_what_others_pin() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let connection = scene.lasting.iter().find(|key| class(key) == "p1:conn").unwrap().clone();
    let old = scene.raw(&connection).await;
    world.advance(MINUTE);
    change_everything(&scene).await;
    let new = scene.raw(&connection).await;
    let begun = scene.make("p1:login").await;

    // The list of the scope says how new its connections are.
    let fresh = world.restarted().await;
    let scene = scene.after_a_restart(&fresh);
    scene.write(&connection, old.clone()).await;
    assert_eq!(scene.act("p1:conn", &Prepared::Nothing).await.as_deref(), Some("RecordRolledBack"));
    // And a login, how new the one is that it began with.
    let refused = scene.act("p1:login", &begun).await;
    assert_eq!(refused.as_deref(), Some("RecordRolledBack"));
    assert_eq!(scene.refused("connection", "rolled_back").await, 2);
    scene.write(&connection, new).await;
    assert_eq!(scene.act("p1:conn", &Prepared::Nothing).await, None);

    // Where an operator brings everything back, whoever has seen newer refuses until it is restarted.
    let lasting: Vec<_> = scene.lasting.iter().filter(|key| lasts(key)).cloned().collect();
    let backup = scene.values(&lasting).await;
    world.advance(MINUTE);
    change_everything(&scene).await;
    for (key, value) in backup {
        scene.write(&key, value).await;
    }
    assert_eq!(scene.act("p1:conn", &Prepared::Nothing).await.as_deref(), Some("RecordRolledBack"));
    let restarted = fresh.restarted().await;
    let scene = scene.after_a_restart(&restarted);
    let (login, _) = scene.prepare("p1:login").await;
    assert_eq!(scene.act("p1:login", &login).await, None);
}

#[actix_web::test]
async fn fault_20_a_refresh_token_whose_successor_was_used_ends_the_session_in_any_process() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    let (prepared, keys) = scene.prepare("p1:refresh").await;
    let live = scene.values(&keys).await;
    let Prepared::Tokens(tokens) = &prepared else { panic!("tokens") };
    let second = scene.app.refresh(member(tokens, "refresh_token"), &[]).await.json();
    assert_eq!(scene.app.refresh(member(&second, "refresh_token"), &[]).await.status, 200);
    for (key, value) in live {
        scene.write(&key, value).await;
    }
    let fresh = world.restarted().await;
    let scene = scene.after_a_restart(&fresh);
    assert_eq!(scene.act("p1:refresh", &prepared).await.as_deref(), Some("RefreshTokenReused"));
    assert_eq!(scene.act("p1:session", &prepared).await.as_deref(), Some("TokenInvalid"));
}

#[actix_web::test]
async fn fault_20_an_index_that_names_what_is_anothers_shows_nothing_of_it() {
    let (world, dns, ear) = removal::world().await;
    let scene = Scene::set(&world, dns, ear).await;
    world.connect("globex.example", "wiki", "https://idp.wiki.example").await;
    let mut indexes: Vec<_> = world.memory.indexes().into_iter().map(|(name, _)| name).collect();
    indexes.sort();
    let members = async |index: &str| {
        let page = Op::IndexPage { index: index.to_owned(), offset: 0, limit: 100 };
        match world.memory.run(vec![page]).await.unwrap().remove(0) {
            Reply::Members(members) => members,
            other => panic!("{other:?}"),
        }
    };
    // Each index of a class names all that the others of it name.
    for name in &indexes {
        for other in indexes.iter().filter(|other| class(other) == class(name) && *other != name) {
            for (member, score) in members(other).await {
                let op = Op::IndexAdd { index: name.clone(), score, member };
                world.memory.run(vec![op]).await.unwrap();
            }
        }
    }
    for (path, products, tenants) in [
        ("sso/product?product=wiki", &["wiki"][..], &["globex.example"][..]),
        ("domains?product=crm", &["crm"], &["acme.example", "globex.example"]),
        ("sessions?tenant=globex.example&product=crm", &[], &[]),
        ("people/blocked?tenant=acme.example&product=crm", &[], &[]),
        ("sso-traces/product?product=wiki", &["wiki"], &["globex.example"]),
    ] {
        let answer = world.api(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let found = answer.json();
        let found = found.as_array().or_else(|| found["data"].as_array()).unwrap().clone();
        for record in &found {
            let named = |name: &str, allowed: &[&str]| {
                record[name].as_str().is_none_or(|value| allowed.is_empty() || allowed.contains(&value))
            };
            assert!(named("product", products) && named("tenant", tenants), "{path}: {record}");
        }
        if path.starts_with("sessions") {
            assert!(found.is_empty(), "{path}: {found:?}");
        }
        if path.starts_with("people") {
            assert_eq!(found.len(), 1, "{path}: {found:?}");
        }
    }
    assert_eq!(waiting(&world.authorize(&[]).await).relay_state.len(), 30, "people sign in");
    drop(scene);
}
