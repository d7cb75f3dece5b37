//! Somebody has Redis and nothing else: values are swapped, cut, changed and brought back by its own commands while Postern runs (fault 20 of docs/FAULTS.md).
//! Every class of key is tried in `crates/server/tests/http/tampering.rs`; here, the real thing.

use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings};
use serde_json::json;

const REDIRECT: &str = "https://app.example.com/callback";

struct World {
    redis: Redis,
    postern: Postern,
    idp: Idp,
    client: (String, String),
}

impl World {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let idp = Idp::new("https://idp.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        for tenant in ["acme.example.com", "globex.example.com"] {
            postern.connect(tenant, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        }
        let client = postern.register("crm", &urls).await;
        Self { redis, postern, idp, client }
    }

    fn question<'a>(&'a self, tenant: &'a str) -> [(&'a str, &'a str); 6] {
        [
            ("client_id", &self.client.0),
            ("tenant", tenant),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
    }

    async fn authorize(&self, tenant: &str) -> Answer {
        login::authorize(&self.postern, &self.question(tenant)).await
    }

    async fn code(&self) -> String {
        let waiting = login::begin(&self.postern, &self.question("acme.example.com")).await;
        waiting.answer(&waiting.response(&self.idp).signed_assertion(&self.idp.key)).await.code()
    }

    async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        login::redeem(&self.postern, (&self.client.0, &self.client.1), &form).await
    }

    fn keys(&self, class: &str) -> Vec<String> {
        self.redis.command(&["KEYS", &format!("{class}:{{*")]).lines().map(str::to_owned).collect()
    }

    fn copy(&self, from: &str, to: &str) {
        assert_eq!(self.redis.command(&["COPY", from, to, "REPLACE"]).trim(), "1", "{from} to {to}");
    }

    fn script(&self, script: &str, keys: &[&str]) {
        let count = keys.len().to_string();
        self.redis.command(&[&["EVAL", script, &count], keys].concat());
    }
}

/// What may be made of a value by somebody who has no key: a script of Redis, over it and a value of the same class.
const CHANGES: [(&str, &str); 5] = [
    ("another tenant's", "redis.call('SET', KEYS[1], redis.call('GET', KEYS[2]))"),
    ("cut", "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, 100))"),
    ("empty", "redis.call('SET', KEYS[1], '')"),
    ("changed", "redis.call('SETRANGE', KEYS[1], 90, 'changed')"),
    ("dressed as spent", "redis.call('SETRANGE', KEYS[1], 0, string.char(0))"),
];

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_what_is_swapped_cut_or_changed_in_redis_lets_nobody_in_and_keeps_nobody_else_out() {
    let world = World::start().await;
    for class in ["p1:conn", "p1:scope", "p1:tenant"] {
        let keys = world.keys(class);
        let [first, second] = &keys[..] else { panic!("two of {class}: {keys:?}") };
        for (how, script) in CHANGES {
            world.copy(first, "kept");
            world.script(script, &[first, second]);
            let answers = [world.authorize("acme.example.com").await, world.authorize("globex.example.com").await];
            let refused: Vec<_> = answers.iter().filter(|answer| answer.body.contains("RecordUnreadable")).collect();
            assert_eq!(refused.len(), 1, "{class}, {how}: {answers:?}");
            assert_eq!(refused[0].status, 503, "{class}, {how}");
            assert!(answers.iter().any(|answer| answer.location.is_some()), "{class}, {how}: {answers:?}");
            world.copy("kept", first);
            assert!(world.authorize("acme.example.com").await.location.is_some(), "{class} as it was");
        }
    }
    let metrics = world.postern.metrics().await;
    for class in ["connection", "scope", "tenant"] {
        let series = format!("postern_store_values_refused_total{{class=\"{class}\",why=\"unreadable\"}} 5");
        assert!(metrics.contains(&series), "{series} in {metrics}");
    }
    assert!(world.postern.log().contains("a stored value is refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_what_is_brought_back_in_redis_is_refused() {
    let world = World::start().await;
    let [product] = &world.keys("p1:product")[..] else { panic!("one product") };
    world.copy(product, "kept");
    let change = json!({ "name": "crm", "redirect_urls": [REDIRECT, "https://app.example.com/other"] });
    world.postern.call("PATCH", "/api/v1/products", Some(&change)).await;
    world.copy(product, "newer");
    world.copy("kept", product);
    let refused = world.authorize("acme.example.com").await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("RecordRolledBack"), "{}", refused.body);
    world.copy("newer", product);

    let code = world.code().await;
    let [grant] = &world.keys("p1:code")[..] else { panic!("one code") };
    world.copy(grant, "kept");
    assert_eq!(world.redeem(&code).await.status, 200);
    world.copy("kept", grant);
    let again = world.redeem(&code).await;
    assert_eq!((again.status, again.member("error").as_deref()), (400, Some("invalid_grant")));
    let metrics = world.postern.metrics().await;
    for (class, why) in [("product", "rolled_back"), ("code", "respent")] {
        let series = format!("postern_store_values_refused_total{{class=\"{class}\",why=\"{why}\"}} 1");
        assert!(metrics.contains(&series), "{series} in {metrics}");
    }
}
