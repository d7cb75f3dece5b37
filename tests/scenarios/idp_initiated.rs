//! A person begins at the identity provider, in its list of apps, and ends in the app, which has its own state and PKCE
//! nevertheless.

use postern_e2e::{App, AppKind, Client, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser};
use serde_json::{Value, json};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";

#[tokio::test]
async fn h26_somebody_who_begins_at_the_identity_provider_is_signed_in_to_the_app() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    for kind in [AppKind::AuthJs, AppKind::AuthJsOidc] {
        let app = App::new(kind);
        let urls = [app.redirect_url()];
        let product = format!("{PRODUCT}-{kind:?}");
        let connection = json!({
            "tenant": TENANT, "product": product, "redirectUrl": urls, "defaultRedirectUrl": urls[0],
            "metadataUrl": idp.metadata_url, "allow": ["unsolicited"],
        });
        let connection = postern.call("POST", "/api/v1/sso", Some(&connection)).await;
        let registration =
            json!({ "name": product, "redirect_urls": urls, "initiate_login_url": app.initiate_login_url() });
        let registered = postern.call("POST", "/api/v1/products", Some(&registration)).await;
        let text = |record: &Value, name: &str| record[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        let client = Client {
            id: text(&registered, "client_id"),
            secret: text(&registered, "client_secret"),
            sign_in_params: String::new(),
        };
        // The administrator of the identity provider enters what belongs to this connection.
        let metadata = format!("{}/.well-known/sp-metadata?connection={}", postern.public_url, text(&connection, "id"));
        let metadata = postern_e2e::http().get(metadata).send().await.expect("metadata").text().await;
        idp.save_metadata(&metadata.expect("a text"));

        let running = app.start(&postern.public_url, &client).await;
        let (start, story) = (idp.start_url(&postern.public_url), format!("idp-initiated-{kind:?}"));
        let page = browser::sign_in_there(&story, &start, SimpleSamlPhp::USER, &running.session).await;
        let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
        assert_eq!(session["user"]["email"], "alice@acme.example.com", "{page:#?}");
        let asked_there = |page: &browser::Page| page.visited.iter().any(|(.., url)| url.contains("SAMLRequest"));
        assert!(!asked_there(&page), "once is enough: {page:#?}");
    }
}
