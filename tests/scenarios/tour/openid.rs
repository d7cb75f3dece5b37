//! The OpenID Provider answers: every fault of the lab's table, and those of connecting to one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postern_core::fault::Code;
use postern_core::ports::{Clock, Random, Timestamp};
use postern_e2e::login::{Answer, authorize, now};
use postern_e2e::{Postern, http};
use postern_lab::idp::Person;
use postern_lab::key::Key;
use postern_lab::openid::{CASES, Expected, Lies, OpenidProvider, Options};
use reqwest::header::COOKIE;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{EMAIL, FIRST_NAME, GROUP, Guide, LAST_NAME, NAME_ID, PRODUCT, REDIRECT, STRANGE};

const TENANT: &str = "tenant-of-openid-d8w2kr.example.com";
const CLIENT: &str = "client-of-postern";
const SECRET: &str = "secret-at-the-provider-p3x7qm";

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// Other bytes each time; nobody has to be kept from guessing them.
#[derive(Default)]
struct Chance(AtomicU64);

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        let digest = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        for (byte, chance) in bytes.iter_mut().zip(digest.iter().cycle()) {
            *byte = *chance;
        }
    }
}

pub(super) async fn visit(guide: &mut Guide) {
    let alice = Person {
        id: NAME_ID.into(),
        email: EMAIL.into(),
        first_name: FIRST_NAME.into(),
        last_name: LAST_NAME.into(),
        groups: vec![GROUP.into()],
    };
    let provider = OpenidProvider::start(Options {
        host: "127.0.0.1".into(),
        port: 0,
        key: Key::generate().expect("a key"),
        client_id: CLIENT.into(),
        client_secret: Some(SECRET.into()),
        people: vec![alice],
        clock: Arc::new(Now),
        random: Arc::new(Chance::default()),
    })
    .expect("a provider");
    for (name, value) in [("tenant of the provider", TENANT), ("secret at the provider", SECRET)] {
        guide.marks.add(name, value);
    }
    documents(guide, &provider).await;
    provider.rotate(Key::generate().expect("a key"), true);
    connect(guide, &provider, json!({})).await;
    answers(guide, &provider).await;
    settings(guide, &provider).await;
    provider.stop().await;
}

/// What the provider publishes is of no use.
async fn documents(guide: &mut Guide, provider: &OpenidProvider) {
    let metadata = |name: &'static str, value: Value| Lies { metadata: vec![(name, value)], ..Lies::default() };
    let keys = |document: Value| Lies { keys: Some(document), ..Lies::default() };
    let wrong = [
        (Code::OidcMetadataIssuerMismatch, metadata("issuer", json!(format!("https://{STRANGE}.example.com")))),
        (Code::OidcMetadataIncomplete, metadata("token_endpoint", Value::Null)),
        (Code::OidcMetadataEndpointInvalid, metadata("token_endpoint", json!(format!("gopher://{STRANGE}")))),
        (Code::OidcMetadataAlgorithms, metadata("id_token_signing_alg_values_supported", json!(["HS256"]))),
        (Code::OidcMetadataKeyMissing, keys(json!({ "keys": [] }))),
        (Code::OidcKeysUnreadable, keys(json!([STRANGE]))),
    ];
    for (code, lies) in wrong {
        provider.lie(lies);
        let answer = try_connect(guide, provider, json!({})).await;
        guide.meet(code, answer);
    }
    provider.lie(Lies::default());
    let by_hand = json!({ "oidcDiscoveryUrl": null, "oidcMetadata": format!("[{STRANGE}") });
    let answer = try_connect(guide, provider, by_hand).await;
    guide.meet(Code::OidcMetadataUnreadable, answer);
}

/// What the provider says of a login is wrong.
async fn answers(guide: &mut Guide, provider: &OpenidProvider) {
    let mut met = BTreeSet::new();
    for case in CASES {
        let Expected::Refused(code) = case.expected else { continue };
        if met.insert(code) {
            provider.lie((case.lies)());
            let answer = login(guide, provider).await;
            guide.meet(code, answer);
        }
    }
    provider.lie(Lies { header: vec![("kid", Value::Null)], ..Lies::default() });
    let answer = login(guide, provider).await;
    guide.meet(Code::OidcKeyAmbiguous, answer);
    provider.lie(Lies::default());
    let answer = login(guide, provider).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");

    let waiting = guide.begin(&[]).await;
    let answer = http()
        .get(format!("{}/api/oauth/oidc?state={}&code={STRANGE}", guide.postern.public_url, waiting.relay_state))
        .header(COOKIE, &waiting.cookie);
    let answer = Answer::read(answer.send().await.expect("an answer")).await;
    guide.meet(Code::ConnectionOtherProtocol, answer);
}

/// What the connection settles is not met.
async fn settings(guide: &mut Guide, provider: &OpenidProvider) {
    connect(guide, provider, json!({ "oidcRequiredClaims": { "hd": format!("{STRANGE}.example.com") } })).await;
    let answer = login(guide, provider).await;
    guide.meet(Code::OidcRequiredClaim, answer);
    connect(guide, provider, json!({ "oidcCallback": "own" })).await;
    let (cookie, mut url) = ask(guide, provider).await;
    let (of_all, _) = url.path().rsplit_once('/').expect("a path");
    url.set_path(&format!("{of_all}/{STRANGE}"));
    let answer = bring(&cookie, &url).await;
    guide.meet(Code::OidcOtherCallback, answer);
}

async fn connect(guide: &Guide, provider: &OpenidProvider, more: Value) {
    let answer = try_connect(guide, provider, more).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn try_connect(guide: &Guide, provider: &OpenidProvider, more: Value) -> Answer {
    let mut body = json!({
        "tenant": TENANT, "product": PRODUCT, "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
        "oidcDiscoveryUrl": provider.issuer, "oidcClientId": CLIENT, "oidcClientSecret": SECRET,
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    guide.postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/sso", Some(&body)).await
}

/// A login as far as the way back from the provider: the cookie and the address.
async fn ask(guide: &mut Guide, provider: &OpenidProvider) -> (String, Url) {
    let asking = guide.asking(&[("tenant", Some(TENANT))]);
    let answer = authorize(&guide.postern, &asking).await;
    let location = answer.location.clone().unwrap_or_else(|| panic!("no way to the provider: {answer:?}"));
    for (name, value) in
        location.query_pairs().filter(|(name, _)| ["state", "nonce", "code_challenge"].contains(&&**name))
    {
        guide.marks.add(&format!("{name} towards the provider"), value.as_bytes());
    }
    let cookie = answer.cookies.join("; ");
    guide.marks.add("cookie", cookie.split_once('=').expect("name=value").1);
    let url = provider.answer(&location);
    if let Some((_, code)) = url.query_pairs().find(|(name, _)| name == "code") {
        guide.marks.add("code of the provider", code.as_bytes());
    }
    (cookie, url)
}

async fn bring(cookie: &str, url: &Url) -> Answer {
    Answer::read(http().get(url.clone()).header(COOKIE, cookie).send().await.expect("an answer")).await
}

async fn login(guide: &mut Guide, provider: &OpenidProvider) -> Answer {
    let (cookie, url) = ask(guide, provider).await;
    bring(&cookie, &url).await
}
