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
        "post_logout_redirect_urls": apps.each_ref().map(App::signed_out_url),
    });
    let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
    let text = |name: &str| product[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    let sign_in_params = format!("tenant={TENANT}");
    let client = Client { id: text("client_id"), secret: text("client_secret"), sign_in_params };

    let mut ids = vec![];
    for app in apps {
        let running = app.start(&postern.public_url, &client).await;
        let story = format!("openid-{:?}", app.kind);
        let page = match app.kind.signs_out() {
            true => browser::sign_in_and_out(&story, &running.home, SimpleSamlPhp::USER, &running.sign_out).await,
            false => browser::sign_in(&story, &running.home, SimpleSamlPhp::USER).await,
        };
        let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
        let user = &session["user"];
        assert_eq!(user["email"], "alice@acme.example.com", "{:?}: {page:#?}", app.kind);
        assert_eq!(user["name"], "Alice Liddell", "{:?}: {page:#?}", app.kind);
        ids.push(user["id"].as_str().unwrap_or_default().to_owned());

        let path = format!("/api/v1/sessions?tenant={TENANT}&product={PRODUCT}");
        let sessions = postern.call("GET", &path, None).await.to_string();
        let is_there = |sid: &Value| sessions.contains(sid.as_str().expect("the session's name"));
        if app.kind.signs_out() {
            // What it renewed was good, and then given back; it left by the door, and its session is gone.
            assert_eq!(session["renewed"]["active"], json!([true, false]), "{:?}: {page:#?}", app.kind);
            assert_eq!(page.signed_out.as_deref().map(str::trim), Some("{}"), "{:?}: {page:#?}", app.kind);
            assert!(!is_there(&session["idToken"]["sid"]), "{:?}: {sessions}", app.kind);
        }
    }
    assert_ne!(ids[0], "");
    assert!(ids.iter().all(|id| *id == ids[0]), "one person has one id, whatever the app: {ids:?}");
}

#[tokio::test]
async fn e9_openid_client_signs_people_in_as_the_fapi_2_security_profile_wants_it() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let idp = SimpleSamlPhp::start(&postern.public_url, SimpleSamlPhpSettings::default()).await;
    let app = App::new(AppKind::OpenidClientFapi);
    let redirect_urls = [app.redirect_url()];
    postern.connect(TENANT, PRODUCT, &redirect_urls, ("metadataUrl", &idp.metadata_url)).await;
    let private = app.client_key();
    let mut public = private.clone();
    public.as_object_mut().expect("a JWK").remove("d").expect("its private part");
    let product = json!({
        "name": PRODUCT, "redirect_urls": redirect_urls, "grant_types": ["authorization_code", "refresh_token"],
        "post_logout_redirect_urls": [app.signed_out_url()], "id_token_signed_response_alg": "ES256",
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [public] },
        "require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true,
    });
    let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
    let id = product["client_id"].as_str().expect("a client id").to_owned();
    let client = Client { id, secret: private.to_string(), sign_in_params: format!("tenant={TENANT}") };

    let running = app.start(&postern.public_url, &client).await;
    let page = browser::sign_in_and_out("openid-fapi", &running.home, SimpleSamlPhp::USER, &running.sign_out).await;
    let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
    assert_eq!(session["user"]["email"], "alice@acme.example.com", "{page:#?}");
    assert_eq!(session["tokenType"], "dpop", "{page:#?}");
    assert_eq!(session["renewed"]["active"], json!([true, false]), "{page:#?}");
    assert_eq!(page.signed_out.as_deref(), Some("{}"), "{page:#?}");
    let asked = page.visited.iter().find(|(.., url)| url.contains("/api/oauth/authorize")).expect("the request");
    assert!(asked.2.contains("request_uri=urn") && !asked.2.contains("redirect_uri"), "{asked:?}");
}
