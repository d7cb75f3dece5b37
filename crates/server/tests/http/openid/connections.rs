//! Connections to OpenID Providers, as the API makes and shows them, and the keys that they have of their own.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::Method;
use postern::jobs::metadata::round;
use serde_json::{Value, json};

use super::{CLIENT, SECRET, begin, connect, connected, login, outcome, provider_of, try_connect};
use crate::world::{API_KEY, CALLBACK, PUBLIC, VERIFIER, World};

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
    assert_eq!(claims["aud"], json!(provider.issuer), "one text (RFC 7523bis §4)");
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

    // A provider may look for the address that is called.
    assert_eq!(record["oidcAssertionAudience"], "issuer");
    let change = |audience: &str| {
        let (id, secret) = (&record["clientID"], &record["clientSecret"]);
        json!({ "clientID": id, "clientSecret": secret, "oidcAssertionAudience": audience })
    };
    assert_eq!(world.api(Method::PATCH, "sso", change("everybody")).await.code(), "FieldInvalid");
    let changed = world.api(Method::PATCH, "sso", change("token_endpoint")).await;
    assert!(changed.status.is_success(), "{}", changed.body);
    assert_eq!(outcome(&login(&world, &provider).await), "code");
    let form: HashMap<String, String> = provider.last_form().into_iter().collect();
    let claims = verified(&form["client_assertion"], &published[1]);
    assert_eq!(claims["aud"], json!(format!("{}/token", provider.issuer)));
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
