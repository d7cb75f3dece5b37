//! The keys that sign tokens change while people sign in: over real HTTP, on a real Redis, through two replicas. Every ID token
//! that lives has to verify with the key set that either replica serves, and is verified with a library that is none of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_e2e::key_set::{KeySet, key_of};
use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings, http};
use postern_lab::response::base64;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const REDIRECT: &str = "https://app.example.com/callback";
const TENANT: &str = "acme.example.com";
/// One app for each way to sign.
const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// How often each of the keys changes.
const CHANGES: usize = 3;
/// How many people sign in at the same time.
const PEOPLE: usize = 4;
/// The longest that a token may live, so that none of this test expires while it runs.
const LIFETIME: &str = "3600";
/// A replica reads the keys every minute.
const HEARD: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn d8_every_living_id_token_verifies_at_every_replica_while_keys_change() {
    let stage = Stage::start().await;
    let load = stage.load();
    stage.people(15).await;

    // An operator makes the keys that will come, at the one replica and the other.
    let first = stage.active().await;
    let mut coming: Vec<BTreeMap<&str, Key>> = Vec::new();
    for number in 0..CHANGES {
        let mut keys = BTreeMap::new();
        for algorithm in ALGORITHMS {
            keys.insert(algorithm, stage.add(number, algorithm).await);
        }
        coming.push(keys);
    }
    // Nobody can have read of them yet, so they are not put into use; and what is in use does not go.
    assert_eq!(stage.activate(0, &coming[0]["ES256"], false).await, Some("KeyNotAnnounced".to_owned()));
    assert_eq!(stage.remove(1, &first["ES256"]).await, Some("KeyInUse".to_owned()));
    stage.published(coming.iter().flat_map(BTreeMap::values).map(|key| key.kid.as_str()).collect()).await;

    // Here everybody has: no client of this test keeps a key set. So the operator need not wait for ten minutes.
    let mut former = first.clone();
    for (number, keys) in coming.iter().enumerate() {
        for (algorithm, key) in keys {
            assert_eq!(stage.activate(number, key, true).await, None, "{algorithm}");
            // What lives was signed with the former: it stays.
            let former = former.insert(*algorithm, key.clone()).expect("a former key");
            assert_eq!(stage.remove(number, &former).await, Some("KeyStillNeeded".to_owned()));
        }
        stage.people(30).await;
        stage.check().await;
    }

    stage.over.store(true, Ordering::Relaxed);
    load.join_all().await;
    stage.check().await;
    let tokens = stage.tokens.lock().unwrap().clone();
    let signed: BTreeSet<String> = tokens.iter().map(|issued| key_of(&issued.token)).collect();
    let made = first.values().chain(coming.iter().flat_map(BTreeMap::values)).map(|key| key.kid.clone()).collect();
    assert_eq!(signed, made, "each of the keys was in use");
    #[expect(clippy::print_stdout, reason = "how many tokens there were is what one wants to know")]
    {
        println!("{} ID tokens, signed with {} keys in turn: all verify at both replicas", tokens.len(), signed.len());
    }
}

/// A key as the API names it, and as tokens do.
#[derive(Clone)]
struct Key {
    id: String,
    kid: String,
}

/// An ID token and whom it was made for.
#[derive(Clone)]
struct Issued {
    token: String,
    client_id: String,
}

struct Stage {
    _redis: Redis,
    replicas: [Postern; 2],
    /// Client id and secret of each app.
    clients: Vec<(String, String)>,
    idp: Idp,
    tokens: Mutex<Vec<Issued>>,
    signed_in: AtomicUsize,
    over: AtomicBool,
}

impl Stage {
    async fn start() -> Arc<Self> {
        let redis = Redis::start().await;
        let environment = || vec![("POSTERN_OAUTH__ACCESS_TOKEN_SECONDS", LIFETIME.to_owned())];
        let one = Postern::start(&redis, Settings { environment: environment(), ..Settings::default() }).await;
        let port = one.origin.rsplit(':').next().and_then(|port| port.parse().ok());
        let other =
            Postern::start(&redis, Settings { public_port: port, environment: environment(), ..Settings::default() })
                .await;
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        let mut clients = Vec::new();
        for algorithm in ALGORITHMS {
            let product = format!("crm-{algorithm}");
            one.connect(TENANT, &product, &urls, ("rawMetadata", &idp.metadata())).await;
            clients.push(one.register(&product, &urls).await);
            let change = json!({ "name": product, "id_token_signed_response_alg": algorithm });
            one.call("PATCH", "/api/v1/products", Some(&change)).await;
        }
        let (tokens, signed_in, over) = (Mutex::default(), AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { _redis: redis, replicas: [one, other], clients, idp, tokens, signed_in, over })
    }

    /// People who sign in, again and again, until it is over.
    fn load(self: &Arc<Self>) -> JoinSet<()> {
        let mut load = JoinSet::new();
        for person in 0..PEOPLE {
            let stage = self.clone();
            load.spawn(async move {
                for number in person.. {
                    if stage.over.load(Ordering::Relaxed) {
                        break;
                    }
                    let Some(issued) = stage.sign_in(number).await else { continue };
                    // The app asks the other replica for the keys, the very moment it has the token.
                    let set = KeySet::of(&stage.replicas[(number + 1) % 2]).await;
                    stage.verify(&set, &issued);
                    stage.tokens.lock().unwrap().push(issued);
                    stage.signed_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }

    /// A login that begins at one replica, and is redeemed at another. `None`: the machine is busy, and the app is told to begin
    /// again (RFC 6749 §4.1.2.1).
    async fn sign_in(&self, number: usize) -> Option<Issued> {
        let (client_id, secret) = &self.clients[number % ALGORITHMS.len()];
        let asked = [
            ("client_id", client_id.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let [one, other] = [number % 2, (number + 1) % 2].map(|at| &self.replicas[at]);
        let asked = login::authorize(other, &asked).await;
        if is_busy(asked.parameter("error")) {
            return None;
        }
        let waiting = Waiting::read(other, asked);
        let xml = waiting.response(&self.idp).signed_assertion(&self.idp.key);
        let form = [("SAMLResponse", base64(&xml)), ("RelayState", waiting.relay_state.clone())];
        let request = http().post(format!("{}/api/oauth/saml", other.origin)).header("cookie", &waiting.cookie);
        let answer = login::Answer::read(request.form(&form).send().await.expect("an answer")).await;
        if is_busy(answer.parameter("error")) {
            return None;
        }
        let code = answer.code();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        let answer = login::redeem(one, (client_id, secret), &form).await;
        if is_busy(answer.member("error")) {
            return None;
        }
        let token = answer.member("id_token").unwrap_or_else(|| panic!("no ID token in {answer:?}"));
        Some(Issued { token, client_id: client_id.clone() })
    }

    fn verify(&self, set: &KeySet, issued: &Issued) {
        let verified = set.verify(&issued.token, &self.replicas[0].public_url, &issued.client_id);
        assert!(verified.is_ok(), "{verified:?}");
    }

    /// Verifies every token so far with what each replica serves now.
    async fn check(&self) {
        for replica in &self.replicas {
            let issued = self.tokens.lock().unwrap().clone();
            let set = KeySet::of(replica).await;
            issued.iter().for_each(|issued| self.verify(&set, issued));
        }
    }

    /// Waits until so many more people have signed in.
    async fn people(&self, many: usize) {
        let enough = self.signed_in.load(Ordering::Relaxed) + many;
        while self.signed_in.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until both replicas publish these keys.
    async fn published(&self, names: Vec<&str>) {
        let until = login::now() + HEARD;
        loop {
            let sets = [KeySet::of(&self.replicas[0]).await, KeySet::of(&self.replicas[1]).await];
            if sets.iter().all(|set| names.iter().all(|name| set.names().any(|known| known == *name))) {
                return;
            }
            assert!(login::now() < until, "a replica does not publish {names:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn listed(&self, at: usize) -> Vec<Value> {
        let listed = self.replicas[at % 2].call("GET", "/api/v1/token-keys", None).await;
        listed.as_array().expect("a list").clone()
    }

    /// The key of each algorithm that is in use.
    async fn active(&self) -> BTreeMap<&'static str, Key> {
        let listed = self.listed(0).await;
        let of = |algorithm| listed.iter().find(|key| key["alg"] == algorithm && key["active"] == true);
        ALGORITHMS.into_iter().map(|algorithm| (algorithm, read(of(algorithm).expect("a key")))).collect()
    }

    /// Makes a key.
    async fn add(&self, at: usize, algorithm: &str) -> Key {
        let before: Vec<Value> = self.listed(at).await;
        let body = json!({ "alg": algorithm });
        let after = self.replicas[at % 2].call("POST", "/api/v1/token-keys", Some(&body)).await;
        let mut added =
            after.as_array().expect("a list").iter().filter(|key| !before.iter().any(|old| old["id"] == key["id"]));
        read(added.next().expect("a new key"))
    }

    /// Puts a key into use: the fault, if that is refused.
    async fn activate(&self, at: usize, key: &Key, force: bool) -> Option<String> {
        let body = json!({ "id": key.id, "force": force });
        self.change(at, Method::POST, "/api/v1/token-keys/activate", Some(&body)).await
    }

    /// Withdraws a key, when it is time: the fault, if that is refused.
    async fn remove(&self, at: usize, key: &Key) -> Option<String> {
        self.change(at, Method::DELETE, &format!("/api/v1/token-keys?id={}", key.id), None).await
    }

    async fn change(&self, at: usize, method: Method, path: &str, body: Option<&Value>) -> Option<String> {
        let answer = self.replicas[at % 2].call_as(Postern::API_KEY, method, path, body).await;
        if answer.status < 300 {
            return None;
        }
        let told: Value = serde_json::from_str(&answer.body).expect("JSON");
        Some(told["error"]["code"].as_str().unwrap_or_else(|| panic!("no code in {told}")).to_owned())
    }
}

fn is_busy(error: Option<String>) -> bool {
    error.as_deref() == Some("temporarily_unavailable")
}

fn read(key: &Value) -> Key {
    let text = |name: &str| key[name].as_str().unwrap_or_else(|| panic!("no {name} in {key}")).to_owned();
    Key { id: text("id"), kid: text("kid") }
}
