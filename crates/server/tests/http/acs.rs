//! `/api/oauth/saml`: who may answer a login, and how often. What a response has to be like is tested in `postern-saml`.

use std::time::Duration;

use actix_web::http::Method;
use postern_lab::key::Key;
use serde_json::{Value, json};

use crate::world::{CALLBACK, IDP, PUBLIC, Waiting, World};

#[actix_web::test]
async fn a_good_response_ends_in_a_code_and_nothing_else() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let answer = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    let sent: Vec<_> = answer.location().query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(sent, ["code", "state", "iss"], "A19");
    assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC));
    assert!(answer.header("cache-control").contains("no-store"), "H27");
    let mut cookies = answer.headers.get_all("set-cookie").map(|value| value.to_str().unwrap());
    assert!(cookies.any(|cookie| cookie.contains(&login.relay_state) && cookie.contains("Max-Age=0")), "forgotten");
}

#[actix_web::test]
async fn h8_the_acs_takes_posts_alone() {
    let world = World::new().await;
    let answer = world.get("/api/oauth/saml?SAMLResponse=x").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
}

#[actix_web::test]
async fn a20_another_browser_is_refused_and_does_not_spend_the_login() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let other = world.begin(&[]).await;
    let xml = world.response(&login).signed_assertion(&world.key);
    for cookie in ["", other.cookie.as_str()] {
        let answer = world.answer_as(cookie, &login, &xml).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "LoginOtherBrowser"));
    }
    let (name, _) = login.cookie.split_once('=').unwrap();
    let forged = format!("{name}={}", "x".repeat(43));
    assert_eq!(world.answer_as(&forged, &login, &xml).await.code(), "LoginUnknown");
    assert!(world.answer(&login, &xml).await.sent("code").is_some());
}

#[actix_web::test]
async fn a_login_is_taken_once_and_in_time() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let xml = world.response(&login).signed_assertion(&world.key);
    assert!(world.answer(&login, &xml).await.sent("code").is_some());
    assert_eq!(world.answer(&login, &xml).await.code(), "LoginSpent");

    let late = world.begin(&[]).await;
    world.advance(Duration::from_secs(601));
    assert_eq!(world.answer(&late, &world.response(&late).signed_assertion(&world.key)).await.code(), "LoginUnknown");
    let unknown = Waiting { relay_state: "x".into(), ..late };
    assert_eq!(world.answer(&unknown, "x").await.code(), "LoginOtherBrowser");
}

#[actix_web::test]
async fn who_comes_too_late_finds_the_way_back_to_the_app() {
    let world = World::new().await;
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let start = format!(
        "https://app.example.com/start?x=1&iss={}&tenant=acme.example&idp_hint={}",
        url::form_urlencoded::byte_serialize(PUBLIC.as_bytes()).collect::<String>(),
        found[0]["id"].as_str().unwrap(),
    );
    let link = format!("href=\"{}\"", start.replace('&', "&amp;"));
    let page = async |late: u64| {
        let login = world.begin(&[]).await;
        world.advance(Duration::from_secs(late));
        let answer = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
        assert_eq!((answer.code().as_str(), answer.header("location")), ("LoginUnknown", ""));
        answer.body
    };
    assert!(!page(601).await.contains("href"), "nobody registered where the app begins its logins");
    world.register(json!({ "initiate_login_url": "https://app.example.com/start?x=1" })).await;
    let told = page(601).await;
    assert!(told.contains(&link), "{told}");
    assert!(page(1199).await.contains(&link));
    assert!(!page(1201).await.contains("href"), "whose login it was is forgotten");
}

#[actix_web::test]
async fn h17_an_assertion_is_used_once_also_in_another_login() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let mut response = world.response(&login);
    let id = response.assertion_id.clone();
    assert!(world.answer(&login, &response.signed_assertion(&world.key)).await.sent("code").is_some());
    let again = world.begin(&[]).await;
    response = world.response(&again);
    response.assertion_id = id;
    assert_eq!(world.answer(&again, &response.signed_assertion(&world.key)).await.code(), "SamlAssertionReplayed");
}

#[actix_web::test]
async fn x21_another_tenants_response_is_refused_even_with_the_same_idp_and_key() {
    let world = World::new().await;
    world.connect("globex.example", "crm", IDP).await;
    let ours = world.begin(&[]).await;
    let theirs = world.begin(&[("client_id", "tenant=globex.example&product=crm")]).await;
    let answer = world.answer(&ours, &world.response(&theirs).signed_assertion(&world.key)).await;
    assert_eq!(answer.code(), "SamlInResponseToMismatch");

    let ours = world.begin(&[]).await;
    let other_key = Key::generate().unwrap();
    let answer = world.answer(&ours, &world.response(&ours).signed_assertion(&other_key)).await;
    assert_eq!(answer.code(), "SamlSignatureOtherKey");
    let ours = world.begin(&[]).await;
    let answer = world
        .answer(&ours, &world.response(&ours).sent_by("https://other.example.com").signed_assertion(&world.key))
        .await;
    assert!(answer.code().ends_with("IssuerMismatch"), "{}", answer.code());
}

#[actix_web::test]
async fn two_tenants_never_share_a_subject() {
    let world = World::new().await;
    world.connect("globex.example", "crm", IDP).await;
    let mut subjects = Vec::new();
    for tenant in ["acme.example", "globex.example"] {
        let client_id = format!("tenant={tenant}&product=crm");
        let code = world.code(&[("client_id", &client_id)]).await;
        let secret = world.connection_secret(tenant).await;
        let tokens = world.redeem(&code, &[("client_id", &client_id), ("client_secret", &secret)]).await.json();
        let claims = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!(claims["id"], claims["sub"]);
        assert_eq!(claims["requested"]["tenant"], tenant);
        subjects.push(claims["sub"].as_str().unwrap().to_owned());
    }
    assert_ne!(subjects[0], subjects[1], "F2");
}

#[actix_web::test]
async fn f2_the_same_person_keeps_the_subject_when_the_address_changes() {
    let world = World::new().await;
    let mut subjects = Vec::new();
    for address in ["alice@example.com", "alice.new@example.com"] {
        let login = world.begin(&[]).await;
        let mut response = world.response(&login);
        response.attributes[0].1[0] = address.into();
        let code = world.answer(&login, &response.signed_assertion(&world.key)).await.sent("code").unwrap();
        let tokens = world.redeem(&code, &[]).await.json();
        let claims = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!(claims["email"], address);
        subjects.push(claims["sub"].clone());
    }
    assert_eq!(subjects[0], subjects[1]);
}

#[actix_web::test]
async fn h19_h20_refusals_reach_the_app_and_leave_a_trace_with_the_reason() {
    let world = World::new().await;
    let login = world.begin(&[]).await;
    let mut response = world.response(&login);
    response.attributes.remove(0);
    let answer = world.answer(&login, &response.signed_assertion(&world.key)).await;
    assert_eq!((answer.sent("error").as_deref(), answer.code().as_str()), (Some("access_denied"), "AttributeMissing"));
    let description = answer.sent("error_description").unwrap();
    let reference = description.split(':').next().unwrap();
    let trace = world
        .api(actix_web::http::Method::GET, &format!("sso-traces?id={reference}"), serde_json::Value::Null)
        .await
        .json();
    assert_eq!(trace["data"]["status"], "failed");
    assert_eq!(trace["data"]["fault"]["expected"], "email");
    assert_eq!(trace["data"]["fault"]["received"], "firstName, lastName, groups");
    assert!(!trace.to_string().contains("Martin"), "a trace keeps names, not values");

    let login = world.begin(&[]).await;
    let mut response = world.response(&login);
    response.status = vec![
        "urn:oasis:names:tc:SAML:2.0:status:Responder".into(),
        "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed".into(),
    ];
    response.has_assertion = false;
    let answer = world.answer(&login, &response.unsigned()).await;
    assert_eq!((answer.sent("state").as_deref(), answer.code().as_str()), (Some("a state"), "SamlStatusNotSuccess"));
}

#[actix_web::test]
async fn h7_relay_state_is_a_short_handle_and_is_never_followed() {
    let world = World::new().await;
    let long = "https://evil.example/".repeat(20);
    let login = world.begin(&[("state", &long)]).await;
    assert!(login.relay_state.len() <= 80, "SAML Bindings §3.4.3");
    let opaque = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    assert!(login.relay_state.bytes().all(opaque), "it is no address: {}", login.relay_state);
    let xml = world.response(&login).signed_assertion(&world.key);
    for (other, code) in [
        ("https://evil.example/", "LoginOtherBrowser"),
        (&*"x".repeat(81), "RelayStateMissing"),
        ("", "RelayStateMissing"),
    ] {
        let changed = Waiting { relay_state: other.to_owned(), ..login.clone() };
        let answer = world.answer(&changed, &xml).await;
        assert_eq!(answer.code(), code);
        assert!(!answer.headers.contains_key("location") && !answer.body.contains("evil.example"), "{}", answer.body);
    }
    assert_eq!(world.answer(&login, &xml).await.sent("state"), Some(long), "and the login is not spent by any of it");
}

#[actix_web::test]
async fn h27_nothing_on_the_way_keeps_what_carries_a_login() {
    let world = World::new().await;
    let metadata = postern_lab::metadata::metadata("https://post.example", "https://idp.example.com/sso", &world.key);
    let by_post = metadata.replacen("HTTP-Redirect", "SOAP", 1);
    let body = serde_json::json!({
        "tenant": "post.example", "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "rawMetadata": by_post,
    });
    assert_eq!(world.api(actix_web::http::Method::POST, "sso", body).await.status, 200);
    let to_idp = world.authorize(&[]).await;
    let login = crate::world::waiting(&to_idp);
    let form = world.authorize(&[("client_id", "tenant=post.example&product=crm")]).await;
    assert!(form.body.contains("name=\"SAMLRequest\""), "{}", form.body);
    let other_browser = world.answer_as("", &login, "x").await;
    let with_code = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    let again = world.begin(&[]).await;
    let with_error = world.answer(&again, "<x/>").await;
    for (what, answer) in [
        ("the way to the IdP", to_idp),
        ("the form for the IdP", form),
        ("a page", other_browser),
        ("a code", with_code),
        ("an error", with_error),
    ] {
        let cache = answer.header("cache-control");
        assert!(cache.contains("no-cache") && cache.contains("no-store"), "{what}: {cache}");
    }
}
