//! A customer whose identity provider knows Postern by the address of a region, in a browser: the app begins the login at the one
//! public address, and the cookie that binds it to the browser is where the answer arrives.

use postern_e2e::{
    App, AppKind, Client, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser, free_port,
};
use serde_json::json;

#[tokio::test]
async fn a_person_signs_in_by_a_region_and_ends_in_the_app() {
    let redis = Redis::start().await;
    let (home, eu) = (free_port(), free_port());
    // To a browser, 127.0.0.1 and localhost are different hosts, as the addresses of two regions are.
    let region = format!("http://localhost:{eu}");
    let environment = vec![("POSTERN_REGIONS__EU__PUBLIC_URL", region.clone())];
    let postern =
        Postern::start(&redis, Settings { public_port: Some(home), environment, ..Settings::default() }).await;
    let _home = browser::proxy(home, &postern.origin, false).await;
    let _eu = browser::proxy(eu, &postern.origin, false).await;

    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    let metadata = reqwest::get(format!("{}/.well-known/sp-metadata?region=eu", postern.origin)).await;
    let metadata = metadata.expect("an answer").text().await.expect("metadata");
    assert!(metadata.contains(&region) && !metadata.contains(&postern.public_url), "{metadata}");
    idp.save_metadata(&metadata);

    let app = App::new(AppKind::AuthJs);
    let redirect = app.redirect_url();
    let connection = json!({
        "tenant": "acme.example.com", "product": "crm", "redirectUrl": [redirect], "defaultRedirectUrl": redirect,
        "metadataUrl": idp.metadata_url, "region": "eu",
    });
    postern.call("POST", "/api/v1/sso", Some(&connection)).await;
    let (id, secret) = postern.register("crm", &[redirect]).await;
    let client = Client { id, secret, sign_in_params: "tenant=acme.example.com".into() };
    let app = app.start(&postern.public_url, &client).await;
    let page = browser::sign_in("regions", &app.home, SimpleSamlPhp::USER).await;
    assert!(page.text.contains("alice@acme.example.com"), "{page:#?}");
    let was_at = |start: &str| page.visited.iter().any(|(_, _, url)| url.starts_with(start));
    assert!(was_at(&format!("{}/api/oauth/authorize?", postern.public_url)), "{page:#?}");
    assert!(was_at(&format!("{region}/api/oauth/authorize/eu?")), "{page:#?}");
    assert!(was_at(&format!("{region}/api/oauth/saml")) && !was_at(&format!("{}/api/oauth/saml", postern.public_url)));
}
