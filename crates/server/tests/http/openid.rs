//! OpenID Connect towards identity providers (table G): the whole way, with a provider on loopback that does what it is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::jobs::metadata::round;
use postern::system::SystemRandom;
use postern_lab::idp::people;
use postern_lab::key::Key;
use postern_lab::openid::{CASES, Expected, Lies, OpenidProvider, Options, Signature};
use serde_json::{Value, json};
use url::Url;

use crate::world::{API_KEY, Answer, CALLBACK, PUBLIC, VERIFIER, World};

const CLIENT: &str = "client-of-postern";
const SECRET: &str = "a secret: with/odd+characters";
const SCOPE: &str = "tenant=oidc.example&product=crm";

fn provider_of(world: &World, client_secret: Option<&str>) -> OpenidProvider {
    OpenidProvider::start(Options {
        host: "127.0.0.1".into(),
        port: 0,
        key: Key::generate().unwrap(),
        client_id: CLIENT.into(),
        client_secret: client_secret.map(str::to_owned),
        people: people(),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
    })
    .unwrap()
}

/// Postern, a provider, and the tenant `oidc.example` that is connected to it.
async fn connected() -> (World, OpenidProvider) {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\nfetch.timeout_seconds = 3\n").await;
    let provider = provider_of(&world, Some(SECRET));
    connect(&world, &provider, json!({})).await;
    (world, provider)
}

async fn connect(world: &World, provider: &OpenidProvider, more: Value) -> Value {
    let answer = try_connect(world, provider, more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn try_connect(world: &World, provider: &OpenidProvider, more: Value) -> Answer {
    let mut body = json!({
        "tenant": "oidc.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "oidcDiscoveryUrl": format!("{}/.well-known/openid-configuration", provider.issuer),
        "oidcClientId": CLIENT, "oidcClientSecret": SECRET,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.api(Method::POST, "sso", body).await
}

/// Sends the browser to the provider.
async fn begin(world: &World, parameters: &[(&str, &str)]) -> Answer {
    let scope = [("client_id", SCOPE)];
    world.authorize(&[&scope, parameters].concat()).await
}

/// Brings the provider's answer back, with the cookie of the browser that began.
async fn bring(world: &World, cookie: &str, url: &Url) -> Answer {
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    world.send(TestRequest::get().uri(&path).insert_header(("Cookie", cookie))).await
}

/// A whole login.
async fn login(world: &World, provider: &OpenidProvider) -> Answer {
    let asked = begin(world, &[]).await;
    bring(world, &asked.cookie(), &provider.answer(&asked.location())).await
}

fn outcome(answer: &Answer) -> String {
    let signed_in = answer.headers.contains_key("location") && answer.sent("code").is_some();
    if signed_in { "code".to_owned() } else { answer.code() }
}

/// What the app is told after a login.
async fn claims(world: &World, answer: &Answer) -> Value {
    let code = answer.sent("code").unwrap_or_else(|| panic!("no code: {}", answer.location()));
    let secret = world.connection_secret("oidc.example").await;
    let tokens = world.redeem_with(&code, &[("client_id", SCOPE), ("client_secret", &secret)]).await.json();
    world.claims(tokens["access_token"].as_str().unwrap()).await.json()
}

#[actix_web::test]
async fn a_login_by_openid_connect_ends_in_the_same_claims_as_by_saml() {
    let (world, provider) = connected().await;
    let answer = login(&world, &provider).await;
    assert_eq!(answer.sent("state").as_deref(), Some("a state"));
    let claims = claims(&world, &answer).await;
    for (name, value) in [
        ("email", json!("alice@example.com")),
        ("firstName", json!("Alice")),
        ("lastName", json!("Martin")),
        ("name", json!("Alice Martin")),
        ("groups", json!(["engineering", "everyone"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims.get("email_verified").is_none(), "that is the provider's word alone (F16)");
    assert_eq!(claims["id"], claims["sub"]);
    assert_ne!(claims["sub"], "u-1001", "the provider's own name for the person is hashed");
    let raw = &claims["raw"];
    assert_eq!((&raw["sub"], &raw["groups"]), (&json!("u-1001"), &json!(["engineering", "everyone"])));
    assert!(raw.get("nonce").is_none() && raw.get("at_hash").is_none());
    let requested = &claims["requested"];
    assert_eq!((&requested["protocol"], &requested["providerName"]), (&json!("oidc"), &json!("127.0.0.1")));
    assert_eq!((&requested["tenant"], &requested["login_type"]), (&json!("oidc.example"), &json!("sp-initiated")));
    provider.stop().await;
}

#[actix_web::test]
async fn a_login_fetches_no_document_and_takes_eight_round_trips() {
    let (world, provider) = connected().await;
    let product = world.register(json!({})).await;
    let (id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    let mut trips = 0;
    for _ in 0..2 {
        let before = world.counted.counts();
        let asked = world.authorize(&[("client_id", id), ("tenant", "oidc.example")]).await;
        let answer = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
        let code = answer.sent("code").unwrap();
        let tokens = world.redeem_with(&code, &[("client_id", id), ("client_secret", secret)]).await.json();
        assert_eq!(world.claims(tokens["access_token"].as_str().unwrap()).await.status, 200);
        trips = (world.counted.counts() - before).round_trips;
    }
    assert_eq!(trips, 8, "a change belongs into docs/LOGIN.md");
    let asked = provider.asked();
    assert_eq!((asked.metadata, asked.keys, asked.token, asked.userinfo), (1, 1, 2, 0));
    provider.stop().await;
}

#[actix_web::test]
async fn g2_g3_everything_that_a_provider_can_do_wrong_has_a_name() {
    let (world, provider) = connected().await;
    for case in CASES {
        provider.lie((case.lies)());
        let expected = match case.expected {
            Expected::SignedIn => "code",
            Expected::Refused(code) => code.name(),
        };
        let answer = login(&world, &provider).await;
        assert_eq!(outcome(&answer), expected, "where {}", case.name);
        assert!(answer.status.as_u16() < 500, "where {}: {}", case.name, answer.status);
        assert!(!answer.header("location").contains("words"), "where {}", case.name);
        world.advance(Duration::from_secs(5)); // so that an unknown key may be looked up again
    }
    provider.stop().await;
}

#[actix_web::test]
async fn g4_an_answer_is_taken_once_and_in_the_browser_that_began() {
    let (world, provider) = connected().await;
    let asked = begin(&world, &[]).await;
    let url = provider.answer(&asked.location());
    assert_eq!(bring(&world, "", &url).await.code(), "LoginOtherBrowser");
    let other = begin(&world, &[]).await;
    assert_eq!(bring(&world, &other.cookie(), &url).await.code(), "LoginOtherBrowser");
    assert_eq!(outcome(&bring(&world, &asked.cookie(), &url).await), "code");
    let again = bring(&world, &asked.cookie(), &url).await;
    assert_eq!((again.code().as_str(), again.status.as_u16()), ("LoginSpent", 400));

    let late = begin(&world, &[]).await;
    let url = provider.answer(&late.location());
    world.advance(Duration::from_secs(601));
    assert_eq!(bring(&world, &late.cookie(), &url).await.code(), "LoginUnknown");
    provider.stop().await;
}

#[actix_web::test]
async fn g4_each_login_has_a_nonce_and_a_challenge_of_its_own() {
    let (world, provider) = connected().await;
    let mut seen = HashMap::new();
    for _ in 0..3 {
        let asked = begin(&world, &[]).await;
        assert_eq!(asked.sent("code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(asked.sent("scope").as_deref(), Some("openid email profile"));
        for name in ["state", "nonce", "code_challenge"] {
            let value = asked.sent(name).unwrap();
            assert!(value.len() >= 30 && seen.insert(value, name).is_none(), "{name}");
        }
    }
    // A code of one login in the answer to another: the challenge does not fit.
    let (one, other) = (begin(&world, &[]).await, begin(&world, &[]).await);
    let stolen =
        provider.answer(&one.location()).query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let mut url = provider.answer(&other.location());
    let kept: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("code", &stolen);
    assert_eq!(outcome(&bring(&world, &other.cookie(), &url).await), "OidcCodeRefused");
    provider.stop().await;
}

#[actix_web::test]
async fn g5_a_provider_that_does_not_name_itself_has_an_address_of_its_own() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let provider = provider_of(&world, Some(SECRET));
    let named = connect(&world, &provider, json!({})).await;
    assert_eq!(
        (&named["oidcCallback"], &named["callbackUrl"]),
        (&json!("shared"), &json!(format!("{PUBLIC}/api/oauth/oidc")))
    );

    let silent = || Lies {
        metadata: vec![("authorization_response_iss_parameter_supported", Value::Null)],
        callback: vec![("iss", None)],
        ..Lies::default()
    };
    provider.lie(silent());
    let mut addresses = Vec::new();
    for tenant in ["oidc.example", "other.example"] {
        world.api(Method::DELETE, &format!("sso?tenant={tenant}&product=crm"), Value::Null).await;
        let record = connect(&world, &provider, json!({ "tenant": tenant })).await;
        let own = format!("{PUBLIC}/api/oauth/oidc/{}", record["id"].as_str().unwrap());
        assert_eq!((&record["oidcCallback"], &record["callbackUrl"]), (&json!("own"), &json!(own)));
        addresses.push(own);
    }
    let asked = begin(&world, &[]).await;
    assert_eq!(asked.sent("redirect_uri").as_ref(), Some(&addresses[0]));
    let url = provider.answer(&asked.location());
    assert_eq!(outcome(&bring(&world, &asked.cookie(), &url).await), "code");

    // The mix-up: another connection's provider sends its own answer here under this login's state.
    for elsewhere in [addresses[1].clone(), format!("{PUBLIC}/api/oauth/oidc")] {
        let asked = begin(&world, &[]).await;
        let answer = provider.answer(&asked.location());
        let mut url = Url::parse(&elsewhere).unwrap();
        url.set_query(answer.query());
        let before = provider.asked().token;
        assert_eq!(outcome(&bring(&world, &asked.cookie(), &url).await), "OidcOtherCallback");
        assert_eq!(provider.asked().token, before, "the code goes nowhere");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn g5_an_issuer_that_comes_twice_is_refused_and_a_promise_is_kept() {
    let (world, provider) = connected().await;
    let asked = begin(&world, &[]).await;
    let mut url = provider.answer(&asked.location());
    url.query_pairs_mut().append_pair("iss", "https://evil.example");
    assert_eq!(outcome(&bring(&world, &asked.cookie(), &url).await), "ParameterRepeated");

    // Metadata that takes the promise back changes nothing: an answer without a name is refused.
    provider.lie(Lies {
        metadata: vec![("authorization_response_iss_parameter_supported", Value::Null)],
        callback: vec![("iss", None)],
        ..Lies::default()
    });
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    assert_eq!(outcome(&login(&world, &provider).await), "OidcIssuerParameterMissing");
    provider.stop().await;
}

#[actix_web::test]
async fn g6_an_unknown_key_is_looked_up_once_and_known_keys_survive_an_outage() {
    let (world, provider) = connected().await;
    provider.rotate(Key::generate().unwrap(), false);
    assert_eq!(outcome(&login(&world, &provider).await), "code", "within one login");
    assert_eq!(provider.asked().keys, 2);

    provider.lie(Lies {
        header: vec![("kid", json!("nobody"))],
        signature: Signature::OfAnotherKey,
        ..Lies::default()
    });
    for fetches in 3..6 {
        world.advance(Duration::from_secs(5));
        assert_eq!(outcome(&login(&world, &provider).await), "OidcKeyUnknown");
        assert_eq!(provider.asked().keys, fetches);
    }

    provider.lie(Lies { is_down: true, ..Lies::default() });
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.stop().await;
}

#[actix_web::test]
async fn g1_a_renewed_document_changes_keys_and_addresses_but_never_the_issuer() {
    let (world, provider) = connected().await;
    let events =
        || async { world.api(Method::GET, "events", Value::Null).await.json()["data"].as_array().unwrap().clone() };
    provider.rotate(Key::generate().unwrap(), true);
    world.advance(Duration::from_secs(3601));
    round(&world.app).await.unwrap();
    let last = events().await.pop().unwrap();
    assert_eq!((&last["type"], &last["data"]["changed"]["signing_keys"]), (&json!("connection.updated"), &json!(true)));
    let before = provider.asked().keys;
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    assert_eq!(provider.asked().keys, before);

    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!(format!("{}/", provider.issuer))),
        ("token_endpoint", json!("http://idp.example.com/token")),
        ("jwks_uri", Value::Null),
    ] {
        provider.lie(Lies { metadata: vec![(name, value)], ..Lies::default() });
        world.advance(Duration::from_secs(3601));
        round(&world.app).await.unwrap();
        assert_eq!(events().await.pop().unwrap()["type"], "connection.metadata_failed", "{name}");
        assert_eq!(outcome(&login(&world, &provider).await), "code", "{name}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn g1_a_connection_needs_the_exact_issuer_and_usable_documents() {
    let (world, provider) = connected().await;
    let slash = format!("{}/", provider.issuer);
    assert_eq!(
        try_connect(&world, &provider, json!({ "oidcIssuer": slash })).await.code(),
        "OidcMetadataIssuerMismatch"
    );
    let elsewhere =
        try_connect(&world, &provider, json!({ "oidcDiscoveryUrl": format!("{}/x", provider.issuer) })).await;
    assert_eq!(elsewhere.code(), "FetchStatus");
    let same = json!({ "oidcIssuer": provider.issuer, "oidcDiscoveryUrl": Value::Null });
    assert_eq!(try_connect(&world, &provider, same).await.status, 200);
    for (name, value, code) in [
        ("issuer", json!("https://evil.example"), "OidcMetadataIssuerMismatch"),
        ("token_endpoint", Value::Null, "OidcMetadataIncomplete"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "OidcMetadataEndpointInvalid"),
        ("id_token_signing_alg_values_supported", json!(["HS256"]), "OidcMetadataAlgorithms"),
    ] {
        provider.lie(Lies { metadata: vec![(name, value)], ..Lies::default() });
        assert_eq!(try_connect(&world, &provider, json!({})).await.code(), code);
    }
    provider.lie(Lies { keys: Some(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })), ..Lies::default() });
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "OidcMetadataKeyMissing");
    provider.lie(Lies { keys: Some(json!([])), ..Lies::default() });
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "OidcKeysUnreadable");
    provider.stop().await;
}

#[actix_web::test]
async fn g7_no_address_of_a_provider_leads_into_our_own_network() {
    let world = World::new().await; // nothing is opened
    let provider = provider_of(&world, Some(SECRET));
    assert_eq!(try_connect(&world, &provider, json!({})).await.code(), "FetchAddressForbidden");
    for url in ["https://169.254.169.254/.well-known/openid-configuration", "https://10.0.0.1", "https://[::1]"] {
        let refused = try_connect(&world, &provider, json!({ "oidcDiscoveryUrl": url })).await;
        assert_eq!(refused.code(), "FetchAddressForbidden", "{url}");
    }
    // By hand: the address is met when it is fetched.
    let metadata = |issuer: &str, jwks_uri: &str| {
        json!({ "oidcDiscoveryUrl": Value::Null, "oidcMetadata": {
            "issuer": issuer, "authorization_endpoint": "https://idp.example.com/authorize",
            "token_endpoint": "https://169.254.169.254/token", "jwks_uri": jwks_uri,
        } })
    };
    let refused =
        try_connect(&world, &provider, metadata("https://idp.example.com", "https://169.254.169.254/jwks")).await;
    assert_eq!(refused.code(), "FetchAddressForbidden");
    provider.stop().await;

    let (world, provider) = connected().await;
    let by_hand = metadata(&provider.issuer, &format!("{}/jwks", provider.issuer));
    connect(&world, &provider, by_hand).await;
    assert_eq!(outcome(&login(&world, &provider).await), "OidcProviderUnreachable");
    provider.stop().await;
}

#[actix_web::test]
async fn g8_a_login_does_not_begin_at_a_provider() {
    let world = World::new().await;
    let answer =
        world.get("/api/oauth/oidc?iss=https%3A%2F%2Fevil.example&target_link_uri=https%3A%2F%2Fevil.example").await;
    assert_eq!(
        (answer.code().as_str(), answer.status.as_u16(), answer.header("location")),
        ("OidcStateMissing", 400, "")
    );
}

#[actix_web::test]
async fn g9_the_redirect_uri_does_not_depend_on_the_host_header() {
    let (world, provider) = connected().await;
    let query = crate::world::asking(&[("client_id", SCOPE)]);
    let request = TestRequest::get().uri(&format!("/api/oauth/authorize?{query}"));
    let request = request.insert_header(("Host", "evil.example")).insert_header(("X-Forwarded-Host", "evil.example"));
    let asked = world.send(request).await;
    assert_eq!(asked.sent("redirect_uri"), Some(format!("{PUBLIC}/api/oauth/oidc")));
    provider.stop().await;
}

#[actix_web::test]
async fn what_the_app_asks_is_passed_on_and_the_answer_is_judged() {
    let (world, provider) = connected().await;
    let asked =
        begin(&world, &[("prompt", "login"), ("acr_values", "gold"), ("login_hint", "alice@example.com")]).await;
    let sent = ["prompt", "max_age", "acr_values", "login_hint"].map(|name| asked.sent(name).unwrap_or_default());
    assert_eq!(sent, ["login", "0", "gold", "alice@example.com"]);
    let answer = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
    assert_eq!(outcome(&answer), "code");

    // A provider that does not authenticate anew is asked once more, and then found out.
    provider.lie(Lies { claims: vec![("auth_time", json!(-7200))], ..Lies::default() });
    let asked = begin(&world, &[("max_age", "600")]).await;
    let once_more = bring(&world, &asked.cookie(), &provider.answer(&asked.location())).await;
    assert_eq!(once_more.sent("prompt").as_deref(), Some("login"));
    let answer = bring(&world, &once_more.cookie(), &provider.answer(&once_more.location())).await;
    assert_eq!(outcome(&answer), "AuthenticationStale");
    provider.stop().await;
}

#[actix_web::test]
async fn one_issuer_of_many_organisations_is_held_to_one() {
    let (world, provider) = connected().await;
    let record = connect(&world, &provider, json!({ "oidcRequiredClaims": { "hd": "acme.example" } })).await;
    assert_eq!(record["oidcRequiredClaims"]["hd"], "acme.example");
    assert_eq!(begin(&world, &[]).await.sent("hd").as_deref(), Some("acme.example"));
    assert_eq!(outcome(&login(&world, &provider).await), "OidcRequiredClaim");
    provider.lie(Lies { claims: vec![("hd", json!("evil.example"))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "OidcRequiredClaim");
    provider.lie(Lies { claims: vec![("hd", json!("acme.example"))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.stop().await;
}

#[actix_web::test]
async fn a_trusted_audience_may_stand_beside_us() {
    let (world, provider) = connected().await;
    let lies = |azp: Value| Lies { claims: vec![("aud", json!([CLIENT, "project"])), ("azp", azp)], ..Lies::default() };
    connect(&world, &provider, json!({ "oidcAudiences": ["project"] })).await;
    provider.lie(lies(json!(CLIENT)));
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    provider.lie(lies(Value::Null));
    assert_eq!(outcome(&login(&world, &provider).await), "OidcAuthorizedParty");
    provider.stop().await;
}

#[actix_web::test]
async fn groups_that_are_too_many_are_noted() {
    let (world, provider) = connected().await;
    provider.lie(Lies { claims: vec![("groups", Value::Null), ("hasgroups", json!(true))], ..Lies::default() });
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
    let notes = traces["data"][0]["notes"].to_string();
    assert!(notes.contains("groups overage"), "{traces}");
    provider.stop().await;
}

#[actix_web::test]
async fn a_connection_is_made_shown_changed_and_deleted_as_in_jackson() {
    let (world, provider) = connected().await;
    let discovery = format!("{}/.well-known/openid-configuration", provider.issuer);
    let list = "sso?tenant=oidc.example&product=crm";
    let found = world.api(Method::GET, &format!("{list}&strategy=oidc"), Value::Null).await.json();
    let record = &found[0];
    let openid = &record["oidcProvider"];
    assert_eq!((&openid["discoveryUrl"], &openid["clientId"]), (&json!(discovery), &json!(CLIENT)));
    assert_eq!((&openid["clientSecret"], &openid["provider"]), (&json!(SECRET), &json!("127.0.0.1")));
    // hex(RIPEMD-160("oidc.example:crm:client-of-postern"))
    assert_eq!(record["clientID"], postern_core::mapping::hex_ripemd160(&format!("oidc.example:crm:{CLIENT}")));
    assert_eq!(world.api(Method::GET, &format!("{list}&strategy=saml"), Value::Null).await.body, "[]");
    for key in ["key-that-may-only-read"] {
        let seen = world.api_as(key, Method::GET, list, Value::Null).await;
        assert!(!seen.body.contains(SECRET) && seen.body.contains(CLIENT));
    }

    // The same client again overwrites, by a form this time, and keeps the connection's id and secret.
    let form = [
        ("tenant", "oidc.example"),
        ("product", "crm"),
        ("redirectUrl", CALLBACK),
        ("defaultRedirectUrl", CALLBACK),
        ("oidcDiscoveryUrl", &discovery),
        ("oidcClientId", CLIENT),
        ("oidcClientSecret", SECRET),
        ("oidcScopes", "email groups"),
    ];
    let again = world.form("/api/v1/sso", &form, &[("Authorization", &format!("Api-Key {API_KEY}"))]).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let again = again.json();
    assert_eq!((&again["id"], &again["clientSecret"]), (&record["id"], &record["clientSecret"]));
    assert_eq!(again["oidcScopes"], json!(["openid", "email", "groups"]));

    let named = json!({ "clientID": record["clientID"], "clientSecret": record["clientSecret"] });
    let patch = |more: Value| {
        let mut body = named.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.api(Method::PATCH, "sso", body)
    };
    assert_eq!(
        patch(json!({ "isOIDC": true, "oidcClientSecret": "another", "oidcParameters": { "domain": "x" } }))
            .await
            .status,
        204
    );
    assert_eq!(outcome(&login(&world, &provider).await), "OidcClientSecretWrong");
    assert_eq!(begin(&world, &[]).await.sent("domain").as_deref(), Some("x"));
    assert_eq!(
        patch(json!({ "oidcClientSecret": SECRET, "oidcClientAuthMethod": "client_secret_post" })).await.status,
        204
    );
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    assert!(provider.last_form().contains(&("client_secret".to_owned(), SECRET.to_owned())));
    for (wrong, code) in [
        (json!({ "oidcClientId": "another" }), "ConnectionEntityIdChanged"),
        (json!({ "oidcClientAuthMethod": "none" }), "FieldInvalid"),
        (json!({ "oidcParameters": { "state": "x" } }), "FieldInvalid"),
        (json!({ "oidcParameters": "x" }), "FieldInvalid"),
        (json!({ "oidcCallback": "elsewhere" }), "FieldInvalid"),
        (json!({ "oidcScopes": ["a\"b"] }), "FieldInvalid"),
    ] {
        assert_eq!(patch(wrong.clone()).await.code(), code, "{wrong}");
    }
    let deleted = format!("{list}&strategy=oidc");
    assert_eq!(world.api(Method::DELETE, &deleted, Value::Null).await.status, 204);
    assert_eq!(world.api(Method::GET, list, Value::Null).await.body, "[]");
    provider.stop().await;
}

#[actix_web::test]
async fn what_is_missing_is_said_in_jacksons_words() {
    let (world, provider) = connected().await;
    for (missing, message) in [
        ("oidcClientId", "Please provide the clientId from OpenID Provider"),
        ("oidcClientSecret", "Please provide the clientSecret from OpenID Provider"),
        ("oidcDiscoveryUrl", "Please provide the discoveryUrl for the OpenID Provider"),
        ("redirectUrl", "Please provide redirectUrl"),
        ("tenant", "Please provide tenant"),
    ] {
        let mut body = json!({ "tenant": "new.example", "isOIDC": true });
        body[missing] = Value::Null;
        let answer = try_connect(&world, &provider, body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["message"]), (400, &json!(message)));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn inspect_and_sp_say_what_both_administrators_need() {
    let (world, provider) = connected().await;
    let body = json!({ "oidcIssuer": provider.issuer });
    let seen = world.api(Method::POST, "sso/inspect", body).await.json();
    assert_eq!((&seen["issuer"], &seen["keys"][0]["kid"]), (&json!(provider.issuer), &json!("key-1")));
    assert_eq!(seen["missing"], json!(["oidcClientId", "oidcClientSecret"]));
    let found = world.api(Method::GET, "sso?tenant=oidc.example&product=crm", Value::Null).await.json();
    let sp = world.api(Method::GET, &format!("sso/{}/sp", found[0]["id"].as_str().unwrap()), Value::Null).await.json();
    assert_eq!(sp["callbackUrl"], json!(format!("{PUBLIC}/api/oauth/oidc")));
    assert_eq!((&sp["clientId"], &sp["clientAuthMethod"]), (&json!(CLIENT), &json!("client_secret_basic")));
    provider.stop().await;
}

#[actix_web::test]
async fn a_connection_can_authenticate_with_keys_of_its_own() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]\n").await;
    let provider = provider_of(&world, None);
    let record = connect(
        &world,
        &provider,
        json!({ "oidcClientAuthMethod": "private_key_jwt", "oidcClientSecret": Value::Null }),
    )
    .await;
    let jwks_url = record["clientJwksUrl"].as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned();
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let form: HashMap<String, String> = provider.last_form().into_iter().collect();
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert!(!form.contains_key("client_secret") && form["code_verifier"] != VERIFIER);

    let jwks = world.get(&jwks_url).await;
    let key = jwks.json()["keys"][0].clone();
    assert!(key.get("d").is_none(), "nothing private is published");
    let assertion = &form["client_assertion"];
    let claims = verified(assertion, &key);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
    assert_eq!(claims["aud"], json!([provider.issuer, format!("{}/token", provider.issuer)]));
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 60);

    // Ninety days later a second key is published, and a day later it signs.
    world.advance(Duration::from_secs(90 * 86_400));
    round(&world.app).await.unwrap();
    let published = world.get(&jwks_url).await.json()["keys"].as_array().unwrap().clone();
    assert_eq!(published.len(), 2);
    world.advance(Duration::from_secs(86_400));
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let form: HashMap<String, String> = provider.last_form().into_iter().collect();
    assert_ne!(verified(&form["client_assertion"], &published[1])["jti"], claims["jti"]);
    world.advance(Duration::from_secs(86_400));
    round(&world.app).await.unwrap();
    assert_eq!(world.get(&jwks_url).await.json()["keys"], json!([published[1]]));
    let secrets = world.api(Method::GET, "sso?tenant=oidc.example&product=crm", Value::Null).await;
    assert!(!secrets.body.contains("PRIVATE"));
    provider.stop().await;
}

/// The claims of a token that a P-256 key signed.
fn verified(token: &str, key: &Value) -> Value {
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let point = [vec![4], decode(key["x"].as_str().unwrap()), decode(key["y"].as_str().unwrap())].concat();
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
    let public = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, point);
    public.verify(input.as_bytes(), &decode(signature)).unwrap();
    let header: Value = serde_json::from_slice(&decode(input.split('.').next().unwrap())).unwrap();
    assert_eq!(header["kid"], key["kid"]);
    serde_json::from_slice(&decode(input.split('.').nth(1).unwrap())).unwrap()
}

#[actix_web::test]
async fn an_answer_by_the_other_protocol_is_refused() {
    let (world, provider) = connected().await;
    let asked = begin(&world, &[]).await;
    let form = [("SAMLResponse", "PHg+"), ("RelayState", &asked.sent("state").unwrap())];
    let answer = world.form("/api/oauth/saml", &form, &[("Cookie", &asked.cookie())]).await;
    assert_eq!(outcome(&answer), "ConnectionOtherProtocol");
    let waiting = world.begin(&[]).await;
    let path = format!("/api/oauth/oidc?code=c&state={}", waiting.relay_state);
    let answer = world.send(TestRequest::get().uri(&path).insert_header(("Cookie", waiting.cookie))).await;
    assert_eq!(outcome(&answer), "ConnectionOtherProtocol");
    provider.stop().await;
}
