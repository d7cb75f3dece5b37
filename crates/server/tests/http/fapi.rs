//! A client of the FAPI 2.0 Security Profile: it signs who it is, pushes its questions, and binds its tokens to a key. Here is
//! what the modules of the conformance plan ask of such a client alone; what they ask of every client is shown elsewhere.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern_lab::signer::Signer;
use serde_json::{Value, json};

use crate::registered::{App, QUESTION, member};
use crate::world::{Answer, IDP, PUBLIC, VERIFIER, World, waiting};

const TOKEN: &str = "https://sso.example.com/sso/api/oauth/token";
const PAR: &str = "https://sso.example.com/sso/api/oauth/par";
const TYPE: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

struct Client<'w> {
    app: App<'w>,
    signer: Signer,
}

impl<'w> Client<'w> {
    async fn register(world: &'w World, name: &str) -> Self {
        let signer = Signer::generate().unwrap();
        let settings = json!({
            "name": name,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": signer.jwks("1"),
            "dpop_bound_access_tokens": true,
            "require_pushed_authorization_requests": true,
            "id_token_signed_response_alg": "ES256",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        Self { app: App::new(world, settings).await, signer }
    }

    fn assertion(&self, changes: Value) -> String {
        self.signer.assertion(&self.app.client_id, PUBLIC, self.app.world.app.now(), changes).unwrap()
    }

    /// Pushes a question with these parameters instead of the usual ones.
    async fn push(&self, given: &[(&str, &str)]) -> Answer {
        let assertion = self.assertion(json!({}));
        self.app.push(&[&[TYPE, ("client_assertion", assertion.as_str())], given].concat()).await
    }

    /// A code for a question that was pushed.
    async fn code(&self, given: &[(&str, &str)]) -> String {
        let pushed = self.push(given).await;
        assert_eq!(pushed.status, 201, "{}", pushed.body);
        let login = waiting(&self.app.open(member(&pushed.json(), "request_uri"), &[]).await);
        let world = self.app.world;
        let done = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
        assert_eq!((done.status.as_u16(), done.sent("iss").as_deref()), (303, Some(PUBLIC)));
        done.sent("code").unwrap()
    }

    /// A token request, with a proof of this key.
    async fn ask(&self, form: &[(&str, &str)], key: Option<&Signer>) -> Answer {
        let (world, assertion) = (self.app.world, self.assertion(json!({})));
        let own = [("client_id", self.app.client_id.as_str()), TYPE, ("client_assertion", &assertion)];
        let request = TestRequest::post().uri("/api/oauth/token").set_form([&own, form].concat());
        let proof = key.map(|key| key.proof(("POST", TOKEN), None, world.app.now(), json!({})).unwrap());
        world.send(proof.into_iter().fold(request, |request, proof| request.insert_header(("DPoP", proof)))).await
    }

    async fn redeem(&self, code: &str, key: Option<&Signer>) -> Answer {
        self.ask(&[("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)], key).await
    }
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    (answer.status.as_u16(), member(&answer.json(), "error").to_owned(), answer.code())
}

#[actix_web::test]
async fn e9_the_parts_of_fapi_2_work_together() {
    let world = World::new().await;
    let client = Client::register(&world, "crm").await;
    let (nonce, state) = ("n".repeat(384), "s".repeat(1000));
    let code = client.code(&[("scope", "profile openid"), ("nonce", &nonce), ("state", &state)]).await;
    // Without a key there is nothing, and the code is not lost over it.
    let missing = client.redeem(&code, None).await;
    assert_eq!(refusal(&missing), (400, "invalid_request".into(), "DpopProofRequired".into()));
    let tokens = client.redeem(&code, Some(&client.signer)).await;
    assert_eq!((tokens.status.as_u16(), &tokens.json()["token_type"]), (200, &json!("DPoP")), "{}", tokens.body);
    let (claims, header) = crate::id_token::verified(&world, member(&tokens.json(), "id_token")).await;
    assert_eq!((&header["alg"], &claims["nonce"]), (&json!("ES256"), &json!(nonce)));

    // A second time it is worth nothing, and what the first time gave neither.
    let again = client.redeem(&code, Some(&client.signer)).await;
    assert_eq!(refusal(&again), (400, "invalid_grant".into(), "CodeSpent".into()));
    let late = client.code(&[]).await;
    world.advance(Duration::from_secs(62));
    assert_eq!(refusal(&client.redeem(&late, Some(&client.signer)).await).1, "invalid_grant");
}

#[actix_web::test]
async fn b18_no_invalid_assertion_pushes_a_question() {
    let world = World::new().await;
    let client = Client::register(&world, "crm").await;
    let now = world.app.now().as_second();
    // The assertion alone says which client it is.
    let push = async |fields: &[(&str, &str)]| world.form("/api/oauth/par", &[&QUESTION, fields].concat(), &[]).await;
    let with = async |assertion: &str| push(&[TYPE, ("client_assertion", assertion)]).await;
    let good = client.assertion(json!({}));
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    let mut refused = vec![
        ("none", push(&[("client_id", client.app.client_id.as_str())]).await),
        ("no type", push(&[("client_assertion", &good)]).await),
        ("another type", push(&[kind, ("client_assertion", &good)]).await),
    ];
    for (case, changes) in [
        ("no sub", json!({ "sub": null })),
        ("another sub", json!({ "sub": "prod_another" })),
        ("no iss", json!({ "iss": null })),
        ("another iss", json!({ "iss": "prod_another" })),
        ("no aud", json!({ "aud": null })),
        ("another aud", json!({ "aud": "https://another.example.com" })),
        ("the endpoint as aud", json!({ "aud": PAR })),
        ("the token endpoint as aud", json!({ "aud": TOKEN })),
        ("a list as aud", json!({ "aud": [PUBLIC, "https://another.example.com"] })),
        ("exp is past", json!({ "exp": now - 300 })),
        ("iat and nbf are to come", json!({ "iat": now + 65, "nbf": now + 65, "exp": now + 125 })),
    ] {
        refused.push((case, with(&client.assertion(changes)).await));
    }
    let claims =
        json!({ "iss": client.app.client_id, "sub": client.app.client_id, "aud": PUBLIC, "jti": "j", "exp": now + 60 });
    for algorithm in ["RS256", "none"] {
        let header = json!({ "alg": algorithm, "kid": "1" });
        refused.push((algorithm, with(&client.signer.sign(&header, &claims).unwrap()).await));
    }
    let stranger = Signer::generate().unwrap();
    refused.push(("another key", with(&stranger.sign(&json!({ "alg": "ES256", "kid": "1" }), &claims).unwrap()).await));
    for (case, answer) in refused {
        let (status, error, _) = refusal(&answer);
        assert!(matches!(status, 400 | 401) && error == "invalid_client", "{case}: {status} {error}");
    }

    let ahead = client.assertion(json!({ "iat": now + 8, "nbf": now + 8 }));
    assert_eq!(with(&ahead).await.status, 201);
    assert_eq!(with(&good).await.status, 201, "it was not used up");
}

#[actix_web::test]
async fn a7_a8_e1_a_client_that_is_held_to_pushed_requests_brings_a_challenge() {
    let world = World::new().await;
    let client = Client::register(&world, "crm").await;
    let invalid = |code: &str| (400, "invalid_request".to_owned(), code.to_owned());
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(refusal(&client.push(&without).await), invalid("ChallengeMissing"), "a state is not enough");
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    assert_eq!(refusal(&client.push(&plain).await), invalid("ChallengeMethodUnsupported"));
    assert_eq!(refusal(&client.push(&[("redirect_uri", "")]).await), invalid("RedirectUriMissing"));
    let push = TestRequest::put().uri("/api/oauth/par").set_form(QUESTION);
    assert_eq!(world.send(push).await.status, 405);

    // The challenge is kept to: without the verifier, or with another, the code is worth nothing.
    let code = client.code(&[("state", "")]).await;
    for verifier in ["", "a-verifier-that-nobody-made-a-challenge-of-0000"] {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", verifier)];
        form.retain(|(_, value)| !value.is_empty());
        let answer = client.ask(&form, Some(&client.signer)).await;
        assert_eq!((answer.status.as_u16(), member(&answer.json(), "error")), (400, "invalid_grant"), "{verifier}");
    }
    assert_eq!(client.redeem(&code, Some(&client.signer)).await.status, 200);
}

#[actix_web::test]
async fn b6_e2_another_client_gets_nothing_for_what_is_not_its_own() {
    let world = World::new().await;
    world.connect("acme.example", "wiki", IDP).await;
    let (client, other) = (Client::register(&world, "crm").await, Client::register(&world, "wiki").await);
    let pushed = client.push(&[]).await.json();
    assert_eq!(other.app.open(member(&pushed, "request_uri"), &[]).await.code(), "RequestUriUnknown");
    let code = client.code(&[]).await;
    let stolen = other.redeem(&code, Some(&client.signer)).await;
    assert_eq!(refusal(&stolen), (400, "invalid_grant".into(), "CodeForOtherClient".into()));
    // Nor by the other's name.
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("client_id", &other.app.client_id),
        TYPE,
        (
            "client_assertion",
            &client.signer.assertion(&other.app.client_id, PUBLIC, world.app.now(), json!({})).unwrap(),
        ),
    ];
    let posing = world.form("/api/oauth/token", &form, &[]).await;
    assert_eq!(refusal(&posing), (401, "invalid_client".into(), "ClientAssertionKey".into()));
    assert_eq!(client.redeem(&code, Some(&client.signer)).await.status, 200);
}

#[actix_web::test]
async fn c1_c3_a_client_that_signs_keeps_its_refresh_token() {
    let world = World::new().await;
    world.connect("acme.example", "wiki", IDP).await;
    let (client, other) = (Client::register(&world, "crm").await, Client::register(&world, "wiki").await);
    let code = client.code(&[("scope", "openid offline_access")]).await;
    let tokens = client.redeem(&code, Some(&client.signer)).await.json();
    let refresh_token = member(&tokens, "refresh_token").to_owned();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    // Again and again, each time with another key: the token is bound to the client, the access token to the key.
    let mut access_tokens = vec![member(&tokens, "access_token").to_owned()];
    for _ in 0..3 {
        world.advance(Duration::from_secs(30));
        let answer = client.ask(&form, Some(&Signer::generate().unwrap())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = answer.json();
        assert_eq!((member(&told, "refresh_token"), member(&told, "token_type")), (refresh_token.as_str(), "DPoP"));
        let (claims, _) = crate::id_token::verified(&world, member(&told, "id_token")).await;
        assert_eq!(claims["aud"], json!(client.app.client_id));
        access_tokens.push(member(&told, "access_token").to_owned());
    }
    access_tokens.sort();
    access_tokens.dedup();
    assert_eq!(access_tokens.len(), 4);

    let missing = client.ask(&form, None).await;
    assert_eq!(refusal(&missing), (400, "invalid_request".into(), "DpopProofRequired".into()));
    let stolen = other.ask(&form, Some(&other.signer)).await;
    assert_eq!(refusal(&stolen), (400, "invalid_grant".into(), "RefreshTokenForOtherClient".into()));

    // C4: each use puts off the end of a token that nobody uses for oauth.refresh_idle_days, which is 14.
    for _ in 0..2 {
        world.advance(Duration::from_secs(10 * 86_400));
        assert_eq!(client.ask(&form, Some(&client.signer)).await.status, 200);
    }

    // A client that takes a secret instead has to change its token from then on.
    let change = json!({
        "name": "crm", "token_endpoint_auth_method": "client_secret_post", "dpop_bound_access_tokens": false,
    });
    let secret = world.api(Method::PATCH, "products", change).await.json();
    let app =
        App { world: &world, client_id: client.app.client_id.clone(), secret: member(&secret, "client_secret").into() };
    let next = app.refresh(&refresh_token, &[]).await.json();
    assert_ne!(member(&next, "refresh_token"), refresh_token);
    world.advance(Duration::from_secs(30));
    assert_eq!(app.refresh(&refresh_token, &[]).await.code(), "RefreshTokenReused");
}
