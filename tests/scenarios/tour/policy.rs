//! Two administrators change a policy at once, one of them without looking; and one enforces single sign-on too early.

use postern_core::fault::Code;
use postern_e2e::Postern;
use reqwest::Method;
use serde_json::json;

use super::{EMAIL, Guide, HINT, PRODUCT, TENANT};

pub(super) async fn visit(guide: &mut Guide) {
    let path = format!("/api/v1/tenants/tenant-of-two-administrators/products/{PRODUCT}/policy");
    for (code, body) in [(Code::PolicyRevisionMissing, json!({})), (Code::PolicyChanged, json!({ "revision": 7 }))] {
        let answer = guide.postern.call_as(Postern::API_KEY, Method::PATCH, &path, Some(&body)).await;
        guide.meet(code, answer);
    }
    let body = json!({ "revision": 0, "enforce_sso": true });
    let answer = guide.postern.call_as(Postern::API_KEY, Method::PATCH, &path, Some(&body)).await;
    guide.meet(Code::EnforcementUnready, answer);

    // Whom it would concern is counted, of the tenant that the tour is about.
    let path = format!("/api/v1/tenants/{TENANT}/products/{PRODUCT}/policy");
    let revision = guide.postern.call("GET", &path, None).await["revision"].clone();
    let body = json!({
        "revision": revision, "enforce_sso": "observe", "enforcement_scope": "organisation", "break_glass": [HINT],
    });
    guide.postern.call("PATCH", &path, Some(&body)).await;
    let question = json!({ "email": EMAIL, "tenant": TENANT, "product": PRODUCT });
    guide.postern.call("POST", "/api/v1/discover", Some(&question)).await;
    let observed = guide.postern.call("GET", &path, None).await["observed"].clone();
    assert_eq!(observed["addresses"], 1, "{observed}");
}
