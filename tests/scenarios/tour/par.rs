//! The app hands over its question by itself, and does it wrongly.

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer, Waiting};
use serde_json::json;

use super::{Guide, PRODUCT, REDIRECT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let (client_id, secret) = guide.client.clone();
    let inside = [("client_secret", Some(secret.as_str())), ("request_uri", Some(STRANGE))];
    let inside = guide.asking(&inside);
    let answer = guide.postern.post_form("/api/oauth/par", &inside).await;
    guide.meet(Code::RequestUriPushed, answer);

    let push = guide.asking(&[("client_secret", Some(secret.as_str()))]);
    let pushed = guide.postern.post_form("/api/oauth/par", &push).await;
    let reference = pushed.member("request_uri").unwrap_or_else(|| panic!("no reference in {pushed:?}"));
    guide.marks.add("reference of a pushed request", &reference);
    let open = [("client_id", client_id.as_str()), ("request_uri", reference.as_str())];
    let waiting = Waiting::read(&guide.postern, login::authorize(&guide.postern, &open).await);
    let answer = waiting.answer(&guide.response(&waiting).signed_both(&guide.idp.key)).await;
    guide.marks.add("code", answer.code());
    let answer = login::authorize(&guide.postern, &open).await;
    guide.meet(Code::RequestUriSpent, answer);
    let unknown = format!("urn:ietf:params:oauth:request_uri:{STRANGE}");
    let answer = login::authorize(&guide.postern, &[open[0], ("request_uri", &unknown)]).await;
    guide.meet(Code::RequestUriUnknown, answer);
    a_product_that_takes_no_other(guide).await;
}

async fn a_product_that_takes_no_other(guide: &mut Guide) {
    let name = format!("{PRODUCT}-pushing");
    let settings = json!({
        "name": name, "redirect_urls": [REDIRECT], "require_pushed_authorization_requests": true,
    });
    let product = guide.postern.call("POST", "/api/v1/products", Some(&settings)).await;
    let client_id = product["client_id"].as_str().expect("a client id").to_owned();
    guide.marks.add("client secret", product["client_secret"].as_str().expect("a secret"));
    guide.postern.connect(TENANT, &name, &[REDIRECT.to_owned()], ("rawMetadata", &guide.idp.metadata())).await;
    let answer: Answer = login::authorize(&guide.postern, &guide.asking(&[("client_id", Some(&client_id))])).await;
    guide.meet(Code::PushRequired, answer);
}
