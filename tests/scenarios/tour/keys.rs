//! The app has a key of its own: it signs who it is, and proves that its tokens are its own; both wrongly.

use postern_core::fault::Code;
use postern_e2e::http;
use postern_e2e::login::{Answer, now};
use postern_lab::signer::Signer;
use serde_json::{Value, json};

use super::{Guide, PRODUCT, REDIRECT, STRANGE};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) async fn visit(guide: &mut Guide) {
    let signer = Signer::generate().expect("a key");
    assertions(guide, &signer).await;
    proofs(guide, &signer).await;
}

async fn assertions(guide: &mut Guide, signer: &Signer) {
    let name = format!("{PRODUCT}-signing");
    let settings = json!({
        "name": name, "redirect_urls": [REDIRECT],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.jwks("1"),
    });
    let product = guide.postern.call("POST", "/api/v1/products", Some(&settings)).await;
    let client_id = product["client_id"].as_str().expect("a client id").to_owned();
    let issuer = guide.postern.public_url.clone();
    let good = |changes: Value| signer.assertion(&client_id, &issuer, now(), changes).expect("a signature");
    let headed = |header: Value| signer.sign(&header, &json!({})).expect("a signature");
    let wrongly = [
        (Code::ClientAssertionForm, STRANGE.to_owned()),
        (Code::ClientAssertionAlgorithm, headed(json!({ "alg": STRANGE }))),
        (Code::ClientAssertionKey, headed(json!({ "alg": "ES256", "kid": STRANGE }))),
        (Code::ClientAssertionClient, good(json!({ "iss": STRANGE }))),
        (Code::ClientAssertionAudience, good(json!({ "aud": STRANGE }))),
        (Code::ClientAssertionTimes, good(json!({ "jti": null }))),
    ];
    for (code, assertion) in wrongly {
        let answer = introspect(guide, &client_id, &assertion).await;
        guide.meet(code, answer);
    }
    let assertion = good(json!({}));
    guide.marks.add("client assertion", &assertion);
    assert_eq!(introspect(guide, &client_id, &assertion).await.status, 200);
    let answer = introspect(guide, &client_id, &assertion).await;
    guide.meet(Code::ClientAssertionReplayed, answer);
    let (other, _) = guide.client.clone();
    let answer = introspect(guide, &other, &good(json!({}))).await;
    guide.meet(Code::ClientAssertionUnexpected, answer);
}

async fn introspect(guide: &Guide, client_id: &str, assertion: &str) -> Answer {
    let form = [
        ("token", STRANGE),
        ("client_id", client_id),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    guide.postern.post_form("/api/oauth/introspect", &form).await
}

async fn proofs(guide: &mut Guide, signer: &Signer) {
    let address = format!("{}/api/oauth/token", guide.postern.public_url);
    let good = |changes: Value| signer.proof(("POST", &address), None, now(), changes).expect("a signature");
    let thumbprint = signer.thumbprint();
    let code = guide.code(&[("dpop_jkt", Some(&thumbprint))]).await;
    let stranger = Signer::generate().expect("a key");
    let wrongly = [
        (Code::DpopProofRequired, None),
        (Code::DpopProofForm, Some(STRANGE.to_owned())),
        (Code::DpopProofRequest, Some(good(json!({ "htm": STRANGE })))),
        (Code::DpopProofTime, Some(good(json!({ "iat": 1 })))),
        (Code::DpopKeyOther, Some(stranger.proof(("POST", &address), None, now(), json!({})).expect("a signature"))),
    ];
    for (fault, proof) in wrongly {
        let answer = redeem(guide, &code, proof.as_deref()).await;
        guide.meet(fault, answer);
    }
    let proof = good(json!({}));
    let answer = redeem(guide, &code, Some(&proof)).await;
    let token = answer.member("access_token").unwrap_or_else(|| panic!("no token in {answer:?}"));
    guide.marks.add("bound access token", &token);
    guide.marks.add("DPoP proof", &proof);
    let other = guide.code(&[]).await;
    let answer = redeem(guide, &other, Some(&proof)).await;
    guide.meet(Code::DpopProofReplayed, answer);

    let address = format!("{}/api/oauth/par", guide.postern.public_url);
    let request = http().post(format!("{}/api/oauth/par", guide.postern.origin));
    let request = request.basic_auth(&guide.client.0, Some(&guide.client.1)).form(&[("dpop_jkt", STRANGE)]);
    let proof = signer.proof(("POST", &address), None, now(), json!({})).expect("a signature");
    let answer = request.header("DPoP", proof).send().await.expect("the endpoint answers");
    guide.meet(Code::DpopKeyNamedOther, Answer::read(answer).await);

    let address = format!("{}/api/oauth/userinfo", guide.postern.public_url);
    let about = |signer: &Signer, token: &str| {
        signer.proof(("GET", &address), Some(token), now(), json!({})).expect("a signature")
    };
    let plain = guide.good_login().await;
    for (fault, scheme, token, proof) in [
        (Code::TokenBound, "Bearer", &token, None),
        (Code::DpopProofMissing, "DPoP", &token, None),
        (Code::TokenKeyOther, "DPoP", &token, Some(about(&stranger, &token))),
        (Code::DpopProofToken, "DPoP", &token, Some(about(signer, STRANGE))),
        (Code::TokenNotBound, "DPoP", &plain, Some(about(signer, &plain))),
    ] {
        let answer = present(guide, scheme, token, proof.as_deref()).await;
        guide.meet(fault, answer);
    }
}

async fn redeem(guide: &Guide, code: &str, proof: Option<&str>) -> Answer {
    let request = http().post(format!("{}/api/oauth/token", guide.postern.origin));
    let request = request.basic_auth(&guide.client.0, Some(&guide.client.1)).form(&guide.redemption(code, &[]));
    let request = proof.into_iter().fold(request, |request, proof| request.header("DPoP", proof));
    Answer::read(request.send().await.expect("the token endpoint answers")).await
}

async fn present(guide: &Guide, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
    let request = http().get(format!("{}/api/oauth/userinfo", guide.postern.origin));
    let request = request.header("Authorization", format!("{scheme} {token}"));
    let request = proof.into_iter().fold(request, |request, proof| request.header("DPoP", proof));
    Answer::read(request.send().await.expect("userinfo answers")).await
}
