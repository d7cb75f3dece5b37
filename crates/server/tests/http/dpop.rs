//! Tokens that are bound to a key (DPoP, RFC 9449): table E.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern_lab::signer::Signer;
use serde_json::{Value, json};

use crate::registered::{App, QUESTION};
use crate::world::{Answer, VERIFIER, World};

const TOKEN: &str = "https://sso.example.com/sso/api/oauth/token";
const USERINFO: &str = "https://sso.example.com/sso/api/oauth/userinfo";
const PAR: &str = "https://sso.example.com/sso/api/oauth/par";

impl App<'_> {
    /// A token request, with these proofs beside it.
    async fn ask(&self, form: &[(&str, &str)], proofs: &[&str]) -> Answer {
        let client = [("client_id", self.client_id.as_str()), ("client_secret", &self.secret)];
        let form: Vec<_> = client.iter().chain(form).filter(|(_, value)| !value.is_empty()).copied().collect();
        let request = TestRequest::post().uri("/api/oauth/token").set_form(form);
        self.world.send(proofs.iter().fold(request, |request, proof| request.append_header(("DPoP", *proof)))).await
    }

    async fn redeem(&self, code: &str, proofs: &[&str]) -> Answer {
        let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.ask(&form, proofs).await
    }

    /// A token that is bound to this key.
    async fn bound(&self, key: &Signer) -> String {
        let code = self.code(&[]).await;
        let answer = self.redeem(&code, &[&proof(self.world, key, json!({}))]).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["token_type"]), (200, &json!("DPoP")), "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

fn proof(world: &World, key: &Signer, changes: Value) -> String {
    key.proof(("POST", TOKEN), None, world.app.now(), changes).unwrap()
}

async fn present(world: &World, scheme: &str, token: &str, proofs: &[&str]) -> Answer {
    let request = TestRequest::get().uri("/api/oauth/userinfo");
    let request = request.insert_header(("Authorization", format!("{scheme} {token}")));
    world.send(proofs.iter().fold(request, |request, proof| request.append_header(("DPoP", *proof)))).await
}

#[actix_web::test]
async fn e6_a_bound_token_needs_its_key_and_is_no_bearer_token() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let (key, other) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let token = app.bound(&key).await;
    let at = |key: &Signer, token: &str, changes| {
        key.proof(("GET", USERINFO), Some(token), world.app.now(), changes).unwrap()
    };

    let told = present(&world, "dpop", &token, &[&at(&key, &token, json!({}))]).await;
    assert_eq!((told.status.as_u16(), &told.json()["email"]), (200, &json!("alice@example.com")));
    // Like every address of ours, also at the public path.
    let request =
        TestRequest::get().uri("/sso/api/oauth/userinfo").insert_header(("Authorization", format!("DPoP {token}")));
    let request = request.insert_header(("DPoP", at(&key, &token, json!({}))));
    assert_eq!(world.send(request).await.status, 200);

    for (answer, error, code) in [
        (present(&world, "Bearer", &token, &[]).await, "invalid_token", "TokenBound"),
        (present(&world, "Bearer", &token, &[&at(&key, &token, json!({}))]).await, "invalid_token", "TokenBound"),
        (present(&world, "DPoP", &token, &[&at(&other, &token, json!({}))]).await, "invalid_token", "TokenKeyOther"),
        (present(&world, "DPoP", &token, &[]).await, "invalid_dpop_proof", "DpopProofMissing"),
        (
            present(&world, "DPoP", &token, &[&at(&key, "another", json!({}))]).await,
            "invalid_dpop_proof",
            "DpopProofToken",
        ),
        (
            present(&world, "DPoP", &token, &[&at(&key, &token, json!({ "ath": null }))]).await,
            "invalid_dpop_proof",
            "DpopProofToken",
        ),
        (
            present(&world, "DPoP", &token, &[&at(&key, &token, json!({ "htm": "POST" }))]).await,
            "invalid_dpop_proof",
            "DpopProofRequest",
        ),
        (present(&world, "DPoP", "not.one", &[&at(&key, "not.one", json!({}))]).await, "invalid_token", "TokenInvalid"),
    ] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code));
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
        assert_eq!(challenge.starts_with("DPoP algs=\"PS256 ES256 EdDSA\""), code != "TokenInvalid", "{challenge}");
    }
    let plain = app.redeem(&app.code(&[]).await, &[]).await.json();
    let plain = plain["access_token"].as_str().unwrap();
    let answer = present(&world, "DPoP", plain, &[&at(&key, plain, json!({}))]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "TokenNotBound"));

    let form = [("client_id", app.client_id.as_str()), ("client_secret", &app.secret), ("token", &token)];
    let told = world.form("/api/oauth/introspect", &form, &[]).await.json();
    assert_eq!((&told["token_type"], &told["cnf"]), (&json!("DPoP"), &json!({ "jkt": key.thumbprint() })));
}

#[actix_web::test]
async fn e5_proofs_that_prove_nothing_are_refused_and_good_ones_serve_once() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let key = Signer::generate().unwrap();
    let code = app.code(&[]).await;
    let now = world.app.now().as_second();
    for (changes, expected) in [
        (json!({ "htm": "GET" }), "DpopProofRequest"),
        (json!({ "htu": USERINFO }), "DpopProofRequest"),
        (json!({ "htu": "https://evil.example/sso/api/oauth/token" }), "DpopProofRequest"),
        (json!({ "iat": now - 61 }), "DpopProofTime"),
        (json!({ "iat": now + 61 }), "DpopProofTime"),
        (json!({ "iat": null }), "DpopProofForm"),
        (json!({ "jti": null }), "DpopProofForm"),
        (json!({ "htm": null }), "DpopProofForm"),
        (json!({ "htu": null }), "DpopProofForm"),
    ] {
        let answer = app.redeem(&code, &[&proof(&world, &key, changes.clone())]).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, expected), "{changes}");
        assert_eq!(answer.json()["error"], "invalid_dpop_proof", "{changes}");
    }
    let claims = json!({ "htm": "POST", "htu": TOKEN, "jti": "j", "iat": now });
    let jwk = key.jwk();
    let mut private = jwk.clone();
    private["d"] = json!("AAAA");
    for header in [
        json!({ "typ": "JWT", "alg": "ES256", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "none", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "RS256", "jwk": jwk }),
        json!({ "typ": "dpop+jwt", "alg": "ES256" }),
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": private }),
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": Signer::generate().unwrap().jwk() }),
    ] {
        let answer = app.redeem(&code, &[&key.sign(&header, &claims).unwrap()]).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "DpopProofForm"), "{header}");
    }
    let two = [proof(&world, &key, json!({})), proof(&world, &key, json!({}))];
    assert_eq!(app.redeem(&code, &[&two[0], &two[1]]).await.code(), "DpopProofForm");

    // None of this spent the code; a clock that is ten seconds off does no harm.
    let good = proof(&world, &key, json!({ "iat": now + 10, "htu": format!("{TOKEN}?query#fragment") }));
    assert_eq!(app.redeem(&code, &[&good]).await.status, 200);
    let next = app.code(&[]).await;
    assert_eq!(app.redeem(&next, &[&good]).await.code(), "DpopProofReplayed");
    let old = proof(&world, &key, json!({ "iat": now - 10 }));
    assert_eq!(app.redeem(&next, &[&old]).await.status, 200);
}

/// The negative proofs of the FAPI 2.0 plan, which are made where the token is used.
#[actix_web::test]
async fn e5_proofs_beside_an_access_token_are_judged_like_those_at_the_token_endpoint() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let key = Signer::generate().unwrap();
    let token = app.bound(&key).await;
    let now = world.app.now().as_second();
    let about = |changes: Value| key.proof(("GET", USERINFO), Some(&token), world.app.now(), changes).unwrap();
    let headed = |change: &dyn Fn(&mut Value)| {
        let mut header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() });
        change(&mut header);
        let good = about(json!({}));
        let claims = data_encoding::BASE64URL_NOPAD.decode(good.split('.').nth(1).unwrap().as_bytes()).unwrap();
        key.sign(&header, &serde_json::from_slice(&claims).unwrap()).unwrap()
    };
    let without = |name: &'static str| headed(&move |header| drop(header.as_object_mut().unwrap().remove(name)));
    let spoiled = {
        let good = about(json!({}));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        format!("{signed}.{}", signature.chars().rev().collect::<String>())
    };
    for (proof, expected) in [
        ("not a token".to_owned(), "DpopProofForm"),
        (without("typ"), "DpopProofForm"),
        (without("alg"), "DpopProofForm"),
        (without("jwk"), "DpopProofForm"),
        (headed(&|header| header["typ"] = json!("jwt")), "DpopProofForm"),
        (headed(&|header| header["alg"] = json!("none")), "DpopProofForm"),
        (headed(&|header| header["jwk"]["d"] = json!("AAAA")), "DpopProofForm"),
        (spoiled, "DpopProofForm"),
        (about(json!({ "jti": null })), "DpopProofForm"),
        (about(json!({ "htm": null })), "DpopProofForm"),
        (about(json!({ "htu": null })), "DpopProofForm"),
        (about(json!({ "iat": null })), "DpopProofForm"),
        (about(json!({ "ath": null })), "DpopProofToken"),
        (about(json!({ "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" })), "DpopProofToken"),
        (about(json!({ "htm": "PUT" })), "DpopProofRequest"),
        (about(json!({ "htu": TOKEN })), "DpopProofRequest"),
        (about(json!({ "iat": now + 3600 })), "DpopProofTime"),
        (about(json!({ "iat": now - 3600 })), "DpopProofTime"),
    ] {
        let answer = present(&world, "DPoP", &token, &[&proof]).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, expected), "{proof}");
    }
    let two = [about(json!({})), about(json!({}))];
    assert_eq!(present(&world, "DPoP", &token, &[&two[0], &two[1]]).await.code(), "DpopProofForm");

    // The address is compared as RFC 3986 §6.2 has it, without query and fragment, and what is not known does not matter.
    for proof in [
        about(json!({ "htu": format!("{USERINFO}?query=1#fragment") })),
        about(json!({ "htu": USERINFO.replace("https://sso.example.com", "HTTPS://SSO.EXAMPLE.COM") })),
        about(json!({ "htu": USERINFO.replace("sso.example.com", "sso.example.com:443") })),
        about(json!({ "nbf": now, "exp": now + 300, "further": "claim" })),
        headed(&|header| header["further"] = json!("member")),
    ] {
        assert_eq!(present(&world, "DPoP", &token, &[&proof]).await.status, 200, "{proof}");
        assert_eq!(present(&world, "DPoP", &token, &[&proof]).await.code(), "DpopProofReplayed");
    }
}

#[actix_web::test]
async fn e7_a_code_is_bound_by_its_name_or_by_a_pushed_proof() {
    let world = World::new().await;
    let app = App::new(&world, json!({})).await;
    let (key, other) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let code = app.code(&[("dpop_jkt", &key.thumbprint())]).await;
    assert_eq!(app.redeem(&code, &[]).await.code(), "DpopProofRequired");
    let wrong = app.redeem(&code, &[&proof(&world, &other, json!({}))]).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (400, "DpopKeyOther"));
    assert_eq!(wrong.json()["error"], "invalid_grant");
    assert_eq!(app.redeem(&code, &[&proof(&world, &key, json!({}))]).await.status, 200);

    let pushing = |key: &Signer| key.proof(("POST", PAR), None, world.app.now(), json!({})).unwrap();
    let push = async |named: &str, key: &Signer| {
        let client = [("client_id", app.client_id.as_str()), ("client_secret", &app.secret), ("dpop_jkt", named)];
        let form: Vec<_> = QUESTION.iter().chain(&client).filter(|(_, value)| !value.is_empty()).collect();
        let request = TestRequest::post().uri("/api/oauth/par").set_form(form);
        world.send(request.insert_header(("DPoP", pushing(key)))).await
    };
    let disagreeing = push(&other.thumbprint(), &key).await;
    assert_eq!((disagreeing.status.as_u16(), disagreeing.code().as_str()), (400, "DpopKeyNamedOther"));
    assert_eq!(disagreeing.json()["error"], "invalid_dpop_proof");
    for named in [String::new(), key.thumbprint()] {
        let pushed = push(&named, &key).await;
        assert_eq!(pushed.status, 201, "{}", pushed.body);
        let reference = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let login = crate::world::waiting(&app.open(&reference, &[]).await);
        let done = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
        let code = done.sent("code").unwrap();
        assert_eq!(app.redeem(&code, &[&proof(&world, &other, json!({}))]).await.code(), "DpopKeyOther");
        assert_eq!(app.redeem(&code, &[&proof(&world, &key, json!({}))]).await.status, 200);
    }
}

#[actix_web::test]
async fn e6_a_product_may_take_bound_tokens_alone_and_a_public_client_refreshes_with_its_key() {
    let world = World::new().await;
    let settings = json!({
        "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true,
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let app = App::new(&world, settings).await;
    let (key, other) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let code = app.code(&[]).await;
    let missing = app.redeem(&code, &[]).await;
    assert_eq!((missing.status.as_u16(), missing.code().as_str()), (400, "DpopProofRequired"));
    let tokens = app.redeem(&code, &[&proof(&world, &key, json!({}))]).await.json();
    let first = tokens["refresh_token"].as_str().unwrap().to_owned();

    let refresh = |token: String| [("grant_type", "refresh_token".to_owned()), ("refresh_token", token)];
    let renew = async |token: &str, proofs: &[&str]| {
        let form = refresh(token.to_owned());
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.ask(&form, proofs).await
    };
    // RFC 9449 §5: bound to the key. Whoever has the token alone can neither use it nor end its session.
    assert_eq!(renew(&first, &[]).await.code(), "DpopProofRequired");
    assert_eq!(renew(&first, &[&proof(&world, &other, json!({}))]).await.code(), "DpopKeyOther");
    let second = renew(&first, &[&proof(&world, &key, json!({}))]).await;
    assert_eq!((second.status.as_u16(), &second.json()["token_type"]), (200, &json!("DPoP")), "{}", second.body);
    world.advance(Duration::from_secs(30));
    assert_eq!(renew(&first, &[&proof(&world, &other, json!({}))]).await.code(), "DpopKeyOther");
    let next = second.json()["refresh_token"].as_str().unwrap().to_owned();
    let third = renew(&next, &[&proof(&world, &key, json!({}))]).await;
    assert_eq!(third.status, 200, "{}", third.body);

    // A confidential client's refresh token is bound to the client: it may change its key.
    let change = json!({ "name": "crm", "token_endpoint_auth_method": "client_secret_post" });
    let secret =
        world.api(Method::PATCH, "products", change).await.json()["client_secret"].as_str().unwrap().to_owned();
    let app = App { world: &world, client_id: app.client_id.clone(), secret };
    let code = app.code(&[]).await;
    let tokens = app.redeem(&code, &[&proof(&world, &key, json!({}))]).await.json();
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_eq!(app.ask(&form, &[]).await.code(), "DpopProofRequired");
    let other_key = app.ask(&form, &[&proof(&world, &other, json!({}))]).await;
    assert_eq!(other_key.status, 200, "{}", other_key.body);
}

#[actix_web::test]
async fn e8_where_nonces_are_asked_for_a_proof_repeats_one_of_the_last_minutes() {
    let world = World::configured("oauth.dpop_nonce = true\n").await;
    let app = App::new(&world, json!({})).await;
    let key = Signer::generate().unwrap();
    let code = app.code(&[]).await;
    let asked = app.redeem(&code, &[&proof(&world, &key, json!({}))]).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["error"]), (400, &json!("use_dpop_nonce")));
    assert_eq!(asked.headers.get_all("dpop-nonce").count(), 1);
    let nonce = asked.header("dpop-nonce").to_owned();
    assert!(nonce.len() >= 20, "{nonce}");
    assert_eq!(
        app.redeem(&code, &[&proof(&world, &key, json!({ "nonce": "guess" }))]).await.code(),
        "DpopNonceMissing"
    );
    let good = app.redeem(&code, &[&proof(&world, &key, json!({ "nonce": nonce }))]).await;
    assert_eq!(good.status, 200, "{}", good.body);
    // No way back: the next proof needs one as well, and an old one ends.
    let code = app.code(&[]).await;
    assert_eq!(app.redeem(&code, &[&proof(&world, &key, json!({}))]).await.code(), "DpopNonceMissing");
    world.advance(Duration::from_secs(600));
    let code = app.code(&[]).await;
    let late = app.redeem(&code, &[&proof(&world, &key, json!({ "nonce": nonce }))]).await;
    assert_eq!(late.code(), "DpopNonceMissing");
    assert_ne!(late.header("dpop-nonce"), nonce);

    let token = good.json()["access_token"].as_str().unwrap().to_owned();
    let at = key.proof(("GET", USERINFO), Some(&token), world.app.now(), json!({ "nonce": late.header("dpop-nonce") }));
    let without = key.proof(("GET", USERINFO), Some(&token), world.app.now(), json!({})).unwrap();
    assert_eq!(
        present(&world, "DPoP", &token, &[&at.unwrap()]).await.code(),
        "TokenInvalid",
        "its 300 seconds are over"
    );
    assert_eq!(present(&world, "DPoP", &token, &[&without]).await.code(), "TokenInvalid");
    let app_token = {
        let nonce = json!({ "nonce": late.header("dpop-nonce") });
        let code = app.code(&[]).await;
        app.redeem(&code, &[&proof(&world, &key, nonce)]).await.json()["access_token"].as_str().unwrap().to_owned()
    };
    let without = key.proof(("GET", USERINFO), Some(&app_token), world.app.now(), json!({})).unwrap();
    let asked = present(&world, "DPoP", &app_token, &[&without]).await;
    assert_eq!((asked.status.as_u16(), asked.code().as_str()), (401, "DpopNonceMissing"));
    assert!(asked.header("www-authenticate").contains("error=\"use_dpop_nonce\""));
    let with = json!({ "nonce": asked.header("dpop-nonce") });
    let with = key.proof(("GET", USERINFO), Some(&app_token), world.app.now(), with).unwrap();
    assert_eq!(present(&world, "DPoP", &app_token, &[&with]).await.status, 200);
}
