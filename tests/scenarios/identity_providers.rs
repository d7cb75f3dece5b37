//! Real identity providers: by SAML they encrypt what they say, and take no request without our signature; they know our
//! certificates from our metadata, as they would in the world. By OpenID Connect they sign with one key or another, say what they
//! know of a person here or there, and know us by a secret or by our key.

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer};
use postern_e2e::{
    App, AppKind, Client, OidcProvider, OidcProviderSettings, Postern, Redis, Samlp, Settings, Signs, SimpleSamlPhp,
    SimpleSamlPhpSettings, browser,
};
use reqwest::Url;
use serde_json::{Value, json};

const PRODUCT: &str = "crm";

#[tokio::test]
async fn h21_simplesamlphp_signs_people_in_by_encrypted_assertions() {
    let world = World::start().await;
    for (tenant, encryption, method) in [
        ("gcm.example.com", "aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm"),
        // What it chooses by itself. The response is signed, so nobody could have changed what is decrypted.
        ("cbc.example.com", "aes128-cbc", "http://www.w3.org/2001/04/xmlenc#aes128-cbc"),
    ] {
        let settings = SimpleSamlPhpSettings { encryption: Some(encryption), ..SimpleSamlPhpSettings::default() };
        let idp = SimpleSamlPhp::start(&world.postern.public_url, settings).await;
        world.connect(tenant, &json!({ "metadataUrl": idp.metadata_url })).await;
        let page = world.sign_in("simplesamlphp-encrypts", tenant, SimpleSamlPhp::USER).await;
        assert_signed_in(&page);
        assert_encrypted(&page, method);
    }
}

#[tokio::test]
async fn h21_simplesamlphps_cbc_without_a_signed_response_waits_for_the_operators_word() {
    let world = World::start().await;
    let tenant = "acme.example.com";
    let settings = SimpleSamlPhpSettings {
        encryption: Some("aes128-cbc"),
        signs_response: false,
        ..SimpleSamlPhpSettings::default()
    };
    let idp = SimpleSamlPhp::start(&world.postern.public_url, settings).await;
    let connection = json!({ "metadataUrl": idp.metadata_url });
    world.connect(tenant, &connection).await;
    let page = world.sign_in("simplesamlphp-cbc", tenant, SimpleSamlPhp::USER).await;
    let told = page.visited.iter().any(|(_, _, url)| url.contains(Code::SamlEncryptionCbc.name()));
    assert!(told, "{page:#?}");

    world.connect(tenant, &with(&connection, &json!({ "allow": ["aes-cbc"] }))).await;
    assert_signed_in(&world.sign_in("simplesamlphp-cbc-allowed", tenant, SimpleSamlPhp::USER).await);
}

#[tokio::test]
async fn h1_h6_simplesamlphp_that_demands_signed_requests_signs_people_in() {
    let world = World::start().await;
    let settings = SimpleSamlPhpSettings { demands_signed_requests: true, ..SimpleSamlPhpSettings::default() };
    let idp = SimpleSamlPhp::start(&world.postern.public_url, settings).await;
    // Its metadata says what it demands, and nothing had to be set here.
    let connection = json!({ "metadataUrl": idp.metadata_url });
    let record = world.connect("redirect.example.com", &connection).await;
    let page = world.sign_in("simplesamlphp-demands", "redirect.example.com", SimpleSamlPhp::USER).await;
    assert_signed_in(&page);
    let sso = record["idpMetadata"]["sso"]["redirectUrl"].as_str().expect("its address");
    let asked = page.visited.iter().find(|(_, _, url)| url.starts_with(sso)).expect("the request");
    assert!(asked.2.contains("&Signature="), "{asked:?}");

    // It takes posts at the same address.
    let by_post = with(&connection, &json!({ "ssoUrl": sso, "ssoBinding": "post" }));
    world.connect("post.example.com", &by_post).await;
    let page = world.sign_in("simplesamlphp-demands-post", "post.example.com", SimpleSamlPhp::USER).await;
    assert_signed_in(&page);
    assert!(page.posted.iter().any(|(_, form)| form.contains_key("SAMLRequest")), "{page:#?}");

    world.an_identity_provider_refuses_what_it_does_not_know(&connection, |xml| idp.save_metadata(xml)).await;
}

#[tokio::test]
async fn h6_h21_auth0s_samlp_signs_people_in_whatever_it_signs() {
    let world = World::start().await;
    for signs in Signs::ALL {
        let idp = Samlp::start(&world.postern.public_url, signs).await;
        // Its metadata does not say that it wants signatures, so the operator does.
        let connection = json!({ "metadataUrl": idp.metadata_url, "signRequests": true });
        let tenant = format!("{signs:?}.example.com").to_lowercase();
        world.connect(&tenant, &connection).await;
        let page = world.sign_in(&format!("samlp-{signs:?}"), &tenant, Samlp::USER).await;
        assert_signed_in(&page);
        assert_encrypted(&page, "http://www.w3.org/2009/xmlenc11#aes256-gcm");
        let signed_outside = page.saml_response().contains("http://www.w3.org/2000/09/xmldsig#enveloped-signature");
        assert_eq!(signed_outside, signs != Signs::Assertion, "the signature in the assertion is encrypted with it");
    }
}

#[tokio::test]
async fn h1_h6_auth0s_samlp_verifies_our_requests_on_both_bindings() {
    let world = World::start().await;
    let idp = Samlp::start(&world.postern.public_url, Signs::Both).await;
    let redirect = json!({ "metadataUrl": idp.metadata_url, "signRequests": true });
    let post = with(&redirect, &json!({ "ssoUrl": idp.sso_url, "ssoBinding": "post" }));
    world.connect("post.example.com", &post).await;
    let page = world.sign_in("samlp-post", "post.example.com", Samlp::USER).await;
    assert_signed_in(&page);
    assert!(page.posted.iter().any(|(_, form)| form.contains_key("SAMLRequest")), "{page:#?}");

    for connection in [redirect, post] {
        world.an_identity_provider_refuses_what_it_does_not_know(&connection, |xml| idp.save_metadata(xml)).await;
    }
}

#[tokio::test]
async fn oidc_provider_signs_people_in_however_it_is_set_up() {
    let world = World::start().await;
    for (alg, claims_in_id_token, client_authentication) in [
        ("RS256", true, "client_secret_basic"),
        ("RS256", false, "client_secret_post"),
        ("RS256", true, "private_key_jwt"),
        ("ES256", false, "client_secret_basic"),
        ("ES256", true, "client_secret_post"),
        ("ES256", false, "private_key_jwt"),
    ] {
        let settings = OidcProviderSettings { alg, claims_in_id_token, client_authentication };
        let idp = OidcProvider::start(&world.postern.public_url, settings).await;
        let (client_id, secret) = OidcProvider::CLIENT;
        let mut connection = json!({
            "oidcIssuer": idp.issuer, "oidcClientId": client_id, "oidcClientAuthMethod": client_authentication,
        });
        if client_authentication != "private_key_jwt" {
            connection["oidcClientSecret"] = secret.into();
        }
        let tenant = format!("{alg}-{client_authentication}.example.com").to_lowercase().replace('_', "-");
        let record = world.connect(&tenant, &connection).await;
        if let Some(keys) = record["clientJwksUrl"].as_str() {
            idp.set_client_keys(keys);
        }
        let page = world.sign_in("oidc-provider", &tenant, OidcProvider::USER).await;
        assert_signed_in(&page);
        assert!(page.visited.iter().any(|(.., url)| url.starts_with(&idp.issuer)), "{page:#?}");
    }
}

#[tokio::test]
async fn oidc_provider_does_not_take_us_for_ourselves_by_another_secret_or_key() {
    let world = World::start().await;
    for (client_authentication, code) in
        [("client_secret_basic", Code::OidcClientSecretWrong), ("private_key_jwt", Code::OidcClientAssertionRefused)]
    {
        let settings = OidcProviderSettings { alg: "RS256", claims_in_id_token: true, client_authentication };
        let idp = OidcProvider::start(&world.postern.public_url, settings).await;
        // The keys that its administrator has noted for us are others: its own.
        idp.set_client_keys(&format!("{}/jwks", idp.issuer));
        let connection = json!({
            "oidcIssuer": idp.issuer, "oidcClientId": OidcProvider::CLIENT.0, "oidcClientSecret": "another secret",
            "oidcClientAuthMethod": client_authentication,
        });
        let tenant = format!("{client_authentication}.example.com").replace('_', "-");
        world.connect(&tenant, &connection).await;
        let page = world.sign_in("oidc-provider-refuses", &tenant, OidcProvider::USER).await;
        let told = page.visited.iter().any(|(_, _, url)| url.contains(code.name()));
        assert!(told, "not {code}, but {page:#?}");
    }
}

/// Postern with one app, which is sold to many customers.
struct World {
    _redis: Redis,
    postern: Postern,
    app: App,
    client: (String, String),
}

impl World {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let app = App::new(AppKind::AuthJs);
        let client = postern.register(PRODUCT, &[app.redirect_url()]).await;
        Self { _redis: redis, postern, app, client }
    }

    /// Connects a customer's identity provider, or changes its connection.
    async fn connect(&self, tenant: &str, connection: &Value) -> Value {
        let redirect = self.app.redirect_url();
        let whose = json!({
            "tenant": tenant, "product": PRODUCT, "redirectUrl": [redirect], "defaultRedirectUrl": redirect,
        });
        self.postern.call("POST", "/api/v1/sso", Some(&with(&whose, connection))).await
    }

    /// Somebody of this customer signs in to the app, in a browser.
    async fn sign_in(&self, story: &str, tenant: &str, person: (&str, &str)) -> browser::Page {
        let (id, secret) = self.client.clone();
        let client = Client { id, secret, sign_in_params: format!("tenant={tenant}") };
        let app = self.app.start(&self.postern.public_url, &client).await;
        browser::sign_in(&format!("{story}-{tenant}"), &app.home, person).await
    }

    /// What the identity provider answers to a request for somebody of this customer.
    async fn ask(&self, tenant: &str) -> Answer {
        let redirect = self.app.redirect_url();
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("tenant", tenant),
            ("redirect_uri", &redirect),
            ("response_type", "code"),
            ("state", "s"),
        ];
        let answer = login::authorize(&self.postern, &parameters).await;
        let request = match &answer.location {
            Some(url) => postern_e2e::http().get(url.clone()),
            None => {
                let form = ["SAMLRequest", "RelayState"].map(|name| (name, field(&answer.body, name)));
                postern_e2e::http().post(Url::parse(&action(&answer.body)).expect("a URL")).form(&form)
            }
        };
        Answer::read(request.send().await.expect("the identity provider answers")).await
    }

    /// The identity provider has a copy of our metadata: a request without signature is refused there, and one signed by a
    /// newer key, until the copy is renewed.
    async fn an_identity_provider_refuses_what_it_does_not_know(
        &self,
        connection: &Value,
        save_metadata: impl Fn(&str),
    ) {
        let tenant = "strict.example.com";
        save_metadata(&self.metadata().await);
        self.connect(tenant, connection).await;
        // A good request leads to a page that asks for a password: this answer, or the one that it redirects to.
        let taken = async || {
            let answer = self.ask(tenant).await;
            answer.body.contains("type=\"password\"")
                || answer.location.is_some_and(|url| url.path().ends_with("/loginuserpass.php"))
        };
        assert!(taken().await, "a good request");

        self.connect(tenant, &with(connection, &json!({ "signRequests": false }))).await;
        assert!(!taken().await, "a request without signature");
        self.connect(tenant, &with(connection, &json!({ "signRequests": true }))).await;
        assert!(taken().await, "a good request again");

        let keys = self.postern.call("POST", "/api/v1/sp-keys", Some(&json!({ "use": "signing" }))).await;
        let fresh = |key: &&Value| key["use"] == "signing" && key["active"] == false;
        let fresh = keys.as_array().expect("keys").iter().rfind(fresh).expect("one that is not in use");
        self.postern.call("POST", "/api/v1/sp-keys/activate", Some(&json!({ "id": fresh["id"] }))).await;
        assert!(!taken().await, "a request signed by a key that is not in the copy");
        save_metadata(&self.metadata().await);
        assert!(taken().await, "a request signed by a key that is in the new copy");
    }

    async fn metadata(&self) -> String {
        let url = format!("{}/.well-known/sp-metadata", self.postern.public_url);
        let answer = postern_e2e::http().get(url).send().await.expect("metadata");
        answer.text().await.expect("a text")
    }
}

fn with(object: &Value, more: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in more.as_object().expect("an object") {
        object[name] = value.clone();
    }
    object
}

/// The value of a hidden field on the page that posts itself.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    rest.split('"').next().expect("a value").to_owned()
}

fn action(page: &str) -> String {
    let (_, rest) = page.split_once("action=\"").unwrap_or_else(|| panic!("no form: {page}"));
    rest.split('"').next().expect("an address").replace("&amp;", "&")
}

fn assert_signed_in(page: &browser::Page) {
    let session: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("no session, but {page:#?}"));
    assert_eq!(session["user"]["email"], "alice@acme.example.com", "{page:#?}");
    assert_eq!(session["user"]["name"], "Alice Liddell", "{page:#?}");
}

/// What came through the browser was encrypted in this way, and says nothing of the person.
fn assert_encrypted(page: &browser::Page, method: &str) {
    let response = page.saml_response();
    assert!(response.contains(&format!("EncryptionMethod Algorithm=\"{method}\"")), "{response}");
    assert!(response.contains("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"), "{response}");
    assert!(!response.contains("alice") && !response.contains("AttributeStatement"), "{response}");
}
