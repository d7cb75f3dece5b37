//! Somebody tries the connection out: it works, it fails, and a link is used twice.

use postern_core::fault::Code;
use postern_e2e::Postern;
use postern_e2e::login::{Answer, Waiting};
use reqwest::Method;

use super::{EMAIL, Guide, PRODUCT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let found = guide.postern.call("GET", &format!("/api/v1/sso?tenant={TENANT}&product={PRODUCT}"), None).await;
    let connection = found[0]["id"].as_str().expect("an id").to_owned();
    for is_good in [true, false] {
        let link = guide.postern.call("POST", &format!("/api/v1/sso/{connection}/test"), None).await;
        let url = link["url"].as_str().expect("a URL").replace(&guide.postern.public_url, "");
        guide.marks.add("secret of a test login", url.rsplit('/').next().expect("a path"));
        let waiting = Waiting::read(&guide.postern, guide.postern.post_form(&url, &[]).await);
        let answer = guide.postern.post_form(&url, &[]).await;
        guide.meet(Code::TestLoginSpent, answer);
        let mut response = guide.response(&waiting);
        if !is_good {
            response.audiences = vec![STRANGE.to_owned()];
        }
        let answer = waiting.answer(&response.signed_both(&guide.idp.key)).await;
        assert!(answer.location.is_some_and(|location| location.path().ends_with(&url)), "it ends on its result");
        let id = link["id"].as_str().expect("an id");
        let result = guide.postern.call("GET", &format!("/api/v1/sso/{connection}/test/{id}"), None).await;
        assert_eq!(result["passed"], is_good);
        // The last values stay where they are, for the dump.
        assert_eq!(result["values"]["claims"]["email"] == EMAIL, is_good, "{result}");
    }
    let link = guide.postern.call("POST", &format!("/api/v1/sso/{connection}/test"), None).await;
    let url = link["url"].as_str().expect("a URL").replace(&guide.postern.public_url, "");
    let waiting = Waiting::read(&guide.postern, guide.postern.post_form(&url, &[]).await);
    waiting.answer(&guide.response(&waiting).signed_both(&guide.idp.key)).await;

    let unknown = format!("/api/v1/sso/{connection}/test/test_{STRANGE}");
    let answer: Answer = guide.postern.call_as(Postern::API_KEY, Method::GET, &unknown, None).await;
    guide.meet(Code::TestLoginUnknown, answer);
}
