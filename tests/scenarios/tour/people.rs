//! A tenant wants some people, and does not want others.

use postern_core::fault::Code;
use postern_e2e::Postern;
use reqwest::Method;
use serde_json::{Value, json};

use super::{EMAIL, Guide, PRODUCT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let unknown = format!("/api/v1/people/blocked?tenant={TENANT}&product={PRODUCT}&sub={STRANGE}");
    let answer = guide.postern.call_as(Postern::API_KEY, Method::DELETE, &unknown, None).await;
    guide.meet(Code::PersonNotListed, answer);

    let refresh_token = guide.refresh_token().await;
    guide.set(json!({ "access_policy": "invited_only" })).await;
    let answer = guide.refresh(&refresh_token, &[]).await;
    guide.meet(Code::RefreshNotInvited, answer);
    guide.is_refused(Code::NotInvited).await;
    guide.set(json!({ "access_policy": "", "required_acr": [format!("urn:{STRANGE}")] })).await;
    guide.is_refused(Code::AuthenticationTooWeak).await;
    guide.set(json!({ "required_acr": "" })).await;

    let code = guide.code(&[]).await;
    let person = json!({ "tenant": TENANT, "product": PRODUCT, "email": EMAIL, "reason": STRANGE });
    guide.postern.call("POST", "/api/v1/people/blocked", Some(&person)).await;
    let answer = guide.redeem(&guide.redemption(&code, &[])).await;
    guide.meet(Code::CodeSessionEnded, answer);
    guide.is_refused(Code::PersonBlocked).await;
    let alice = format!("/api/v1/people/blocked?tenant={TENANT}&product={PRODUCT}&email={EMAIL}");
    guide.postern.call("DELETE", &alice, None).await;
}

impl Guide {
    /// A login of Alice is refused with this code.
    async fn is_refused(&mut self, code: Code) {
        let waiting = self.begin(&[]).await;
        let xml = self.response(&waiting).signed_both(&self.idp.key);
        let answer = waiting.answer(&xml).await;
        self.meet(code, answer);
    }

    /// The tenant changes its policy.
    async fn set(&mut self, mut settings: Value) {
        let path = format!("/api/v1/tenants/{TENANT}/products/{PRODUCT}/policy");
        settings["revision"] = self.postern.call("GET", &path, None).await["revision"].clone();
        self.postern.call("PATCH", &path, Some(&settings)).await;
    }
}
