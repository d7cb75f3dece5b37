//! What is left in Redis of a tenant and of a product that were deleted: nothing that lasts, and of what ends nothing that is of use.

use std::collections::BTreeMap;
use std::time::Duration;

use postern_e2e::login::{self, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings};
use reqwest::Method;
use serde_json::{Value, json};

const REDIRECT: &str = "https://app.example.com/callback";
const ACME: &str = "acme.example.com";

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 3600;

/// What may still be there after a deletion, how long at most, and why nobody can use it.
const ENDS: [(&str, u64, &str); 6] = [
    ("p1:login", 20 * MINUTE, "a login whose connection is gone, or that was taken"),
    ("p1:replay", DAY, "that an assertion was used; it names nobody"),
    ("p1:code", 30 * DAY, "that a code was used, or a code whose session is gone"),
    ("p1:token", 5 * MINUTE, "an access token whose session is gone"),
    ("p1:refresh", 30 * DAY, "a refresh token whose session is gone"),
    ("p1:lease", 5 * MINUTE, "that a replica does some background work"),
];

struct World {
    redis: Redis,
    postern: Postern,
    idp: Idp,
    client: (String, String),
}

impl World {
    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        self.postern.call(method.as_str(), &format!("/api/v1/{path}"), Some(&body).filter(|body| !body.is_null())).await
    }

    /// Registers an app that keeps people signed in.
    async fn register(&mut self) {
        let grants = ["authorization_code", "refresh_token"];
        let product = json!({ "name": "crm", "redirect_urls": [REDIRECT], "grant_types": grants });
        let product = self.call(Method::POST, "products", product).await;
        let text = |name: &str| product[name].as_str().unwrap_or_else(|| panic!("no {name} in {product}")).to_owned();
        self.client = (text("client_id"), text("client_secret"));
    }

    async fn begin(&self, tenant: &str) -> Waiting {
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("tenant", tenant),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid offline_access"),
            ("state", "s"),
        ];
        login::begin(&self.postern, &parameters).await
    }

    async fn code(&self, tenant: &str) -> String {
        let waiting = self.begin(tenant).await;
        waiting.answer(&waiting.response(&self.idp).signed_both(&self.idp.key)).await.code()
    }

    /// The access token and the refresh token of somebody who signs in.
    async fn tokens(&self, tenant: &str) -> (String, String) {
        let code = self.code(tenant).await;
        self.ask(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT)]).await
    }

    async fn ask(&self, form: &[(&str, &str)]) -> (String, String) {
        let tokens = login::redeem(&self.postern, (&self.client.0, &self.client.1), form).await;
        let text = |name: &str| tokens.member(name).unwrap_or_else(|| panic!("no {name} in {tokens:?}"));
        (text("access_token"), text("refresh_token"))
    }

    /// Gives a tenant everything, and leaves people signed in, signing in, and half-way. Returns an access token.
    async fn inhabit(&self, tenant: &str) -> String {
        let urls = [REDIRECT.to_owned()];
        for product in ["crm", "wiki"] {
            self.postern.connect(tenant, product, &urls, ("rawMetadata", &self.idp.metadata())).await;
        }
        for (domain, proof) in [("example.com", "operator"), ("acme.example", "dns")] {
            let claim = json!({ "tenant": tenant, "product": "crm", "domain": domain, "proof": proof });
            self.call(Method::POST, "domains", claim).await;
        }
        let policy = json!({ "revision": 0, "foreign_domains": "flag" });
        self.call(Method::PUT, &format!("tenants/{tenant}/products/crm/policy"), policy).await;
        let (access_token, refresh_token) = self.tokens(tenant).await;
        self.ask(&[("grant_type", "refresh_token"), ("refresh_token", &refresh_token)]).await;
        self.code(tenant).await;
        self.begin(tenant).await;
        access_token
    }

    /// All keys with their milliseconds to live, where they end, or else with the number of their members, where they are indexes.
    fn keys(&self) -> BTreeMap<String, Kept> {
        let number = |words: &[&str]| self.redis.command(words).trim().parse::<i64>().expect("a number");
        let keys = self.redis.command(&["--raw", "KEYS", "*"]);
        let kept = |key: &str| match number(&["PTTL", key]) {
            -1 if key.starts_with("p1:x:") => Kept::Index(number(&["ZCARD", key])),
            -1 => Kept::Lasts,
            left => Kept::Ends(Duration::from_millis(left.try_into().unwrap_or_default())),
        };
        keys.lines().map(|key| (key.to_owned(), kept(key))).collect()
    }

    /// What is there that was not, or is not what it was, but for what ends as it may.
    fn left_since(&self, before: &BTreeMap<String, Kept>) -> Vec<(String, Kept)> {
        let ends_as_it_may = |key: &str, kept: &Kept| match kept {
            Kept::Ends(left) => {
                let limit = ENDS.iter().find(|(class, ..)| key.starts_with(&format!("{class}:{{")));
                limit.is_some_and(|(_, seconds, _)| left.as_secs() <= *seconds)
            }
            Kept::Lasts | Kept::Index(_) => false,
        };
        let now = self.keys();
        now.into_iter().filter(|(key, kept)| before.get(key) != Some(kept) && !ends_as_it_may(key, kept)).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Lasts,
    Index(i64),
    Ends(Duration),
}

#[tokio::test]
async fn a_deleted_tenant_leaves_no_key_behind_and_a_deleted_product_neither() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let idp = Idp::new("https://idp.example.com/");
    let mut world = World { redis, postern, idp, client: Default::default() };
    // The log of events lasts, and is there from the first of them on.
    world.call(Method::PUT, "tenants/other.example.com", json!({ "status": "active" })).await;
    world.call(Method::DELETE, "tenants/other.example.com", Value::Null).await;
    let empty = world.keys();

    world.register().await;
    let urls = [REDIRECT.to_owned()];
    world.postern.connect("umbrella.example.com", "crm", &urls, ("rawMetadata", &world.idp.metadata())).await;
    let before = world.keys();
    let access_token = world.inhabit(ACME).await;
    assert!(world.left_since(&before).len() > 15, "{:?}", world.left_since(&before));

    let removed = world.call(Method::DELETE, &format!("tenants/{ACME}"), Value::Null).await;
    assert_eq!(
        removed,
        json!({ "connections": 2, "domains": 2, "policies": 1, "people": 0, "sessions": 2, "traces": 3 })
    );
    assert_eq!(world.left_since(&before), []);
    let contents = world.call(Method::GET, &format!("tenants/{ACME}/contents?product=wiki"), Value::Null).await;
    assert_eq!(contents, json!({ "data": [] }));
    assert_eq!(login::userinfo(&world.postern, &access_token).await.status, 401);

    world.inhabit(ACME).await;
    let removed = world.call(Method::DELETE, "products?name=crm", Value::Null).await;
    assert_eq!(
        removed,
        json!({ "connections": 2, "domains": 2, "policies": 1, "people": 0, "sessions": 2, "traces": 3 })
    );
    for tenant in [ACME, "umbrella.example.com"] {
        world.call(Method::DELETE, &format!("tenants/{tenant}"), Value::Null).await;
    }
    assert_eq!(world.left_since(&empty), []);
}
