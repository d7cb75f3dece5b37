//! What an app asks of the authentication, and how it is judged: `prompt`, `max_age`, `acr_values`, `claims`. Table F.

use std::time::Duration;

use postern_lab::response::{Response, time};
use serde_json::{Value, json};

use crate::id_token::verified;
use crate::world::{Answer, CALLBACK, PUBLIC, Waiting, World, authn_request, waiting};

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MULTI_FACTOR: &str = "https://refeds.org/profile/mfa";

/// The answer of an identity provider at which the person authenticated so many seconds ago.
async fn answered(world: &World, waiting: &Waiting, seconds_ago: u64) -> Answer {
    let then = world.app.now() - Duration::from_secs(seconds_ago);
    let response = Response { authn_instant: Some(time(then)), ..world.response(waiting) };
    world.answer(waiting, &response.signed_assertion(&world.key)).await
}

/// The answer of an identity provider that refuses.
async fn refused(world: &World, waiting: &Waiting, status: &str) -> Answer {
    let status = ["Responder", status].map(|code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}")).to_vec();
    let response = Response { status, has_assertion: false, ..world.response(waiting) };
    world.answer(waiting, &response.unsigned()).await
}

/// The ID token of a login in which somebody authenticated so many seconds ago, as it was sent and what it says.
async fn id_token(world: &World, waiting: &Waiting, seconds_ago: u64) -> (String, Value) {
    let code = answered(world, waiting, seconds_ago).await.sent("code").expect("a code");
    let token = world.redeem(&code, &[]).await.json()["id_token"].as_str().unwrap().to_owned();
    let (claims, _) = verified(world, &token).await;
    (token, claims)
}

fn error(answer: &Answer) -> (String, String) {
    assert!(answer.header("location").starts_with(CALLBACK), "{}", answer.header("location"));
    assert_eq!(answer.sent("state").as_deref(), Some("a state"));
    assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC));
    (answer.sent("error").unwrap(), answer.code())
}

#[actix_web::test]
async fn f4_prompt_login_forces_the_idp_and_a_stale_answer_is_refused() {
    let world = World::new().await;
    assert!(!authn_request(&world.authorize(&[]).await).contains("ForceAuthn"));
    for asked in [("prompt", "login"), ("prompt", "login consent"), ("max_age", "0"), ("forceAuthn", "true")] {
        let answer = world.authorize(&[asked]).await;
        assert!(authn_request(&answer).contains("ForceAuthn=\"true\""), "{asked:?}");
        // The tolerance for clocks is 180 seconds.
        assert!(answered(&world, &waiting(&answer), 180).await.sent("code").is_some(), "{asked:?}");
        let login = world.begin(&[asked]).await;
        let stale = error(&answered(&world, &login, 181).await);
        assert_eq!(stale, ("login_required".into(), "AuthenticationStale".into()), "{asked:?}");
    }
}

#[actix_web::test]
async fn f4_an_answer_older_than_max_age_leads_to_the_idp_once_more() {
    let world = World::new().await;
    let young = world.begin(&[("max_age", "10000")]).await;
    assert!(answered(&world, &young, 10_000).await.sent("code").is_some());

    let asked = world.authorize(&[("max_age", "60")]).await;
    assert!(!authn_request(&asked).contains("ForceAuthn"));
    let first = waiting(&asked);
    let again = answered(&world, &first, 61).await;
    assert_eq!(again.status, 303);
    assert!(authn_request(&again).contains("ForceAuthn=\"true\""));
    let second = waiting(&again);
    assert_ne!((&second.request_id, &second.relay_state), (&first.request_id, &first.relay_state));
    let forgotten = format!("__Host-postern-{}=; ", first.relay_state);
    let cookies = again.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
    assert!(cookies.into_iter().any(|cookie| cookie.starts_with(&forgotten)));
    // An answer to the first question does not answer the second.
    let old = world.answer_as(&second.cookie, &second, &world.response(&first).signed_assertion(&world.key)).await;
    assert_eq!(old.code(), "SamlInResponseToMismatch");

    let again = answered(&world, &world.begin(&[("max_age", "60")]).await, 61).await;
    world.advance(Duration::from_secs(20));
    let code = answered(&world, &waiting(&again), 5).await;
    assert_eq!(code.sent("state").as_deref(), Some("a state"));
    assert!(code.sent("code").is_some());

    // A provider that does not obey repeats the old time: refused, not asked for ever.
    let again = answered(&world, &world.begin(&[("max_age", "60")]).await, 61).await;
    let stale = error(&answered(&world, &waiting(&again), 61).await);
    assert_eq!(stale, ("login_required".into(), "AuthenticationStale".into()));
}

#[actix_web::test]
async fn f3_f4_who_authenticates_anew_has_a_later_time() {
    const OPENID: (&str, &str) = ("scope", "openid");
    let world = World::new().await;
    let (_, first) = id_token(&world, &world.begin(&[OPENID]).await, 0).await;
    world.advance(Duration::from_secs(2));
    let anew = world.begin(&[OPENID, ("prompt", "login")]).await;
    // Of max_age=1 the identity provider knows nothing before it is asked a second time.
    let again = answered(&world, &world.begin(&[OPENID, ("max_age", "1")]).await, 2).await;
    assert!(authn_request(&again).contains("ForceAuthn=\"true\""));
    for login in [anew, waiting(&again)] {
        let (_, second) = id_token(&world, &login, 0).await;
        assert_eq!(second["auth_time"].as_i64().unwrap() - first["auth_time"].as_i64().unwrap(), 2);
        assert_eq!(second["sub"], first["sub"]);
    }
}

#[actix_web::test]
async fn f3_f5_who_is_signed_in_already_keeps_person_and_time() {
    const OPENID: (&str, &str) = ("scope", "openid");
    let world = World::new().await;
    let (hint, first) = id_token(&world, &world.begin(&[OPENID, ("max_age", "15000")]).await, 5).await;
    world.advance(Duration::from_secs(100));
    for asked in [
        vec![OPENID, ("prompt", "none")],
        vec![OPENID, ("prompt", "none"), ("id_token_hint", hint.as_str())],
        vec![OPENID, ("max_age", "10000")],
    ] {
        let (_, second) = id_token(&world, &world.begin(&asked).await, 105).await;
        assert!(first["auth_time"].is_i64(), "{first}");
        assert_eq!((&second["auth_time"], &second["sub"]), (&first["auth_time"], &first["sub"]), "{asked:?}");
    }
}

#[actix_web::test]
async fn f5_prompt_none_asks_silently_or_is_refused_at_once() {
    let world = World::new().await;
    let answer = world.authorize(&[("prompt", "none")]).await;
    assert!(authn_request(&answer).contains("IsPassive=\"true\""));
    let login = waiting(&answer);
    assert_eq!(error(&refused(&world, &login, "NoPassive").await), ("login_required".into(), "SignInNeeded".into()));
    let known = world.begin(&[("prompt", "none")]).await;
    assert!(answered(&world, &known, 5).await.sent("code").is_some());
    // What is too old cannot be mended silently.
    let old = world.begin(&[("prompt", "none"), ("max_age", "60")]).await;
    assert_eq!(error(&answered(&world, &old, 61).await), ("login_required".into(), "AuthenticationStale".into()));

    let second = world.connect("acme.example", "crm", "https://second.example.com/metadata").await;
    let choice = world.authorize(&[("prompt", "none")]).await;
    assert_eq!(error(&choice), ("interaction_required".into(), "ChoiceNeeded".into()));
    let hint = [("prompt", "none"), ("idp_hint", second["id"].as_str().unwrap())];
    assert!(authn_request(&world.authorize(&hint).await).contains("IsPassive"));
    for prompt in ["none login", "create"] {
        let answer = world.authorize(&[("prompt", prompt)]).await;
        assert_eq!(error(&answer), ("invalid_request".into(), "PromptMalformed".into()), "{prompt}");
    }
}

#[actix_web::test]
async fn f5_select_account_shows_the_choice_also_where_the_app_has_chosen() {
    let world = World::new().await;
    let select = [("prompt", "select_account login")];
    assert!(authn_request(&world.authorize(&select).await).contains("ForceAuthn"), "there is nothing to choose");
    let second = world.connect("acme.example", "crm", "https://second.example.com/metadata").await;
    let id = second["id"].as_str().unwrap();
    let answer = world.authorize(&[select[0], ("idp_hint", id)]).await;
    assert!(answer.header("location").starts_with(&format!("{PUBLIC}/idp/select?")), "{}", answer.header("location"));
    let page = world.get(answer.header("location").strip_prefix("https://sso.example.com").unwrap()).await;
    let link = page.body.split("href=\"").find(|link| link.contains(id)).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let chosen = world.get(link.strip_prefix("https://sso.example.com").unwrap()).await;
    assert!(authn_request(&chosen).contains("ForceAuthn"));
}

#[actix_web::test]
async fn f6_acr_values_are_asked_for_and_an_essential_one_has_to_be_met() {
    let world = World::new().await;
    let voluntary = format!("{MULTI_FACTOR} {PASSWORD} 1");
    let answer = world.authorize(&[("acr_values", &voluntary)]).await;
    let context = |class| format!("<saml:AuthnContextClassRef>{class}</saml:AuthnContextClassRef>");
    let requested = [context(MULTI_FACTOR), context(PASSWORD)].concat();
    assert!(authn_request(&answer).contains(&requested), "{}", authn_request(&answer));
    // The provider cannot, and the app did not insist: it is asked without.
    let again = refused(&world, &waiting(&answer), "NoAuthnContext").await;
    assert!(!authn_request(&again).contains("RequestedAuthnContext"));
    assert!(answered(&world, &waiting(&again), 0).await.sent("code").is_some());
    let hopeless = refused(&world, &world.begin(&[]).await, "NoAuthnContext").await;
    assert_eq!(error(&hopeless), ("unmet_authentication_requirements".into(), "SamlNoAuthnContext".into()));

    let claims = |acr| json!({ "id_token": { "acr": { "essential": true, "values": [acr] } } }).to_string();
    let met = world.begin(&[("claims", &claims(PASSWORD))]).await;
    assert!(answered(&world, &met, 0).await.sent("code").is_some());
    let lower = world.begin(&[("claims", &claims(MULTI_FACTOR))]).await;
    let unmet = error(&answered(&world, &lower, 0).await);
    assert_eq!(unmet, ("unmet_authentication_requirements".into(), "AuthenticationContextUnmet".into()));
    let refusing = world.begin(&[("claims", &claims(MULTI_FACTOR))]).await;
    let unmet = error(&refused(&world, &refusing, "NoAuthnContext").await);
    assert_eq!(unmet, ("unmet_authentication_requirements".into(), "SamlNoAuthnContext".into()));
}

#[actix_web::test]
async fn an_app_that_expects_a_person_gets_no_other() {
    let world = World::new().await;
    let token = world.redeem(&world.code(&[]).await, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    let subject = world.claims(&token).await.json()["sub"].as_str().unwrap().to_owned();
    let claims = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
    let same = world.begin(&[("claims", &claims(&subject))]).await;
    assert!(answered(&world, &same, 0).await.sent("code").is_some());
    let other = world.begin(&[("claims", &claims("somebody else"))]).await;
    assert_eq!(error(&answered(&world, &other, 0).await), ("login_required".into(), "SubjectOther".into()));
}

#[actix_web::test]
async fn f5_an_id_token_hint_names_the_person_who_may_answer() {
    let world = World::new().await;
    let code = world.code(&[("scope", "openid")]).await;
    let hint = world.redeem(&code, &[]).await.json()["id_token"].as_str().unwrap().to_owned();
    world.advance(Duration::from_secs(3600)); // it may have expired
    let same = world.begin(&[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert!(answered(&world, &same, 0).await.sent("code").is_some());
    let login = world.begin(&[("id_token_hint", &hint)]).await;
    let other = Response { name_id: Some("u-2002".into()), ..world.response(&login) };
    let answer = world.answer(&login, &other.signed_assertion(&world.key)).await;
    assert_eq!(error(&answer), ("login_required".into(), "SubjectOther".into()));
    for wrong in ["x", "e30.e30.AAAA", &hint[..hint.len() - 8]] {
        let answer = world.authorize(&[("id_token_hint", wrong)]).await;
        assert_eq!(error(&answer), ("invalid_request".into(), "IdTokenHintInvalid".into()), "{wrong}");
    }
}

#[actix_web::test]
async fn f7_request_objects_are_refused_by_name() {
    let world = World::new().await;
    let answer = world.authorize(&[("request", "eyJhbGciOiJub25lIn0.e30.")]).await;
    assert_eq!(error(&answer), ("request_not_supported".into(), "RequestObjectUnsupported".into()));
    let answer = world.authorize(&[("request_uri", "https://app.example.com/request.jwt")]).await;
    assert_eq!(error(&answer), ("request_uri_not_supported".into(), "RequestUriUnsupported".into()));

    // Whatever else is missing may be in there. Where the answer goes is what stands beside it.
    let bare = [("state", ""), ("code_challenge", ""), ("code_challenge_method", "")];
    for (name, code) in [("request", "RequestObjectUnsupported"), ("request_uri", "RequestUriUnsupported")] {
        let answer = world.authorize(&[&bare[..], &[(name, "x")]].concat()).await;
        assert!(answer.header("location").starts_with(CALLBACK), "{}", answer.header("location"));
        assert_eq!((answer.code().as_str(), answer.sent("state")), (code, None));
        let elsewhere = world.authorize(&[(name, "x"), ("redirect_uri", "https://app.example.com/other")]).await;
        assert_eq!((elsewhere.header("location"), elsewhere.code().as_str()), ("", "RedirectUriNotAllowed"));
    }
}

#[actix_web::test]
async fn f8_parameters_that_change_nothing_do_no_harm() {
    let world = World::new().await;
    for (name, value) in [
        ("display", "page"),
        ("display", "popup"),
        ("ui_locales", "de-AT fr en"),
        ("claims_locales", "se"),
        ("login_hint", "alice@example.com"),
        ("prompt", "consent"),
        ("acr_values", "1 2"),
        ("claims", r#"{"userinfo":{"given_name":{"essential":true},"nickname":null},"id_token":{"auth_time":null}}"#),
        ("extra", "foobar"),
    ] {
        let tokens = world.redeem(&world.code(&[("scope", "openid"), (name, value)]).await, &[]).await.json();
        verified(&world, tokens["id_token"].as_str().unwrap()).await;
        let told = world.claims(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(told.json()["email"], "alice@example.com", "{name}={value}");
    }
    let malformed = world.authorize(&[("claims", "{")]).await;
    assert_eq!(error(&malformed), ("invalid_request".into(), "ClaimsMalformed".into()));
    let malformed = world.authorize(&[("max_age", "soon")]).await;
    assert_eq!(error(&malformed), ("invalid_request".into(), "MaxAgeMalformed".into()));
}

#[actix_web::test]
async fn f8_f9_a_claim_that_is_essential_to_the_app_is_in_the_userinfo() {
    let world = World::new().await;
    let claims = json!({ "userinfo": { "name": { "essential": true } } }).to_string();
    let tokens = world.redeem(&world.code(&[("scope", "openid"), ("claims", &claims)]).await, &[]).await.json();
    assert_eq!(world.claims(tokens["access_token"].as_str().unwrap()).await.json()["name"], "Alice Martin");
}
