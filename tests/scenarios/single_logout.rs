//! SAML single logout with SimpleSAMLphp, in a browser: a person who signs out of an app is signed out there, and one who signs
//! out there is signed out of the app, which hears of it by a back channel. Both sides sign what they say, and take nothing else.

use postern_core::fault::Code;
use postern_e2e::{
    App, AppKind, Client, Postern, Redis, RunningApp, Settings, SimpleSamlPhp, SimpleSamlPhpSettings, browser,
};
use serde_json::{Value, json};

use crate::logout::{Heard, LIMIT, ear};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";

/// Postern with an app, and a customer with SimpleSAMLphp.
struct World {
    _redis: Redis,
    postern: Postern,
    idp: SimpleSamlPhp,
    app: RunningApp,
    after: String,
    heard: Heard,
}

impl World {
    /// With a connection that says this, too.
    async fn start(settings: SimpleSamlPhpSettings, connection: impl FnOnce(&SimpleSamlPhp) -> Value) -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let idp = SimpleSamlPhp::start(&postern.public_url, settings).await;
        let app = App::new(AppKind::OpenidClient);
        let redirect = app.redirect_url();
        let mut body = json!({
            "tenant": TENANT, "product": PRODUCT, "redirectUrl": [redirect], "defaultRedirectUrl": redirect,
            "metadataUrl": idp.metadata_url,
        });
        for (name, value) in connection(&idp).as_object().expect("an object") {
            body[name] = value.clone();
        }
        postern.call("POST", "/api/v1/sso", Some(&body)).await;
        let (ear, heard) = ear().await;
        let product = json!({
            "name": PRODUCT, "redirect_urls": [redirect], "post_logout_redirect_urls": [app.signed_out_url()],
            "backchannel_logout_uri": ear,
        });
        let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
        let text = |name: &str| product[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        let sign_in_params = format!("tenant={TENANT}");
        let client = Client { id: text("client_id"), secret: text("client_secret"), sign_in_params };
        let after = app.signed_out_url();
        let app = app.start(&postern.public_url, &client).await;
        Self { _redis: redis, postern, idp, app, after, heard }
    }

    /// Alice signs in to the app, signs out at `sign_out`, which leads to `end`, and wants to sign in again.
    async fn visit(&self, story: &str, sign_out: &str, end: &str) -> browser::Page {
        let again = format!("{}sign-in", self.app.home);
        let page =
            browser::sign_in_out_and_in(story, &self.app.home, SimpleSamlPhp::USER, (sign_out, end), &again).await;
        let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
        let sessions =
            self.postern.call("GET", &format!("/api/v1/sessions?tenant={TENANT}&product={PRODUCT}"), None).await;
        let sid = session["idToken"]["sid"].as_str().expect("the session's name");
        assert!(!sessions.to_string().contains(sid), "{sessions}");
        let told = async {
            while !self.heard.lock().expect("the list").contains_key(sid) {
                tokio::time::sleep(LIMIT / 50).await;
            }
        };
        tokio::time::timeout(LIMIT, told).await.expect("the app hears of it");
        page
    }

    /// The addresses of single logout, here and there, that the browser was at, and how it got there.
    fn exchanged(&self, page: &browser::Page) -> Vec<String> {
        let short = |(method, _, url): &(String, u16, String)| {
            let who = if url.starts_with(&self.postern.public_url) { "Postern" } else { "IdP" };
            let signed = if url.contains("&Signature=") { ", signed" } else { "" };
            let what = ["SAMLRequest", "SAMLResponse"].into_iter().find(|name| url.contains(&format!("{name}=")));
            let slo = url.contains("/saml/slo") || url.contains("/SingleLogoutService.php");
            slo.then(|| format!("{method} {who} {}{signed}", what.unwrap_or_default()))
        };
        page.visited.iter().filter_map(short).collect()
    }
}

#[tokio::test]
async fn h28_who_signs_out_of_an_app_is_signed_out_at_simplesamlphp() {
    let world = World::start(SimpleSamlPhpSettings::default(), |_| json!({})).await;
    let page = world.visit("slo-from-app", &world.app.sign_out, &world.after).await;
    assert_eq!(page.signed_out.as_deref(), Some("{}"), "{page:#?}");
    assert_eq!(
        world.exchanged(&page),
        ["GET IdP SAMLRequest, signed", "GET Postern SAMLResponse, signed"],
        "{page:#?}"
    );
    assert_eq!(page.asked_again, Some(true), "the session there is over: {page:#?}");
}

#[tokio::test]
async fn h28_also_by_a_form_that_simplesamlphp_verifies() {
    let by_post = |idp: &SimpleSamlPhp| {
        let address =
            idp.metadata_url.replace("metadata.php", "SingleLogoutService.php").replace("127.0.0.1", "localhost");
        json!({ "sloUrl": address, "sloBinding": "post" })
    };
    let world = World::start(SimpleSamlPhpSettings::default(), by_post).await;
    let page = world.visit("slo-from-app-post", &world.app.sign_out, &world.after).await;
    assert_eq!(page.signed_out.as_deref(), Some("{}"), "{page:#?}");
    assert_eq!(world.exchanged(&page), ["POST IdP ", "GET Postern SAMLResponse, signed"], "{page:#?}");
    assert!(page.posted.iter().any(|(_, form)| form.contains_key("SAMLRequest")), "{page:#?}");
    assert_eq!(page.asked_again, Some(true), "{page:#?}");
}

#[tokio::test]
async fn h28_who_signs_out_at_simplesamlphp_is_signed_out_of_the_app() {
    let world = World::start(SimpleSamlPhpSettings::default(), |_| json!({})).await;
    let page = world.visit("slo-from-idp", &world.idp.sign_out_url(), &world.idp.signed_out_url()).await;
    let exchanged = world.exchanged(&page);
    assert_eq!(exchanged, ["GET IdP ", "GET Postern SAMLRequest, signed", "GET IdP SAMLResponse, signed"], "{page:#?}");
    assert_eq!(page.asked_again, Some(true), "{page:#?}");
}

#[tokio::test]
async fn h28_its_session_is_left_alone_where_the_operator_wants_that() {
    let world = World::start(SimpleSamlPhpSettings::default(), |_| json!({ "singleLogout": false })).await;
    let page = world.visit("slo-off", &world.app.sign_out, &world.after).await;
    assert_eq!(page.signed_out.as_deref(), Some("{}"), "{page:#?}");
    assert!(world.exchanged(&page).is_empty(), "{page:#?}");
    assert_eq!(page.asked_again, Some(false), "{page:#?}");
}

#[tokio::test]
async fn h28_an_answer_without_signature_is_told_and_the_person_finds_on() {
    let settings = SimpleSamlPhpSettings { signs_logout: false, ..SimpleSamlPhpSettings::default() };
    let world = World::start(settings, |_| json!({})).await;
    let ours = format!("{}/api/oauth/saml/slo", world.postern.public_url);
    let page = world.visit("slo-unsigned", &world.app.sign_out, &ours).await;
    let told = page.signed_out.as_deref().unwrap_or_default();
    assert!(told.contains(Code::LogoutUnsigned.name()) && told.contains("Continue to the application"), "{page:#?}");
}
