//! The app keeps people signed in, and does it wrongly.

use postern_core::fault::Code;
use postern_e2e::Postern;
use postern_e2e::login::{self, Answer};
use reqwest::Method;
use serde_json::json;

use super::{Guide, PRODUCT, REDIRECT, STRANGE, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let answer = guide.refresh(STRANGE, &[]).await;
    guide.meet(Code::RefreshNotAllowed, answer);
    let grants = json!({ "name": PRODUCT, "grant_types": ["authorization_code", "refresh_token"] });
    guide.postern.call("PATCH", "/api/v1/products", Some(&grants)).await;
    refusals(guide).await;
    presented(guide).await;
    let unknown = format!("/api/v1/sessions?tenant={TENANT}&product={PRODUCT}&id={STRANGE}");
    let answer = guide.postern.call_as(Postern::API_KEY, Method::DELETE, &unknown, None).await;
    guide.meet(Code::SessionNotFound, answer);
}

async fn refusals(guide: &mut Guide) {
    let first = guide.refresh_token().await;
    let answer = guide.refresh("", &[]).await;
    guide.meet(Code::RefreshTokenMissing, answer);
    let answer = guide.refresh(STRANGE, &[]).await;
    guide.meet(Code::RefreshTokenUnknown, answer);
    let answer = guide.refresh(&first, &[("scope", STRANGE)]).await;
    guide.meet(Code::ScopeNotGranted, answer);
    let other = json!({
        "name": format!("{PRODUCT}-another"), "redirect_urls": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"],
    });
    let other = guide.postern.call("POST", "/api/v1/products", Some(&other)).await;
    let other = ["client_id", "client_secret"].map(|name| (name, other[name].as_str().expect("a client")));
    let form = [&other[..], &[("grant_type", "refresh_token"), ("refresh_token", first.as_str())]].concat();
    let answer = guide.postern.post_form("/api/oauth/token", &form).await;
    guide.meet(Code::RefreshTokenForOtherClient, answer);

    let connection = guide.postern.call("GET", &format!("/api/v1/sso?tenant={TENANT}&product={PRODUCT}"), None).await;
    let mut change = json!({
        "clientID": connection[0]["clientID"], "clientSecret": connection[0]["clientSecret"], "isSAML": true,
    });
    change["deactivated"] = true.into();
    guide.postern.call("PATCH", "/api/v1/sso", Some(&change)).await;
    let answer = guide.refresh(&first, &[]).await;
    guide.meet(Code::RefreshConnectionGone, answer);
    suspended(guide, &first).await;
    change["deactivated"] = false.into();
    guide.postern.call("PATCH", "/api/v1/sso", Some(&change)).await;

    let second = guide.refresh(&first, &[]).await.member("refresh_token").expect("a successor");
    assert_eq!(guide.refresh(&second, &[]).await.status, 200);
    let answer = guide.refresh(&first, &[]).await;
    guide.meet(Code::RefreshTokenReused, answer);
}

/// The operator suspends the tenant, and changes his mind.
async fn suspended(guide: &mut Guide, refresh_token: &str) {
    let tenant = format!("/api/v1/tenants/{TENANT}");
    guide.postern.call("PUT", &tenant, Some(&json!({ "status": "suspended" }))).await;
    let answer = guide.refresh(refresh_token, &[]).await;
    guide.meet(Code::RefreshTenantSuspended, answer);
    let answer = login::authorize(&guide.postern, &guide.asking(&[])).await;
    guide.meet(Code::TenantSuspended, answer);
    guide.postern.call("PUT", &tenant, Some(&json!({ "status": "active" }))).await;
    let unknown = format!("/api/v1/tenants/{STRANGE}-nobody");
    let answer = guide.postern.call_as(Postern::API_KEY, Method::GET, &unknown, None).await;
    guide.meet(Code::TenantNotFound, answer);
}

/// Tokens at the endpoints that judge them and take them back.
async fn presented(guide: &mut Guide) {
    let token = guide.refresh_token().await;
    let client = guide.client.0.clone();
    let answer = guide.post("/api/oauth/introspect", &client, &[]).await;
    guide.meet(Code::TokenParameterMissing, answer);
    assert!(guide.post("/api/oauth/introspect", &client, &[("token", &token)]).await.body.contains("true"));

    let name = format!("{PRODUCT}-public-too");
    let public = json!({ "name": name, "redirect_urls": [REDIRECT], "token_endpoint_auth_method": "none" });
    let public = guide.postern.call("POST", "/api/v1/products", Some(&public)).await;
    let public = [("client_id", public["client_id"].as_str().expect("a client id")), ("token", &token)];
    let answer = guide.postern.post_form("/api/oauth/introspect", &public).await;
    guide.meet(Code::IntrospectionNeedsSecret, answer);
    let answer = guide.postern.post_form("/api/oauth/revoke", &public).await;
    guide.meet(Code::TokenForOtherClient, answer);
    assert_eq!(guide.post("/api/oauth/revoke", &client, &[("token", &token)]).await.status, 200);
}

impl Guide {
    /// The refresh token of a good login.
    pub(super) async fn refresh_token(&mut self) -> String {
        let code = self.code(&[]).await;
        let answer = self.redeem(&self.redemption(&code, &[])).await;
        answer.member("refresh_token").unwrap_or_else(|| panic!("no refresh token in {answer:?}"))
    }

    pub(super) async fn refresh(&mut self, token: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
        self.redeem(&form).await
    }

    /// Calls an endpoint for clients under a name of the registered app.
    async fn post(&self, path: &str, client_id: &str, form: &[(&str, &str)]) -> Answer {
        let proof = [("client_id", client_id), ("client_secret", self.client.1.as_str())];
        self.postern.post_form(path, &[&proof[..], form].concat()).await
    }
}
