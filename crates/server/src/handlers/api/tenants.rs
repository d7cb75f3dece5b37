//! `/api/v1/tenants`: the customer organisations, and who of them may sign in at all. They reach over all products, so keys for
//! one product have no say.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;
use postern_core::tenants::{Tenant, TenantStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::{Page, TenantName, TenantRequest};
use super::{ApiCall, required};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// `GET`: all that are known, the newest first.
#[utoipa::path(get, path = "/api/v1/tenants", params(Page), responses((status = 200, body = TenantsFound)))]
pub async fn list(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let list = async {
        call.check_everything()?;
        let (offset, limit) = call.page()?;
        call.app.tenants.list(offset, limit).await
    };
    let found = list.await.map_err(Refusal::api)?;
    let data = found.iter().map(|tenant| describe(tenant)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(TenantsFound { data }))
}

/// `GET …/{tenant}`: one.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}",
    params(TenantName),
    responses((status = 200, body = TenantRecord), (status = 404)),
)]
pub async fn find(call: ApiCall, name: Path<String>) -> Result<HttpResponse, Refusal> {
    let find = async {
        call.check_everything()?;
        call.app.tenants.find(&name).await
    };
    let tenant = find.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&tenant)))
}

/// `PUT …/{tenant}`: says whether its people may sign in. 200, also for one that was not known.
#[utoipa::path(
    put,
    path = "/api/v1/tenants/{tenant}",
    params(TenantName),
    request_body(content = TenantRequest, example = json!({ "status": "suspended" })),
    responses((status = 200, body = TenantRecord), (status = 409)),
)]
pub async fn put(call: ApiCall, name: Path<String>) -> Result<HttpResponse, Refusal> {
    let put = async {
        call.check_everything()?;
        call.app.tenants.set(&name, status(&call.body)?).await
    };
    let tenant = put.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&tenant)))
}

fn status(body: &Fields) -> Result<TenantStatus, Fault> {
    let unknown = || Code::FieldInvalid.fault().expected("status is not active or suspended");
    TenantStatus::named(required(body, "status")?).ok_or_else(unknown)
}

/// Tenants, the newest first.
#[derive(Serialize, ToSchema)]
pub struct TenantsFound {
    data: Vec<TenantRecord>,
}

/// A customer organisation.
#[derive(Serialize, ToSchema)]
pub struct TenantRecord {
    /// The `tenant` of its scopes.
    name: String,
    /// `active` or `suspended`; `deleting` until everything is gone.
    status: &'static str,
    /// The products in which it has, or had, connections, domains or a policy.
    products: Vec<String>,
    /// Since when it is known.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn describe(tenant: &Tenant) -> TenantRecord {
    TenantRecord {
        name: tenant.name.clone(),
        status: tenant.status.name(),
        products: tenant.products.iter().cloned().collect(),
        created_at: tenant.created,
    }
}
