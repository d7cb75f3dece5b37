//! A tour of everything that can go wrong: good logins, and then one failure of every kind, each carrying values that nobody
//! else may read. Every failure is checked for the face that the fault table promises.
//!
//! | chapter | file |
//! |---|---|
//! | the app asks | `authorize` |
//! | the identity provider answers | `acs` |
//! | it authenticates otherwise than it was asked | `asking` |
//! | it encrypts its answer | `encryption` |
//! | the app hands over its question | `par` |
//! | an OpenID Provider answers | `openid` |
//! | somebody tries a connection out | `test_login` |
//! | the app redeems | `token` |
//! | the app has a key of its own | `keys` |
//! | the app keeps people signed in | `refresh` |
//! | the person signs out | `logout` |
//! | the identity provider signs the person out | `single_logout` |
//! | the operator calls | `api` |
//! | a tenant claims a domain | `domains` |
//! | a tenant does not want somebody | `people` |
//! | a person asks for the right door | `discover` |
//! | a federation's metadata ends | `federation` |
//! | the store fails | `store` |

mod acs;
mod api;
mod asking;
mod authorize;
mod discover;
mod domains;
mod encryption;
mod federation;
mod keys;
mod logout;
mod openid;
mod par;
mod people;
mod policy;
mod refresh;
mod single_logout;
mod store;
mod test_login;
mod token;

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings};
use postern_lab::dns::NameServer;
use postern_lab::response::Response;

use crate::marks::Marks;

const TENANT: &str = "tenant-q8x1zv.example.com";
const PRODUCT: &str = "product-k2v7mb";
const ENTITY_ID: &str = "https://idp-w5z3np.example.com/metadata";
const REDIRECT: &str = "https://app-r4t6yd.example.com/callback";
const STATE: &str = "state-n7c3ub0e";
const NONCE: &str = "nonce-j2k9xh5r";
const HINT: &str = "hint-b6m4wq8s@mail-h6j9ce.example.com";
const NAME_ID: &str = "name-id-v3f8ta1g";
const EMAIL: &str = "alice-d5p2ly7o@mail-h6j9ce.example.com";
const MAIL_DOMAIN: &str = "mail-h6j9ce.example.com";
const FIRST_NAME: &str = "Alice-X9r4Gk2w";
const LAST_NAME: &str = "Liddell-T6m1Zs8c";
const GROUP: &str = "group-y4b7nq3v";
const ATTRIBUTE: &str = "attribute-o8e2hf5k";
const VALUE: &str = "value-u1w6dj9x";
const STRANGE: &str = "strange-c3z5pr7t";

/// Parameters that are sent instead of the usual ones: none takes one away.
type Changes<'a> = [(&'a str, Option<&'a str>)];

/// What is known after the tour.
pub(crate) struct Tour {
    /// The faults that were met.
    pub(crate) met: Vec<Code>,
    /// What must not be readable.
    pub(crate) marks: Marks,
    /// Redis, while everything was still in it.
    pub(crate) dump: Vec<u8>,
    /// What Postern logged at debug level, to the very end.
    pub(crate) log: String,
    /// Its metrics, likewise.
    pub(crate) metrics: String,
}

/// The tour under way: Postern on an empty Redis, one customer, one registered app.
struct Guide {
    redis: Redis,
    postern: Postern,
    dns: NameServer,
    idp: Idp,
    client: (String, String),
    met: Vec<Code>,
    marks: Marks,
}

impl Tour {
    /// Takes it.
    pub(crate) async fn take() -> Tour {
        let mut guide = Guide::arrive().await;
        for _ in 0..3 {
            guide.good_login().await;
        }
        authorize::visit(&mut guide).await;
        acs::visit(&mut guide).await;
        asking::visit(&mut guide).await;
        par::visit(&mut guide).await;
        encryption::visit(&mut guide).await;
        openid::visit(&mut guide).await;
        test_login::visit(&mut guide).await;
        token::visit(&mut guide).await;
        keys::visit(&mut guide).await;
        refresh::visit(&mut guide).await;
        logout::visit(&mut guide).await;
        single_logout::visit(&mut guide).await;
        api::visit(&mut guide).await;
        domains::visit(&mut guide).await;
        policy::visit(&mut guide).await;
        people::visit(&mut guide).await;
        discover::visit(&mut guide).await;
        federation::visit(&mut guide).await;
        store::bring_a_record_back(&mut guide).await;
        store::spoil_a_record(&mut guide).await;
        let dump = guide.redis.dump();
        store::take_it_away(&mut guide).await;
        let metrics = guide.postern.metrics().await;
        Tour { met: guide.met, marks: guide.marks, dump, log: guide.postern.log(), metrics }
    }
}

impl Guide {
    async fn arrive() -> Self {
        let (redis, dns) = (Redis::start().await, NameServer::start().await.expect("a name server"));
        let keys = serde_json::json!([
            Postern::API_KEY,
            { "key": api::READ_ONLY_KEY, "read_only": true },
            { "key": api::OTHER_PRODUCT_KEY, "product": "another-product" },
        ]);
        let environment = vec![
            ("POSTERN_LOG__FILTER", "debug".to_owned()),
            ("POSTERN_ADMIN__API_KEYS", keys.to_string()),
            ("POSTERN_FETCH__TIMEOUT_SECONDS", "1".to_owned()),
            ("POSTERN_DOMAINS__DNS_SERVER", dns.address.to_string()),
            ("POSTERN_DISCOVER__REQUESTS_PER_MINUTE", discover::PER_MINUTE.to_owned()),
        ];
        let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
        let idp = Idp::new(ENTITY_ID);
        let urls = [REDIRECT.to_owned()];
        let connection = postern.connect(TENANT, PRODUCT, &urls, ("rawMetadata", &idp.metadata())).await;
        let client = postern.register(PRODUCT, &urls).await;

        let mut marks = Marks::default();
        let constants = [
            ("tenant", TENANT),
            ("product", PRODUCT),
            ("entity ID", ENTITY_ID),
            ("redirect URI", REDIRECT),
            ("state", STATE),
            ("nonce", NONCE),
            ("login hint", HINT),
            ("NameID", NAME_ID),
            ("e-mail address", EMAIL),
            ("domain of the e-mail address", MAIL_DOMAIN),
            ("first name", FIRST_NAME),
            ("last name", LAST_NAME),
            ("group", GROUP),
            ("attribute name", ATTRIBUTE),
            ("attribute value", VALUE),
            ("something strange", STRANGE),
            ("PKCE verifier", CODE_VERIFIER),
            ("PKCE challenge", CODE_CHALLENGE),
            ("API key", Postern::API_KEY),
            ("read-only API key", api::READ_ONLY_KEY),
            ("API key of a product", api::OTHER_PRODUCT_KEY),
            ("root key", Postern::ROOT_KEY),
            ("client id", &client.0),
            ("client secret", &client.1),
            ("connection's clientID", connection["clientID"].as_str().expect("a clientID")),
            ("connection's clientSecret", connection["clientSecret"].as_str().expect("a clientSecret")),
        ];
        for (name, value) in constants {
            marks.add(name, value);
        }
        marks.add_document("certificate", idp.key.certificate());
        Self { redis, postern, dns, idp, client, met: vec![], marks }
    }

    /// What the app asks, changed.
    fn asking<'a>(&'a self, changes: &Changes<'a>) -> Vec<(&'a str, &'a str)> {
        let usual = [
            ("client_id", self.client.0.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", STATE),
            ("nonce", NONCE),
            ("scope", "openid"),
            ("login_hint", HINT),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let unchanged = usual.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let changed = changes.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
        unchanged.chain(changed).collect()
    }

    /// A login as far as the identity provider's door.
    async fn begin(&mut self, changes: &Changes<'_>) -> Waiting {
        let waiting = login::begin(&self.postern, &self.asking(changes)).await;
        let (_, secret) = waiting.cookie.split_once('=').expect("name=value");
        self.marks.add("cookie", secret);
        self.marks.add("RelayState", &waiting.relay_state);
        self.marks.add("request ID", &waiting.request_id);
        waiting
    }

    /// The answer that the identity provider owes: Alice, with everything that is known about her.
    fn response(&self, waiting: &Waiting) -> Response {
        let attributes = [
            ("email", EMAIL),
            ("firstName", FIRST_NAME),
            ("lastName", LAST_NAME),
            ("groups", GROUP),
            (ATTRIBUTE, VALUE),
        ];
        Response {
            name_id: Some(NAME_ID.into()),
            attributes: attributes.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).to_vec(),
            ..waiting.response(&self.idp)
        }
    }

    /// A code of a good login.
    async fn code(&mut self, changes: &Changes<'_>) -> String {
        let waiting = self.begin(changes).await;
        let xml = self.response(&waiting).signed_both(&self.idp.key);
        let code = waiting.answer(&xml).await.code();
        self.marks.add("code", &code);
        code
    }

    /// A token request for a code, changed.
    fn redemption<'a>(&self, code: &'a str, changes: &Changes<'a>) -> Vec<(&'a str, &'a str)> {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        let unchanged = usual.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let changed = changes.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
        unchanged.chain(changed).collect()
    }

    /// Redeems as the registered app.
    async fn redeem(&mut self, form: &[(&str, &str)]) -> Answer {
        let answer = login::redeem(&self.postern, (&self.client.0, &self.client.1), form).await;
        if let Some(token) = answer.member("access_token") {
            self.marks.add("access token", &token);
        }
        if let Some(token) = answer.member("refresh_token") {
            self.marks.add("refresh token", &token);
        }
        answer
    }

    /// From authorize to userinfo.
    async fn good_login(&mut self) -> String {
        let code = self.code(&[]).await;
        let answer = self.redeem(&self.redemption(&code, &[])).await;
        let token = answer.member("access_token").unwrap_or_else(|| panic!("no token in {answer:?}"));
        let claims = login::userinfo(&self.postern, &token).await;
        assert_eq!(claims.member("email").as_deref(), Some(EMAIL));
        self.marks.add("subject", claims.member("id").expect("an id"));
        token
    }

    /// Notes that an answer is a refusal with this code, in the form that the table promises.
    fn meet(&mut self, code: Code, answer: Answer) {
        match answer.parameter("error") {
            // RFC 6749 §4.1.2.1: to the app, by redirect.
            Some(error) => {
                assert!(matches!(answer.status, 302 | 303), "{code}: {answer:?}");
                assert_eq!(error, code.oauth(), "{code}: {answer:?}");
                let description = answer.parameter("error_description").unwrap_or_default();
                assert!(says(&description, code), "instead of {code}: {answer:?}");
                assert_eq!(answer.parameter("state").as_deref(), Some(STATE), "{code}: {answer:?}");
                assert_eq!(answer.parameter("iss"), Some(self.postern.public_url.clone()), "{code}: {answer:?}");
            }
            None => {
                assert!(says(&answer.body, code), "instead of {code}: {answer:?}");
                assert_eq!(answer.status, code.status(), "{code}: {answer:?}");
            }
        }
        self.met.push(code);
    }
}

fn says(text: &str, code: Code) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == code.name())
}
