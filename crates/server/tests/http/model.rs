//! Every state that calls of the API can lead to, walked through: nowhere is single sign-on enforced and nobody can get in, and nowhere is
//! a privileged role everybody's default without anybody having said so.
//!
//! A walker knows the calls and sees the state as the API shows it. From each state it makes every call once; where all were made,
//! it goes to the nearest state where one was not. So it ends when there is nothing new to see.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

use actix_web::http::Method;
use postern_lab::response::Response;
use serde_json::{Value, json};

use crate::discover::{anybody_is_told, told};
use crate::enforcement::register;
use crate::policy::POLICY;
use crate::test_login::Trial;
use crate::world::World;

/// Walks through all states that these calls lead to from `start`, and says how many there are.
async fn walk<S, C>(calls: &[C], start: S, mut step: impl AsyncFnMut(&S, C) -> S) -> usize
where
    S: Clone + Debug + Eq + Hash,
    C: Copy + Debug + Eq + Hash,
{
    let mut known: HashMap<S, HashMap<C, S>> = HashMap::from([(start.clone(), HashMap::new())]);
    let mut here = start;
    while let Some(path) = to_something_new(&known, &here, calls) {
        for call in path {
            let there = step(&here, call).await;
            if let Some(expected) = known[&here].get(&call) {
                assert_eq!(&there, expected, "the API shows less than what it goes by: {call:?} at {here:?}");
            }
            known.entry(there.clone()).or_default();
            known.get_mut(&here).unwrap().insert(call, there.clone());
            here = there;
        }
    }
    known.len()
}

/// The calls that lead to the nearest state where one was not made yet, and that one.
fn to_something_new<S: Clone + Eq + Hash, C: Copy + Eq + Hash>(
    known: &HashMap<S, HashMap<C, S>>,
    here: &S,
    calls: &[C],
) -> Option<Vec<C>> {
    let mut ways = VecDeque::from([(here, Vec::new())]);
    let mut visited = HashSet::from([here]);
    while let Some((place, way)) = ways.pop_front() {
        let made = &known[place];
        if let Some(new) = calls.iter().find(|call| !made.contains_key(*call)) {
            return Some([way, vec![*new]].concat());
        }
        for call in calls {
            if visited.insert(&made[call]) {
                ways.push_back((&made[call], [way.as_slice(), &[*call]].concat()));
            }
        }
    }
    None
}

async fn get(world: &World, path: &str) -> Value {
    world.api(Method::GET, path, Value::Null).await.json()
}

/// What an administrator of the policy does; the status of the answer.
async fn policy(world: &World, method: Method, mut settings: Value) -> u16 {
    settings["revision"] = get(world, POLICY).await["revision"].clone();
    world.api(method, POLICY, settings).await.status.as_u16()
}

async fn connection(world: &World, mut settings: Value) -> u16 {
    settings["tenant"] = json!("acme.example");
    settings["product"] = json!("crm");
    settings["clientSecret"] = json!(world.connection_secret("acme.example").await);
    world.api(Method::PATCH, "sso", settings).await.status.as_u16()
}

const ALICE: &str = "alice@acme.example";
const ROOT: &str = "root@acme.example";

/// What makes a difference to enforcement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Enforced {
    stage: String,
    has_break_glass: bool,
    has_fallback: bool,
    has_domain: bool,
    is_active: bool,
    /// Whether the last test passed, and nothing changed since.
    is_tested: bool,
}

impl Enforced {
    async fn seen(world: &World) -> Self {
        let (policy, found) = (get(world, POLICY).await, get(world, "sso?tenant=acme.example&product=crm").await);
        let domains = get(world, "domains?tenant=acme.example&product=crm").await;
        let test = &found[0]["lastTest"];
        Self {
            stage: policy["enforce_sso"].to_string(),
            has_break_glass: policy["break_glass"] != json!([]),
            has_fallback: policy["allow_password_fallback"] == true,
            has_domain: domains["data"].as_array().is_some_and(|list| !list.is_empty()),
            is_active: found[0]["status"] == "active",
            is_tested: test["passed"] == true && test["stale"] == false,
        }
    }

    fn is_ready(&self) -> bool {
        self.has_domain && self.is_active && self.is_tested
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Enforce,
    Observe,
    Stop,
    NameAddress,
    TakeAddresses,
    AllowFallback,
    ForbidFallback,
    ReplaceByNothing,
    ReplaceByEnforcement,
    ProveDomain,
    DeleteDomain,
    PassTest,
    FailTest,
    ChangeMapping,
    Activate,
    Deactivate,
}

const CALLS: [Call; 16] = [
    Call::Enforce,
    Call::Observe,
    Call::Stop,
    Call::NameAddress,
    Call::TakeAddresses,
    Call::AllowFallback,
    Call::ForbidFallback,
    Call::ReplaceByNothing,
    Call::ReplaceByEnforcement,
    Call::ProveDomain,
    Call::DeleteDomain,
    Call::PassTest,
    Call::FailTest,
    Call::ChangeMapping,
    Call::Activate,
    Call::Deactivate,
];

/// Makes a call; the status of the answer, where it is one about the policy. `count` makes each mapping another one.
async fn make(world: &World, call: Call, count: usize) -> Option<u16> {
    let settings = match call {
        Call::Enforce => json!({ "enforce_sso": true }),
        Call::Observe => json!({ "enforce_sso": "observe" }),
        Call::Stop => json!({ "enforce_sso": false }),
        Call::NameAddress => json!({ "break_glass": [ROOT] }),
        Call::TakeAddresses => json!({ "break_glass": [] }),
        Call::AllowFallback => json!({ "allow_password_fallback": true }),
        Call::ForbidFallback => json!({ "allow_password_fallback": false }),
        Call::ReplaceByNothing => return Some(policy(world, Method::PUT, json!({})).await),
        Call::ReplaceByEnforcement => {
            let settings = json!({ "enforce_sso": true, "break_glass": [ROOT], "allow_password_fallback": false });
            return Some(policy(world, Method::PUT, settings).await);
        }
        Call::ProveDomain => {
            let claim =
                json!({ "tenant": "acme.example", "product": "crm", "domain": "acme.example", "proof": "operator" });
            world.api(Method::POST, "domains", claim).await;
            return None;
        }
        Call::DeleteDomain => {
            let domains = get(world, "domains?tenant=acme.example&product=crm").await;
            if let Some(id) = domains["data"][0]["id"].as_str() {
                world.api(Method::DELETE, &format!("domains/{id}"), Value::Null).await;
            }
            return None;
        }
        Call::PassTest | Call::FailTest => {
            let email = if call == Call::PassTest { Some(ALICE.to_owned()) } else { None };
            let bend = |response: &mut Response| {
                response.attributes.retain(|(name, _)| name != "email");
                response.attributes.extend(email.map(|email| ("email".to_owned(), vec![email])));
            };
            Trial::offer(world).await.run(bend).await;
            return None;
        }
        Call::ChangeMapping => {
            let mapping = json!({ "rules": { "count": { "constant": count.to_string() } } });
            assert_eq!(connection(world, json!({ "mapping": mapping })).await, 204);
            return None;
        }
        Call::Activate | Call::Deactivate => {
            assert_eq!(connection(world, json!({ "deactivated": call == Call::Deactivate })).await, 204);
            return None;
        }
    };
    Some(policy(world, Method::PATCH, settings).await)
}

#[actix_web::test]
async fn policy_2_no_reachable_state_enforces_single_sign_on_where_nobody_can_get_in() {
    let world = World::configured("discover.requests_per_minute = 0").await;
    register(&world).await;
    let start = Enforced::seen(&world).await;
    let mut count = 0;
    let states = walk(&CALLS, start, async |before: &Enforced, call| {
        count += 1;
        let status = make(&world, call, count).await;
        let after = Enforced::seen(&world).await;
        let told = [told(&world, ALICE, Some("acme.example")).await, told(&world, ROOT, Some("acme.example")).await];
        let [alice, root] = &told;
        let context = format!("{call:?} made {after:?} of {before:?}: {told:?}");
        // Whoever may not use a password has somewhere else to go, and if that is down, somebody may.
        if alice["password"] == "nobody" {
            assert!(after.stage == "true" && after.has_domain && after.is_active, "{context}");
            assert!(alice["connections"].as_array().is_some_and(|connections| !connections.is_empty()), "{context}");
            assert_eq!(root["password"], "anyone", "{context}");
        }
        // It begins only where somebody came in by what is in use.
        if after.stage == "true" {
            assert!(after.has_break_glass, "{context}");
            assert!(before.stage == "true" || before.is_ready(), "{context}");
        }
        // The way back is one call, from anywhere.
        if matches!(call, Call::Stop | Call::ReplaceByNothing) {
            assert_eq!((status, alice["password"].as_str()), (Some(200), Some("anyone")), "{context}");
        }
        // Whoever is refused is where they were.
        if status.is_some_and(|status| status != 200) {
            assert_eq!(after, *before, "{context}");
        }
        // Anybody hears the same of everybody.
        let [alice, root] = [anybody_is_told(&world, ALICE).await, anybody_is_told(&world, ROOT).await];
        assert_eq!(alice, root, "{context}");
        after
    })
    .await;
    // Every combination, but enforcement without an address.
    assert_eq!(states, 2 * 2 * 2 * 2 * (3 * 2 - 1));
}

/// What makes a difference to the role that everybody has: what the product says of `admin`, and what is the default of the scope and of the
/// connection, with what was confirmed of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Defaults {
    roles: String,
    scope: (String, bool),
    connection: (String, bool),
}

impl Defaults {
    async fn seen(world: &World) -> Self {
        let default =
            |shown: &Value| (shown["default_role"].to_string(), shown["confirmed_privileged_default"] == "admin");
        let found = get(world, "sso?tenant=acme.example&product=crm").await;
        Self {
            roles: get(world, "products?name=crm").await["roles"].to_string(),
            scope: default(&get(world, POLICY).await),
            connection: default(&found[0]["policy"]),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Setting {
    Declare { privileged: bool },
    DeclareNothing,
    Scope { role: Option<&'static str>, confirms: bool },
    Connection { role: Option<&'static str>, confirms: bool },
    SomethingElse,
}

#[actix_web::test]
async fn policy_4_no_sequence_of_calls_makes_a_privileged_role_a_silent_default_wherever_it_leads() {
    let world = World::new().await;
    register(&world).await;
    let admin = Some("admin");
    let layers = [(None, false), (admin, false), (admin, true)];
    let mut calls = vec![
        Setting::Declare { privileged: false },
        Setting::Declare { privileged: true },
        Setting::DeclareNothing,
        Setting::SomethingElse,
    ];
    calls.extend(layers.map(|(role, confirms)| Setting::Scope { role, confirms }));
    calls.extend(layers.map(|(role, confirms)| Setting::Connection { role, confirms }));
    // Whether somebody has said of the default of the scope, and of the connection, that it is meant.
    let mut meant = [false, false];
    let mut count = 0;
    let start = Defaults::seen(&world).await;
    let states = walk(&calls, start, async |before: &Defaults, call| {
        count += 1;
        let status = match call {
            Setting::Declare { privileged } => {
                let roles = json!([{ "name": "admin", "privileged": privileged }]);
                world.api(Method::PATCH, "products", json!({ "name": "crm", "roles": roles })).await.status.as_u16()
            }
            Setting::DeclareNothing => {
                world.api(Method::PATCH, "products", json!({ "name": "crm", "roles": [] })).await.status.as_u16()
            }
            Setting::Scope { role, confirms } => {
                let settings =
                    json!({ "default_role": role.unwrap_or_default(), "confirm_privileged_default": confirms });
                policy(&world, Method::PATCH, settings).await
            }
            Setting::Connection { role, confirms } => {
                let overrides =
                    role.map(|role| json!({ "default_role": role, "confirm_privileged_default": confirms }));
                connection(&world, json!({ "policy": overrides.unwrap_or(json!({})) })).await
            }
            Setting::SomethingElse => policy(&world, Method::PATCH, json!({ "default_team": count.to_string() })).await,
        };
        match call {
            _ if status >= 400 => {}
            Setting::Scope { role, confirms } => meant[0] = role.is_some() && (confirms || meant[0]),
            Setting::Connection { role, confirms } => meant[1] = role.is_some() && confirms,
            _ => {}
        }
        let after = Defaults::seen(&world).await;
        let context = format!("{call:?} ({status}) made {after:?} of {before:?}, meant {meant:?}");
        let trial = Trial::offer(&world).await;
        trial.run(|_| {}).await;
        let role = trial.result().await["values"]["claims"]["role"].clone();
        if role == "admin" && after.roles.contains("true") {
            let decided_by_connection = after.connection.0.contains("admin");
            assert!(if decided_by_connection { meant[1] } else { meant[0] }, "{context}");
            let shown = if decided_by_connection { &after.connection } else { &after.scope };
            assert!(shown.1, "it is shown that somebody meant it: {context}");
            let warned = get(&world, POLICY).await.get("warnings").is_some();
            assert!(warned || decided_by_connection, "{context}");
        }
        after
    })
    .await;
    assert!(states >= 20, "{states}");
}
