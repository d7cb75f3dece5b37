//! A federation's metadata ends, and its people belong to somebody.

use std::time::Duration;

use jiff::SignedDuration;
use postern_core::fault::Code;
use postern_e2e::Postern;
use postern_e2e::login::{self, now};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Guide, PRODUCT, REDIRECT, STRANGE};

pub(super) async fn visit(guide: &mut Guide) {
    let endless = guide.idp.metadata();
    let until = |ahead: SignedDuration| {
        let attribute = format!("EntityDescriptor validUntil=\"{}\" ", (now() + ahead).strftime("%Y-%m-%dT%H:%M:%SZ"));
        endless.replacen("EntityDescriptor ", &attribute, 1)
    };
    let refused = [
        (Code::MetadataValidUntilMissing, "rawMetadata", endless.clone()),
        (Code::MetadataValidUntilTooFar, "rawMetadata", until(SignedDuration::from_hours(24 * 40))),
        (Code::MetadataExpired, "rawMetadata", until(SignedDuration::from_hours(-1))),
        (Code::MetadataSourceUnverified, "metadataUrl", format!("http://{STRANGE}.example.com/")),
    ];
    for (code, member, value) in refused {
        let body = connection(member, &value);
        let answer = guide.postern.call_as(Postern::API_KEY, Method::POST, "/api/v1/sso", Some(&body)).await;
        guide.meet(code, answer);
    }

    // One that ends while everybody looks.
    let body = connection("rawMetadata", &until(SignedDuration::from_secs(4)));
    guide.postern.call("POST", "/api/v1/sso", Some(&body)).await;
    let answer = loop {
        let answer = login::authorize(&guide.postern, &guide.asking(&[("tenant", Some(STRANGE))])).await;
        match answer.parameter("error") {
            Some(_) => break answer,
            None => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    guide.meet(Code::SamlMetadataExpired, answer);

    // A person of another organisation.
    let mut body = connection("rawMetadata", &endless);
    body["strictFederation"] = json!(false);
    body["scopes"] = json!(["example.edu"]);
    guide.postern.call("POST", "/api/v1/sso", Some(&body)).await;
    let waiting = guide.begin(&[("tenant", Some(STRANGE))]).await;
    let mut response = guide.response(&waiting);
    let subject_id = "urn:oasis:names:tc:SAML:attribute:subject-id".to_owned();
    response.attributes.push((subject_id, vec![format!("{STRANGE}@example.org")]));
    let answer = waiting.answer(&response.signed_assertion(&guide.idp.key)).await;
    guide.meet(Code::SubjectScopeForeign, answer);
    guide.postern.call("DELETE", &format!("/api/v1/sso?tenant={STRANGE}&product={PRODUCT}"), None).await;
}

fn connection(member: &str, value: &str) -> Value {
    json!({
        "tenant": STRANGE, "product": PRODUCT, "redirectUrl": [REDIRECT], "defaultRedirectUrl": REDIRECT,
        "strictFederation": true, member: value,
    })
}
