//! A person comes to the sign-in page of an app that begins no logins, writes an address that is none, and asks too often.

use postern_core::fault::Code;
use postern_e2e::http;
use postern_e2e::login::Answer;
use reqwest::Url;

use super::{Guide, STRANGE, TENANT};

/// How often one address may ask in a minute.
pub(super) const PER_MINUTE: &str = "2";

pub(super) async fn visit(guide: &mut Guide) {
    let url = format!("{}/login", guide.postern.origin);
    let url =
        Url::parse_with_params(&url, [("client_id", guide.client.0.as_str()), ("tenant", TENANT)]).expect("a URL");
    let answer = Answer::read(http().get(url).send().await.expect("Postern answers")).await;
    guide.meet(Code::LoginNotBegunByApp, answer);
    for code in [Code::EmailMalformed, Code::EmailMalformed, Code::RequestsTooMany] {
        let answer = ask(guide).await;
        guide.meet(code, answer);
    }
}

async fn ask(guide: &Guide) -> Answer {
    guide.postern.post_form("/api/discover", &[("client_id", &guide.client.0), ("email", STRANGE)]).await
}
