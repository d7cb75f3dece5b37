//! `/api/oauth/saml/slo`: an identity provider ends sessions (H28, X10, X17).

use actix_web::http::Method;
use data_encoding::BASE64;
use postern::system::SystemRandom;
use postern_core::lookup::SPACING;
use postern_lab::key::Key;
use postern_lab::logout::{Heard, Kind, LogoutMessage};
use postern_lab::response::{Response, base64};
use serde_json::{Value, json};

use crate::refresh::{self, Address, last_event, of};
use crate::registered::{App, member};
use crate::world::{Answer, IDP, PUBLIC, World};

pub(crate) const SLO: &str = "https://idp.example.com/slo?tenant=1";
const SUCCESS: &str = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";

/// The id of a tenant's connection.
pub(crate) async fn connection(world: &World, tenant: &str) -> String {
    let found = world.api(Method::GET, &format!("sso?tenant={tenant}&product=crm"), Value::Null).await.json();
    found[0]["id"].as_str().unwrap().to_owned()
}

/// The connection of acme.example, whose identity provider hears logout messages by this binding.
pub(crate) async fn hearing(world: &World, binding: &str) -> String {
    let id = connection(world, "acme.example").await;
    let found = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json();
    let change = json!({
        "clientID": found[0]["clientID"], "clientSecret": found[0]["clientSecret"],
        "tenant": "acme.example", "product": "crm", "sloUrl": SLO, "sloBinding": binding,
    });
    let answer = world.api(Method::PATCH, "sso", change).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    id
}

/// What a logout message to the connection with this id is addressed to.
pub(crate) fn address(id: &str) -> String {
    format!("{PUBLIC}/api/oauth/saml/slo/{id}")
}

fn request(world: &World, id: &str, session_indexes: &[&str]) -> LogoutMessage {
    let mut message = LogoutMessage::request(world.app.now(), &SystemRandom, IDP, &address(id), "u-1001");
    if let Kind::Request { session_indexes: indexes, .. } = &mut message.kind {
        *indexes = session_indexes.iter().map(|index| (*index).to_owned()).collect();
    }
    message
}

async fn send(world: &World, id: &str, query: &str) -> Answer {
    world.get(&format!("/api/oauth/saml/slo/{id}?{query}")).await
}

/// What the identity provider hears, verified with the key that our metadata names.
pub(crate) async fn heard(world: &World, id: &str, parameter: &str, answer: &Answer) -> Heard {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let query = answer.header("location").strip_prefix(&format!("{SLO}&")).expect("to its logout address").to_owned();
    let metadata = world.get(&format!("/.well-known/sp-metadata?connection={id}")).await.body;
    let (_, rest) = metadata.split_once("<ds:X509Certificate>").unwrap();
    let certificate = BASE64.decode(rest.split('<').next().unwrap().as_bytes()).unwrap();
    Heard::read(&query, parameter, &certificate).unwrap_or_else(|| panic!("not signed by us: {query}"))
}

/// The tokens of a login in which the identity provider says it so.
pub(crate) async fn sign_in(app: &App<'_>, say: impl FnOnce(Response) -> Response) -> Value {
    let world = app.world;
    let asked = [("client_id", app.client_id.as_str()), ("tenant", "acme.example"), ("scope", "openid")];
    let waiting = world.begin(&asked).await;
    let answer = world.answer(&waiting, &say(world.response(&waiting)).signed_assertion(&world.key)).await;
    let proof = [asked[0], ("client_secret", app.secret.as_str())];
    world.redeem_with(&answer.sent("code").unwrap(), &proof).await.json()
}

async fn alice(app: &App<'_>, session_index: &str) -> Value {
    sign_in(app, |response| Response { session_index: Some(session_index.into()), ..response }).await
}

pub(crate) async fn is_live(world: &World, tokens: &Value) -> bool {
    world.claims(member(tokens, "access_token")).await.status == 200
}

#[actix_web::test]
async fn h28_an_identity_provider_ends_the_sessions_that_it_names() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "redirect").await;
    let (one, two, three) = (alice(&app, "_1").await, alice(&app, "_2").await, alice(&app, "_3").await);
    let bob = sign_in(&app, |response| Response { name_id: Some("u-1002".into()), ..response }).await;

    let message = request(&world, &id, &["_1", "_3"]);
    let answer = send(&world, &id, &message.query(Some("their state +/="), &world.key)).await;
    let Heard { xml, relay_state } = heard(&world, &id, "SAMLResponse", &answer).await;
    assert_eq!(relay_state.as_deref(), Some("their state +/="));
    assert!(xml.contains(&format!("InResponseTo=\"{}\"", message.id)) && xml.contains(SUCCESS), "{xml}");
    assert!(xml.contains(&format!("Destination=\"{SLO}\"")) && xml.contains(&format!(">{PUBLIC}</")), "{xml}");
    assert!(!is_live(&world, &one).await && is_live(&world, &two).await && !is_live(&world, &three).await);
    assert_eq!(app.refresh(member(&one, "refresh_token"), &[]).await.code(), "RefreshTokenUnknown");

    // Without an index: all of the person, and of nobody else.
    let all = request(&world, &id, &[]).query(None, &world.key);
    assert_eq!(heard(&world, &id, "SAMLResponse", &send(&world, &id, &all).await).await.relay_state, None);
    assert!(!is_live(&world, &two).await && is_live(&world, &bob).await);

    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let ended = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "session.ended");
    assert_eq!(ended.filter(|event| event["data"]["reason"] == "identity_provider").count(), 3);
}

#[actix_web::test]
async fn h28_a_posted_request_gets_a_posted_answer_where_the_identity_provider_wants_that() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "post").await;
    let tokens = alice(&app, "_1").await;
    let message = base64(&request(&world, &id, &["_1"]).xml(Some(&world.key)));
    for (relay_state, echoed) in [("r".repeat(80), true), ("r".repeat(81), false)] {
        let fields = [("SAMLRequest", message.as_str()), ("RelayState", relay_state.as_str())];
        let fresh = base64(&request(&world, &id, &["_1"]).xml(Some(&world.key)));
        let fields = if echoed { fields } else { [("SAMLRequest", fresh.as_str()), fields[1]] };
        let answer = world.form(&format!("/api/oauth/saml/slo/{id}"), &fields, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains(&format!("action=\"{SLO}\"")), "{}", answer.body);
        assert_eq!(answer.body.contains(&relay_state), echoed, "{}", answer.body);
        let (_, value) = answer.body.split_once("name=\"SAMLResponse\" value=\"").unwrap();
        let xml = String::from_utf8(BASE64.decode(value.split('"').next().unwrap().as_bytes()).unwrap()).unwrap();
        assert!(xml.contains("<ds:SignatureValue>") && xml.contains(SUCCESS), "{xml}");
        assert!(!is_live(&world, &tokens).await);
    }
}

#[actix_web::test]
async fn h28_somebody_whom_nobody_knows_is_logged_out_too() {
    let world = World::new().await;
    let id = hearing(&world, "redirect").await;
    let answer = send(&world, &id, &request(&world, &id, &["_1"]).query(None, &world.key)).await;
    assert!(heard(&world, &id, "SAMLResponse", &answer).await.xml.contains(SUCCESS));
}

#[actix_web::test]
async fn h28_where_the_identity_provider_names_no_address_a_page_says_that_it_is_done() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = connection(&world, "acme.example").await;
    let tokens = alice(&app, "_1").await;
    let answer = send(&world, &id, &request(&world, &id, &[]).query(Some("https://evil.example/"), &world.key)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (200, ""));
    assert!(answer.body.contains("You are signed out") && !is_live(&world, &tokens).await);
}

#[actix_web::test]
async fn x10_x17_what_the_identity_provider_did_not_say_ends_nothing() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "redirect").await;
    let tokens = alice(&app, "_1").await;
    let (good, stranger) = (request(&world, &id, &[]), Key::generate().unwrap());
    let query = good.query(Some("state"), &world.key);
    let unsigned = query.split("&SigAlg").next().unwrap().to_owned();
    let to =
        |destination: &str| LogoutMessage { destination: destination.into(), ..good.clone() }.query(None, &world.key);
    let from = LogoutMessage { issuer: "https://other.example.com".into(), ..good.clone() }.query(None, &world.key);
    let late = LogoutMessage { issue_instant: "2020-01-01T00:00:00Z".into(), ..good.clone() }.query(None, &world.key);
    let answering = good.query(None, &world.key).replace("SAMLRequest", "SAMLResponse");
    let wrong = [
        (unsigned.clone(), "LogoutUnsigned"),
        (good.query(None, &stranger), "LogoutSignatureInvalid"),
        (query.replace("RelayState=state", "RelayState=other"), "LogoutSignatureInvalid"),
        (format!("{query}&{unsigned}"), "LogoutParametersAmbiguous"),
        (format!("{query}&SAMLResponse=x"), "LogoutParametersAmbiguous"),
        (query.replace("RelayState", "relaystate"), "LogoutParametersAmbiguous"),
        (answering, "LogoutSignatureInvalid"),
        (to("https://sso.example.com/sso/api/oauth/saml/slo"), "LogoutDestinationMismatch"),
        (to(&address("conn_other")), "LogoutDestinationMismatch"),
        (from, "LogoutIssuerMismatch"),
        (late, "LogoutOutOfTime"),
        ("SAMLRequest=%%%&SigAlg=x&Signature=x".into(), "SamlSignatureAlgorithm"),
        (String::new(), "LogoutNotMessage"),
    ];
    for (query, code) in wrong {
        let answer = send(&world, &id, &query).await;
        assert_eq!((answer.code().as_str(), answer.header("location")), (code, ""), "{query}");
        assert!(answer.status.is_client_error() && is_live(&world, &tokens).await, "{query}");
    }
    for (xml, code) in [(good.xml(None), "LogoutUnsigned"), (good.xml(Some(&stranger)), "SamlSignatureOtherKey")] {
        let answer = world.form(&format!("/api/oauth/saml/slo/{id}"), &[("SAMLRequest", &base64(&xml))], &[]).await;
        assert_eq!((answer.code().as_str(), is_live(&world, &tokens).await), (code, true));
    }
    // The very message that was in all of these is good.
    assert_eq!(send(&world, &id, &query).await.status, 303);
    assert!(!is_live(&world, &tokens).await);
}

/// The trace that an error page names, as the operator reads it.
pub(crate) async fn trace_of(world: &World, page: &Answer) -> Value {
    let (_, rest) = page.body.split_once("<dt>Reference</dt><dd><code>").unwrap_or_else(|| panic!("{}", page.body));
    let id = rest.split('<').next().unwrap();
    let found = world.api(Method::GET, &format!("sso-traces?id={id}"), Value::Null).await;
    assert_eq!(found.status, 200, "{}", found.body);
    found.json()["data"].clone()
}

#[actix_web::test]
async fn h28_a_refused_message_leaves_a_trace_of_facts() {
    let world = World::new().await;
    let id = hearing(&world, "redirect").await;
    let message = request(&world, &id, &["_1"]);
    let elsewhere = LogoutMessage { destination: address("conn_other"), ..message.clone() };
    let answer = send(&world, &id, &elsewhere.query(None, &world.key)).await;
    let trace = trace_of(&world, &answer).await;
    assert_eq!((&trace["status"], &trace["steps"][0]["name"]), (&json!("failed"), &json!("logout")));
    assert_eq!((&trace["context"]["connection"], &trace["context"]["entityId"]), (&json!(id), &json!(IDP)));
    assert_eq!(trace["fault"]["code"], "LogoutDestinationMismatch");
    assert_eq!(
        (&trace["fault"]["expected"], &trace["fault"]["received"]),
        (&json!(address(&id)), &json!(address("conn_other")))
    );
    assert!(!trace.to_string().contains("u-1001") && !trace.to_string().contains(&message.id), "{trace}");
    let event = last_event(&world).await;
    assert_eq!((&event["type"], &event["data"]["trace"]), (&json!("logout.failed"), &trace["traceId"]));
    assert_eq!(
        (&event["data"]["connection"], &event["data"]["code"]),
        (&json!(id), &json!("LogoutDestinationMismatch"))
    );
    // A stranger's connection has no story.
    let answer = send(&world, "conn_nobody", &message.query(None, &world.key)).await;
    assert_eq!(answer.code(), "ConnectionMissing");
}

#[actix_web::test]
async fn h28_an_identity_provider_hears_when_sessions_may_go_on() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "redirect").await;
    let tokens = alice(&app, "_1").await;
    for keys in ["p1:replay:", "p1:x:session:"] {
        world.brittle.break_at(Some(keys));
        let answer = send(&world, &id, &request(&world, &id, &["_1"]).query(None, &world.key)).await;
        world.brittle.break_at(None);
        let xml = heard(&world, &id, "SAMLResponse", &answer).await.xml;
        assert!(xml.contains("urn:oasis:names:tc:SAML:2.0:status:Responder") && !xml.contains(SUCCESS), "{keys} {xml}");
        assert!(is_live(&world, &tokens).await);
    }
    // It asks again.
    let answer = send(&world, &id, &request(&world, &id, &["_1"]).query(None, &world.key)).await;
    assert!(heard(&world, &id, "SAMLResponse", &answer).await.xml.contains(SUCCESS));
    assert!(!is_live(&world, &tokens).await);
}

#[actix_web::test]
async fn m5_h28_an_unknown_key_of_a_logout_message_is_looked_up_in_the_metadata() {
    let (old, new, rogue) = (Key::generate().unwrap(), Key::generate().unwrap(), Key::generate().unwrap());
    let provider = Address::start(of(&old));
    let world = refresh::world(&provider).await;
    let id = connection(&world, "url.example").await;
    let posted = async |key: &Key| {
        let message = base64(&request(&world, &id, &[]).xml(Some(key)));
        world.form(&format!("/api/oauth/saml/slo/{id}"), &[("SAMLRequest", &message)], &[]).await
    };
    let redirected = async |key: &Key| send(&world, &id, &request(&world, &id, &[]).query(None, key)).await;
    assert_eq!((redirected(&old).await.status.as_u16(), provider.asked()), (200, 1));
    provider.say(200, of(&new));
    assert_eq!((redirected(&new).await.status.as_u16(), provider.asked()), (200, 2));
    provider.say(200, of(&old));
    world.advance(SPACING);
    assert_eq!((posted(&old).await.status.as_u16(), provider.asked()), (200, 3));
    // A stranger's key is looked up, and refused.
    world.advance(SPACING);
    assert_eq!((redirected(&rogue).await.code().as_str(), provider.asked()), ("LogoutSignatureInvalid", 4));
    world.advance(SPACING);
    assert_eq!((posted(&rogue).await.code().as_str(), provider.asked()), ("SamlSignatureOtherKey", 5));
    provider.server.stop(false).await;
}

#[actix_web::test]
async fn h28_a_request_is_used_once() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "redirect").await;
    let query = request(&world, &id, &[]).query(None, &world.key);
    assert_eq!(send(&world, &id, &query).await.status, 303);
    let tokens = alice(&app, "_1").await;
    let answer = send(&world, &id, &query).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "LogoutReplayed"));
    assert!(is_live(&world, &tokens).await);
}

#[actix_web::test]
async fn h28_the_shared_address_serves_an_identity_provider_that_has_one_connection() {
    let world = World::new().await;
    let app = App::register(&world, json!({})).await;
    let id = hearing(&world, "redirect").await;
    let tokens = alice(&app, "_1").await;
    let shared = format!("{PUBLIC}/api/oauth/saml/slo");
    let message = || LogoutMessage { destination: shared.clone(), ..request(&world, &id, &[]) }.query(None, &world.key);
    world.connect("other.example", "crm", "https://other.example.com/idp").await;
    assert_eq!(world.get(&format!("/api/oauth/saml/slo?{}", message())).await.status, 303);
    assert!(!is_live(&world, &tokens).await);

    // Another tenant with the same identity provider: whom does it mean?
    world.connect("second.example", "crm", IDP).await;
    let tokens = alice(&app, "_1").await;
    let unknown = LogoutMessage { issuer: "https://nobody.example.com".into(), ..request(&world, &id, &[]) };
    for query in [message(), unknown.query(None, &world.key)] {
        let answer = world.get(&format!("/api/oauth/saml/slo?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "LogoutConnectionUnclear"));
        assert!(is_live(&world, &tokens).await);
    }
    // At the address of its own each is meant alone.
    let second = connection(&world, "second.example").await;
    let of_second = request(&world, &second, &[]).query(None, &world.key);
    assert_eq!(send(&world, &second, &of_second).await.status, 200);
    assert!(is_live(&world, &tokens).await);
}

#[actix_web::test]
async fn h28_the_metadata_say_where_logout_messages_go() {
    let world = World::new().await;
    let id = connection(&world, "acme.example").await;
    let shared = format!("{PUBLIC}/api/oauth/saml/slo");
    let sp = world.api(Method::GET, &format!("sso/{id}/sp"), Value::Null).await.json();
    assert_eq!(
        (sp["sloUrl"].as_str(), &sp["sloBindings"]),
        (Some(&*address(&id)), &json!(["HTTP-Redirect", "HTTP-POST"]))
    );
    assert!(world.get("/.well-known/saml-configuration").await.body.contains(&shared));
    for (query, url) in [(String::new(), shared), (format!("?connection={id}"), address(&id))] {
        let metadata = world.get(&format!("/.well-known/sp-metadata{query}")).await.body;
        for binding in ["HTTP-Redirect", "HTTP-POST"] {
            let service = format!(
                "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{url}\"/>"
            );
            assert!(metadata.contains(&service), "{metadata}");
        }
    }
}
