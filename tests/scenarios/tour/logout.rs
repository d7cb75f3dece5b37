//! The person signs out, and the app asks for it wrongly.

use postern_core::fault::Code;

use super::{Guide, STRANGE};

pub(super) async fn visit(guide: &mut Guide) {
    let code = guide.code(&[]).await;
    let answer = guide.redeem(&guide.redemption(&code, &[])).await;
    let token = answer.member("id_token").unwrap_or_else(|| panic!("no ID token in {answer:?}"));
    guide.marks.add("ID token", &token);
    let elsewhere = format!("https://{STRANGE}.example.com/");
    let calls = [
        (Code::LogoutHintInvalid, vec![("id_token_hint", STRANGE)]),
        (Code::LogoutHintForOtherClient, vec![("id_token_hint", token.as_str()), ("client_id", STRANGE)]),
        (Code::LogoutRedirectNotAllowed, vec![("id_token_hint", &token), ("post_logout_redirect_uri", &elsewhere)]),
        (Code::LogoutNotConfirmed, vec![("confirm", STRANGE)]),
    ];
    for (code, form) in calls {
        let answer = guide.postern.post_form("/api/oauth/logout", &form).await;
        guide.meet(code, answer);
    }
    let form = [("id_token_hint", token.as_str())];
    assert_eq!(guide.postern.post_form("/api/oauth/logout", &form).await.status, 200);
}
