//! The app redeems, and does it wrongly.

use postern_core::fault::Code;
use postern_e2e::http;
use postern_e2e::login::{self, Answer};

use super::{Changes, Guide, PRODUCT, REDIRECT, STRANGE};

pub(super) async fn visit(guide: &mut Guide) {
    let wrongly: &[(Code, &Changes<'_>)] = &[
        (Code::GrantTypeUnsupported, &[("grant_type", Some(STRANGE))]),
        (Code::CodeMissing, &[("code", None)]),
        (Code::CodeUnknown, &[("code", Some(STRANGE))]),
        (Code::CodeRedirectMismatch, &[("redirect_uri", Some(STRANGE))]),
        (Code::VerifierMissing, &[("code_verifier", None)]),
        (Code::VerifierWrong, &[("code_verifier", Some("a-verifier-of-sufficient-length-that-fits-nothing"))]),
    ];
    // None of these spends the code: it is still good after each.
    let code = guide.code(&[]).await;
    for (fault, changes) in wrongly {
        let answer = guide.redeem(&guide.redemption(&code, changes)).await;
        guide.meet(*fault, answer);
    }
    other_clients(guide, &code).await;
    let form = guide.redemption(&code, &[]);
    assert_eq!(guide.redeem(&form).await.status, 200);
    let answer = guide.redeem(&form).await;
    guide.meet(Code::CodeSpent, answer);

    let code = guide.code(&[("code_challenge", None), ("code_challenge_method", None)]).await;
    let answer = guide.redeem(&guide.redemption(&code, &[])).await;
    guide.meet(Code::VerifierUnexpected, answer);

    tokens(guide).await;
}

async fn other_clients(guide: &mut Guide, code: &str) {
    let form = guide.redemption(code, &[]);
    let (id, secret) = guide.client.clone();

    let answer = login::redeem(&guide.postern, (&id, STRANGE), &form).await;
    guide.meet(Code::ClientSecretWrong, answer);
    let other = guide.postern.register(&format!("{PRODUCT}-other"), &[REDIRECT.to_owned()]).await;
    let guessed = guide.postern.register(&format!("{PRODUCT}-guessed"), &[REDIRECT.to_owned()]).await;
    for _ in 0..20 {
        login::redeem(&guide.postern, (&guessed.0, STRANGE), &form).await;
    }
    let answer = login::redeem(&guide.postern, (&guessed.0, &guessed.1), &form).await;
    guide.meet(Code::SecretsWrongTooOften, answer);
    let answer = login::redeem(&guide.postern, (&other.0, &other.1), &form).await;
    guide.meet(Code::CodeForOtherClient, answer);

    let both = [&form[..], &[("client_secret", secret.as_str())]].concat();
    let answer = login::redeem(&guide.postern, (&id, &secret), &both).await;
    guide.meet(Code::ClientAuthenticationTwice, answer);

    let nothing = [&form[..], &[("client_id", id.as_str())]].concat();
    let answer = guide.postern.post_form("/api/oauth/token", &nothing).await;
    guide.meet(Code::ClientAuthenticationMissing, answer);

    let in_url = format!("/api/oauth/token?client_secret={secret}");
    let answer = guide.postern.post_form(&in_url, &nothing).await;
    guide.meet(Code::ClientSecretInUrl, answer);

    let request = http().post(format!("{}/api/oauth/token", guide.postern.origin)).bearer_auth(STRANGE).form(&form);
    let answer = Answer::read(request.send().await.expect("the token endpoint answers")).await;
    guide.meet(Code::ClientAuthenticationMalformed, answer);
}

async fn tokens(guide: &mut Guide) {
    let userinfo = format!("{}/api/oauth/userinfo", guide.postern.origin);
    let answer = Answer::read(http().get(&userinfo).send().await.expect("userinfo answers")).await;
    guide.meet(Code::TokenMissing, answer);
    let answer = login::userinfo(&guide.postern, STRANGE).await;
    guide.meet(Code::TokenInvalid, answer);

    // A token in the URL is none, and is not told to the log either.
    let token = guide.good_login().await;
    let answer =
        Answer::read(http().get(format!("{userinfo}?access_token={token}")).send().await.expect("an answer")).await;
    guide.meet(Code::TokenMissing, answer);
}
