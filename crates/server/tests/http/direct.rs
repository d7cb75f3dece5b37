//! `/api/oauth/saml/{connection}` of a connection whose logins that begin at the identity provider are delivered directly.

use std::time::Duration;

use actix_web::http::Method;
use postern_core::ports::Clock as _;
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};

use crate::world::{Answer, CALLBACK, IDP, PUBLIC, VERIFIER, World};

/// A connection that delivers directly, and its id.
async fn world(changes: Value) -> (World, String) {
    let world = World::new().await;
    let secret = world.connection_secret("acme.example").await;
    let mut change = json!({
        "tenant": "acme.example", "product": "crm", "clientSecret": secret,
        "allow": ["unsolicited"], "unsolicitedDelivery": "direct",
    });
    change.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    assert_eq!(world.api(Method::PATCH, "sso", change).await.status, 204);
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    world.advance(Duration::from_secs(180));
    let id = found[0]["id"].as_str().unwrap().to_owned();
    (world, id)
}

async fn arrive(world: &World, id: &str) -> Answer {
    let acs = format!("/api/oauth/saml/{id}");
    let response = Response::at(world.clock.now())
        .with_random_ids(&postern::system::SystemRandom)
        .sent_by(IDP)
        .sent_to(&format!("{PUBLIC}{acs}"))
        .for_audience(PUBLIC);
    let xml = response.signed_assertion(&world.key);
    world.form(&acs, &[("SAMLResponse", &base64(&xml)), ("RelayState", "https://evil.example/")], &[]).await
}

#[actix_web::test]
async fn h26_a_code_that_nobody_asked_for_goes_to_the_registered_address_alone() {
    let (world, id) = world(json!({})).await;
    let answer = arrive(&world, &id).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.header("location").starts_with(&format!("{CALLBACK}?code=")), "{}", answer.header("location"));
    assert_eq!(answer.sent("iss").as_deref(), Some(PUBLIC), "RFC 9207");
    assert_eq!(answer.sent("state"), None);
    let traces = world.api(Method::GET, "sso-traces?product=crm", Value::Null).await.json();
    assert_eq!(traces["data"][0]["status"], "succeeded");

    // The app is registered, and there is another address.
    world.register(json!({ "redirect_urls": ["https://app.example.com/elsewhere"] })).await;
    let answer = arrive(&world, &id).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "RedirectUriNotAllowed"));
    let (world, id) = self::world(json!({ "defaultRedirectUrl": "https://app.example.com/other" })).await;
    assert_eq!(arrive(&world, &id).await.code(), "RedirectUriNotAllowed");
}

#[actix_web::test]
async fn a_code_that_nobody_asked_for_is_redeemed_by_its_own_client_with_a_secret_alone() {
    let (world, id) = world(json!({})).await;
    let globex = world.connect("globex.example", "crm", "https://idp.globex.example.com").await;
    let product = world.register(json!({})).await;
    let (client_id, secret) = (product["client_id"].as_str().unwrap(), product["client_secret"].as_str().unwrap());
    let connection_secret = world.connection_secret("acme.example").await;
    let other = world.register(json!({ "name": "shop" })).await;
    let others = (other["client_id"].as_str().unwrap(), other["client_secret"].as_str().unwrap());
    let globex_secret = globex["clientSecret"].as_str().unwrap();

    let code = arrive(&world, &id).await.sent("code").unwrap();
    let redeem = async |code: &str, client: (&str, &str), more: &[(&str, &str)]| {
        let fields = [&[("client_id", client.0), ("client_secret", client.1), ("code_verifier", "")], more].concat();
        world.redeem_with(code, &fields).await
    };
    for (client, refusal) in [
        ((client_id, ""), "ClientAuthenticationMissing"),
        ((client_id, "wrong"), "ClientSecretWrong"),
        (("dummy", connection_secret.as_str()), "ClientSecretWrong"), // the product has a secret of its own
        (others, "CodeForOtherClient"),
        ((globex["id"].as_str().unwrap(), globex_secret), "CodeForOtherClient"),
        (("tenant=globex.example&product=crm", secret), "CodeForOtherClient"),
    ] {
        assert_eq!(redeem(&code, client, &[]).await.code(), refusal, "{}", client.0);
    }
    let verifier = redeem(&code, (client_id, secret), &[("code_verifier", VERIFIER)]).await;
    assert_eq!(verifier.code(), "VerifierUnexpected", "RFC 9700 §2.1.1");
    let elsewhere = redeem(&code, (client_id, secret), &[("redirect_uri", "https://app.example.com/x")]).await;
    assert_eq!(elsewhere.code(), "CodeRedirectMismatch");

    // However the client names itself, and whether or not it repeats the address.
    let scope = "tenant=acme.example&product=crm";
    for (client, redirect_uri) in [
        ((client_id, secret), CALLBACK),
        ((scope, secret), ""),
        (("dummy", secret), CALLBACK),
        ((id.as_str(), connection_secret.as_str()), CALLBACK),
    ] {
        let code = arrive(&world, &id).await.sent("code").unwrap();
        let tokens = redeem(&code, client, &[("redirect_uri", redirect_uri)]).await;
        assert_eq!(tokens.status, 200, "{}: {}", client.0, tokens.body);
        let claims = world.claims(tokens.json()["access_token"].as_str().unwrap()).await.json();
        assert_eq!(claims["requested"]["login_type"], "idp-initiated");
        assert_eq!(claims["requested"]["client_id"], client_id);
        assert_eq!(redeem(&code, client, &[]).await.code(), "CodeSpent");
    }
}

#[actix_web::test]
async fn a_client_without_a_secret_gets_no_code_that_it_did_not_ask_for() {
    let (world, id) = world(json!({})).await;
    let product = world.register(json!({})).await;
    let code = arrive(&world, &id).await.sent("code").unwrap();
    let change = json!({ "name": "crm", "token_endpoint_auth_method": "none" });
    assert_eq!(world.api(Method::PATCH, "products", change).await.status, 200);
    let fields = [("client_id", product["client_id"].as_str().unwrap()), ("code_verifier", "")];
    assert_eq!(world.redeem_with(&code, &fields).await.code(), "ClientAuthenticationMissing", "nor one issued before");
    assert_eq!(arrive(&world, &id).await.code(), "UnsolicitedPublicClient");

    let strange = json!({ "tenant": "acme.example", "product": "crm", "unsolicitedDelivery": "pigeon",
        "clientSecret": world.connection_secret("acme.example").await });
    assert_eq!(world.api(Method::PATCH, "sso", strange).await.code(), "FieldInvalid");
}
