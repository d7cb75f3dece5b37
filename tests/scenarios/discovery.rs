//! Two people of two customers start at one page: each says their address, comes to the identity provider of their own
//! organisation, and into the app as one of it. In a real browser, with JavaScript and without; axe-core looks at the pages.

use std::sync::Arc;

use postern_core::ports::{Clock, Random, Timestamp};
use postern_e2e::browser::{self, Found};
use postern_e2e::{Postern, Redis, Settings};
use postern_lab::Running;
use postern_lab::app::{self, Registration};
use postern_lab::idp::{self, PASSWORD, Person, ServiceProvider};
use postern_lab::key::Key;
use serde_json::json;

const PEOPLE: [(&str, &str); 2] = [("acme.example", "alice@acme.example"), ("globex.example", "bob@globex.example")];

/// Postern, an app that names no tenant, and two customers with an identity provider and a proven domain each.
struct World {
    _redis: Redis,
    postern: Postern,
    client_id: String,
    app: String,
    idps: Vec<Running>,
    _app: Running,
}

impl World {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let reserved = app::reserve("localhost", 0).expect("a port");
        let (app, redirect_uri) = (reserved.url().to_owned(), reserved.redirect_uri());
        let mut idps = Vec::new();
        for (tenant, email) in PEOPLE {
            let idp = identity_provider(&postern, email).await;
            let connection = json!({
                "tenant": tenant, "product": "crm", "name": format!("Directory of {tenant}"),
                "redirectUrl": [redirect_uri], "defaultRedirectUrl": redirect_uri,
                "metadataUrl": format!("{}/metadata", idp.url),
            });
            postern.call("POST", "/api/v1/sso", Some(&connection)).await;
            let domain = json!({ "tenant": tenant, "product": "crm", "domain": tenant, "proof": "operator" });
            postern.call("POST", "/api/v1/domains", Some(&domain)).await;
            idps.push(idp);
        }
        let product = json!({
            "name": "crm", "redirect_urls": [redirect_uri], "initiate_login_url": reserved.initiate_login_url(),
        });
        let product = postern.call("POST", "/api/v1/products", Some(&product)).await;
        let text = |name: &str| product[name].as_str().expect("a text").to_owned();
        let registration = Registration {
            postern: postern.public_url.clone(),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            tenant: String::new(),
            product: "crm".to_owned(),
        };
        let running = reserved.start(registration, Arc::new(Chance), Arc::new(Machine)).expect("an app");
        Self { _redis: redis, postern, client_id: text("client_id"), app, idps, _app: running }
    }

    async fn sign_in(&self, story: &str, who: usize, java_script: bool, pages: &[String]) -> Found {
        let (tenant, email) = PEOPLE[who];
        let end = format!("{}/me", self.app);
        let found = browser::be_led(story, &self.app, (email, PASSWORD), &end, java_script, pages).await;
        assert_eq!(found.idp, self.idps[who].url, "{email} is at the identity provider of their organisation");
        assert!(found.url.starts_with(&self.app), "{found:?}");
        for told in [format!("\"email\": \"{email}\""), format!("\"tenant\": \"{tenant}\"")] {
            assert!(found.text.contains(&told), "no {told} in {}", found.text);
        }
        found
    }
}

async fn identity_provider(postern: &Postern, email: &str) -> Running {
    let person = Person {
        id: "u-1001".into(), // both directories count from one
        email: email.into(),
        first_name: "Alex".into(),
        last_name: "Martin".into(),
        groups: vec![],
    };
    let service_provider = ServiceProvider {
        entity_id: postern.public_url.clone(),
        acs_url: format!("{}/api/oauth/saml", postern.public_url),
    };
    let options = idp::Options {
        host: "localhost".into(),
        port: 0,
        key: Key::generate().expect("a key"),
        service_providers: vec![service_provider],
        people: vec![person],
        clock: Arc::new(Machine),
        random: Arc::new(Chance),
    };
    idp::start(options).await.expect("an identity provider")
}

#[tokio::test]
async fn two_people_start_at_one_page_and_come_to_their_own_idps_with_javascript_and_without() {
    let world = World::start().await;
    // A second identity provider makes one of them choose, on a page that is looked at too.
    let second = identity_provider(&world.postern, "carol@acme.example").await;
    let pages = [
        format!("{}/login?client_id={}&tenant=globex.example", world.postern.public_url, world.client_id),
        format!("{}/error/SamlAudienceMismatch", world.postern.public_url),
    ];
    for (story, java_script) in [("discovery", true), ("discovery-without-javascript", false)] {
        for (who, (tenant, _)) in PEOPLE.iter().enumerate() {
            let found = world.sign_in(&format!("{story}-{tenant}"), who, java_script, &pages).await;
            assert_eq!(found.findings, [], "what axe finds");
        }
    }

    let connection = json!({
        "tenant": "acme.example", "product": "crm", "redirectUrl": [format!("{}/callback", world.app)],
        "defaultRedirectUrl": format!("{}/callback", world.app), "metadataUrl": format!("{}/metadata", second.url),
    });
    world.postern.call("POST", "/api/v1/sso", Some(&connection)).await;
    let query = [
        ("client_id", world.client_id.as_str()),
        ("tenant", "acme.example"),
        ("response_type", "code"),
        ("redirect_uri", &format!("{}/callback", world.app)),
        ("state", "s"),
    ];
    let select = reqwest::Url::parse_with_params(&format!("{}/idp/select", world.postern.public_url), query);
    let pages = [select.expect("a URL").to_string()];
    let found = world.sign_in("discovery-select", 1, true, &pages).await;
    assert_eq!(found.findings, [], "what axe finds");
}

/// The time of this machine, in which the programs under test live too.
struct Machine;

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        postern_e2e::login::now()
    }
}

/// The chance of this machine.
struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        use std::io::Read as _;
        let mut source = std::fs::File::open("/dev/urandom").expect("a source of chance");
        source.read_exact(bytes).expect("random bytes");
    }
}
