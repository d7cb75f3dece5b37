//! The app asks for an authentication of a certain kind, and the identity provider gives another.

use std::time::Duration;

use postern_core::fault::Code;
use postern_e2e::login::{Idp, now};
use postern_lab::response::{Response, time};
use serde_json::json;

use super::{Changes, Guide, PRODUCT, REDIRECT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let status = |inner: &str| {
        let codes = ["Responder", inner].map(|code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}"));
        (codes.to_vec(), false)
    };
    let essential = json!({ "id_token": { "acr": { "essential": true, "value": STRANGE } } }).to_string();
    let somebody = json!({ "id_token": { "sub": { "value": STRANGE } } }).to_string();
    let answers: &[(Code, &Changes<'_>, Option<&str>)] = &[
        (Code::SignInNeeded, &[("prompt", Some("none"))], Some("NoPassive")),
        (Code::SamlNoAuthnContext, &[("claims", Some(&essential))], Some("NoAuthnContext")),
        (Code::AuthenticationContextUnmet, &[("claims", Some(&essential))], None),
        (Code::SubjectOther, &[("claims", Some(&somebody))], None),
        (Code::AuthenticationStale, &[("prompt", Some("login"))], None),
    ];
    for (code, changes, refusal) in answers {
        let waiting = guide.begin(changes).await;
        let mut response = guide.response(&waiting);
        if let Some(inner) = refusal {
            (response.status, response.has_assertion) = status(inner);
        }
        if *code == Code::AuthenticationStale {
            let authn_instant = Some(time(now() - Duration::from_secs(3600)));
            response = Response { authn_instant, ..response };
        }
        let answer = waiting.answer(&response.signed_both(&guide.idp.key)).await;
        guide.meet(*code, answer);
    }
    a_choice_that_may_not_be_shown(guide).await;
}

async fn a_choice_that_may_not_be_shown(guide: &mut Guide) {
    let tenant = format!("twofold-{TENANT}");
    for entity_id in ["https://one.example.com/metadata", "https://two.example.com/metadata"] {
        let metadata = Idp::new(entity_id).metadata();
        guide.postern.connect(&tenant, PRODUCT, &[REDIRECT.to_owned()], ("rawMetadata", &metadata)).await;
    }
    let changes = [("tenant", Some(tenant.as_str())), ("prompt", Some("none"))];
    let answer = postern_e2e::login::authorize(&guide.postern, &guide.asking(&changes)).await;
    guide.meet(Code::ChoiceNeeded, answer);
}
