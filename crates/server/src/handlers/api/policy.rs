//! `/api/v1/tenants/{tenant}/products/{product}/policy`: what a tenant wants of its logins to a product.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Path;
use postern_core::fault::{Code, Fault};
use postern_core::policy::Policy;
use postern_core::policy_settings::Change;
use postern_core::products::Product;
use postern_core::scope::Scope;
use serde_json::{Map, Value, json};

use super::requests::{ObservedRecord, PolicyRecord, PolicyRequest};
use super::{ApiCall, boolean};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// The tenant and the product in the path.
type Names = Path<(String, String)>;

/// What stands among the settings and is none.
const NOT_SET: [&str; 7] = [
    "revision",
    "warnings",
    "enforced_since",
    "observed",
    "force",
    "confirmed_privileged_default",
    "confirm_privileged_default",
];

/// `GET`: every setting, with the revision that a change is to be based on.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/products/{product}/policy",
    params(("tenant" = String, Path, example = "acme.example.com"), ("product" = String, Path, example = "crm")),
    responses((status = 200, body = PolicyRecord)),
)]
pub async fn find(call: ApiCall, names: Names) -> Result<HttpResponse, Refusal> {
    let find = async {
        let scope = call.scope_of(&names.0, &names.1)?;
        let (policy, product) = call.app.policies.find(&scope).await?;
        describe(&call, &scope, &policy, product.as_deref()).await
    };
    find.await.map_err(Refusal::api)
}

/// `PUT`: settings that are not named go back to their defaults. 200 and the policy as it is then.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant}/products/{product}/policy",
    params(("tenant" = String, Path, example = "acme.example.com"), ("product" = String, Path, example = "crm")),
    request_body(content = PolicyRequest, example = json!({ "revision": 0, "foreign_domains": "flag" })),
    responses((status = 200, body = PolicyRecord), (status = 409), (status = 412), (status = 428)),
)]
pub async fn replace(call: ApiCall, names: Names) -> Result<HttpResponse, Refusal> {
    change(&call, &names, true).await.map_err(Refusal::api)
}

/// `PATCH`: settings that are not named stay. 200 and the policy as it is then.
#[utoipa::path(
    patch,
    path = "/api/v1/tenants/{tenant}/products/{product}/policy",
    params(("tenant" = String, Path, example = "acme.example.com"), ("product" = String, Path, example = "crm")),
    request_body = PolicyRequest,
    responses((status = 200, body = PolicyRecord), (status = 409), (status = 412), (status = 428)),
)]
pub async fn update(call: ApiCall, names: Names) -> Result<HttpResponse, Refusal> {
    change(&call, &names, false).await.map_err(Refusal::api)
}

async fn change(call: &ApiCall, names: &Names, replaces: bool) -> Result<HttpResponse, Fault> {
    let scope = call.scope_of(&names.0, &names.1)?;
    let sent = Sent::read(&call.body, call.if_match.as_deref())?;
    let change = Change { replaces, ..sent.merging() };
    let (policy, product) = call.app.policies.change(&scope, &change).await?;
    describe(call, &scope, &policy, product.as_deref()).await
}

/// What a request says of a policy.
pub(super) struct Sent {
    /// The revision that it is based on.
    pub(super) revision: Option<u64>,
    settings: Vec<(String, String)>,
    confirms_privileged_default: bool,
    forces_enforcement: bool,
}

impl Sent {
    /// Reads an object. The revision stands in it, or is the one that the `ETag` of GET names. What GET showed may be sent back as it
    /// is.
    pub(super) fn read(fields: &Fields, if_match: Option<&str>) -> Result<Self, Fault> {
        let revision = fields.one("revision")?.or_else(|| if_match.map(|tag| tag.trim().trim_matches('"')));
        let number =
            |text: &str| text.parse().map_err(|_| Code::FieldInvalid.fault().expected("revision is not that of GET"));
        let mut settings = fields.0.clone();
        settings.retain(|(name, _)| !NOT_SET.contains(&name.as_str()));
        if let Some((twice, _)) = settings
            .iter()
            .enumerate()
            .find_map(|(at, one)| settings[..at].iter().any(|(name, _)| *name == one.0).then_some(one))
        {
            return Err(Code::ParameterRepeated.fault().expected(twice));
        }
        let confirms_privileged_default = boolean(fields, "confirm_privileged_default")?.unwrap_or_default();
        let forces_enforcement = boolean(fields, "force")?.unwrap_or_default();
        let revision = revision.map(number).transpose()?;
        Ok(Self { revision, settings, confirms_privileged_default, forces_enforcement })
    }

    /// A change that leaves what is not named as it is.
    pub(super) fn merging(&self) -> Change<'_> {
        Change {
            replaces: false,
            revision: self.revision,
            settings: &self.settings,
            confirms_privileged_default: self.confirms_privileged_default,
            forces_enforcement: self.forces_enforcement,
        }
    }
}

async fn describe(
    call: &ApiCall,
    scope: &Scope,
    policy: &Policy,
    product: Option<&Product>,
) -> Result<HttpResponse, Fault> {
    let mut shown = shown(policy, product);
    if let Some(observed) = call.app.policies.observed(scope, &policy.enforcement).await? {
        shown.insert("observed".into(), json!(ObservedRecord::from(observed)));
    }
    let tag = (ETAG, format!("\"{}\"", policy.revision));
    Ok(no_store(HttpResponse::Ok().insert_header(tag)).json(shown))
}

/// A policy as it is shown.
pub(super) fn shown(policy: &Policy, product: Option<&Product>) -> Map<String, Value> {
    let mut shown = policy.shown();
    if let Some(since) = policy.enforcement.enforced_since() {
        shown.insert("enforced_since".into(), json!(since));
    }
    let warnings = policy.warnings(product);
    if !warnings.is_empty() {
        shown.insert("warnings".into(), json!(warnings));
    }
    shown.insert("revision".into(), json!(policy.revision));
    shown
}
