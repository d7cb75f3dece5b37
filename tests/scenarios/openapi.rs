//! A program that knows nothing of Postern but its OpenAPI document asks everything that the document allows, and much that it
//! does not.

use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings, schemathesis};

const TENANT: &str = "acme.example.com";
const PRODUCT: &str = "crm";
const REDIRECT: &str = "https://app.example.com/callback";

#[tokio::test]
async fn schemathesis_finds_no_answer_that_the_document_does_not_promise() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    inhabit(&postern).await;
    let found = schemathesis::check(&postern).await.unwrap_or_else(|found| panic!("{found}"));

    let document = postern.call("GET", "/api/v1/openapi.json", None).await;
    let paths = document["paths"].as_object().expect("paths");
    let operations: Vec<(&String, &String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().into_iter().flat_map(move |item| item.keys().map(move |m| (path, m))))
        .collect();
    // All but the one that answers the document itself.
    assert!(found.contains(&format!("Tested: {}\n", operations.len() - 1)), "every operation was tested: {found}");
    // What was shown was something: every GET was answered well, and so was whatever the document has an example for.
    let log = postern.log();
    let has_example = |path: &str, method: &str| {
        let content = &paths[path][method]["requestBody"]["content"]["application/json"];
        // Who claims a domain or asks for a test login is given its id, which no example can foresee. The list shows the same record of a
        // domain; what is told of tests is shown by `crates/server/tests/http/test_login.rs`.
        let is_known = !["/api/v1/domains/{id}", "/api/v1/sso/{id}/test/{test}"].contains(&path);
        (method == "get" && is_known) || content.get("example").is_some()
    };
    let expected = operations.into_iter().filter(|(path, method)| has_example(path, method));
    let requests = expected.map(|(path, method)| format!("method=\"{}\" route=\"{path}\"", method.to_uppercase()));
    let refused: Vec<_> = requests.filter(|request| !log.contains(&format!("{request} status=20"))).collect();
    assert_eq!(refused, [""; 0], "these were never answered well");
}

/// Fills Postern with what the examples of the document name: an app, a connection, and somebody who signed in.
async fn inhabit(postern: &Postern) {
    let idp = Idp::new("https://idp.example.com/metadata");
    let urls = [REDIRECT.to_owned()];
    postern.connect(TENANT, PRODUCT, &urls, ("rawMetadata", &idp.metadata())).await;
    let (id, secret) = postern.register(PRODUCT, &urls).await;
    let parameters = [
        ("client_id", id.as_str()),
        ("tenant", TENANT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let waiting = login::begin(postern, &parameters).await;
    let code = waiting.answer(&waiting.response(&idp).signed_assertion(&idp.key)).await.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", CODE_VERIFIER),
    ];
    assert_eq!(login::redeem(postern, (&id, &secret), &form).await.status, 200);
}
