//! What a client learns of Postern by asking it.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::world::{PUBLIC, World, asking};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

async fn document(world: &World, path: &str) -> Value {
    let answer = world.get(path).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{path}");
    answer.json()
}

#[actix_web::test]
async fn d1_each_document_is_where_its_specification_looks_for_it() {
    let world = World::new().await;
    let whole = document(&world, &format!("/sso{OPENID}")).await;
    for path in [format!("{OAUTH}/sso"), format!("/sso{OAUTH}"), OPENID.to_owned()] {
        assert_eq!(document(&world, &path).await, whole, "{path}");
    }
    assert_eq!(world.get(&format!("{OAUTH}/other")).await.status, 404);
}

#[actix_web::test]
async fn d2_d10_the_issuer_is_the_configured_one_wherever_it_is_named_whatever_the_request_says() {
    let world = World::new().await;
    let forged = TestRequest::get()
        .uri(&format!("/sso{OPENID}"))
        .insert_header(("Host", "evil.example"))
        .insert_header(("X-Forwarded-Host", "evil.example"))
        .insert_header(("X-Forwarded-Proto", "http"))
        .insert_header(("Forwarded", "host=evil.example;proto=http"));
    let told = world.send(forged).await.json();
    assert_eq!(told, document(&world, &format!("/sso{OPENID}")).await);
    assert_eq!(told["issuer"], PUBLIC);
    for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        assert!(told[name].as_str().is_some_and(|url| url.starts_with(&format!("{PUBLIC}/"))), "{name}");
    }
    let waiting = world.begin(&[("scope", "openid")]).await;
    let answer = world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC));
}

#[actix_web::test]
async fn d3_d4_d5_d7_it_has_what_it_must_and_nothing_empty() {
    let world = World::new().await;
    let told = document(&world, OPENID).await;
    for (name, value) in told.as_object().unwrap() {
        let empty = value.is_null() || *value == json!("") || *value == json!([]) || *value == json!({});
        assert!(!empty, "{name}");
    }
    for name in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ] {
        assert!(told.get(name).is_some(), "{name}");
    }
    assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(told["authorization_response_iss_parameter_supported"], true);
    assert!(told["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&json!("RS256")));
    assert!(!told.to_string().contains("none\"],\"id_token"), "no unsigned token");
}

#[actix_web::test]
async fn d4_f12_f14_logout_is_announced() {
    let world = World::new().await;
    let told = document(&world, OPENID).await;
    assert_eq!(told["end_session_endpoint"], json!(format!("{PUBLIC}/api/oauth/logout")));
    for name in ["backchannel_logout_supported", "backchannel_logout_session_supported"] {
        assert_eq!(told[name], true, "{name}");
    }
    for (name, url) in told.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        assert!(url.as_str().unwrap().starts_with("https://"), "{name}");
    }
}

#[actix_web::test]
async fn d4_what_is_offered_works_and_what_is_not_does_not() {
    let world = World::new().await;
    let told = document(&world, OPENID).await;
    let offered = |name: &str, value: &str| told[name].as_array().unwrap().contains(&json!(value));
    for (parameter, member, values) in [
        ("response_type", "response_types_supported", ["code", "token", "id_token", "code id_token"]),
        ("response_mode", "response_modes_supported", ["query", "fragment", "form_post", "web_message"]),
        ("code_challenge_method", "code_challenge_methods_supported", ["S256", "plain", "s256", "none"]),
    ] {
        for value in values {
            let goes_on = world.authorize(&[(parameter, value)]).await.sent("SAMLRequest").is_some();
            assert_eq!(goes_on, offered(member, value), "{parameter}={value}");
        }
    }
    for (name, endpoint) in [("refresh_token", ""), ("token", "introspect"), ("token", "revoke")] {
        let path = format!("/api/oauth/{}", if endpoint.is_empty() { "token" } else { endpoint });
        let grant = [("grant_type", "refresh_token"), (name, "x"), ("client_id", "prod_x"), ("client_secret", "x")];
        assert_eq!(world.form(&path, &grant, &[]).await.json()["error"], "invalid_client", "{path} is there");
    }
    for grant in ["password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange"] {
        assert!(!offered("grant_types_supported", grant));
        let answer = world.redeem(&world.code(&[]).await, &[("grant_type", grant)]).await;
        assert_eq!(answer.json()["error"], "unsupported_grant_type", "{grant}");
    }
    for address in told.as_object().unwrap().keys().filter(|name| name.ends_with("_endpoint") || *name == "jwks_uri") {
        let path = told[address].as_str().unwrap().strip_prefix("https://sso.example.com").unwrap();
        assert_ne!(world.get(path).await.status, 404, "{address}");
    }
}

#[actix_web::test]
async fn d6_d8_the_key_set_has_public_keys_by_name_and_may_be_kept_for_minutes() {
    let world = World::new().await;
    let answer = world.get("/oauth/jwks").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.body, world.get("/sso/api/oauth/jwks").await.body, "Jackson's other address");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let mut names: Vec<_> = keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    let algorithms: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["RS256", "ES256", "EdDSA"]);
}

#[actix_web::test]
async fn d9_a12_other_sites_may_read_what_browser_apps_need_and_nothing_else() {
    let world = World::new().await;
    let from_elsewhere = async |method: Method, path: &str| {
        let request = TestRequest::default().method(method).uri(path);
        world.send(request.insert_header(("Origin", "https://app.example.com"))).await
    };
    let open = |answer: &crate::world::Answer| answer.header("access-control-allow-origin") == "*";
    for path in
        ["/sso/.well-known/openid-configuration", &format!("{OAUTH}/sso"), OAUTH, "/sso/oauth/jwks", "/oauth/jwks"]
    {
        assert!(open(&from_elsewhere(Method::GET, path).await), "{path}");
    }
    for path in ["/sso/api/oauth/token", "/api/oauth/token", "/sso/api/oauth/userinfo"] {
        let refused = from_elsewhere(Method::POST, path).await;
        assert!(refused.status.is_client_error() && open(&refused), "{path}: a script has to see why");
        let asked = from_elsewhere(Method::OPTIONS, path).await;
        assert!(asked.status == 204 && open(&asked), "{path}");
        assert!(asked.header("access-control-allow-headers").contains("Authorization"));
    }
    let authorize = format!("/sso/api/oauth/authorize?{}", asking(&[]));
    for (method, path) in [
        (Method::GET, authorize.as_str()),
        (Method::OPTIONS, &authorize),
        (Method::GET, "/sso/"),
        (Method::GET, "/api/v1/sso"),
        (Method::GET, "/.well-known/sp-metadata"),
    ] {
        let answer = from_elsewhere(method, path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
}
