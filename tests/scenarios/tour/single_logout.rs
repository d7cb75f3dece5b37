//! The identity provider ends a session, and says it wrongly.

use postern_core::fault::Code;
use postern_core::ports::Random;
use postern_e2e::login::{Answer, now};
use postern_lab::key::Key;
use postern_lab::logout::{Kind, LogoutMessage};
use postern_lab::response::base64;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use super::{ENTITY_ID, Guide, NAME_ID, PRODUCT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let connections = guide.postern.call("GET", &format!("/api/v1/sso?tenant={TENANT}&product={PRODUCT}"), None).await;
    let id = connections[0]["id"].as_str().expect("an id").to_owned();
    let own = format!("/api/oauth/saml/slo/{id}");
    let address = format!("{}{own}", guide.postern.public_url);
    let good = LogoutMessage::request(now(), &Numbered, ENTITY_ID, &address, NAME_ID);
    let query = |message: &LogoutMessage| message.query(Some(STRANGE), &guide.idp.key);
    let nobody = Kind::Request { name_id: None, format: None, session_indexes: Vec::new() };
    let stranger = Key::generate().expect("a key");
    let calls = [
        (Code::LogoutParametersAmbiguous, format!("{}&SAMLResponse=x", query(&good))),
        (Code::LogoutNotMessage, String::from("RelayState=x")),
        (Code::LogoutSignatureInvalid, good.query(None, &stranger)),
        (Code::LogoutIssuerMismatch, query(&LogoutMessage { issuer: STRANGE.into(), ..good.clone() })),
        (Code::LogoutDestinationMismatch, query(&LogoutMessage { destination: STRANGE.into(), ..good.clone() })),
        (Code::LogoutOutOfTime, query(&LogoutMessage { issue_instant: "2020-01-01T00:00:00Z".into(), ..good.clone() })),
        (Code::LogoutNameIdMissing, query(&LogoutMessage { kind: nobody, ..good.clone() })),
    ];
    let (accepted, shared) = (query(&good), query(&LogoutMessage { issuer: STRANGE.into(), ..good.clone() }));
    for (code, query) in calls {
        let answer = get(guide, &own, &query).await;
        guide.meet(code, answer);
    }
    for (code, message) in [(Code::LogoutUnreadable, "%"), (Code::LogoutUnsigned, &base64(&good.xml(None)))] {
        let answer = guide.postern.post_form(&own, &[("SAMLRequest", message)]).await;
        guide.meet(code, answer);
    }
    let answer = get(guide, "/api/oauth/saml/slo", &shared).await;
    guide.meet(Code::LogoutConnectionUnclear, answer);
    assert_eq!(get(guide, &own, &accepted).await.status, 200);
    let answer = get(guide, &own, &accepted).await;
    guide.meet(Code::LogoutReplayed, answer);
    answer_to_another_request(guide, &connections[0], &own).await;
}

/// The person signs out of the app, and the identity provider answers something that nobody asked.
async fn answer_to_another_request(guide: &mut Guide, connection: &Value, own: &str) {
    let set = |member: &str, value: Value| json!({ "clientID": connection["clientID"], "clientSecret": connection["clientSecret"], member: value });
    let change = set("sloUrl", json!("https://idp.example.com/slo"));
    guide.postern.call("PATCH", "/api/v1/sso", Some(&change)).await;
    let code = guide.code(&[]).await;
    let tokens = guide.redeem(&guide.redemption(&code, &[])).await;
    let token = tokens.member("id_token").unwrap_or_else(|| panic!("no ID token in {tokens:?}"));
    guide.marks.add("another ID token", &token);
    let away = guide.postern.post_form("/api/oauth/logout", &[("id_token_hint", &token)]).await;
    let relay_state = away.parameter("RelayState").unwrap_or_else(|| panic!("no request: {away:?}"));
    let cookie = away.cookies.first().expect("a cookie");
    let (_, secret) = cookie.split_once('=').expect("name=value");
    guide.marks.add("cookie of a logout", secret);
    guide.marks.add("RelayState of a logout", &relay_state);
    let address = format!("{}{own}", guide.postern.public_url);
    let response = LogoutMessage::response(now(), &Numbered, ENTITY_ID, &address, STRANGE);
    let url = format!("{address}?{}", response.query(Some(&relay_state), &guide.idp.key));
    let answer = postern_e2e::http().get(url).header(COOKIE, cookie).send().await.expect("an answer");
    let answer = Answer::read(answer).await;
    guide.meet(Code::LogoutOtherRequest, answer);
    guide.postern.call("PATCH", "/api/v1/sso", Some(&set("singleLogout", json!(false)))).await;
}

async fn get(guide: &Guide, path: &str, query: &str) -> Answer {
    let url = format!("{}{path}?{query}", guide.postern.public_url);
    Answer::read(postern_e2e::http().get(url).send().await.expect("an answer")).await
}

/// One message is enough, so its ID may be any.
struct Numbered;

impl Random for Numbered {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
