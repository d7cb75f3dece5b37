//! `/api/oauth/logout` of a person who came from a SAML identity provider: they are signed out there too, and come back by
//! `/api/oauth/saml/slo` (H28).

use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use data_encoding::BASE64;
use postern::system::SystemRandom;
use postern_lab::key::Key;
use postern_lab::logout::{Asked, Kind, LogoutMessage};
use postern_lab::metadata::metadata;
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};

use crate::logout::{hidden, query};
use crate::registered::{App, member};
use crate::slo::{SLO, address, connection, heard, hearing, is_live, sign_in, trace_of};
use crate::world::{Answer, CALLBACK, IDP, PUBLIC, World};

const AFTER: &str = "https://app.example.com/signed-out?x=1";
const THEN: &str = "https://app.example.com/signed-out?x=1&state=s";
const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

async fn app(world: &World) -> App<'_> {
    App::register(world, json!({ "post_logout_redirect_urls": [AFTER] })).await
}

/// The app sends the person here to sign out.
async fn sign_out(world: &World, tokens: &Value) -> Answer {
    let fields = [("id_token_hint", member(tokens, "id_token")), ("post_logout_redirect_uri", AFTER), ("state", "s")];
    world.get(&format!("/api/oauth/logout?{}", query(&fields))).await
}

/// A browser that is with the identity provider.
pub(crate) struct Away {
    request: String,
    relay_state: String,
    cookie: String,
}

/// Signs somebody in and out again as far as the identity provider of this connection.
pub(crate) async fn away(app: &App<'_>, id: &str) -> Away {
    let tokens = sign_in(app, |response| response).await;
    let answer = sign_out(app.world, &tokens).await;
    assert!(!is_live(app.world, &tokens).await, "H28: the local session first");
    let message = heard(app.world, id, "SAMLRequest", &answer).await;
    Away { request: id_of(&message.xml), relay_state: message.relay_state.unwrap(), cookie: answer.cookie() }
}

fn id_of(xml: &str) -> String {
    Asked::read(xml).unwrap_or_else(|| panic!("no LogoutRequest: {xml}")).id
}

impl Away {
    /// What the identity provider owes.
    pub(crate) fn response(&self, world: &World, destination: &str) -> LogoutMessage {
        LogoutMessage::response(world.app.now(), &SystemRandom, IDP, destination, &self.request)
    }
    fn saying(&self, world: &World, destination: &str, codes: &[&str]) -> LogoutMessage {
        let status = codes.iter().map(|code| (*code).to_owned()).collect();
        let kind = Kind::Response { in_response_to: self.request.clone(), status };
        LogoutMessage { kind, ..self.response(world, destination) }
    }
    /// Comes back to an address with a message.
    pub(crate) async fn back(&self, world: &World, to: &str, message: &LogoutMessage, key: &Key) -> Answer {
        let query = message.query(Some(&self.relay_state), key);
        self.back_with(world, to, &query).await
    }
    async fn back_with(&self, world: &World, to: &str, query: &str) -> Answer {
        let path = to.strip_prefix(PUBLIC).unwrap();
        let request = TestRequest::get().uri(&format!("{path}?{query}"));
        world.send(request.insert_header(("Cookie", self.cookie.as_str()))).await
    }
}

#[actix_web::test]
async fn h28_who_signs_out_of_an_app_is_signed_out_at_the_identity_provider_too() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    let tokens = sign_in(&app, |response| Response {
        name_id: Some("ä&<u>-1001".into()),
        name_id_format: Some("urn:example:of-ours".into()),
        name_qualifier: Some("https://names.example.com/\"".into()),
        sp_name_qualifier: Some(PUBLIC.into()),
        session_index: Some("_7'".into()),
        ..response
    });
    let tokens = tokens.await;
    let answer = sign_out(&world, &tokens).await;
    assert!(!is_live(&world, &tokens).await);
    let message = heard(&world, &id, "SAMLRequest", &answer).await;
    let asked = Asked::read(&message.xml).unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!((asked.destination, asked.issuer), (text(SLO), text(PUBLIC)));
    let attributes = [
        ("Format", "urn:example:of-ours"),
        ("NameQualifier", "https://names.example.com/\""),
        ("SPNameQualifier", PUBLIC),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    assert_eq!((asked.name_id, asked.name_attributes), (text("ä&<u>-1001"), attributes));
    assert_eq!(asked.session_indexes, ["_7'"]);

    let relay_state = message.relay_state.unwrap();
    assert!(relay_state.len() <= 80 && answer.cookie().starts_with(&format!("__Host-postern-{relay_state}=")));
    let away = Away { request: id_of(&message.xml), relay_state, cookie: answer.cookie() };
    let back = away.back(&world, &address(&id), &away.response(&world, &address(&id)), &world.key).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, THEN));
    assert!(back.forgets_the_login());
    // There is nothing left to end, here or there.
    assert_eq!(sign_out(&world, &tokens).await.header("location"), THEN);
}

#[actix_web::test]
async fn f12_f5_who_signed_out_there_too_is_not_signed_in_silently() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    let away = away(&app, &id).await;
    let back = away.back(&world, &address(&id), &away.response(&world, &address(&id)), &world.key).await;
    assert_eq!(back.header("location"), THEN);
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("prompt", "none")];
    let login = world.begin(&asked).await;
    let status = [RESPONDER, "urn:oasis:names:tc:SAML:2.0:status:NoPassive"].map(str::to_owned).to_vec();
    let response = Response { status, has_assertion: false, ..world.response(&login) };
    let answer = world.answer(&login, &response.unsigned()).await;
    assert_eq!(answer.sent("error").as_deref(), Some("login_required"));
}

#[actix_web::test]
async fn h28_by_a_form_where_the_identity_provider_takes_only_those() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "post").await;
    let tokens = sign_in(&app, |response| Response { session_index: Some("_7".into()), ..response }).await;
    let answer = sign_out(&world, &tokens).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains(&format!("action=\"{SLO}\"")), "{}", answer.body);
    assert!(answer.body.contains("type=\"submit\""), "it works without JavaScript");
    let [message, relay_state] = ["SAMLRequest", "RelayState"].map(|name| hidden(&answer.body, name).unwrap());
    let xml = String::from_utf8(BASE64.decode(message.as_bytes()).unwrap()).unwrap();
    assert!(xml.contains("<ds:SignatureValue>") && xml.contains("<samlp:SessionIndex>_7<"), "{xml}");
    let away = Away { request: id_of(&xml), relay_state, cookie: answer.cookie() };
    let response = base64(&away.response(&world, &address(&id)).xml(Some(&world.key)));
    let fields = [("SAMLResponse", response.as_str()), ("RelayState", &away.relay_state)];
    let path = format!("/api/oauth/saml/slo/{id}");
    let back = world.form(&path, &fields, &[("Cookie", &away.cookie)]).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, THEN));
}

#[actix_web::test]
async fn h28_by_redirect_where_it_takes_both_and_answers_are_taken_at_the_shared_address() {
    let world = World::new().await;
    let app = app(&world).await;
    let services = [("HTTP-POST", "https://idp.example.com/slo/post"), ("HTTP-Redirect", SLO)].map(|(binding, url)| {
        let binding = format!("urn:oasis:names:tc:SAML:2.0:bindings:{binding}");
        format!("<md:SingleLogoutService Binding=\"{binding}\" Location=\"{url}\"/>")
    });
    let document = metadata(IDP, "https://idp.example.com/sso", &world.key);
    let at = document.find("<md:SingleSignOnService").unwrap();
    let document = format!("{}{}{}", &document[..at], services.concat(), &document[at..]);
    // Two tenants with one identity provider: what it answers tells nobody which of them is meant, but where the person left does.
    for tenant in ["second.example", "acme.example"] {
        let body = json!({
            "tenant": tenant, "product": "crm", "redirectUrl": CALLBACK, "defaultRedirectUrl": CALLBACK, "rawMetadata": document,
        });
        assert_eq!(world.api(Method::POST, "sso", body).await.status, 200);
    }
    let away = away(&app, &connection(&world, "acme.example").await).await;
    let shared = format!("{PUBLIC}/api/oauth/saml/slo");
    let back = away.back(&world, &shared, &away.response(&world, &shared), &world.key).await;
    assert_eq!(back.header("location"), THEN);
}

#[actix_web::test]
async fn h28_whatever_the_identity_provider_answers_the_person_arrives() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    let success = postern_lab::response::SUCCESS;
    for (codes, received) in [
        (vec![success, PARTIAL], "in part"),
        (vec![RESPONDER, PARTIAL], "in part"),
        (vec![RESPONDER], "failed"),
        (vec!["urn:oasis:names:tc:SAML:2.0:status:Requester"], "failed"),
    ] {
        let away = away(&app, &id).await;
        let response = away.saying(&world, &address(&id), &codes);
        let back = away.back(&world, &address(&id), &response, &world.key).await;
        assert_eq!((back.status.as_u16(), back.header("location")), (303, THEN), "{codes:?}");
        let traces = world.api(Method::GET, "sso-traces/product?product=crm", Value::Null).await.json();
        let trace = traces["data"].as_array().unwrap().iter().find(|trace| trace["steps"][0]["name"] == "logout");
        let fault = &trace.expect("a trace of the logout")["fault"];
        assert_eq!((&fault["code"], &fault["received"]), (&json!("LogoutNotEverywhere"), &json!(received)));
        world.api(Method::DELETE, "sso-traces/product?product=crm", Value::Null).await;
    }

    // Too late, or in another browser: the session here is over all the same, and nobody is sent anywhere.
    let late = away(&app, &id).await;
    world.advance(Duration::from_secs(601));
    let mut elsewhere = away(&app, &id).await;
    elsewhere.cookie = late.cookie.clone();
    for away in [late, elsewhere] {
        let back = away.back(&world, &address(&id), &away.response(&world, &address(&id)), &world.key).await;
        assert_eq!((back.status.as_u16(), back.header("location")), (200, ""));
        assert!(back.body.contains("You are signed out"), "{}", back.body);
    }
}

#[actix_web::test]
async fn h28_what_the_identity_provider_did_not_answer_is_told_and_the_person_finds_on() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    world.connect("second.example", "crm", "https://other.example.com/idp").await;
    let second = address(&connection(&world, "second.example").await);
    let (away, own) = (away(&app, &id).await, address(&id));
    let (good, stranger) = (away.response(&world, &own), Key::generate().unwrap());
    let answering = |other: &str| {
        let kind = Kind::Response { in_response_to: other.into(), status: vec![postern_lab::response::SUCCESS.into()] };
        LogoutMessage { kind, ..good.clone() }
    };
    let of_second = LogoutMessage {
        issuer: "https://other.example.com/idp".into(),
        destination: second.clone(),
        ..answering(&away.request)
    };
    let signed = |message: &LogoutMessage| message.query(Some(&away.relay_state), &world.key);
    let unsigned = signed(&good).split("&SigAlg").next().unwrap().to_owned();
    let wrong = [
        (&own, signed(&answering("_another")), "LogoutOtherRequest"),
        (&second, signed(&of_second), "LogoutOtherRequest"),
        (&own, good.query(Some(&away.relay_state), &stranger), "LogoutSignatureInvalid"),
        (&own, unsigned, "LogoutUnsigned"),
        (&own, signed(&of_second), "LogoutIssuerMismatch"),
        (
            &second,
            signed(&LogoutMessage { destination: own.clone(), ..of_second.clone() }),
            "LogoutDestinationMismatch",
        ),
        (
            &own,
            signed(&LogoutMessage { issue_instant: "2020-01-01T00:00:00Z".into(), ..good.clone() }),
            "LogoutOutOfTime",
        ),
    ];
    for (to, query, code) in wrong {
        let answer = away.back_with(&world, to, &query).await;
        assert_eq!((answer.code().as_str(), answer.header("location")), (code, ""), "{query}");
        assert!(answer.status.is_client_error() && answer.body.contains("Signing out did not work"), "{}", answer.body);
        assert!(answer.body.contains(&format!("href=\"{}\"", THEN.replace('&', "&amp;"))), "{}", answer.body);
        assert_eq!(trace_of(&world, &answer).await["fault"]["code"], code);
    }
    assert_eq!(away.back_with(&world, &own, &signed(&good)).await.header("location"), THEN);
}

#[actix_web::test]
async fn h28_a_connection_can_leave_the_identity_providers_session_alone() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    let shown = async || {
        let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
        found[0]["singleLogout"].clone()
    };
    let set = async |value: Value| {
        let secret = world.connection_secret("acme.example").await;
        let change = json!({ "clientID": id, "clientSecret": secret, "singleLogout": value });
        world.api(Method::PATCH, "sso", change).await.status
    };
    assert_eq!((shown().await, set(json!(false)).await.as_u16(), shown().await), (Value::Null, 204, json!(false)));
    let tokens = sign_in(&app, |response| response).await;
    assert_eq!(sign_out(&world, &tokens).await.header("location"), THEN);
    assert!(!is_live(&world, &tokens).await);
    assert_eq!((set(json!("perhaps")).await.as_u16(), set(json!(true)).await.as_u16()), (400, 204));
    away(&app, &id).await;
}

#[actix_web::test]
async fn h28_only_a_person_who_signs_out_is_taken_along() {
    let world = World::new().await;
    let app = app(&world).await;
    hearing(&world, "redirect").await;
    // A session that timed out, one that an operator ended, and one in which the identity provider named nobody.
    let timed_out = sign_in(&app, |response| response).await;
    world.advance(Duration::from_secs(25 * 3600));
    let ended = sign_in(&app, |response| response).await;
    assert!(
        world
            .api(Method::DELETE, "sessions?tenant=acme.example&product=crm&email=alice@example.com", Value::Null)
            .await
            .status
            .is_success()
    );
    let nameless = sign_in(&app, |mut response| {
        let subject_id = "urn:oasis:names:tc:SAML:attribute:subject-id".to_owned();
        response.attributes.push((subject_id, vec!["alice@example.com".into()]));
        Response { name_id: None, ..response }
    })
    .await;
    for tokens in [timed_out, ended, nameless] {
        assert_eq!(sign_out(&world, &tokens).await.header("location"), THEN);
    }
}

#[actix_web::test]
async fn h28_a_person_who_confirms_that_they_sign_out_is_taken_along() {
    let world = World::new().await;
    let app = app(&world).await;
    let id = hearing(&world, "redirect").await;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("scope", "openid")];
    let waiting = world.begin(&asked).await;
    let answer = world.answer(&waiting, &world.response(&waiting).signed_assertion(&world.key)).await;
    let cookie = answer.cookie();
    let request = || TestRequest::default().uri("/api/oauth/logout").insert_header(("Cookie", cookie.as_str()));
    let page = world.send(request()).await;
    let confirm = hidden(&page.body, "confirm").expect("a confirmation");
    let form = [("confirm", confirm.as_str())];
    let answer = world.send(request().method(Method::POST).set_form(form)).await;
    let message = heard(&world, &id, "SAMLRequest", &answer).await;
    // Nobody said where to go then.
    let cookie = answer.cookie();
    let away = Away { request: id_of(&message.xml), relay_state: message.relay_state.unwrap(), cookie };
    let back = away.back(&world, &address(&id), &away.response(&world, &address(&id)), &world.key).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (200, ""));
    assert!(back.body.contains("You are signed out"));
}
