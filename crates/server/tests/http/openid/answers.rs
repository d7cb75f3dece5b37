//! What a provider answers, and what of it is believed.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::jobs::metadata::round;
use postern_lab::openid::{CASES, Expected, Lies};
use serde_json::{Value, json};
use url::Url;

use super::{SECRET, begin, bring, connect, connected, login, outcome, provider_of};
use crate::world::{PUBLIC, World};

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
