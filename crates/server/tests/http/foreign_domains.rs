//! A tenant's identity provider speaks for the tenant's own e-mail domains, and for no other's (F16).

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use postern::system::SystemRandom;
use postern_lab::dns::NameServer;
use postern_lab::idp::people;
use postern_lab::key::Key;
use postern_lab::openid::{Lies, OpenidProvider, Options};
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};

use crate::domains::{self, prove};
use crate::world::{Answer, CALLBACK, IDP, PUBLIC, World};

const GLOBEX_IDP: &str = "https://idp.globex.example.com";

/// A login of a tenant whose identity provider asserts this address.
async fn asserted(world: &World, tenant: &str, email: &str) -> Answer {
    let scope = format!("tenant={tenant}&product=crm");
    let waiting = world.begin(&[("client_id", &scope)]).await;
    let idp = if tenant == "acme.example" { IDP } else { GLOBEX_IDP };
    let response = with_email(world.response(&waiting).sent_by(idp), email);
    world.answer(&waiting, &response.signed_assertion(&world.key)).await
}

fn with_email(mut response: Response, email: &str) -> Response {
    response.attributes.retain(|(name, _)| name != "email");
    response.attributes.push(("email".into(), vec![email.to_owned()]));
    response
}

/// `code`, or the fault.
fn outcome(answer: &Answer) -> String {
    match answer.sent("code") {
        Some(_) => "code".to_owned(),
        None => answer.code(),
    }
}

/// What the app is told of an address: its `email_verified`.
async fn verified(world: &World, tenant: &str, answer: &Answer) -> Option<bool> {
    let code = answer.sent("code").unwrap_or_else(|| panic!("no code: {}", answer.location()));
    let (scope, secret) = (format!("tenant={tenant}&product=crm"), world.connection_secret(tenant).await);
    let tokens = world.redeem_with(&code, &[("client_id", &scope), ("client_secret", &secret)]).await.json();
    let claims = world.claims(tokens["access_token"].as_str().unwrap()).await.json();
    claims.get("email_verified").map(|verified| verified.as_bool().unwrap())
}

/// Two tenants, `acme.example` with a proven domain.
async fn tenants() -> (World, NameServer) {
    let (world, dns) = domains::world("").await;
    world.connect("globex.example", "crm", GLOBEX_IDP).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    (world, dns)
}

#[actix_web::test]
async fn f16_an_address_is_verified_only_at_a_domain_that_its_tenant_has_proven() {
    let (world, dns) = domains::world("").await;
    let answer = asserted(&world, "acme.example", "alice@acme.example").await;
    assert_eq!(verified(&world, "acme.example", &answer).await, None, "nobody has proven anything");
    domains::claim(&world, "acme.example", "acme.example", json!({})).await;
    let answer = asserted(&world, "acme.example", "alice@acme.example").await;
    assert_eq!(verified(&world, "acme.example", &answer).await, None, "a claim is no proof");
    let id = prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    let answer = asserted(&world, "acme.example", "alice@ACME.example").await;
    assert_eq!(verified(&world, "acme.example", &answer).await, Some(true));
    world.api(Method::DELETE, &format!("domains/{id}"), Value::Null).await;
    let answer = asserted(&world, "acme.example", "alice@acme.example").await;
    assert_eq!(verified(&world, "acme.example", &answer).await, None);
}

#[actix_web::test]
async fn f16_a_tenant_with_proven_domains_speaks_for_no_other() {
    let (world, _dns) = tenants().await;
    for email in [
        "alice@initech.example",
        "alice@eu.acme.example",
        "alice@notacme.example",
        "alice@acme.example.evil.example",
        "alice@evil.example@acme.example",
        "\"alice@acme.example\"@evil.example",
        "alice@acme.example, bob@evil.example",
        "alice",
        "alice@localhost",
    ] {
        let answer = asserted(&world, "acme.example", email).await;
        assert_eq!(outcome(&answer), "EmailDomainForeign", "{email}");
        assert_eq!(answer.sent("error").as_deref(), Some("access_denied"));
    }
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let failed = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "login.failed");
    assert!(failed.clone().count() == 9 && failed.clone().all(|event| event["data"]["code"] == "EmailDomainForeign"));
    let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.body;
    assert!(!traces.contains("initech"), "an address is an attribute value: {traces}");
}

#[actix_web::test]
async fn f16_a_tenant_without_domains_does_not_speak_for_those_of_another() {
    let (world, dns) = tenants().await;
    for (email, expected) in [
        ("ceo@acme.example", "EmailDomainForeign"),
        ("ceo@ACME.example.", "EmailDomainForeign"),
        ("ceo@acme.example@globex.example", "EmailDomainForeign"),
        ("ceo@acme.example,bob@globex.example", "EmailDomainForeign"),
        ("bob@globex.example", "code"),
        ("ceo@eu.acme.example", "code"),
        ("bob", "code"),
    ] {
        assert_eq!(outcome(&asserted(&world, "globex.example", email).await), expected, "{email}");
    }
    let answer = asserted(&world, "globex.example", "bob@globex.example").await;
    assert_eq!(verified(&world, "globex.example", &answer).await, None);

    // The names below belong to whoever proved the domain with them, but for those that another tenant proved itself.
    let list = world.api(Method::GET, "domains?tenant=acme.example&product=crm", Value::Null).await.json();
    let path = format!("domains/{}", list["data"][0]["id"].as_str().unwrap());
    world.api(Method::PATCH, &path, json!({ "include_subdomains": true })).await;
    assert_eq!(outcome(&asserted(&world, "globex.example", "ceo@eu.acme.example").await), "EmailDomainForeign");
    let answer = asserted(&world, "acme.example", "alice@eu.acme.example").await;
    assert_eq!(verified(&world, "acme.example", &answer).await, Some(true));
    prove(&world, &dns, "globex.example", "labs.acme.example", json!({})).await;
    assert_eq!(outcome(&asserted(&world, "acme.example", "alice@labs.acme.example").await), "EmailDomainForeign");
    let answer = asserted(&world, "globex.example", "bob@labs.acme.example").await;
    assert_eq!(verified(&world, "globex.example", &answer).await, Some(true));
}

#[actix_web::test]
async fn f16_a_scope_may_have_foreign_addresses_flagged_instead() {
    let (world, _dns) = tenants().await;
    for (tenant, email) in [("acme.example", "alice@initech.example"), ("globex.example", "ceo@acme.example")] {
        let policy = format!("tenants/{tenant}/products/crm/policy");
        let flag = json!({ "revision": 0, "foreign_domains": "flag" });
        assert_eq!(world.api(Method::PATCH, &policy, flag).await.status, 200);
        let answer = asserted(&world, tenant, email).await;
        assert_eq!(verified(&world, tenant, &answer).await, None);
        let events = world.api(Method::GET, "events", Value::Null).await.json();
        let event = events["data"].as_array().unwrap().last().unwrap();
        assert_eq!(event["type"], "login.anomaly");
        let anomalies = event["data"]["anomalies"].as_array().unwrap();
        assert_eq!(anomalies, &["the e-mail address is at a domain that is not the tenant's"]);
    }
}

#[actix_web::test]
async fn f16_a_list_of_addresses_is_no_way_around() {
    let (world, _dns) = tenants().await;
    let change = json!({
        "tenant": "globex.example", "product": "crm", "clientSecret": world.connection_secret("globex.example").await,
        "isSAML": true, "mapping": { "rules": { "email": { "from": ["email"], "list": true } } },
    });
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    assert_eq!(outcome(&asserted(&world, "globex.example", "ceo@acme.example").await), "EmailDomainForeign");
}

#[actix_web::test]
async fn f16_logins_that_begin_at_the_identity_provider_are_judged_alike() {
    let (world, _dns) = tenants().await;
    world.advance(std::time::Duration::from_secs(180));
    for delivery in ["application", "direct"] {
        let change = json!({
            "tenant": "acme.example", "product": "crm", "clientSecret": world.connection_secret("acme.example").await,
            "isSAML": true, "allow": ["unsolicited"], "unsolicitedDelivery": delivery,
        });
        assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
        if delivery == "application" {
            let urls = json!([CALLBACK, "http://localhost:3000/callback"]);
            let initiate = "https://app.example.com/login";
            world.register(json!({ "redirect_urls": urls, "initiate_login_url": initiate })).await;
        }
        let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
        let acs = format!("/api/oauth/saml/{}", found[0]["id"].as_str().unwrap());
        for (email, status) in [("alice@initech.example", 403), ("alice@acme.example", 303)] {
            let response = Response::at(world.app.now()).with_random_ids(&SystemRandom).sent_by(IDP);
            let response = response.sent_to(&format!("{PUBLIC}{acs}")).for_audience(PUBLIC);
            let xml = with_email(response, email).signed_assertion(&world.key);
            let answer = world.form(&acs, &[("SAMLResponse", &base64(&xml))], &[]).await;
            assert_eq!(answer.status, status, "{delivery} {email}: {}", answer.body);
            if status == 403 {
                assert_eq!(answer.code(), "EmailDomainForeign");
            }
            // It is used up, whatever came of it.
            assert_eq!(world.form(&acs, &[("SAMLResponse", &base64(&xml))], &[]).await.code(), "SamlAssertionReplayed");
        }
    }
}

#[actix_web::test]
async fn f16_an_openid_provider_is_held_to_the_same() {
    let (world, dns) = tenants().await;
    let provider = OpenidProvider::start(Options {
        host: "127.0.0.1".into(),
        port: 0,
        key: Key::generate().unwrap(),
        client_id: "client".into(),
        client_secret: Some("secret-of-the-client".into()),
        people: people(),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
    })
    .unwrap();
    let body = json!({
        "tenant": "oidc.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "oidcDiscoveryUrl": format!("{}/.well-known/openid-configuration", provider.issuer),
        "oidcClientId": "client", "oidcClientSecret": "secret-of-the-client",
    });
    assert_eq!(world.api(Method::POST, "sso", body).await.status, 200);
    let login = async |email: &str, verified: Value| {
        let claims = vec![("email", json!(email)), ("email_verified", verified)];
        provider.lie(Lies { claims, ..Lies::default() });
        let asked = world.authorize(&[("client_id", "tenant=oidc.example&product=crm")]).await;
        let url = provider.answer(&asked.location());
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        world.send(TestRequest::get().uri(&path).insert_header(("Cookie", asked.cookie()))).await
    };
    assert_eq!(outcome(&login("ceo@acme.example", json!(true)).await), "EmailDomainForeign");
    let answer = login("alice@example.com", json!(true)).await;
    assert_eq!(verified(&world, "oidc.example", &answer).await, None, "the provider's word is no proof");

    dns.publish("example.com", &[]);
    prove(&world, &dns, "oidc.example", "example.com", json!({})).await;
    for (doubt, told) in [(json!(null), Some(true)), (json!(true), Some(true)), (json!(false), Some(false))] {
        let answer = login("alice@example.com", doubt.clone()).await;
        assert_eq!(verified(&world, "oidc.example", &answer).await, told, "{doubt}");
    }
    assert_eq!(outcome(&login("alice@globex.example", json!(null)).await), "EmailDomainForeign");
}
