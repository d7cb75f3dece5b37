//! A Postern to try things on: in memory, with one customer, whose identity provider is a key.

use std::io::Read as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::Service as _;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as Actix, body, test};
use postern::app::{App, Parts};
use postern::config::{ApiKey, Config};
use postern::observe::observe;
use postern::routes;
use postern::system::SystemRandom;
use postern_core::fault::Fault;
use postern_core::own_keys::Purpose;
use postern_core::ports::{Clock, Timestamp};
use postern_core::secret::Secret;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{Response, base64};
use postern_store::{Counted, KeyRing, MemoryBackend, RootKey, RootKeys};
use serde_json::{Value, json};
use url::Url;

use crate::brittle::Brittle;

pub(crate) const PUBLIC: &str = "https://sso.example.com/sso";
pub(crate) const CALLBACK: &str = "https://app.example.com/callback";
pub(crate) const IDP: &str = "https://idp.example.com/metadata";
pub(crate) const API_KEY: &str = "test-key-that-is-long-enough";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A clock that a test moves.
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

type Answering = Pin<Box<dyn Future<Output = Answer>>>;

pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) counted: Arc<Counted>,
    pub(crate) brittle: Arc<Brittle>,
    pub(crate) memory: Arc<MemoryBackend>,
    pub(crate) key: Arc<Key>,
    pub(crate) app: Data<App>,
    pub(crate) root: RootKey,
    pub(crate) ring: Arc<KeyRing>,
    settings: String,
    service: Box<dyn Fn(test::TestRequest) -> Answering>,
}

/// What outlives a process.
struct Kept {
    clock: Arc<TestClock>,
    counted: Arc<Counted>,
    brittle: Arc<Brittle>,
    memory: Arc<MemoryBackend>,
    key: Arc<Key>,
    root: RootKey,
    ring: Arc<KeyRing>,
}

/// What Postern answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
    pub(crate) fn location(&self) -> Url {
        Url::parse(self.header("location")).unwrap_or_else(|_| panic!("no redirect: {} {}", self.status, self.body))
    }
    /// A parameter of the redirect.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        self.location().query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }
    /// The cookie of a login, as the browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
        set.filter(|cookie| !cookie.contains("Max-Age=0"))
            .map(|cookie| cookie.split(';').next().unwrap())
            .collect::<Vec<_>>()
            .join("; ")
    }
    /// Whether the browser is told to forget a login.
    pub(crate) fn forgets_the_login(&self) -> bool {
        let set = self.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
        set.into_iter().any(|cookie| cookie.starts_with("__Host-postern-") && cookie.contains("Max-Age=0"))
    }
    /// The fault's code, wherever this answer tells it.
    pub(crate) fn code(&self) -> String {
        let described = || self.headers.contains_key("location").then(|| self.sent("error_description")).flatten();
        let text = described().unwrap_or_else(|| self.body.clone());
        let known = postern_core::fault::Code::ALL.iter().map(|code| code.name());
        let mut found: Vec<_> =
            known.filter(|name| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *name)).collect();
        assert_eq!(found.len(), 1, "{} {text}", self.status);
        found.remove(0).to_owned()
    }
}

/// A login that waits for the identity provider's answer.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) request_id: String,
    pub(crate) relay_state: String,
    pub(crate) cookie: String,
}

impl World {
    /// Postern with the tenant `acme.example` of the product `crm`, whose identity provider is [`IDP`], and no registered app.
    pub(crate) async fn new() -> Self {
        Self::configured("").await
    }

    pub(crate) async fn configured(settings: &str) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let random = Arc::new(SystemRandom);
        let memory = Arc::new(MemoryBackend::new(clock.clone()));
        let brittle = Arc::new(Brittle::new(memory.clone()));
        let counted = Arc::new(Counted::new(brittle.clone()));
        let root = RootKey::generate(1, &SystemRandom);
        let roots = RootKeys::single(root.clone());
        let ring = Arc::new(KeyRing::load_or_create(&*counted, &roots, random.clone()).await.unwrap());
        let kept = Kept { clock, counted, brittle, memory, key: Arc::new(Key::generate().unwrap()), root, ring };
        let world = Self::over(kept, settings).await;
        world.connect("acme.example", "crm", IDP).await;
        world
    }

    /// The same after a restart: another process, which has seen nothing, on the same store.
    pub(crate) async fn restarted(&self) -> Self {
        let (clock, counted, brittle) = (self.clock.clone(), self.counted.clone(), self.brittle.clone());
        let (memory, key) = (self.memory.clone(), self.key.clone());
        let (root, ring) = (self.root.clone(), self.ring.clone());
        Self::over(Kept { clock, counted, brittle, memory, key, root, ring }, &self.settings).await
    }

    async fn over(kept: Kept, settings: &str) -> Self {
        let Kept { clock, counted, brittle, memory, key, root, ring } = kept;
        let random = Arc::new(SystemRandom);
        let base = format!("public_url = \"{PUBLIC}\"\nstore.url = \"memory:\"\nadmin.api_keys = [\"{API_KEY}\"]\n");
        let config = Config::of_toml(&format!("{base}{settings}")).unwrap_or_else(|problems| panic!("{problems}"));
        let product_key =
            ApiKey { product: Some("crm".into()), ..ApiKey::full(&Secret::new("key-of-the-product-crm")) };
        let read_key = ApiKey { read_only: true, ..ApiKey::full(&Secret::new("key-that-may-only-read")) };
        let api_keys = config.admin.api_keys.iter().cloned().chain([product_key, read_key]).collect();
        let parts = Parts { backend: counted.clone(), ring: ring.clone(), clock: clock.clone(), random, api_keys };
        let app = Data::new(App::new(&config, parts).unwrap());
        app.cupboard.load_or_create(&key_of_all).await.unwrap();
        app.token_cupboard.load_or_create(&key_of_all).await.unwrap();
        app.load_keys().await.unwrap();
        let shared = app.clone();
        let service = test::init_service(
            Actix::new().wrap(from_fn(observe)).configure(move |config| routes::public(config, &app, true)),
        )
        .await;
        let service = Rc::new(service);
        let call = move |request: test::TestRequest| {
            let (service, request) = (service.clone(), request.to_request());
            Box::pin(async move {
                let response = match service.call(request).await {
                    Ok(response) => response.into_parts().1,
                    Err(error) => error.error_response(),
                };
                let (status, headers) = (response.status(), response.headers().clone());
                let bytes = body::to_bytes(response.into_body()).await.unwrap();
                Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
            }) as Answering
        };
        let (settings, service) = (settings.to_owned(), Box::new(call));
        Self { clock, counted, brittle, memory, key, app: shared, root, ring, settings, service }
    }

    /// Another process on the same store.
    pub(crate) async fn replica(&self) -> App {
        self.replica_with(self.ring.clone()).await
    }

    /// The same, with a key ring of its own.
    pub(crate) async fn replica_with(&self, ring: Arc<KeyRing>) -> App {
        let config = Config::of_toml(&format!("public_url = \"{PUBLIC}\"\nstore.url = \"memory:\"\n")).unwrap();
        let clock = self.clock.clone();
        let parts =
            Parts { backend: self.counted.clone(), ring, clock, random: Arc::new(SystemRandom), api_keys: Vec::new() };
        let app = App::new(&config, parts).unwrap();
        app.load_keys().await.unwrap();
        app
    }

    pub(crate) async fn send(&self, request: test::TestRequest) -> Answer {
        (self.service)(request).await
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(test::TestRequest::get().uri(path)).await
    }
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let request = test::TestRequest::post().uri(path).set_form(fields);
        self.send(headers.iter().fold(request, |request, header| request.insert_header(*header))).await
    }
    pub(crate) async fn api(&self, method: Method, path: &str, body: Value) -> Answer {
        self.api_as(API_KEY, method, path, body).await
    }
    pub(crate) async fn api_as(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = test::TestRequest::default().method(method).uri(&format!("/api/v1/{path}"));
        let request = request.insert_header(("Authorization", format!("Api-Key {key}")));
        self.send(if body.is_null() { request } else { request.set_json(body) }).await
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.0.fetch_add(duration.as_millis() as i64, Ordering::Relaxed);
    }

    /// Connects a tenant to an identity provider that signs with this world's key.
    pub(crate) async fn connect(&self, tenant: &str, product: &str, entity_id: &str) -> Value {
        let connection = json!({
            "tenant": tenant,
            "product": product,
            "redirectUrl": [CALLBACK, "http://localhost:3000/callback"],
            "defaultRedirectUrl": CALLBACK,
            "rawMetadata": metadata(entity_id, "https://idp.example.com/sso", &self.key),
        });
        let answer = self.api(Method::POST, "sso", connection).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Registers the app `crm`.
    pub(crate) async fn register(&self, settings: Value) -> Value {
        let mut product = json!({ "name": "crm", "redirect_urls": [CALLBACK] });
        product.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = self.api(Method::POST, "products", product).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    /// The first step of a login with these parameters; those of [`asking`] where they are not given.
    pub(crate) async fn authorize(&self, parameters: &[(&str, &str)]) -> Answer {
        self.get(&format!("/api/oauth/authorize?{}", asking(parameters))).await
    }

    /// A login that waits for its answer.
    pub(crate) async fn begin(&self, parameters: &[(&str, &str)]) -> Waiting {
        waiting(&self.authorize(parameters).await)
    }

    /// A good response of [`IDP`] to a login.
    pub(crate) fn response(&self, waiting: &Waiting) -> Response {
        Response::at(self.clock.now())
            .with_random_ids(&SystemRandom)
            .sent_by(IDP)
            .sent_to(&format!("{PUBLIC}/api/oauth/saml"))
            .for_audience(PUBLIC)
            .answering(&waiting.request_id)
    }

    /// Posts a response as the browser that began the login.
    pub(crate) async fn answer(&self, waiting: &Waiting, xml: &str) -> Answer {
        self.answer_as(&waiting.cookie, waiting, xml).await
    }
    pub(crate) async fn answer_as(&self, cookie: &str, waiting: &Waiting, xml: &str) -> Answer {
        let form = [("SAMLResponse", base64(xml)), ("RelayState", waiting.relay_state.clone())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.form("/api/oauth/saml", &form, &[("Cookie", cookie)]).await
    }

    /// A code for a login with these parameters.
    pub(crate) async fn code(&self, parameters: &[(&str, &str)]) -> String {
        let waiting = self.begin(parameters).await;
        let answer = self.answer(&waiting, &self.response(&waiting).signed_assertion(&self.key)).await;
        answer.sent("code").unwrap_or_else(|| panic!("no code: {}", answer.location()))
    }

    /// Redeems a code as the client of [`asking`], with other fields where they are given; an empty one is left out.
    pub(crate) async fn redeem(&self, code: &str, fields: &[(&str, &str)]) -> Answer {
        let secret = self.connection_secret("acme.example").await;
        let client = [("client_id", "tenant=acme.example&product=crm"), ("client_secret", secret.as_str())];
        self.redeem_with(code, &merged(&client, fields)).await
    }

    /// Redeems a code with these credentials and other fields.
    pub(crate) async fn redeem_with(&self, code: &str, fields: &[(&str, &str)]) -> Answer {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let mut fields = merged(&usual, fields);
        fields.retain(|(_, value)| !value.is_empty());
        self.form("/api/oauth/token", &fields, &[]).await
    }

    pub(crate) async fn connection_secret(&self, tenant: &str) -> String {
        let found = self.api(Method::GET, &format!("sso?tenant={tenant}&product=crm"), Value::Null).await.json();
        found[0]["clientSecret"].as_str().unwrap_or_default().to_owned()
    }

    /// The claims behind an access token.
    pub(crate) async fn claims(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(test::TestRequest::get().uri("/api/oauth/userinfo").insert_header(("Authorization", bearer))).await
    }
}

/// Our own keys, the same in every world of this process: making them is dear.
fn key_of_all(purpose: Purpose, now: Timestamp) -> Result<Secret, Fault> {
    static MADE: Mutex<Vec<(Purpose, Secret)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((_, key)) = made.iter().find(|(other, _)| *other == purpose) {
        return Ok(key.clone());
    }
    let key = postern::own_keys::make(purpose, now)?;
    made.push((purpose, key.clone()));
    Ok(key)
}

/// The query of a good request of `acme.example` and `crm`, with other parameters where they are given; an empty one is left
/// out.
pub(crate) fn asking(parameters: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", "tenant=acme.example&product=crm"),
        ("redirect_uri", CALLBACK),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(merged(&usual, parameters).into_iter().filter(|(_, value)| !value.is_empty())).finish()
}

fn merged<'a>(usual: &[(&'a str, &'a str)], given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = usual.iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
    kept.chain(given).copied().collect()
}

/// The AuthnRequest in the redirect to an identity provider.
pub(crate) fn authn_request(answer: &Answer) -> String {
    let request =
        answer.sent("SAMLRequest").unwrap_or_else(|| panic!("no SAMLRequest: {} {}", answer.status, answer.body));
    let deflated = data_encoding::BASE64.decode(request.as_bytes()).unwrap();
    let mut xml = String::new();
    flate2::read::DeflateDecoder::new(&deflated[..]).read_to_string(&mut xml).unwrap();
    xml
}

/// What a browser and an identity provider find in the redirect to the latter.
pub(crate) fn waiting(answer: &Answer) -> Waiting {
    let xml = authn_request(answer);
    let id = xml.split("ID=\"").nth(1).unwrap().split('"').next().unwrap();
    Waiting { request_id: id.to_owned(), relay_state: answer.sent("RelayState").unwrap(), cookie: answer.cookie() }
}
