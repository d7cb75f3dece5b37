//! Whoever is blocked, or whose invitation is withdrawn, is out within seconds: on a real Redis, over real HTTP, with two replicas,
//! whichever of them hears of it.

use std::time::Duration;

use postern_core::ports::Timestamp;
use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting, now};
use postern_e2e::{Postern, Redis, Settings};
use postern_lab::response::Response;
use serde_json::{Value, json};

use crate::logout::{Heard, LIMIT, ear};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";
const REDIRECT: &str = "https://app.example.com/callback";
const PEOPLE: usize = 40;

struct World {
    _redis: Redis,
    replicas: [Postern; 2],
    idp: Idp,
    client: (String, String),
    heard: Heard,
}

/// Somebody who is signed in.
struct Person {
    email: String,
    session: String,
    refresh_token: String,
}

impl World {
    /// A customer of two replicas who lets in only whom it has invited, and an app that hears of ended sessions.
    async fn start() -> Self {
        let redis = Redis::start().await;
        let one = Postern::start(&redis, Settings::default()).await;
        let port = one.origin.rsplit(':').next().and_then(|port| port.parse().ok());
        let other = Postern::start(&redis, Settings { public_port: port, ..Settings::default() }).await;
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        one.connect(TENANT, PRODUCT, &urls, ("rawMetadata", &idp.metadata())).await;
        let client = one.register(PRODUCT, &urls).await;
        let (url, heard) = ear().await;
        let settings = json!({
            "name": PRODUCT, "backchannel_logout_uri": url, "grant_types": ["authorization_code", "refresh_token"],
        });
        one.call("PATCH", "/api/v1/products", Some(&settings)).await;
        let policy = json!({ "revision": 0, "access_policy": "invited_only" });
        one.call("PATCH", &format!("/api/v1/tenants/{TENANT}/products/{PRODUCT}/policy"), Some(&policy)).await;
        Self { _redis: redis, replicas: [one, other], idp, client, heard }
    }

    /// The answer of the identity provider to a login of somebody.
    async fn answered(&self, number: usize) -> (Waiting, Response) {
        let asked = [
            ("client_id", self.client.0.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let waiting = login::begin(&self.replicas[0], &asked).await;
        let mut response = Response { name_id: Some(format!("person-{number}")), ..waiting.response(&self.idp) };
        response.attributes.retain(|(name, _)| name != "email");
        response.attributes.push(("email".into(), vec![email(number)]));
        (waiting, response)
    }

    async fn sign_in(&self, number: usize) -> Person {
        let (waiting, response) = self.answered(number).await;
        let code = waiting.answer(&response.signed_assertion(&self.idp.key)).await.code();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        let answer = login::redeem(&self.replicas[0], (&self.client.0, &self.client.1), &form).await;
        let token = answer.member("refresh_token").unwrap_or_else(|| panic!("no refresh token in {answer:?}"));
        let (session, _) = token.split_once('.').expect("session.secret");
        Person { email: email(number), session: session.to_owned(), refresh_token: token.clone() }
    }

    /// Why a login of somebody is refused.
    async fn refusal(&self, number: usize) -> String {
        let (waiting, response) = self.answered(number).await;
        let answer = waiting.answer(&response.signed_assertion(&self.idp.key)).await;
        answer.parameter("error_description").unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// When the app heard of the end of a session.
    async fn heard(&self, session: &str) -> Timestamp {
        for _ in 0..500 {
            if let Some((at, _)) = self.heard.lock().expect("the list").get(session) {
                return *at;
            }
            tokio::time::sleep(LIMIT / 500).await;
        }
        panic!("{session} was never told");
    }
}

fn email(number: usize) -> String {
    format!("person{number}@acme.example.com")
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_6_who_is_blocked_or_not_invited_any_more_is_out_within_five_seconds() {
    let world = World::start().await;
    let all: Vec<Value> = (0..PEOPLE).map(|number| json!({ "email": email(number) })).collect();
    let invited = json!({ "tenant": TENANT, "product": PRODUCT, "people": all });
    world.replicas[0].call("POST", "/api/v1/people/invited", Some(&invited)).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(world.sign_in(number).await);
    }
    let mut delays = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let (replica, other) = (&world.replicas[number % 2], &world.replicas[(number + 1) % 2]);
        let (who, began) = (&person.email, now());
        let (answer, code) = if number % 4 < 2 {
            let body = json!({ "tenant": TENANT, "product": PRODUCT, "email": who });
            (replica.call("POST", "/api/v1/people/blocked", Some(&body)).await, "PersonBlocked")
        } else {
            let path = format!("/api/v1/people/invited?tenant={TENANT}&product={PRODUCT}&email={who}");
            (replica.call("DELETE", &path, None).await, "NotInvited")
        };
        assert_eq!(answer["ended"], 1, "{answer}");
        // At the other replica, as soon as the call is answered.
        let form = [("grant_type", "refresh_token"), ("refresh_token", person.refresh_token.as_str())];
        let answer = login::redeem(other, (&world.client.0, &world.client.1), &form).await;
        assert_eq!((answer.status, answer.member("error").as_deref()), (400, Some("invalid_grant")), "{answer:?}");
        let refusal = world.refusal(number).await;
        assert!(refusal.contains(code), "{refusal}");
        let told = world.heard(&person.session).await;
        delays.push(Duration::try_from(told.max(now()).duration_since(began)).expect("later"));
    }
    delays.sort();
    print(&delays);
    assert!(delays.iter().all(|delay| *delay < LIMIT), "{delays:?}");
}

/// How long it took until everything was over: the refresh token, the next login, and the app told.
#[expect(clippy::print_stdout, reason = "the figures of a measurement, shown with --nocapture")]
fn print(delays: &[Duration]) {
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!(
        "from the call to the end of everything, {} people: median {:?}, 95 % {:?}, longest {:?}",
        delays.len(),
        at(50),
        at(95),
        at(100)
    );
}

/// A thousand at once, of whom some are signed in.
#[tokio::test(flavor = "multi_thread")]
async fn policy_6_a_thousand_people_are_blocked_at_once_within_five_seconds() {
    let world = World::start().await;
    let all: Vec<Value> = (0..1000).map(|number| json!({ "email": email(number) })).collect();
    let list = json!({ "tenant": TENANT, "product": PRODUCT, "people": all });
    world.replicas[0].call("POST", "/api/v1/people/invited", Some(&list)).await;
    let mut people = Vec::new();
    for number in (0..1000).step_by(1000 / PEOPLE) {
        people.push(world.sign_in(number).await);
    }
    let began = now();
    let answer = world.replicas[1].call("POST", "/api/v1/people/blocked", Some(&list)).await;
    assert_eq!(answer["ended"], people.len(), "everybody who was signed in");
    for person in &people {
        let told = world.heard(&person.session).await;
        let delay = Duration::try_from(told.duration_since(began)).unwrap_or_default();
        assert!(delay < LIMIT, "{delay:?}");
    }
}
