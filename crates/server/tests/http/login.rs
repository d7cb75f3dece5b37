//! `/login`, and `/api/oauth/authorize` for people of whom the app does not say whose they are.

use std::collections::BTreeMap;

use actix_web::http::Method;
use postern_lab::metadata::metadata;
use serde_json::{Value, json};
use url::Url;

use crate::discover::own;
use crate::world::{Answer, CALLBACK, CHALLENGE, IDP, PUBLIC, World, waiting};

const GLOBEX_IDP: &str = "https://globex.okta.com";
const START: &str = "https://app.example.com/start";
const PASSWORD: &str = "https://app.example.com/password";

/// Two tenants with an identity provider and a proven domain each, and a registered app.
struct Town {
    world: World,
    client_id: String,
    secret: String,
}

impl Town {
    async fn new(product: Value) -> Self {
        let world = World::new().await;
        connect(&world, GLOBEX_IDP, "Globex directory").await;
        own(&world, "acme.example", "acme.example", json!({})).await;
        own(&world, "globex.example", "globex.example", json!({})).await;
        let product = world.register(product).await;
        let text = |name: &str| product[name].as_str().unwrap_or_default().to_owned();
        Self { client_id: text("client_id"), secret: text("client_secret"), world }
    }

    /// The app's question, which names no tenant.
    fn question(&self) -> Vec<(&str, &str)> {
        vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", CALLBACK),
            ("state", "a state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
    }

    async fn authorize(&self, more: &[(&str, &str)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.question().into_iter().chain(more.iter().copied()))
            .finish();
        self.world.get(&format!("/sso/api/oauth/authorize?{query}")).await
    }

    /// What a person sends who writes this address on the page to which the app led them.
    async fn submit(&self, email: &str) -> Answer {
        let fields = [self.question(), vec![("email", email)]].concat();
        self.world.form("/sso/login", &fields, &[]).await
    }

    async fn visit(&self, query: &[(&str, &str)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.world.get(&format!("/sso/login?{query}")).await
    }
}

/// Connects `globex.example` to an identity provider.
async fn connect(world: &World, entity_id: &str, name: &str) -> Value {
    let connection = json!({
        "tenant": "globex.example", "product": "crm", "redirectUrl": [CALLBACK], "defaultRedirectUrl": CALLBACK,
        "name": name, "rawMetadata": metadata(entity_id, &format!("{entity_id}/sso"), &world.key),
    });
    let answer = world.api(Method::POST, "sso", connection).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Where an answer leads, without the parameters.
fn place(answer: &Answer) -> String {
    let mut url = answer.location();
    url.set_query(None);
    url.into()
}

fn parameters(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// The links of a page, as one would follow them.
fn links(page: &str) -> Vec<Url> {
    let hrefs = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    hrefs.map(|href| Url::parse(&href.replace("&amp;", "&")).unwrap()).collect()
}

#[actix_web::test]
async fn the_domain_of_an_address_leads_from_authorize_to_its_tenants_idp() {
    let town = Town::new(json!({})).await;
    for (parameter, email, idp) in [
        ("login_hint", "alice@acme.example", "https://idp.example.com/sso"),
        ("email", "Alice@ACME.example", "https://idp.example.com/sso"),
        ("login_hint", "bob@globex.example", "https://globex.okta.com/sso"),
    ] {
        assert_eq!(place(&town.authorize(&[(parameter, email)]).await), idp, "{email}");
    }
    let both = [("login_hint", "alice@acme.example"), ("email", "bob@globex.example")];
    assert_eq!(place(&town.authorize(&both).await), "https://globex.okta.com/sso", "the person knows best");
    let named = [("tenant", "acme.example"), ("login_hint", "bob@globex.example")];
    assert_eq!(
        place(&town.authorize(&named).await),
        "https://idp.example.com/sso",
        "the app's tenant is not overridden"
    );
    let connections = town.world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let foreign = [("login_hint", "bob@globex.example"), ("idp_hint", connections[0]["id"].as_str().unwrap())];
    assert_eq!(town.authorize(&foreign).await.code(), "IdpHintForeign", "nor does idp_hint lead out of the scope");
}

#[actix_web::test]
async fn people_start_at_one_page_and_each_comes_into_the_app_by_their_own_idp() {
    let town = Town::new(json!({})).await;
    for (email, tenant, idp) in
        [("alice@acme.example", "acme.example", IDP), ("bob@globex.example", "globex.example", GLOBEX_IDP)]
    {
        let sent = town.authorize(&[]).await;
        assert_eq!((sent.status.as_u16(), place(&sent)), (302, format!("{PUBLIC}/login")));
        let query: Vec<_> = sent.location().query_pairs().into_owned().collect();
        let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(query, town.question(), "the page has the app's question, and nothing else");
        let page = town.visit(&query).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for (name, value) in &query {
            let value = value.replace('&', "&amp;");
            assert!(page.body.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name} {}", page.body);
        }
        assert!(page.body.contains("<label for=\"email\">") && !page.body.contains("<script"), "{}", page.body);
        assert!(page.header("cache-control").contains("no-store"));

        let asked = waiting(&town.submit(email).await);
        let mut response = town.world.response(&asked).sent_by(idp);
        response.attributes.retain(|(name, _)| name != "email");
        response.attributes.push(("email".into(), vec![email.to_owned()]));
        let answer = town.world.answer(&asked, &response.signed_assertion(&town.world.key)).await;
        assert_eq!(answer.sent("state").as_deref(), Some("a state"));
        let code = answer.sent("code").unwrap_or_else(|| panic!("{}", answer.location()));
        let client = [("client_id", town.client_id.as_str()), ("client_secret", town.secret.as_str())];
        let tokens = town.world.redeem_with(&code, &client).await.json();
        let claims = town.world.claims(tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!((&claims["email"], &claims["requested"]["tenant"]), (&json!(email), &json!(tenant)));
    }
}

#[actix_web::test]
async fn an_address_that_leads_nowhere_leads_to_the_password_or_back_to_the_app() {
    let town = Town::new(json!({})).await;
    for answer in [
        town.authorize(&[("login_hint", "carol@elsewhere.example")]).await,
        town.submit("carol@elsewhere.example").await,
    ] {
        assert_eq!((answer.status.as_u16(), place(&answer).as_str()), (303, CALLBACK));
        assert_eq!(
            (answer.code().as_str(), answer.sent("error").as_deref()),
            ("EmailDomainUnknown", Some("access_denied"))
        );
        assert_eq!(answer.sent("state").as_deref(), Some("a state"));
    }
    let direct = [("client_id", town.client_id.as_str()), ("email", "carol@elsewhere.example")];
    let answer = town.world.form("/login", &direct, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "EmailDomainUnknown"),
        "there is no app to tell"
    );

    let town = Town::new(json!({ "password_login_url": PASSWORD })).await;
    for answer in [
        town.authorize(&[("login_hint", "carol@elsewhere.example")]).await,
        town.submit("carol@elsewhere.example").await,
    ] {
        assert_eq!((answer.status.as_u16(), place(&answer).as_str()), (303, PASSWORD));
        assert_eq!(answer.sent("login_hint").as_deref(), Some("carol@elsewhere.example"));
    }
}

#[actix_web::test]
async fn an_address_that_is_none_is_asked_for_again() {
    let town = Town::new(json!({})).await;
    for wrong in ["", "carol", "carol@acme.example@evil.example", "\"><script>@acme.example"] {
        let page = town.submit(wrong).await;
        assert_eq!(page.status, 400, "{wrong}");
        assert!(page.body.contains("role=\"alert\"") && page.body.contains("aria-invalid=\"true\""), "{}", page.body);
        assert!(page.body.contains("value=\"a state\"") && !page.body.contains("<script"), "{}", page.body);
    }
    assert!(town.submit("carol@").await.body.contains("value=\"carol@\""), "what was written can be corrected");
    // An app's hint that is no address says nothing of whose somebody is.
    assert_eq!(place(&town.authorize(&[("login_hint", "carol")]).await), format!("{PUBLIC}/login"));
}

#[actix_web::test]
async fn nobody_is_led_anywhere_before_the_redirect_uri_is_proven() {
    let town = Town::new(json!({ "password_login_url": PASSWORD })).await;
    for (email, uri, code) in [
        ("", "https://evil.example/", "RedirectUriNotAllowed"),
        ("carol@elsewhere.example", "https://evil.example/", "RedirectUriNotAllowed"),
        ("alice@acme.example", "https://evil.example/", "RedirectUriNotAllowed"),
        ("carol", "https://evil.example/", "RedirectUriNotAllowed"),
    ] {
        let mut question = town.question();
        question.retain(|(name, _)| *name != "redirect_uri");
        let fields = [question, vec![("redirect_uri", uri), ("email", email)]].concat();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        for answer in [
            town.world.get(&format!("/api/oauth/authorize?{query}")).await,
            town.world.get(&format!("/login?{query}")).await,
            town.world.form("/login", &fields, &[]).await,
        ] {
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{email}");
        }
    }
    assert_eq!(town.visit(&[]).await.code(), "ClientMissing");
    for other in ["prod_unknown", "tenant=acme.example&product=crm", "conn_unknown"] {
        assert_eq!(town.visit(&[("client_id", other)]).await.code(), "ClientUnknown", "{other}");
    }
}

#[actix_web::test]
async fn a_bad_question_is_told_to_the_app_and_not_to_the_person() {
    let town = Town::new(json!({})).await;
    for (more, code) in [
        (("prompt", "none"), "AddressNeeded"),
        (("response_mode", "fragment"), "ResponseModeUnsupported"),
        (("request", "e30.e30."), "RequestObjectUnsupported"),
    ] {
        let answer = town.authorize(&[more]).await;
        assert_eq!((place(&answer).as_str(), answer.code().as_str()), (CALLBACK, code));
    }
    let town = Town::new(json!({ "require_pushed_authorization_requests": true })).await;
    assert_eq!(town.authorize(&[]).await.code(), "PushRequired");
}

#[actix_web::test]
async fn a_pushed_question_waits_for_the_address_and_for_nothing_else() {
    let town = Town::new(json!({})).await;
    let secret = [("client_secret", town.secret.as_str())];
    let pushed = town.world.form("/api/oauth/par", &[town.question(), secret.to_vec()].concat(), &[]).await;
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    let reference = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let question = [("client_id", town.client_id.as_str()), ("request_uri", reference.as_str())];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(question).finish();
    let sent = town.world.get(&format!("/api/oauth/authorize?{query}")).await;
    assert_eq!(place(&sent), format!("{PUBLIC}/login"));
    let page = town.visit(&question).await;
    assert!(page.body.contains(&reference) && !page.body.contains("a state"), "{}", page.body);
    let written = |email| [question.to_vec(), vec![("email", email), ("state", "another")]].concat();
    let sent = town.world.form("/login", &written("carol@elsewhere.example"), &[]).await;
    assert_eq!((sent.code().as_str(), sent.sent("state").as_deref()), ("EmailDomainUnknown", Some("a state")));
    let sent = town.world.form("/login", &written("bob@globex.example"), &[]).await;
    assert_eq!(place(&sent), "https://globex.okta.com/sso");

    // Where the app named the tenant, no address changes it.
    let named = [town.question(), secret.to_vec(), vec![("tenant", "acme.example")]].concat();
    let pushed = town.world.form("/api/oauth/par", &named, &[]).await;
    let reference = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let question =
        [("client_id", town.client_id.as_str()), ("request_uri", &reference), ("email", "bob@globex.example")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(question).finish();
    let sent = town.world.get(&format!("/api/oauth/authorize?{query}")).await;
    assert_eq!(place(&sent), "https://idp.example.com/sso");
}

#[actix_web::test]
async fn whoever_comes_by_themselves_is_sent_to_where_the_app_begins_a_login() {
    let town = Town::new(json!({ "initiate_login_url": START })).await;
    let page = town.visit(&[("client_id", &town.client_id)]).await;
    assert!(page.status == 200 && page.body.contains("name=\"email\""), "{}", page.body);
    let form = [("client_id", town.client_id.as_str()), ("email", "bob@globex.example")];
    let sent = town.world.form("/login", &form, &[]).await;
    assert_eq!((sent.status.as_u16(), place(&sent).as_str()), (303, START));
    let globex = town.world.api(Method::GET, "sso?tenant=globex.example&product=crm", Value::Null).await.json();
    let id = globex[0]["id"].as_str().unwrap();
    let told = parameters(&sent.location());
    for (name, value) in
        [("iss", PUBLIC), ("login_hint", "bob@globex.example"), ("tenant", "globex.example"), ("idp_hint", id)]
    {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }

    let town = Town::new(json!({})).await;
    let form = [("client_id", town.client_id.as_str()), ("email", "bob@globex.example")];
    assert_eq!(town.world.form("/login", &form, &[]).await.code(), "LoginNotBegunByApp");
}

#[actix_web::test]
async fn policy_2_the_page_of_a_tenant_shows_the_default_then_the_others_then_the_field() {
    let town = Town::new(json!({ "initiate_login_url": START, "password_login_url": PASSWORD })).await;
    town.world.advance(std::time::Duration::from_secs(1));
    connect(&town.world, "https://second.example.com", "").await;
    let tenant = [("client_id", town.client_id.as_str()), ("tenant", "globex.example")];
    let page = town.visit(&tenant).await;
    let order: Vec<_> =
        ["second.example.com</strong>", "Continue with second", "Continue with Globex", "password", "name=\"email\""]
            .map(|text| page.body.find(text).unwrap_or_else(|| panic!("{text}: {}", page.body)))
            .to_vec();
    assert!(order.is_sorted(), "{}", page.body);
    let links = links(&page.body);
    assert_eq!(links.len(), 3);
    assert!(links[..2].iter().all(|link| link.as_str().starts_with(&format!("{START}?iss="))), "{links:?}");

    // With the app's question the same ways lead back to it.
    let page = town.visit(&[town.question(), vec![("tenant", "globex.example")]].concat()).await;
    let links = self::links(&page.body);
    let back = links[1].as_str().strip_prefix("https://sso.example.com").unwrap();
    let sent = town.world.get(back).await;
    assert_eq!(place(&sent), "https://globex.okta.com/sso", "{back}");
    let nobody = town.visit(&[("client_id", town.client_id.as_str()), ("tenant", "nobody.example")]).await;
    assert!(nobody.status == 200 && !nobody.body.contains("Continue with"), "{}", nobody.body);
}

#[actix_web::test]
async fn policy_2_a_password_is_offered_where_it_is_allowed_and_not_where_it_is_not() {
    let town = Town::new(json!({ "password_login_url": PASSWORD })).await;
    let page = town.submit("bob@globex.example").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.body.contains("<strong>globex.example</strong> signs in with <strong>Globex directory</strong>"),
        "{}",
        page.body
    );
    let links = links(&page.body);
    let back = links[0].as_str().strip_prefix("https://sso.example.com").unwrap();
    let sent = town.world.get(back).await;
    assert_eq!(place(&sent), "https://globex.okta.com/sso");
    assert_eq!(links[1].as_str(), format!("{PASSWORD}?login_hint=bob%40globex.example"));

    let settings = json!({
        "revision": 0, "enforce_sso": true, "force": true, "allow_password_fallback": false,
        "break_glass": ["bob@globex.example"],
    });
    let policy = "tenants/globex.example/products/crm/policy";
    assert_eq!(town.world.api(Method::PATCH, policy, settings).await.status, 200);
    let sent = town.submit("bob@globex.example").await;
    assert_eq!(place(&sent), "https://globex.okta.com/sso", "nobody learns here whose address may do without");
}

#[actix_web::test]
async fn the_connection_that_a_domain_is_linked_to_is_taken_unless_the_person_is_to_choose() {
    let town = Town::new(json!({})).await;
    let second = connect(&town.world, "https://second.example.com", "").await;
    let hint = ("login_hint", "bob@globex.example");
    let select = format!("{PUBLIC}/idp/select");
    assert_eq!(place(&town.authorize(&[hint]).await), select, "nothing says which");
    own(&town.world, "globex.example", "second.example", json!({ "connection": second["id"] })).await;
    let hint = ("login_hint", "bob@second.example");
    assert_eq!(place(&town.authorize(&[hint]).await), "https://second.example.com/sso");
    let choosing = town.authorize(&[hint, ("prompt", "select_account")]).await;
    assert_eq!(place(&choosing), select);
    let page = town.world.get(&choosing.location()[url::Position::BeforePath..]).await;
    assert_eq!(links(&page.body).len(), 2, "{}", page.body);
}

#[actix_web::test]
async fn the_form_may_be_sent_only_so_often() {
    let world = World::configured("discover.requests_per_minute = 1").await;
    let product = world.register(json!({})).await;
    let form = [("client_id", product["client_id"].as_str().unwrap()), ("email", "carol")];
    assert_eq!(world.form("/login", &form, &[]).await.status, 400);
    let refused = world.form("/login", &form, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "RequestsTooMany"));
    assert_eq!(refused.header("retry-after"), "60");
    assert!(refused.header("content-type").starts_with("text/html"));
}
