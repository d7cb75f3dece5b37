//! Clients that sign who they are (`private_key_jwt`), at every endpoint of theirs: B18, B19.

use std::time::Duration;

use actix_web::http::Method;
use postern_core::products::ProductSettings;
use postern_lab::signer::Signer;
use serde_json::{Value, json};

use crate::refresh::Address;
use crate::world::{Answer, CALLBACK, CHALLENGE, PUBLIC, World};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A registered app that signs.
struct App {
    id: String,
    signer: Signer,
}

impl App {
    async fn new(world: &World, settings: Value) -> Self {
        let signer = Signer::generate().unwrap();
        let mut all = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.jwks("1") });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let product = world.register(all).await;
        assert!(product.get("client_secret").is_none(), "{product}");
        Self { id: product["client_id"].as_str().unwrap().to_owned(), signer }
    }

    fn assertion(&self, world: &World, changes: Value) -> String {
        self.signer.assertion(&self.id, PUBLIC, world.app.now(), changes).unwrap()
    }

    async fn code(&self, world: &World) -> String {
        world.code(&[("client_id", &self.id), ("tenant", "acme.example")]).await
    }

    async fn redeem(&self, world: &World, assertion: &str) -> Answer {
        let code = self.code(world).await;
        let proof = [("client_id", self.id.as_str()), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
        world.redeem_with(&code, &proof).await
    }
}

#[actix_web::test]
async fn b18_a_client_that_signs_is_known_by_its_key_at_every_endpoint() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let tokens = app.redeem(&world, &app.assertion(&world, json!({}))).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();

    // The client_id may be left out: the assertion says it.
    let fresh = || app.assertion(&world, json!({}));
    let ask = |assertion: String| {
        let form =
            [("token", token.clone()), ("client_assertion_type", TYPE.to_owned()), ("client_assertion", assertion)];
        form.map(|(name, value)| (name, value))
    };
    for (path, status) in [("/api/oauth/introspect", 200), ("/api/oauth/revoke", 200), ("/api/oauth/introspect", 200)] {
        let form = ask(fresh());
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.form(path, &form, &[]).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
    }
    let assertion = fresh();
    let push = [
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion.as_str()),
        ("tenant", "acme.example"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(world.form("/api/oauth/par", &push, &[]).await.status, 201);
    // The same assertion, at another endpoint and on another replica: it shares the store.
    assert_eq!(world.form("/api/oauth/par", &push, &[]).await.code(), "ClientAssertionReplayed");
}

#[actix_web::test]
async fn b18_assertions_that_prove_nothing_are_refused() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let now = world.app.now().as_second();
    for (changes, code) in [
        (json!({ "aud": [PUBLIC] }), "ClientAssertionAudience"),
        (json!({ "aud": format!("{PUBLIC}/api/oauth/token") }), "ClientAssertionAudience"),
        (json!({ "aud": format!("{PUBLIC}/api/oauth/par") }), "ClientAssertionAudience"),
        (json!({ "aud": null }), "ClientAssertionAudience"),
        (json!({ "iss": "another" }), "ClientAssertionClient"),
        (json!({ "sub": "another" }), "ClientAssertionClient"),
        (json!({ "exp": now - 300 }), "ClientAssertionTimes"),
        (json!({ "exp": now + 301 }), "ClientAssertionTimes"),
        (json!({ "exp": null }), "ClientAssertionTimes"),
        (json!({ "jti": null }), "ClientAssertionTimes"),
        (json!({ "nbf": now + 60 }), "ClientAssertionTimes"),
    ] {
        let answer = app.redeem(&world, &app.assertion(&world, changes.clone())).await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status.as_u16(), error.as_str()), (401, "invalid_client"), "{changes}");
        assert_eq!(answer.code(), code, "{changes}");
    }
    let ahead = app.redeem(&world, &app.assertion(&world, json!({ "nbf": now + 8, "iat": now + 8 }))).await;
    assert_eq!(ahead.status, 200, "{}", ahead.body);

    let claims = json!({ "iss": app.id, "sub": app.id, "aud": PUBLIC, "jti": "j", "exp": now + 60 });
    for (header, code) in [
        (json!({ "alg": "none", "kid": "1" }), "ClientAssertionAlgorithm"),
        (json!({ "alg": "HS256", "kid": "1" }), "ClientAssertionAlgorithm"),
        (json!({ "alg": "RS256", "kid": "1" }), "ClientAssertionAlgorithm"),
        (json!({ "alg": "ES256", "kid": "2" }), "ClientAssertionKey"),
        (json!({ "alg": "ES256", "kid": "1", "typ": "dpop+jwt" }), "ClientAssertionForm"),
    ] {
        let answer = app.redeem(&world, &app.signer.sign(&header, &claims).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code), "{header}");
    }
    let stranger = Signer::generate().unwrap().assertion(&app.id, PUBLIC, world.app.now(), json!({})).unwrap();
    assert_eq!(app.redeem(&world, &stranger).await.code(), "ClientAssertionKey");

    // RFC 6749 §2.3: one method, and the one that is registered.
    let code = app.code(&world).await;
    let id = ("client_id", app.id.as_str());
    assert_eq!(world.redeem_with(&code, &[id]).await.code(), "ClientAuthenticationMissing");
    assert_eq!(world.redeem_with(&code, &[id, ("client_secret", "s")]).await.code(), "ClientAuthenticationMissing");
    let assertion = app.assertion(&world, json!({}));
    let both = [id, ("client_secret", "s"), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    assert_eq!(world.redeem_with(&code, &both).await.code(), "ClientAuthenticationTwice");
    let untyped = [id, ("client_assertion", assertion.as_str())];
    assert_eq!(world.redeem_with(&code, &untyped).await.code(), "ClientAssertionForm");
    // None of this used the assertion up.
    let good = [id, ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    assert_eq!(world.redeem_with(&code, &good).await.status, 200);
}

#[actix_web::test]
async fn b18_a_client_with_a_secret_cannot_sign_instead() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let id = product["client_id"].as_str().unwrap();
    let assertion = Signer::generate().unwrap().assertion(id, PUBLIC, world.app.now(), json!({})).unwrap();
    let code = world.code(&[("client_id", id), ("tenant", "acme.example")]).await;
    let proof = [("client_id", id), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    assert_eq!(world.redeem_with(&code, &proof).await.code(), "ClientAssertionUnexpected");
}

#[actix_web::test]
async fn b19_an_unknown_client_costs_no_signature() {
    let world = World::new().await;
    // What it sends is not even a token: if it were verified, the answer would say so.
    let form = [
        ("client_id", "prod_unknown"),
        ("client_assertion_type", TYPE),
        ("client_assertion", "not.a.token"),
        ("code", "x"),
    ];
    assert_eq!(world.form("/api/oauth/token", &form, &[]).await.code(), "ClientUnknown");
    assert_eq!(world.form("/api/oauth/introspect", &form, &[]).await.code(), "ClientUnknown");
    // Nor does a proof of possession, before the client is known.
    let answer = world.form("/api/oauth/token", &form, &[("DPoP", "not.a.proof")]).await;
    assert_eq!(answer.code(), "ClientUnknown");
}

#[actix_web::test]
async fn b18_the_algorithm_may_be_registered_and_keys_have_to_be_public_ones() {
    let world = World::new().await;
    let app = App::new(&world, json!({ "token_endpoint_auth_signing_alg": "PS256" })).await;
    let refused = app.redeem(&world, &app.assertion(&world, json!({}))).await;
    assert_eq!(refused.code(), "ClientAssertionAlgorithm");
    let change = json!({ "name": "crm", "token_endpoint_auth_signing_alg": "ES256" });
    let changed = world.api(Method::PATCH, "products", change).await.json();
    assert_eq!(changed["token_endpoint_auth_signing_alg"], "ES256");
    assert_eq!(changed["jwks"], app.signer.jwks("1"));
    assert_eq!(app.redeem(&world, &app.assertion(&world, json!({}))).await.status, 200);

    let mut private = app.signer.jwks("1");
    private["keys"][0]["d"] = json!("AAAA");
    for settings in [
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [] } }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": private }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": app.signer.jwks("1"), "token_endpoint_auth_signing_alg": "HS256" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": app.signer.jwks("1"), "jwks_uri": "https://app.example.com/jwks" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.example.com/jwks" }),
    ] {
        let mut product = json!({ "name": "other", "redirect_urls": [CALLBACK] });
        product.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = world.api(Method::POST, "products", product).await;
        assert_eq!(answer.status, 400, "{settings} {}", answer.body);
    }
    let back = json!({ "name": "crm", "token_endpoint_auth_method": "client_secret_basic" });
    assert!(world.api(Method::PATCH, "products", back).await.json()["client_secret"].is_string());
}

#[actix_web::test]
async fn b18_published_keys_are_read_again_for_an_unknown_name_once_a_minute() {
    let world = World::configured("fetch.allow_networks = [\"127.0.0.0/8\"]").await;
    let (first, second) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let address = Address::start(first.jwks("1").to_string());
    let settings = ProductSettings {
        token_endpoint_auth_method: Some("private_key_jwt".into()),
        redirect_urls: Some(vec![CALLBACK.into()]),
        jwks: Some(postern::jobs::client_keys::fetch(&world.app, &address.url).await.unwrap()),
        jwks_uri: Some(address.url.clone()),
        ..ProductSettings::default()
    };
    let (product, _) = world.app.products.create("crm", settings).await.unwrap();
    let (first, second) =
        (App { id: product.client_id.clone(), signer: first }, App { id: product.client_id, signer: second });
    assert_eq!(first.redeem(&world, &first.assertion(&world, json!({}))).await.status, 200);
    assert_eq!(address.asked(), 1, "a known name is not looked up");

    let mut keys = second.signer.jwks("2");
    let now = world.app.now().as_second();
    let signed = |at: i64, jti: &str| {
        let claims = json!({ "iss": second.id, "sub": second.id, "aud": PUBLIC, "jti": jti, "exp": at + 60 });
        second.signer.sign(&json!({ "alg": "ES256", "kid": "2" }), &claims).unwrap()
    };
    assert_eq!(second.redeem(&world, &signed(now, "a")).await.code(), "ClientAssertionKey");
    assert_eq!(address.asked(), 2);
    address.say(200, keys.to_string());
    assert_eq!(second.redeem(&world, &signed(now, "b")).await.code(), "ClientAssertionKey");
    assert_eq!(address.asked(), 2, "not twice in a minute");
    world.advance(Duration::from_secs(61));
    assert_eq!(second.redeem(&world, &signed(now + 61, "c")).await.status, 200);
    assert_eq!(address.asked(), 3);
    // The first key is gone with the set that had it.
    world.advance(Duration::from_secs(61));
    assert_eq!(first.redeem(&world, &first.assertion(&world, json!({}))).await.code(), "ClientAssertionKey");

    // An hour later the set is read again also for a name that it has; where that fails, the last one goes on.
    world.advance(Duration::from_secs(3600));
    let before = address.asked();
    keys["keys"][0]["d"] = json!("a private key");
    address.say(200, keys.to_string());
    let late = world.app.now().as_second();
    assert_eq!(second.redeem(&world, &signed(late, "d")).await.status, 200);
    assert_eq!(address.asked(), before + 1);
}
