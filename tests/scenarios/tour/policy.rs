//! Two administrators change a policy at once, one of them without looking.

use postern_core::fault::Code;
use postern_e2e::Postern;
use reqwest::Method;
use serde_json::json;

use super::{Guide, PRODUCT};

pub(super) async fn visit(guide: &mut Guide) {
    let path = format!("/api/v1/tenants/tenant-of-two-administrators/products/{PRODUCT}/policy");
    for (code, body) in [(Code::PolicyRevisionMissing, json!({})), (Code::PolicyChanged, json!({ "revision": 7 }))] {
        let answer = guide.postern.call_as(Postern::API_KEY, Method::PATCH, &path, Some(&body)).await;
        guide.meet(code, answer);
    }
}
