//! A tenant claims a domain that is none, publishes its record in every wrong way, and asserts somebody else's addresses.

use postern_core::fault::Code;
use postern_e2e::Postern;
use postern_e2e::login::Answer;
use postern_lab::dns::Told;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Guide, MAIL_DOMAIN, PRODUCT, STRANGE};

const DOMAIN: &str = "domain-f8s2xk.example";

pub(super) async fn visit(guide: &mut Guide) {
    guide.marks.add("claimed domain", DOMAIN);
    for (code, domain) in
        [(Code::DomainMalformed, STRANGE), (Code::DomainOfEverybody, "co.uk"), (Code::DomainOfPublicMail, "gmail.com")]
    {
        let answer = claim(guide, STRANGE, domain, "dns").await;
        guide.meet(code, answer);
    }
    let answer = call(guide, Method::GET, "/dom_unknown", None).await;
    guide.meet(Code::DomainNotFound, answer);

    let claimed: Value = serde_json::from_str(&claim(guide, STRANGE, DOMAIN, "dns").await.body).expect("a claim");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (id, name, value) = (text(&claimed["id"]), text(&claimed["record"]["name"]), text(&claimed["record"]["value"]));
    let misplaced = format!("{name}.{DOMAIN}");
    for (code, place, told) in [
        (Code::DomainUnknownToDns, "elsewhere.example", Told::Txt(vec![])),
        (Code::DomainRecordMissing, DOMAIN, Told::Txt(vec![])),
        (Code::DomainRecordWrong, name.as_str(), Told::Txt(vec![STRANGE.to_owned()])),
        (Code::DomainServerFailed, &name, Told::Failure),
        (Code::DomainLookupTimedOut, &name, Told::Silence),
        (Code::DomainRecordMisplaced, &misplaced, Told::Txt(vec![value.clone()])),
    ] {
        guide.dns.tell(place, told);
        let answer = call(guide, Method::POST, &format!("/{id}/verify"), Some(json!({}))).await;
        guide.dns.withdraw(place);
        guide.meet(code, answer);
    }

    // Somebody has proven the domain of everybody's addresses here.
    let taken: Value =
        serde_json::from_str(&claim(guide, STRANGE, MAIL_DOMAIN, "operator").await.body).expect("a claim");
    let answer = claim(guide, "another-tenant", MAIL_DOMAIN, "dns").await;
    guide.meet(Code::DomainTaken, answer);
    let waiting = guide.begin(&[]).await;
    let xml = guide.response(&waiting).signed_both(&guide.idp.key);
    guide.meet(Code::EmailDomainForeign, waiting.answer(&xml).await);
    let answer = call(guide, Method::DELETE, &format!("/{}", text(&taken["id"])), None).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn claim(guide: &Guide, tenant: &str, domain: &str, proof: &str) -> Answer {
    let body = json!({ "tenant": tenant, "product": PRODUCT, "domain": domain, "proof": proof });
    call(guide, Method::POST, "", Some(body)).await
}

async fn call(guide: &Guide, method: Method, path: &str, body: Option<Value>) -> Answer {
    guide.postern.call_as(Postern::API_KEY, method, &format!("/api/v1/domains{path}"), body.as_ref()).await
}
