//! An identity provider changes its key while people sign in: over real HTTP, on a real Redis, through two replicas. All the
//! while strangers send responses that are signed with a key of theirs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_core::lookup::SPACING;
use postern_e2e::login::{self, Answer, CODE_CHALLENGE, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings, http};
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

const REDIRECT: &str = "https://app.example.com/callback";
const ENTITY_ID: &str = "https://idp.acme.example.com/metadata";
/// How many sign in at the same time.
const PEOPLE: usize = 8;
const STRANGERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn m5_no_login_fails_while_a_key_rotates() {
    let [first, second, third, strangers] = [(); 4].map(|()| Key::generate().unwrap());
    let [alone, both, second_alone, third_alone] =
        [&[&first][..], &[&first, &second], &[&second], &[&third]].map(announcing);
    let address = Address::start(alone).await;
    let stage = Stage::start(&address, first).await;
    let began = login::now();
    let load = stage.load(strangers);
    stage.people(40).await;

    // Announced beside the present one, then used, then alone.
    address.says(both);
    stage.people(40).await;
    stage.idp.write().await.key = second;
    stage.people(80).await;
    address.says(second_alone);
    stage.people(40).await;

    // Announced at the very moment at which it is used. Nobody is between being signed for and being judged then.
    let mut idp = stage.idp.write().await;
    address.says(third_alone);
    idp.key = third;
    drop(idp);
    stage.people(120).await;

    stage.over.store(true, Ordering::Relaxed);
    load.join_all().await;
    let fetched = address.asked.load(Ordering::Relaxed);
    let outcomes = stage.outcomes.lock().unwrap().clone();
    #[expect(clippy::print_stdout, reason = "how many logins there were is what one wants to know")]
    {
        println!("{outcomes:?}, metadata fetched {fetched} times");
    }

    let mut unexpected: Vec<_> = outcomes.keys().collect();
    unexpected.retain(|(who, outcome)| match who {
        Who::Person => outcome != "code",
        Who::Stranger => outcome != "SamlSignatureOtherKey",
    });
    assert!(unexpected.is_empty(), "{outcomes:?}");
    assert!(outcomes.keys().any(|(who, _)| *who == Who::Stranger));
    // Once by whoever made the connection; then never more often than lookups may begin.
    let lookups = login::now().duration_since(began).as_secs() as u64 / SPACING.as_secs() + 1;
    assert!(fetched as u64 <= 1 + lookups, "{fetched} fetches, {lookups} lookups at most");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Person,
    Stranger,
}

struct Stage {
    _redis: Redis,
    replicas: [Postern; 2],
    client_id: String,
    /// The identity provider: whoever signs and is judged has it for reading.
    idp: RwLock<Idp>,
    outcomes: Mutex<BTreeMap<(Who, String), usize>>,
    answered: AtomicUsize,
    over: AtomicBool,
}

impl Stage {
    async fn start(address: &Address, key: Key) -> Arc<Self> {
        let redis = Redis::start().await;
        let one = Postern::start(&redis, Settings::default()).await;
        let port = one.origin.rsplit(':').next().and_then(|port| port.parse().ok());
        let other = Postern::start(&redis, Settings { public_port: port, ..Settings::default() }).await;
        let urls = [REDIRECT.to_owned()];
        one.connect("acme.example.com", "crm", &urls, ("metadataUrl", &address.url)).await;
        let (client_id, _) = one.register("crm", &urls).await;
        Arc::new(Self {
            _redis: redis,
            replicas: [one, other],
            client_id,
            idp: RwLock::new(Idp { key, entity_id: ENTITY_ID.to_owned() }),
            outcomes: Mutex::default(),
            answered: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        })
    }

    /// People and strangers who sign in, again and again, until it is over.
    fn load(self: &Arc<Self>, strangers: Key) -> JoinSet<()> {
        let strangers = Arc::new(Idp { key: strangers, entity_id: ENTITY_ID.to_owned() });
        let mut load = JoinSet::new();
        for number in 0..PEOPLE {
            let stage = self.clone();
            load.spawn(async move {
                while !stage.over.load(Ordering::Relaxed) {
                    let replica = &stage.replicas[number % 2];
                    let waiting = stage.begin(replica).await;
                    let idp = stage.idp.read().await;
                    stage.tell(Who::Person, answer(replica, &waiting, &idp).await);
                }
            });
        }
        for number in 0..STRANGERS {
            let (stage, strangers) = (self.clone(), strangers.clone());
            load.spawn(async move {
                while !stage.over.load(Ordering::Relaxed) {
                    let replica = &stage.replicas[number % 2];
                    let waiting = stage.begin(replica).await;
                    stage.tell(Who::Stranger, answer(replica, &waiting, &strangers).await);
                }
            });
        }
        load
    }

    async fn begin(&self, replica: &Postern) -> Waiting {
        let parameters = [
            ("client_id", &*self.client_id),
            ("tenant", "acme.example.com"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        login::begin(replica, &parameters).await
    }

    fn tell(&self, who: Who, answer: Answer) {
        let outcome = match answer.parameter("code") {
            Some(_) => "code".to_owned(),
            // `<reference>: <code> sentence`
            None => answer
                .parameter("error_description")
                .map_or_else(|| answer.body.clone(), |text| text.split(' ').nth(1).unwrap_or(&text).to_owned()),
        };
        *self.outcomes.lock().unwrap().entry((who, outcome)).or_default() += 1;
        if who == Who::Person {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until so many more people had their answer.
    async fn people(&self, many: usize) {
        let enough = self.answered.load(Ordering::Relaxed) + many;
        while self.answered.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Brings the identity provider's answer to a replica.
async fn answer(replica: &Postern, waiting: &Waiting, idp: &Idp) -> Answer {
    let xml = waiting.response(idp).signed_assertion(&idp.key);
    let form = [("SAMLResponse", postern_lab::response::base64(&xml)), ("RelayState", waiting.relay_state.clone())];
    let request = http().post(format!("{}/api/oauth/saml", replica.origin)).header("cookie", &waiting.cookie);
    Answer::read(request.form(&form).send().await.expect("the assertion consumer service answers")).await
}

/// Metadata that announces these keys.
fn announcing(keys: &[&Key]) -> String {
    const END: &str = "</md:KeyDescriptor>";
    let of = |key: &&Key| metadata(ENTITY_ID, "https://idp.example.com/sso", key);
    let descriptor = |document: &str| {
        let from = document.find("<md:KeyDescriptor").expect("a key");
        document[from..document.find(END).expect("its end") + END.len()].to_owned()
    };
    let documents: Vec<_> = keys.iter().map(of).collect();
    let all: String = documents.iter().map(|document| descriptor(document)).collect();
    documents[0].replace(&descriptor(&documents[0]), &all)
}

/// Where the metadata is: an address that takes a little while to answer, as they do.
struct Address {
    url: String,
    document: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Address {
    async fn start(document: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/metadata", listener.local_addr().unwrap().port());
        let (document, asked) = (Arc::new(Mutex::new(document)), Arc::new(AtomicUsize::new(0)));
        let (says, count) = (document.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (says, count) = (says.clone(), count.clone());
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        count.fetch_add(1, Ordering::Relaxed);
                        let document = says.lock().unwrap().clone();
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        let head =
                            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}", document.len());
                        // Whoever hung up meanwhile does not want to know.
                        let _ = stream.write_all(format!("{head}\r\n\r\n{document}").as_bytes()).await;
                    }
                });
            }
        });
        Self { url, document, asked }
    }

    fn says(&self, document: String) {
        *self.document.lock().unwrap() = document;
    }
}
