//! Fault 9: documents that cost more to read than to write, at the two doors where XML comes in. Each is refused, and memory stays
//! what it is.

use std::time::Duration;

use postern_e2e::{Postern, Redis, Settings, usage};
use postern_lab::attack::{CLASSES, Scene};
use postern_lab::key::Key;
use postern_lab::response::Response;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::CALM;
use crate::customer::Customer;

/// The class of attacks that are bombs.
const BOMBS: &str = "Size and depth";
/// How often each is sent.
const TIMES: usize = 3;
/// By how much memory may grow, in bytes. The largest document that is read at all has one MiB, and takes some of these while it is read.
const MEMORY: u64 = 40 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn fault_9_bombs_are_refused_and_memory_stays_what_it_is() {
    let _calm = CALM.lock().await;
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let customer = Customer::of(&postern).await;
    customer.sign_in(&postern).await.expect("a login");
    let before = usage::memory(postern.pid());
    let mut slowest = Duration::ZERO;
    for _ in 0..TIMES {
        slowest = slowest.max(responses(&postern, &customer).await).max(metadata(&postern).await);
    }
    let after = usage::memory(postern.pid());
    customer.sign_in(&postern).await.expect("a login");
    #[expect(clippy::print_stdout, reason = "what was lost is for reading")]
    {
        println!(
            "bombs: 0 logins lost; the slowest was refused after {slowest:?}; memory {} MiB before, {} MiB at most",
            before.now >> 20,
            after.peak >> 20,
        );
    }
    assert!(after.peak < before.peak + MEMORY, "fault 7: memory is bounded");
}

/// Posts each bomb as the answer to a login. How long the slowest took.
async fn responses(postern: &Postern, customer: &Customer) -> Duration {
    let other_key = Key::generate().expect("a key");
    let (earlier, encrypt_to) = (Response::at(postern_e2e::login::now()), other_key.public_key_info());
    let acs = format!("{}/api/oauth/saml", postern.public_url);
    let mut slowest = Duration::ZERO;
    let class = CLASSES.iter().find(|class| class.name == BOMBS).expect("the class");
    for bomb in class.attacks {
        let waiting = customer.begin(postern).await.expect("a login that begins");
        let scene = Scene {
            idp: &customer.idp.entity_id,
            key: &customer.idp.key,
            other_key: &other_key,
            sp: &postern.public_url,
            acs: &acs,
            request_id: &waiting.request_id,
            now: postern_e2e::login::now(),
            encrypt_to: &encrypt_to,
            earlier: &earlier,
            foreign: "",
        };
        let field = bomb.field(&scene);
        let began = Instant::now();
        let answer = customer.post(postern, &waiting, field).await;
        slowest = slowest.max(began.elapsed());
        assert!(answer.status < 500 && answer.parameter("code").is_none(), "{}: {answer:?}", bomb.name);
        assert!(answer.fault().is_some_and(|code| bomb.expected.contains(&code)), "{}: {answer:?}", bomb.name);
    }
    slowest
}

/// Posts the like as metadata of a new connection.
async fn metadata(postern: &Postern) -> Duration {
    let entities = (1..10).map(|level| format!(r#"<!ENTITY e{level} "{}">"#, format!("&e{};", level - 1).repeat(10)));
    let laughs = format!(r#"<!DOCTYPE m [<!ENTITY e0 "ha">{}]><m>&e9;</m>"#, entities.collect::<String>());
    let head = r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://bomb.example.com">"#;
    let around = |inner: &str| format!("{head}{inner}</EntityDescriptor>");
    let bombs = [
        laughs,
        around(&("<a>".repeat(50_000) + &"</a>".repeat(50_000))),
        around(&"<a/>".repeat(200_000)),
        around(&format!("<a {}/>", (0..50_000).map(|at| format!(r#"b{at}="" "#)).collect::<String>())),
        around(&"x".repeat(1_900_000)),
        around(&"x".repeat(5_000_000)),
    ];
    let mut slowest = Duration::ZERO;
    for bomb in bombs {
        let connection = json!({
            "tenant": "bomb.example.com", "product": "crm", "rawMetadata": bomb,
            "redirectUrl": ["https://app.example.com/"], "defaultRedirectUrl": "https://app.example.com/",
        });
        let began = Instant::now();
        let answer = postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/sso", Some(&connection)).await;
        slowest = slowest.max(began.elapsed());
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    slowest
}
