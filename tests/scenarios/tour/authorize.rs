//! The app asks, and asks wrongly.

use postern_core::fault::Code;
use postern_e2e::http;
use postern_e2e::login::{self, Answer};
use serde_json::json;

use super::{Changes, Guide, PRODUCT, REDIRECT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let long = STRANGE.repeat(300);
    let unknown = format!("prod_{STRANGE}");
    let elsewhere = format!("https://{STRANGE}.example.com/callback");
    let wrongly: &[(Code, &Changes<'_>)] = &[
        (Code::ParameterTooLong, &[("state", Some(&long))]),
        (Code::ClientMissing, &[("client_id", None), ("tenant", None)]),
        (Code::ClientUnknown, &[("client_id", Some(&unknown))]),
        (Code::ClientUnknown, &[("client_id", Some(STRANGE)), ("tenant", None)]),
        (Code::ClientNamesTwoProducts, &[("product", Some(STRANGE))]),
        (Code::TenantMissing, &[("client_id", Some("dummy")), ("tenant", None)]),
        (Code::EmailDomainUnknown, &[("tenant", None)]),
        (Code::AddressNeeded, &[("tenant", None), ("login_hint", None), ("prompt", Some("none"))]),
        (Code::ConnectionMissing, &[("tenant", Some(STRANGE))]),
        (Code::IdpHintForeign, &[("idp_hint", Some(STRANGE))]),
        (Code::RedirectUriMissing, &[("redirect_uri", None)]),
        (Code::RedirectUriNotAllowed, &[("redirect_uri", Some(&elsewhere))]),
        (Code::ResponseTypeMissing, &[("response_type", None)]),
        (Code::ResponseTypeUnsupported, &[("response_type", Some(STRANGE))]),
        (Code::ResponseModeUnsupported, &[("response_mode", Some(STRANGE))]),
        (Code::PromptMalformed, &[("prompt", Some(STRANGE))]),
        (Code::MaxAgeMalformed, &[("max_age", Some(STRANGE))]),
        (Code::ClaimsMalformed, &[("claims", Some(STRANGE))]),
        (Code::IdTokenHintInvalid, &[("id_token_hint", Some(STRANGE))]),
        (Code::RequestObjectUnsupported, &[("request", Some(STRANGE))]),
        (Code::RequestUriUnsupported, &[("request_uri", Some(STRANGE))]),
        (Code::ChallengeMethodUnsupported, &[("code_challenge_method", Some(STRANGE))]),
        (Code::ChallengeMalformed, &[("code_challenge", Some(STRANGE))]),
    ];
    for (code, changes) in wrongly {
        let answer = login::authorize(&guide.postern, &guide.asking(changes)).await;
        guide.meet(*code, answer);
    }

    let twice = [guide.asking(&[]), vec![("client_id", STRANGE)]].concat();
    let answer = login::authorize(&guide.postern, &twice).await;
    guide.meet(Code::ParameterRepeated, answer);

    neither_state_nor_challenge(guide).await;
    a_public_client_without_a_challenge(guide).await;
    a_connection_that_is_not_active(guide).await;
    an_app_that_keeps_no_session(guide).await;
}

/// A browser that says of itself that it signed in ten times in a row.
async fn an_app_that_keeps_no_session(guide: &mut Guide) {
    let waiting = guide.begin(&[]).await;
    let answer = waiting.answer(&guide.response(&waiting).signed_both(&guide.idp.key)).await;
    guide.marks.add("code", answer.code());
    let once = answer.cookies.iter().find_map(|cookie| cookie.strip_suffix(".1")).expect("a cookie that counts");
    let url = format!("{}/api/oauth/authorize", guide.postern.origin);
    let url = reqwest::Url::parse_with_params(&url, guide.asking(&[])).expect("a URL");
    let request = http().get(url).header("Cookie", format!("{once}.10"));
    let answer = Answer::read(request.send().await.expect("authorize answers")).await;
    guide.meet(Code::LoginLoop, answer);
}

/// Nothing to bind the answer to: the app hears of it without a state, because it sent none.
async fn neither_state_nor_challenge(guide: &mut Guide) {
    let nothing = guide.asking(&[("state", None), ("code_challenge", None), ("code_challenge_method", None)]);
    let answer = login::authorize(&guide.postern, &nothing).await;
    let description = answer.parameter("error_description").unwrap_or_default();
    assert!(description.contains(Code::StateOrChallengeMissing.name()), "{answer:?}");
    assert_eq!(answer.parameter("state"), None);
    guide.met.push(Code::StateOrChallengeMissing);
}

async fn a_public_client_without_a_challenge(guide: &mut Guide) {
    let public = format!("{PRODUCT}-public");
    let settings = json!({ "name": public, "redirect_urls": [REDIRECT], "token_endpoint_auth_method": "none" });
    let product = guide.postern.call("POST", "/api/v1/products", Some(&settings)).await;
    let client_id = product["client_id"].as_str().expect("a client id").to_owned();
    guide.postern.connect(TENANT, &public, &[REDIRECT.to_owned()], ("rawMetadata", &guide.idp.metadata())).await;
    let changes = [("client_id", Some(client_id.as_str())), ("code_challenge", None), ("code_challenge_method", None)];
    let answer = login::authorize(&guide.postern, &guide.asking(&changes)).await;
    guide.meet(Code::ChallengeMissing, answer);
}

async fn a_connection_that_is_not_active(guide: &mut Guide) {
    let tenant = format!("former-{TENANT}");
    let urls = [REDIRECT.to_owned()];
    let connection = guide.postern.connect(&tenant, PRODUCT, &urls, ("rawMetadata", &guide.idp.metadata())).await;
    for (status, code) in [("deactivated", Code::ConnectionDeactivated), ("draft", Code::ConnectionDraft)] {
        let change = json!({
            "clientID": connection["clientID"], "clientSecret": connection["clientSecret"], "status": status,
        });
        guide.postern.call("PATCH", "/api/v1/sso", Some(&change)).await;
        let answer = login::authorize(&guide.postern, &guide.asking(&[("tenant", Some(&tenant))])).await;
        guide.meet(code, answer);
    }
}
