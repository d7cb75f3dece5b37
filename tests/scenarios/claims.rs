//! `docs/claims.schema.json` says what apps are told: real answers are held against it, by a validator that knows nothing of Postern.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings, schema};
use serde_json::{Value, json};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";
const REDIRECT: &str = "https://app.example.com/callback";

struct World {
    _redis: Redis,
    postern: Postern,
    idp: Idp,
    client: (String, String),
}

impl World {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        postern.connect(TENANT, PRODUCT, &urls, ("rawMetadata", &idp.metadata())).await;
        let client = postern.register(PRODUCT, &urls).await;
        let settings = json!({
            "name": PRODUCT, "roles": ["editor"], "grant_types": ["authorization_code", "refresh_token"],
        });
        postern.call("PATCH", "/api/v1/products", Some(&settings)).await;
        Self { _redis: redis, postern, idp, client }
    }

    async fn set(&self, mut settings: Value) {
        let path = format!("/api/v1/tenants/{TENANT}/products/{PRODUCT}/policy");
        settings["revision"] = self.postern.call("GET", &path, None).await["revision"].clone();
        self.postern.call("PATCH", &path, Some(&settings)).await;
    }

    /// What an app is told in a login: at userinfo, in the ID token where there is one, and by introspection of either token.
    async fn told(&self, scope: &str, attributes: &[(&str, &str)]) -> Vec<(&'static str, Value)> {
        let asked = [
            ("client_id", self.client.0.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "s"),
            ("nonce", "n"),
            ("login_hint", "alice@acme.example.com"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let waiting = login::begin(&self.postern, &asked).await;
        let mut response = waiting.response(&self.idp);
        let more = attributes.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
        response.attributes.extend(more);
        let code = waiting.answer(&response.signed_assertion(&self.idp.key)).await.code();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        let client = (self.client.0.as_str(), self.client.1.as_str());
        let tokens = login::redeem(&self.postern, client, &form).await;
        let access_token = tokens.member("access_token").unwrap_or_else(|| panic!("{tokens:?}"));
        let userinfo = login::userinfo(&self.postern, &access_token).await;
        let mut told = vec![("#", json_of(&userinfo.body))];
        if let Some(token) = tokens.member("id_token") {
            let claims = token.split('.').nth(1).expect("three parts");
            let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64url");
            told.push(("#/$defs/id_token", serde_json::from_slice(&claims).expect("JSON")));
        }
        for token in [access_token, tokens.member("refresh_token").expect("a refresh token"), "unknown".into()] {
            let form = [("client_id", client.0), ("client_secret", client.1), ("token", &token)];
            let answer = self.postern.post_form("/api/oauth/introspect", &form).await;
            told.push(("#/$defs/introspection", json_of(&answer.body)));
        }
        told
    }
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"))
}

/// Every name that the schema has for members at the top of an answer.
fn described(schema: &Value) -> BTreeSet<&str> {
    let definitions = schema["$defs"].as_object().expect("definitions").values();
    let inner = definitions.clone().flat_map(|definition| definition["oneOf"].as_array().into_iter().flatten());
    let all = std::iter::once(schema).chain(definitions).chain(inner);
    all.filter_map(|part| part["properties"].as_object())
        .flat_map(|members| members.keys().map(String::as_str))
        .collect()
}

#[tokio::test]
async fn what_apps_are_told_is_what_the_schema_says() {
    let world = World::start().await;
    let schema = json_of(&std::fs::read_to_string(schema::claims()).expect("docs/claims.schema.json"));
    let everything = [("username", "alice"), ("department", "Research"), ("roles", "staff"), ("groups", "engineering")];
    let mut told = world.told("openid email profile offline_access", &[]).await;
    told.extend(world.told("", &[]).await);
    let domain = json!({ "tenant": TENANT, "product": PRODUCT, "domain": "example.com", "proof": "operator" });
    world.postern.call("POST", "/api/v1/domains", Some(&domain)).await;
    let rules = json!({
        "group_roles": [{ "group": "engineering", "role": "editor" }],
        "department_teams": [{ "department": "Research", "team": "Rockets" }],
    });
    world.set(rules).await;
    told.extend(world.told("openid", &everything).await);
    world.set(json!({ "access_policy": "invited_only", "uninvited": "tell" })).await;
    told.extend(world.told("openid", &everything).await);

    let described = described(&schema);
    for (place, answer) in &told {
        let unknown: Vec<_> =
            answer.as_object().expect("an object").keys().filter(|name| !described.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "the schema does not know {unknown:?} of {place}");
    }
    let answers: Vec<_> = told.iter().map(|(place, answer)| json!({ "schema": place, "answer": answer })).collect();
    assert_eq!(schema::check(&answers).await, Vec::<String>::new(), "real answers");
    let reasons: BTreeSet<_> =
        told.iter().filter_map(|(_, answer)| answer["provisioning"]["reason"].as_str()).collect();
    assert_eq!(reasons, ["domain_not_verified", "not_invited"].into(), "both verdicts were seen");

    // And it does say something.
    let spoil = |name: &str, value: Value| {
        let (place, mut answer) = told[0].clone();
        answer[name] = value;
        json!({ "schema": place, "answer": answer })
    };
    let spoilt = [
        spoil("provisioning", json!({ "allowed": false })),
        spoil("provisioning", json!({ "allowed": true, "reason": "not_invited" })),
        spoil("session_expires_at", json!("2026-01-31")),
        spoil("role_source", json!("group of friends")),
        spoil("tenant", Value::Null),
        spoil("idHash", json!("x")),
    ];
    assert_eq!(schema::check(&spoilt).await.len(), spoilt.len());
}
