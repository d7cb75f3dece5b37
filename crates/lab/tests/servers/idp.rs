//! The make-believe identity provider over HTTP, as a browser without JavaScript uses it.

use std::io::Write;

use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use postern_lab::Running;
use postern_lab::client::client;
use postern_lab::idp::{Options, PASSWORD, ServiceProvider, people, start};
use postern_lab::key::Key;
use roxmltree::Document;

use crate::world::{self, Page};

const SP: &str = "https://sso.example.com";
const ACS: &str = "https://sso.example.com/api/oauth/saml";
const RELAY: &str = "relay \"&<>' \u{e9}";

#[tokio::test]
async fn a_person_signs_in_and_is_sent_on_with_a_signed_response() {
    let (idp, key) = idp().await;
    let login = get(&idp, &sso(&request("", Some(ACS))), None).await;
    assert_eq!(login.status, 200);
    assert!(login.policy.contains("form-action 'self'") && login.policy.contains("default-src 'none'"));
    assert!(login.html.contains("alice@example.com") && login.html.contains(PASSWORD));

    let wrong = sign_in(&idp, &login, "alice@example.com", "guess").await;
    assert!(wrong.html.contains("role=\"alert\"") && wrong.cookie.is_none());
    let page = sign_in(&idp, &wrong, "Alice@example.com ", PASSWORD).await;
    assert!(page.cookie.is_some());
    assert!(!page.policy.contains("form-action"), "the service provider redirects to where we cannot know");
    assert!(page.html.contains("<button>Continue</button>"), "works without JavaScript");

    assert_eq!(page.form().0, ACS);
    assert_eq!(page.field("RelayState").as_deref(), Some(RELAY));
    let xml = response(&page);
    assert!(xml.contains(&key));
    let document = Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert_eq!((root.attribute("InResponseTo"), root.attribute("Destination")), (Some("_request"), Some(ACS)));
    assert_eq!(text(&document, "Issuer"), [format!("{}/metadata", idp.url), format!("{}/metadata", idp.url)]);
    assert_eq!(text(&document, "Audience"), [SP]);
    assert_eq!(text(&document, "NameID"), ["u-1001"]);
    assert!(text(&document, "AttributeValue").contains(&"alice@example.com".to_owned()));
    assert!(document.descendants().any(|node| node.has_tag_name("Signature")));
    idp.stop().await;
}

#[tokio::test]
async fn a_session_answers_at_once_unless_the_person_has_to_be_asked() {
    let (idp, _) = idp().await;
    let passive = get(&idp, &sso(&request("IsPassive=\"true\"", Some(ACS))), None).await;
    let refusal = response(&passive);
    assert!(refusal.contains("status:NoPassive") && !refusal.contains("<saml:Assertion"));

    let login = get(&idp, &sso(&request("", None)), None).await;
    let cookie = sign_in(&idp, &login, "carol@example.com", PASSWORD).await.cookie;
    assert!(response(&get(&idp, &sso(&request("", None)), cookie.as_deref()).await).contains("Nuñez &amp; Sons"));
    let forced = get(&idp, &sso(&request("ForceAuthn=\"1\"", None)), cookie.as_deref()).await;
    assert_eq!(forced.form().0, "/sign-in");

    let signed_out =
        client().unwrap().post(format!("{}/sign-out", idp.url)).header("cookie", cookie.as_deref().unwrap());
    assert_eq!(signed_out.send().await.unwrap().status().as_u16(), 303);
    assert_eq!(get(&idp, &sso(&request("", None)), cookie.as_deref()).await.form().0, "/sign-in");
    idp.stop().await;
}

#[tokio::test]
async fn the_post_binding_and_the_asked_name_format_are_understood() {
    let (idp, _) = idp().await;
    let policy = r#"<p:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"/>"#;
    let xml = request("", Some(ACS)).replace("</p:AuthnRequest>", &format!("{policy}</p:AuthnRequest>"));
    let fields = [("SAMLRequest", BASE64.encode(xml.as_bytes())), ("RelayState", RELAY.to_owned())];
    let login = client().unwrap().post(format!("{}/sso", idp.url)).form(&fields).send().await.unwrap();
    let page = sign_in(&idp, &Page::of(login).await, "bob@example.com", PASSWORD).await;
    let xml = response(&page);
    let document = Document::parse(&xml).unwrap();
    assert_eq!(text(&document, "NameID"), ["bob@example.com"]);
    idp.stop().await;
}

#[tokio::test]
async fn logins_begin_here_too_and_answer_nothing() {
    let (idp, _) = idp().await;
    let connection = format!("{ACS}/conn_1");
    let login = get(&idp, &format!("/start?acs={}&relay=deep", encode(&connection)), None).await;
    let page = sign_in(&idp, &login, "bob@example.com", PASSWORD).await;
    assert_eq!(page.form().0, connection);
    assert_eq!(page.field("RelayState").as_deref(), Some("deep"));
    let xml = response(&page);
    assert!(!xml.contains("InResponseTo") && xml.contains(&format!("Recipient=\"{connection}\"")));
    idp.stop().await;
}

#[tokio::test]
async fn strangers_get_no_response() {
    let (idp, _) = idp().await;
    let refused = async |path: String| get(&idp, &path, None).await.status;
    assert_eq!(refused(sso(&request("", Some("https://evil.example/acs")))).await, 400);
    assert_eq!(refused(sso(&request("", Some(&format!("{ACS}.evil.example"))))).await, 400);
    assert_eq!(refused(sso(&request("", None).replace(SP, "https://evil.example"))).await, 400);
    assert_eq!(refused("/sso?SAMLRequest=AAAA".into()).await, 400);
    assert_eq!(refused("/start?acs=https%3A%2F%2Fevil.example".into()).await, 400);
    let fields = [("email", "bob@example.com"), ("password", PASSWORD), ("acs", "https://evil.example")];
    let page = client().unwrap().post(format!("{}/sign-in", idp.url)).form(&fields).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 400);
    idp.stop().await;
}

#[tokio::test]
async fn metadata_names_key_and_address() {
    let (idp, key) = idp().await;
    let page = get(&idp, "/metadata", None).await;
    let document = Document::parse(&page.html).unwrap();
    assert_eq!(document.root_element().attribute("entityID"), Some(&*format!("{}/metadata", idp.url)));
    assert_eq!(text(&document, "X509Certificate"), [key]);
    let services = document.descendants().filter(|node| node.has_tag_name("SingleSignOnService"));
    let addresses: Vec<_> = services.map(|node| node.attribute("Location").unwrap()).collect();
    assert_eq!(addresses, [format!("{}/sso", idp.url), format!("{}/sso", idp.url)]);
    idp.stop().await;
}

async fn idp() -> (Running, String) {
    let key = Key::generate().unwrap();
    let certificate = key.certificate_base64();
    let options = Options {
        host: "127.0.0.1".into(),
        port: 0,
        key,
        service_providers: vec![ServiceProvider { entity_id: SP.into(), acs_url: ACS.into() }],
        people: people(),
        clock: world::clock(),
        random: world::random(),
    };
    (start(options).await.unwrap(), certificate)
}

fn request(flag: &str, acs: Option<&str>) -> String {
    let acs = acs.map(|acs| format!("AssertionConsumerServiceURL=\"{acs}\"")).unwrap_or_default();
    format!(
        r#"<p:AuthnRequest xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_request" {acs} {flag}><a:Issuer xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion">{SP}</a:Issuer></p:AuthnRequest>"#
    )
}

fn sso(request: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(request.as_bytes()).unwrap();
    format!("/sso?SAMLRequest={}&RelayState={}", encode(&BASE64.encode(&encoder.finish().unwrap())), encode(RELAY))
}

fn encode(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

async fn get(idp: &Running, path: &str, cookie: Option<&str>) -> Page {
    let request = client().unwrap().get(format!("{}{path}", idp.url)).header("cookie", cookie.unwrap_or("other=1"));
    Page::of(request.send().await.unwrap()).await
}

async fn sign_in(idp: &Running, login: &Page, email: &str, password: &str) -> Page {
    let (action, mut fields) = login.form();
    assert_eq!(action, "/sign-in");
    for (name, value) in &mut fields {
        match name.as_str() {
            "email" => *value = email.into(),
            "password" => *value = password.into(),
            _ => {}
        }
    }
    Page::of(client().unwrap().post(format!("{}{action}", idp.url)).form(&fields).send().await.unwrap()).await
}

fn response(page: &Page) -> String {
    let field = page.field("SAMLResponse").expect("the page sends a response");
    String::from_utf8(BASE64.decode(field.as_bytes()).unwrap()).unwrap()
}

fn text(document: &Document<'_>, name: &str) -> Vec<String> {
    let nodes = document.descendants().filter(|node| node.has_tag_name(name));
    nodes.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}
