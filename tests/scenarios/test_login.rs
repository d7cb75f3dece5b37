//! Somebody of the customer opens the link of a test login in a real browser, with real identity providers: one test passes, one
//! fails, and the pages say so.

use postern_e2e::browser::{self, Click};
use postern_e2e::{OidcProvider, OidcProviderSettings, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings};
use serde_json::{Value, json};

const REDIRECT: &str = "https://app.example.com/callback";

/// The link of a new test of the tenant's connection, and where its result is by API.
async fn link(postern: &Postern, tenant: &str) -> (String, String) {
    let found = postern.call("GET", &format!("/api/v1/sso?tenant={tenant}&product=crm"), None).await;
    let tests = format!("/api/v1/sso/{}/test", found[0]["id"].as_str().expect("an id"));
    let link = postern.call("POST", &tests, None).await;
    let text = |name: &str| link[name].as_str().expect("a text").to_owned();
    (text("url"), format!("{tests}/{}", text("id")))
}

/// Goes the whole way with the button of the page; what the result says at first, and after its button was pressed.
async fn run(story: &str, postern: &Postern, tenant: &str, user: (&str, &str)) -> (String, String, Value) {
    let (url, result) = link(postern, tenant).await;
    let show = [Click { press: "Show what arrived", fill: None, until: &url }];
    let page = browser::sign_in_and_click(story, &url, user, &show).await;
    assert_eq!(page.url, url, "the browser is back where it began: {page:#?}");
    (page.text, page.then[0].clone(), postern.call("GET", &result, None).await)
}

#[tokio::test]
async fn a_test_login_with_simplesamlphp_and_with_oidc_provider_ends_on_its_result() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let saml = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    let oidc = OidcProvider::start(&postern.public_url, OidcProviderSettings::default()).await;
    // A draft: nobody else signs in by it.
    let connection = json!({
        "tenant": "saml.example", "product": "crm", "status": "draft", "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
        "metadataUrl": saml.metadata_url,
    });
    postern.call("POST", "/api/v1/sso", Some(&connection)).await;
    let connection = json!({
        "tenant": "oidc.example", "product": "crm", "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
        "oidcDiscoveryUrl": format!("{}/.well-known/openid-configuration", oidc.issuer),
        "oidcClientId": OidcProvider::CLIENT.0, "oidcClientSecret": OidcProvider::CLIENT.1,
    });
    postern.call("POST", "/api/v1/sso", Some(&connection)).await;

    for (tenant, user) in [("saml.example", SimpleSamlPhp::USER), ("oidc.example", OidcProvider::USER)] {
        let story = |end: &str| format!("test-login-{}-{end}", tenant.split('.').next().unwrap_or_default());
        let (page, shown, result) = run(&story("passed"), &postern, tenant, user).await;
        assert!(page.contains("The test has passed") && !page.contains("alice@"), "{page}");
        assert!(shown.contains("What the application would be told") && shown.contains("alice@"), "{shown}");
        assert_eq!((&result["passed"], result.get("values")), (&json!(true), None), "the page has shown them");

        // The tenant proves a domain that is not the one of the address.
        let domain = json!({ "tenant": tenant, "product": "crm", "domain": tenant, "proof": "operator" });
        postern.call("POST", "/api/v1/domains", Some(&domain)).await;
        let (page, shown, result) = run(&story("failed"), &postern, tenant, user).await;
        for told in ["The test has failed", "EmailDomainForeign", "Who can mend this", tenant] {
            assert!(page.contains(told), "no {told} in {page}");
        }
        assert!(shown.contains("alice@"), "what arrived is shown all the more: {shown}");
        assert_eq!(result["fault"]["code"], "EmailDomainForeign");
        let found = postern.call("GET", &format!("/api/v1/sso?tenant={tenant}&product=crm"), None).await;
        assert_eq!(found[0]["lastTest"]["code"], "EmailDomainForeign");
    }
}
