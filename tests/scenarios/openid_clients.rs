//! Apps with libraries that many use sign people in by OpenID Connect: they find everything in our discovery document, and check
//! the ID token and the answers as strictly as they can.

use postern_e2e::{App, AppKind, Client, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser};
use serde_json::{Value, json};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";

#[tokio::test]
async fn apps_that_speak_openid_connect_sign_people_in() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    let apps = AppKind::OPENID.map(App::new);
    let redirect_urls = apps.each_ref().map(App::redirect_url);
    postern.connect(TENANT, PRODUCT, &redirect_urls, ("metadataUrl", &idp.metadata_url)).await;
    let product = json!({
        "name": PRODUCT, "redirect_urls": redirect_urls, "grant_types": ["authorization_code", "refresh_token"],
    });
    let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
    let text = |name: &str| product[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    let sign_in_params = format!("tenant={TENANT}");
    let client = Client { id: text("client_id"), secret: text("client_secret"), sign_in_params };

    let mut ids = vec![];
    for app in apps {
        let running = app.start(&postern.public_url, &client).await;
        let page = browser::sign_in(&format!("openid-{:?}", app.kind), &running.home, SimpleSamlPhp::USER).await;
        let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
        assert_eq!(session["user"]["email"], "alice@acme.example.com", "{:?}: {page:#?}", app.kind);
        assert_eq!(session["user"]["name"], "Alice Liddell", "{:?}: {page:#?}", app.kind);
        if let AppKind::OpenidClient | AppKind::Oauth4webapi | AppKind::Authlib = app.kind {
            assert_eq!(session["renewed"]["active"], json!([true, false]), "{:?}: {page:#?}", app.kind);
        }
        ids.push(session["user"]["id"].as_str().unwrap_or_default().to_owned());
    }
    assert_ne!(ids[0], "");
    assert!(ids.iter().all(|id| *id == ids[0]), "one person has one id, whatever the app: {ids:?}");
}
