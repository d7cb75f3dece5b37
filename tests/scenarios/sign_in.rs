//! A person of a customer that has SimpleSAMLphp signs in to an app that has Auth.js: in every way in which such apps
//! name themselves and the customer.

use postern_e2e::{App, AppKind, Client, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser};
use serde_json::Value;

/// The customer, and the app that is sold to it.
const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";

#[tokio::test]
async fn apps_that_call_themselves_dummy_and_send_tenant_and_product_sign_people_in() {
    let verifier = "a secret that all apps share";
    every_app_signs_alice_in("dummy", Some(verifier), async |_, _| Client {
        id: "dummy".into(),
        secret: verifier.into(),
        sign_in_params: format!("tenant={TENANT}&product={PRODUCT}"),
    })
    .await;
}

#[tokio::test]
async fn apps_whose_client_id_spells_out_tenant_and_product_sign_people_in() {
    let verifier = "a secret that all apps share";
    every_app_signs_alice_in("encoded", Some(verifier), async |_, _| Client {
        id: format!("tenant={TENANT}&product={PRODUCT}"),
        secret: verifier.into(),
        sign_in_params: String::new(),
    })
    .await;
}

#[tokio::test]
async fn apps_with_the_client_id_of_their_product_sign_people_in() {
    every_app_signs_alice_in("product", None, async |postern, apps| {
        let (id, secret) = postern.register(PRODUCT, apps).await;
        assert!(id.starts_with("prod_"), "{id}");
        Client { id, secret, sign_in_params: format!("tenant={TENANT}") }
    })
    .await;
}

/// Signs Alice in to every kind of app, one after the other, as the client that `client` returns.
async fn every_app_signs_alice_in(
    story: &str,
    verifier: Option<&str>,
    client: impl AsyncFn(&Postern, &[String]) -> Client,
) {
    let redis = Redis::start().await;
    let environment = verifier.map(|verifier| ("POSTERN_OAUTH__CLIENT_SECRET_VERIFIER", verifier.to_owned()));
    let postern =
        Postern::start(&redis, Settings { environment: environment.into_iter().collect(), ..Settings::default() })
            .await;
    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;

    let apps = AppKind::OAUTH.map(App::new);
    let redirect_urls = apps.each_ref().map(App::redirect_url);
    postern.connect(TENANT, PRODUCT, &redirect_urls, ("metadataUrl", &idp.metadata_url)).await;
    let client = client(&postern, &redirect_urls).await;

    let mut ids = vec![];
    for app in apps {
        let running = app.start(&postern.public_url, &client).await;
        let page = browser::sign_in(&format!("{story}-{:?}", app.kind), &running.home, SimpleSamlPhp::USER).await;
        let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
        let user = &session["user"];
        assert_eq!(user["email"], "alice@acme.example.com", "{:?}: {page:#?}", app.kind);
        assert_eq!(user["name"], "Alice Liddell", "{:?}: {page:#?}", app.kind);
        ids.push(user["id"].as_str().unwrap_or_default().to_owned());
    }
    assert_ne!(ids[0], "");
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "the same person in the same scope has one id, whatever the app: {ids:?}"
    );
}
