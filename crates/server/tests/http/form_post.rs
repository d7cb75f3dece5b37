//! `response_mode=form_post`: the browser posts the answer to the app (OAuth 2.0 Form Post Response Mode).

use postern_lab::response::Response;

use crate::world::{Answer, CALLBACK, PUBLIC, World};

/// The fields of the form, after a look at the page around it.
fn posted(page: &Answer) -> Vec<(String, String)> {
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(&format!("<form method=\"post\" action=\"{CALLBACK}\">")), "{}", page.body);
    assert!(page.header("cache-control").contains("no-store"));
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'sha256-", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let fields = page.body.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        (name.to_owned(), value)
    });
    fields.collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

#[actix_web::test]
async fn a5_a14_a15_success_and_errors_are_posted_to_the_app() {
    let world = World::new().await;
    let state = "\"><script>alert(1)</script>&amp;ä";
    let login = world.begin(&[("response_mode", "form_post"), ("state", state)]).await;
    let page = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    let fields = posted(&page);
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"], "A19");
    assert_eq!((value(&fields, "state"), value(&fields, "iss")), (state, PUBLIC));
    assert_eq!(world.redeem(value(&fields, "code"), &[]).await.status, 200);
    assert!(page.forgets_the_login() && !page.cookie().contains("__Host-postern-"));

    let login = world.begin(&[("response_mode", "form_post")]).await;
    let fields = posted(&world.answer(&login, &world.response(&login).unsigned()).await);
    assert_eq!((value(&fields, "error"), value(&fields, "state")), ("access_denied", "a state"));
    assert!(value(&fields, "error_description").contains("SamlUnsigned"));
    for (asked, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (("request_uri", "https://app.example.com/request.jwt"), "request_uri_not_supported"),
    ] {
        let fields = posted(&world.authorize(&[("response_mode", "form_post"), asked]).await);
        let sent = [value(&fields, "error"), value(&fields, "state"), value(&fields, "iss")];
        assert_eq!(sent, [error, "a state", PUBLIC], "{asked:?}");
    }
}

#[actix_web::test]
async fn f5_nobody_is_signed_in_and_that_is_posted_to_the_app() {
    let world = World::new().await;
    let login = world.begin(&[("response_mode", "form_post"), ("prompt", "none")]).await;
    let status = ["Responder", "NoPassive"].map(|code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}")).to_vec();
    let response = Response { status, has_assertion: false, ..world.response(&login) };
    let fields = posted(&world.answer(&login, &response.unsigned()).await);
    assert_eq!((value(&fields, "error"), value(&fields, "state")), ("login_required", "a state"));
}

#[actix_web::test]
async fn a19_the_query_stays_the_default_and_other_modes_are_refused() {
    let world = World::new().await;
    let login = world.begin(&[("response_mode", "query")]).await;
    let answer = world.answer(&login, &world.response(&login).signed_assertion(&world.key)).await;
    let names: Vec<_> = answer.location().query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    for mode in ["fragment", "jwt", "web_message"] {
        let answer = world.authorize(&[("response_mode", mode)]).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{mode}");
        assert_eq!(answer.code(), "ResponseModeUnsupported", "{mode}");
    }
}
