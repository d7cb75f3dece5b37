//! `/api/oauth/token`: table B.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::json;

use crate::world::{CALLBACK, VERIFIER, World};

fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", data_encoding::BASE64.encode(format!("{}:{}", encode(id), encode(secret)).as_bytes()))
}

#[actix_web::test]
async fn b1_b12_b13_a_good_redemption_answers_json_that_nobody_stores() {
    let world = World::new().await;
    let answer = world.redeem(&world.code(&[]).await, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"));
    assert_eq!(answer.header("pragma"), "no-cache");
    let tokens = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("bearer"), &json!(300)));
    assert!(tokens.get("id_token").is_none());

    let get = world.get("/api/oauth/token").await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "OPTIONS, POST"));
    let url = TestRequest::post().uri("/api/oauth/token?client_secret=x&code=y");
    assert_eq!(world.send(url).await.code(), "ClientSecretInUrl");
    let body = json!({
        "grant_type": "authorization_code", "code": world.code(&[]).await, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        "client_id": "tenant=acme.example&product=crm", "client_secret": world.connection_secret("acme.example").await,
    });
    assert_eq!(world.send(TestRequest::post().uri("/api/oauth/token").set_json(body)).await.status, 200);
}

#[actix_web::test]
async fn b2_b3_b4_clients_authenticate_in_one_way() {
    let world = World::new().await;
    let client_id = "tenant=acme.example&product=crm";
    let secret = world.connection_secret("acme.example").await;
    let code = world.code(&[]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];

    let wrong = world.form("/api/oauth/token", &fields, &[("Authorization", &basic(client_id, "wrong"))]).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    assert!(wrong.header("www-authenticate").starts_with("Basic "));
    let right = basic(client_id, &secret);
    let both: Vec<_> = fields.iter().copied().chain([("client_secret", secret.as_str())]).collect();
    let twice = world.form("/api/oauth/token", &both, &[("Authorization", &right)]).await;
    assert_eq!((twice.status.as_u16(), twice.code().as_str()), (400, "ClientAuthenticationTwice"));
    for header in ["Basic !", "Basic", "Bearer x", ""] {
        let malformed = world.form("/api/oauth/token", &fields, &[("Authorization", header)]).await;
        assert_eq!(
            (malformed.status.as_u16(), malformed.code().as_str()),
            (401, "ClientAuthenticationMalformed"),
            "{header}"
        );
    }
    assert_eq!(world.form("/api/oauth/token", &fields, &[("Authorization", &right)]).await.status, 200);

    for fields in [vec![("client_secret", "wrong")], vec![("client_secret", "")], vec![("client_id", "")]] {
        let answer = world.redeem(&world.code(&[]).await, &fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"].as_str()),
            (401, Some("invalid_client")),
            "{fields:?}"
        );
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

#[actix_web::test]
async fn confidential_clients_authenticate_although_they_use_pkce() {
    let world = World::new().await;
    let answer = world.redeem(&world.code(&[]).await, &[("client_secret", "")]).await;
    assert_eq!(answer.code(), "ClientAuthenticationMissing");
}

#[actix_web::test]
async fn b6_a_code_is_bound_to_client_redirect_uri_and_challenge() {
    let world = World::new().await;
    let record = world.connect("acme.example", "crm", crate::world::IDP).await;
    let (alias, secret) = (record["clientID"].as_str().unwrap(), record["clientSecret"].as_str().unwrap());
    for (fields, code) in [
        (vec![("client_id", alias), ("client_secret", secret)], "CodeForOtherClient"),
        (vec![("redirect_uri", "http://localhost:3000/callback")], "CodeRedirectMismatch"),
        (vec![("code_verifier", "wrong-verifier-wrong-verifier-wrong-verifier-wrong")], "VerifierWrong"),
        (vec![("code_verifier", "")], "VerifierMissing"),
    ] {
        let answer = world.redeem(&world.code(&[]).await, &fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"].as_str()),
            (400, Some("invalid_grant")),
            "{fields:?}"
        );
        assert_eq!(answer.code(), code);
    }
}

#[actix_web::test]
async fn b7_a_verifier_without_a_challenge_is_refused() {
    let world = World::new().await;
    let code = world.code(&[("code_challenge", ""), ("code_challenge_method", "")]).await;
    let answer = world.redeem(&code, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "VerifierUnexpected"));
    assert_eq!(world.redeem(&code, &[("code_verifier", "")]).await.status, 200);
}

#[actix_web::test]
async fn b8_a_valid_replay_revokes_and_an_invalid_one_does_not() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let tokens = world.redeem(&code, &[]).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.claims(token).await.status, 200);

    let wrong = world.redeem(&code, &[("code_verifier", "wrong-verifier-wrong-verifier-wrong-verifier-wrong")]).await;
    assert_eq!(wrong.code(), "VerifierWrong");
    assert_eq!(world.redeem(&code, &[("client_secret", "wrong")]).await.code(), "ClientSecretWrong");
    assert_eq!(world.claims(token).await.status, 200);

    let replay = world.redeem(&code, &[]).await;
    assert_eq!((replay.status.as_u16(), replay.code().as_str()), (400, "CodeSpent"));
    assert_eq!(world.claims(token).await.code(), "TokenInvalid");
}

#[actix_web::test]
async fn b9_of_many_redemptions_at_once_one_succeeds() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let answers = futures_util::future::join_all((0..50).map(|_| world.redeem(&code, &[]))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    let lost =
        answers.iter().filter(|answer| answer.status == 400 && answer.json()["error"] == "invalid_grant").count();
    assert_eq!((won, lost), (1, 49));
}

#[actix_web::test]
async fn b10_a_code_lives_for_sixty_seconds() {
    let world = World::new().await;
    let (early, late) = (world.code(&[]).await, world.code(&[]).await);
    world.advance(Duration::from_millis(59_999));
    assert_eq!(world.redeem(&early, &[]).await.status, 200);
    world.advance(Duration::from_millis(1));
    let answer = world.redeem(&late, &[]).await;
    assert_eq!((answer.code().as_str(), answer.json()["error"].as_str()), ("CodeUnknown", Some("invalid_grant")));
}

#[actix_web::test]
async fn b11_codes_and_tokens_are_long_and_never_alike() {
    let world = World::new().await;
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let code = world.code(&[]).await;
        let tokens = world.redeem(&code, &[]).await.json();
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let secret = token.split_once('.').unwrap().1.to_owned();
        assert!(code.len() >= 43 && secret.len() >= 43);
        for part in [code, token, secret] {
            assert!(seen.insert(part));
        }
    }
}

#[actix_web::test]
async fn b14_hostile_values_leave_no_trace_in_the_error() {
    let world = World::new().await;
    let hostile = "\"\\\u{7f}ä<script>../../etc/passwd' OR 1=1";
    for name in ["code", "redirect_uri", "code_verifier", "client_id", "client_secret", "grant_type"] {
        let answer = world.redeem(&world.code(&[]).await, &[(name, hostile)]).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{name}");
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(
            description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)),
            "{name}: {description}"
        );
        assert!(!description.contains("script") && !description.contains("passwd"), "{name}");
    }
}

#[actix_web::test]
async fn b15_c13_other_grants_are_not_offered() {
    let world = World::new().await;
    for grant in ["password", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"] {
        let answer = world.redeem("x", &[("grant_type", grant)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"].as_str()),
            (400, Some("unsupported_grant_type")),
            "{grant}"
        );
        let offered = world.get("/sso/.well-known/openid-configuration").await.json();
        assert!(!offered["grant_types_supported"].as_array().unwrap().contains(&json!(grant)), "{grant}");
    }
}

#[actix_web::test]
async fn b17_the_redirect_uri_may_be_left_out_with_pkce_alone() {
    let world = World::new().await;
    assert_eq!(world.redeem(&world.code(&[]).await, &[("redirect_uri", "")]).await.status, 200);
    let without_pkce = world.code(&[("code_challenge", ""), ("code_challenge_method", "")]).await;
    let answer = world.redeem(&without_pkce, &[("redirect_uri", ""), ("code_verifier", "")]).await;
    assert_eq!(answer.code(), "CodeRedirectMismatch");
}

#[actix_web::test]
async fn a_shared_verifier_opens_only_what_has_no_secret_of_its_own() {
    let world = World::configured("oauth.client_secret_verifier = \"a verifier of sixteen\"\n").await;
    let shared = [("client_secret", "a verifier of sixteen")];
    let dummy = [("client_id", "dummy"), ("tenant", "acme.example"), ("product", "crm")];
    assert_eq!(world.redeem(&world.code(&[]).await, &shared).await.status, 200);
    assert_eq!(world.redeem(&world.code(&dummy).await, &[("client_id", "dummy"), shared[0]]).await.status, 200);
    assert_eq!(
        world.redeem(&world.code(&dummy).await, &[("client_id", "dummy"), ("client_secret", "dummy")]).await.code(),
        "ClientSecretWrong"
    );
    let record = world.connect("acme.example", "crm", crate::world::IDP).await;
    let alias = record["clientID"].as_str().unwrap();
    let answer = world.redeem(&world.code(&[("client_id", alias)]).await, &[("client_id", alias), shared[0]]).await;
    assert_eq!(answer.code(), "ClientSecretWrong");

    let product = world.register(json!({})).await;
    let own = product["client_secret"].as_str().unwrap();
    assert_eq!(world.redeem(&world.code(&[]).await, &shared).await.code(), "ClientSecretWrong");
    assert_eq!(
        world.redeem(&world.code(&dummy).await, &[("client_id", "dummy"), shared[0]]).await.code(),
        "ClientSecretWrong"
    );
    assert_eq!(
        world.redeem(&world.code(&dummy).await, &[("client_id", "dummy"), ("client_secret", own)]).await.status,
        200
    );
    let connection_secret = world.redeem(&world.code(&[]).await, &[]).await;
    assert_eq!(connection_secret.code(), "ClientSecretWrong", "the product's secret replaces the connection's");
}

#[actix_web::test]
async fn registered_clients_use_their_own_secret_or_none() {
    let world = World::new().await;
    let product = world.register(json!({})).await;
    let client_id = product["client_id"].as_str().unwrap().to_owned();
    let asked = [("client_id", client_id.as_str()), ("tenant", "acme.example")];
    let secret = product["client_secret"].as_str().unwrap().to_owned();
    let right = [("client_id", client_id.as_str()), ("client_secret", secret.as_str())];
    assert_eq!(world.redeem(&world.code(&asked).await, &right).await.status, 200);

    let rotation = json!({ "name": "crm", "overlap_seconds": 0 });
    let rotated = world.api(actix_web::http::Method::POST, "products/secret", rotation).await.json();
    assert_eq!(world.redeem(&world.code(&asked).await, &right).await.code(), "ClientSecretWrong");
    let fresh = [("client_id", client_id.as_str()), ("client_secret", rotated["client_secret"].as_str().unwrap())];
    assert_eq!(world.redeem(&world.code(&asked).await, &fresh).await.status, 200);

    let public = json!({ "name": "crm", "token_endpoint_auth_method": "none" });
    assert_eq!(world.api(actix_web::http::Method::PATCH, "products", public).await.status, 200);
    let none = [("client_id", client_id.as_str()), ("client_secret", "")];
    assert_eq!(world.redeem(&world.code(&asked).await, &none).await.status, 200);
    assert_eq!(world.redeem("unknown", &none).await.code(), "CodeUnknown");
    assert_eq!(world.redeem("unknown", &[("client_id", "prod_x")]).await.code(), "ClientUnknown");
}
