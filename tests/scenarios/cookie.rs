//! The identity provider answers with a post from another site. Browsers send only cookies with `SameSite=None` along with
//! such a post, so a login is bound to its browser by one of those.

use postern_e2e::{
    App, AppKind, Client, Postern, Redis, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser, free_port,
};

#[tokio::test]
async fn behind_a_proxy_a_person_is_signed_in() {
    let page = sign_in_behind_a_proxy("behind-a-proxy", false).await;
    assert!(page.text.contains("alice@acme.example.com"), "{page:#?}");
}

#[tokio::test]
async fn with_lax_cookies_nobody_could_be_signed_in() {
    let page = sign_in_behind_a_proxy("lax", true).await;
    assert!(page.url.ends_with("/api/oauth/saml"), "{page:#?}");
    assert!(page.text.contains("LoginOtherBrowser"), "{page:#?}");
}

/// One login through a proxy that, if told so, turns Postern's cookies to Lax, and is else the same.
async fn sign_in_behind_a_proxy(story: &str, lax: bool) -> browser::Page {
    let redis = Redis::start().await;
    let port = free_port();
    let postern = Postern::start(&redis, Settings { public_port: Some(port), ..Settings::default() }).await;
    let _proxy = browser::proxy(port, &postern.origin, lax).await;
    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    let app = App::new(AppKind::AuthJs);
    let redirect_urls = [app.redirect_url()];
    postern.connect("acme.example.com", "crm", &redirect_urls, ("metadataUrl", &idp.metadata_url)).await;
    let (id, secret) = postern.register("crm", &redirect_urls).await;
    let client = Client { id, secret, sign_in_params: "tenant=acme.example.com".into() };
    let app = app.start(&postern.public_url, &client).await;
    browser::sign_in(story, &app.home, SimpleSamlPhp::USER).await
}
