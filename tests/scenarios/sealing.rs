//! The keys that seal what is stored change while people sign in, stay signed in, and administrators change settings: on a real
//! Redis, through two replicas that are never restarted. Nobody notices, and in the end the old keys open nothing.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_core::inventory::Kept;
use postern_core::ports::{Backend, Clock, Op, Place, Random, Reply, Seal as _, StoreError, Timestamp};
use postern_core::store::kind;
use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings, http};
use postern_lab::response::base64;
use postern_store::{Census, KEYRING, KeyRing, MemoryBackend, RedisOptions, RootKey, RootKeys, census};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

const REDIRECT: &str = "https://app.example.com/callback";
const TENANT: &str = "acme.example.com";
/// How many people sign in at the same time.
const PEOPLE: usize = 3;
/// How long anything may take that takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealing_keys_change_under_load_and_the_old_ones_open_nothing() {
    let stage = Stage::start().await;
    let (first, old_ring) = (stage.sealing().await, stage.value(KEYRING).await.expect("a ring"));
    let load = stage.load();
    stage.rounds(10).await;

    let second = stage.rotate(first).await;
    stage.write_roots(&[2, 1]);
    stage.until("the ring is sealed with the new root key", async || stage.root().await == 2).await;
    let third = stage.rotate(second).await;
    stage.write_roots(&[2]);
    stage.rounds(4 * PEOPLE).await;

    for number in [first, second] {
        // Refresh tokens wait for their end, which is far away: it is told, and nothing happens.
        let (done, told) = stage.keys(&["retire", &number.to_string()]).await;
        assert!(!done && told.contains("refresh-token") && told.contains("at the latest"), "{told}");
        stage.end_what_is_borne(number).await;
        let (done, told) = stage.keys(&["retire", &number.to_string()]).await;
        assert!(done && told.contains("is retired"), "{told}");
    }
    stage.rounds(10).await;
    stage.over.store(true, Ordering::Relaxed);
    load.join_all().await;

    let failures = stage.failures.lock().unwrap().clone();
    assert!(failures.is_empty(), "{failures:#?}");
    let census = stage.census().await;
    assert_eq!(census.keys().collect::<Vec<_>>(), [&third], "no record names another key");
    let opened = stage.opened_by(&old_ring).await;
    assert_eq!(opened.1, 0, "an old key still opens something");
    for replica in &stage.replicas {
        let unreadable = |line: &&str| line.contains("RecordUnreadable");
        let log = replica.log();
        assert_eq!(log.lines().filter(unreadable).collect::<Vec<_>>(), [] as [&str; 0]);
    }
    #[expect(clippy::print_stdout, reason = "how much there was is what one wants to know")]
    {
        let (rounds, busy) = (stage.done.load(Ordering::Relaxed), stage.busy.load(Ordering::Relaxed));
        println!(
            "{rounds} rounds of sign-in, refreshes and administration (and {busy} told to come again), 0 failures; \
             2 data keys and 1 root key replaced, {} records of which the old ring opens 0",
            opened.0
        );
    }
}

/// The time that the programs under test live in.
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        login::now()
    }
}

/// Keys of a test that are nobody else's.
struct Urandom;

impl Random for Urandom {
    fn fill(&self, bytes: &mut [u8]) {
        std::fs::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
    }
}

struct Stage {
    redis: Redis,
    folder: tempfile::TempDir,
    roots: [RootKey; 2],
    backend: Arc<dyn Backend>,
    replicas: [Postern; 2],
    client: (String, String),
    connection: serde_json::Value,
    idp: Idp,
    /// Rounds that went well.
    done: AtomicUsize,
    /// Rounds that ended early, because the machine is busy and says so.
    busy: AtomicUsize,
    failures: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Stage {
    async fn start() -> Arc<Self> {
        let (redis, folder) = (Redis::start().await, tempfile::tempdir().unwrap());
        let roots = [1, 2].map(|number| RootKey::generate(number, &Urandom));
        std::fs::write(folder.path().join("keys"), roots[0].to_text().expose()).unwrap();
        let environment = || {
            vec![
                ("POSTERN_SEAL__KEYS", String::new()),
                ("POSTERN_SEAL__KEYS_FILE", folder.path().join("keys").display().to_string()),
            ]
        };
        let one = Postern::start(&redis, Settings { environment: environment(), ..Settings::default() }).await;
        let port = one.origin.rsplit(':').next().and_then(|port| port.parse().ok());
        let other =
            Postern::start(&redis, Settings { public_port: port, environment: environment(), ..Settings::default() })
                .await;
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        let connection = one.connect(TENANT, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        let client = one.register("crm", &urls).await;
        let change = json!({ "name": "crm", "grant_types": ["authorization_code", "refresh_token"] });
        one.call("PATCH", "/api/v1/products", Some(&change)).await;
        let url = redis.url().parse().unwrap();
        let backend = postern_store::open(&url, Arc::new(Now), &RedisOptions::default()).await.unwrap();
        let (done, busy, failures, over) =
            (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::default(), AtomicBool::new(false));
        let replicas = [one, other];
        Arc::new(Self { redis, folder, roots, backend, replicas, client, connection, idp, done, busy, failures, over })
    }

    /// People and an administrator, again and again, until it is over.
    fn load(self: &Arc<Self>) -> JoinSet<()> {
        let mut load = JoinSet::new();
        for person in 0..=PEOPLE {
            let stage = self.clone();
            load.spawn(async move {
                for number in person.. {
                    if stage.over.load(Ordering::Relaxed) {
                        break;
                    }
                    let outcome =
                        if person == 0 { stage.administer(number).await } else { stage.sign_in(number).await };
                    match outcome {
                        Ok(true) => drop(stage.done.fetch_add(1, Ordering::Relaxed)),
                        Ok(false) => drop(stage.busy.fetch_add(1, Ordering::Relaxed)),
                        Err(failure) => stage.failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
        load
    }

    /// Changes a connection, and lets a tenant come and go.
    async fn administer(&self, number: usize) -> Result<bool, String> {
        let replica = &self.replicas[number % 2];
        let scope = json!({ "tenant": TENANT, "product": "crm" });
        let mut change = json!({
            "clientID": self.connection["clientID"], "clientSecret": self.connection["clientSecret"],
            "name": format!("name {number}"),
        });
        change.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        let own = format!("tenant-{number}.example.com");
        let new = json!({
            "tenant": own, "product": "crm", "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
            "rawMetadata": self.idp.metadata(),
        });
        for (method, path, body) in [
            (Method::PATCH, "/api/v1/sso".to_owned(), Some(change)),
            (Method::POST, "/api/v1/sso".to_owned(), Some(new)),
            (Method::DELETE, format!("/api/v1/tenants/{own}"), None),
        ] {
            let answer = replica.call_as(Postern::API_KEY, method, &path, body.as_ref()).await;
            if answer.status == 503 {
                return Ok(false);
            }
            good(&path, answer)?;
        }
        Ok(true)
    }

    /// A login that begins at one replica and is redeemed at the other, and what follows: refreshes, claims.
    async fn sign_in(&self, number: usize) -> Result<bool, String> {
        let [one, other] = [number % 2, (number + 1) % 2].map(|at| &self.replicas[at]);
        let asked = [
            ("client_id", self.client.0.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let asked = login::authorize(other, &asked).await;
        if is_busy(&asked) {
            return Ok(false);
        }
        let waiting = Waiting::read(other, good("authorize", asked)?);
        let xml = waiting.response(&self.idp).signed_assertion(&self.idp.key);
        let form = [("SAMLResponse", base64(&xml)), ("RelayState", waiting.relay_state.clone())];
        let request = http().post(format!("{}/api/oauth/saml", one.origin)).header("cookie", &waiting.cookie);
        let answer = Answer::read(request.form(&form).send().await.map_err(|error| error.to_string())?).await;
        if is_busy(&answer) {
            return Ok(false);
        }
        let code = answer.parameter("code").ok_or_else(|| format!("no code: {answer:?}"))?;
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", CODE_VERIFIER.to_owned()),
        ];
        for replica in [other, one, other, one] {
            let fields: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = login::redeem(replica, (&self.client.0, &self.client.1), &fields).await;
            if is_busy(&answer) {
                return Ok(false);
            }
            let answer = good("token", answer)?;
            let token = |name| answer.member(name).ok_or_else(|| format!("no {name}: {answer:?}"));
            let claims = login::userinfo(replica, &token("access_token")?).await;
            if claims.status == 503 {
                return Ok(false);
            }
            good("userinfo", claims)?;
            form = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token("refresh_token")?)];
        }
        Ok(true)
    }

    /// Waits for so many more rounds.
    async fn rounds(&self, many: usize) {
        let enough = self.done.load(Ordering::Relaxed) + many;
        self.until("people sign in", async || self.done.load(Ordering::Relaxed) >= enough).await;
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let end = login::now() + PATIENCE;
        while !holds().await {
            let failures = self.failures.lock().unwrap().clone();
            assert!(failures.is_empty(), "{failures:#?}");
            assert!(login::now() < end, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Lets a new data key seal, and waits until everything is sealed anew that can be. → its number
    async fn rotate(self: &Arc<Self>, before: u32) -> u32 {
        let (done, told) = self.keys(&["rotate"]).await;
        assert!(done && told.contains(&format!("{before} only opens")), "{told}");
        let number = self.sealing().await;
        self.until("all is sealed anew", async || {
            self.census().await.get(&before).is_none_or(|needs| needs.renewable() == 0)
        })
        .await;
        let (_, told) = self.keys(&["status"]).await;
        assert!(told.contains(&number.to_string()) && told.contains("seals"), "{told}");
        number
    }

    /// The data key that seals, as every process can find it.
    async fn sealing(&self) -> u32 {
        self.ring(self.value(KEYRING).await.expect("a ring")).await.data_keys().active
    }

    /// The number of the root key that seals the ring.
    async fn root(&self) -> u32 {
        let ring = self.value(KEYRING).await.expect("a ring");
        u32::from_be_bytes(ring[2..6].try_into().unwrap())
    }

    /// A ring as it was stored at some time.
    async fn ring(&self, value: Vec<u8>) -> KeyRing {
        let memory = MemoryBackend::new(Arc::new(Now));
        memory.run(vec![Op::Put { key: KEYRING.into(), value, lifetime: None, bound: false }]).await.unwrap();
        let texts = [&self.roots[1], &self.roots[0]].map(|root| root.to_text().expose().to_owned());
        let roots = RootKeys::parse(&texts).unwrap();
        KeyRing::load_or_create(&memory, &roots, Arc::new(Urandom)).await.unwrap()
    }

    fn write_roots(&self, numbers: &[usize]) {
        let lines: Vec<_> = numbers.iter().map(|number| self.roots[number - 1].to_text().expose().to_owned()).collect();
        std::fs::write(self.keys_file(), lines.join("\n")).unwrap();
    }

    fn keys_file(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// `postern keys …`: whether it succeeded, and what it says.
    async fn keys(self: &Arc<Self>, words: &[&str]) -> (bool, String) {
        let (stage, words) = (self.clone(), format!("keys {}", words.join(" ")));
        let command = move || {
            let file = stage.keys_file().display().to_string();
            let environment = [("POSTERN_SEAL__KEYS", String::new()), ("POSTERN_SEAL__KEYS_FILE", file)];
            Postern::run(&stage.redis, &words.split(' ').collect::<Vec<_>>(), &environment)
        };
        for _ in 0..20 {
            let (status, told) = tokio::task::spawn_blocking(command.clone()).await.unwrap();
            // Status 2: it could not be done, because the machine is busy.
            if status != Some(2) || !told.contains("the store is unavailable") {
                return (status == Some(0), told);
            }
        }
        panic!("the store does not answer");
    }

    async fn census(&self) -> Census {
        patiently(async || census(&*self.backend).await).await
    }

    /// Every key, and what is kept there.
    async fn everything(&self) -> Vec<(String, Kept)> {
        patiently(async || {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = self.backend.list("p1:", after.as_ref()).await?;
                all.extend(page.items.into_iter().map(|item| (item.key, item.kept)));
                match page.next {
                    Some(next) => after = Some(next),
                    None => return Ok(all),
                }
            }
        })
        .await
    }

    async fn value(&self, key: &str) -> Option<Vec<u8>> {
        match self.ask(Op::Get { key: key.to_owned() }).await {
            Reply::Value(value) => value,
            other => panic!("{key}: {other:?}"),
        }
    }

    async fn ask(&self, op: Op) -> Reply {
        patiently(async || self.backend.run(vec![op.clone()]).await).await.remove(0)
    }

    /// Lets the time come at which what a key sealed, and only bearers open, has ended.
    async fn end_what_is_borne(&self, number: u32) {
        for (key, kept) in self.everything().await {
            let Kept::Value { head, .. } = kept else { continue };
            let sealed = head.strip_prefix(&[0]).unwrap_or(&head);
            if sealed.get(2..6) == Some(&number.to_be_bytes()) && kind(&key, head.len() > sealed.len()).unwrap().borne {
                self.redis.command(&["PEXPIRE", &key, "1"]);
            }
        }
    }

    /// How many records there are, and how many of them a ring opens as it was stored once.
    async fn opened_by(&self, old: &[u8]) -> (usize, usize) {
        let ring = self.ring(old.to_vec()).await;
        let mut records: Vec<(String, bool, Vec<u8>)> = Vec::new();
        for (key, kept) in self.everything().await {
            match kept {
                Kept::Value { .. } if key != KEYRING => {
                    let Some(value) = self.value(&key).await else { continue };
                    let sealed = value.strip_prefix(&[0]).unwrap_or(&value).to_vec();
                    records.push((key, sealed.len() < value.len(), sealed));
                }
                Kept::Log => {
                    let read = Op::LogRead { log: key.clone(), after: None, limit: 100_000 };
                    let Reply::Entries(entries) = self.ask(read).await else { continue };
                    records.extend(entries.into_iter().map(|(_, entry)| (key.clone(), false, entry)));
                }
                Kept::Value { .. } | Kept::Index => {}
            }
        }
        let opens = |(key, spent, sealed): &&(String, bool, Vec<u8>)| {
            let kind = kind(key, *spent).unwrap();
            let place = Place { class: kind.class, schema: kind.schema, key, bearer: b"" };
            ring.open(place, sealed).is_some()
        };
        (records.len(), records.iter().filter(opens).count())
    }
}

/// Asks the store until it answers: under load on a small machine it may be late.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    for _ in 0..50 {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    panic!("the store does not answer")
}

fn good(what: &str, answer: Answer) -> Result<Answer, String> {
    if answer.status < 400 && answer.parameter("error").is_none() {
        Ok(answer)
    } else {
        Err(format!("{what}: {answer:?}"))
    }
}

/// The app is told to begin again, because the machine is busy (RFC 6749 §4.1.2.1).
fn is_busy(answer: &Answer) -> bool {
    let error = answer.parameter("error").or_else(|| answer.member("error"));
    error.as_deref() == Some("temporarily_unavailable")
}
