//! Deleting a tenant, or what it has in a product, and what there is to be deleted. What deletes has no examples, so that whoever
//! tries the examples of the OpenAPI document deletes nothing.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::removal::{Contents, Removed};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiCall;
use super::requests::{AlsoIn, TenantName};
use crate::reply::{Refusal, no_store};

/// `DELETE /api/v1/tenants/{tenant}`: removes a tenant with everything that it has in any product. 200 with how much that was.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant}",
    params(("tenant" = String, Path)),
    responses((status = 200, body = RemovedRecord), (status = 404), (status = 409)),
)]
pub async fn tenant(call: ApiCall, name: Path<String>) -> Result<HttpResponse, Refusal> {
    let delete = async {
        call.check_everything()?;
        call.app.removals.tenant(&name).await
    };
    let removed = delete.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(RemovedRecord::from(removed)))
}

/// `DELETE /api/v1/tenants/{tenant}/products/{product}`: removes what a tenant has in a product. 200 with how much that was.
#[utoipa::path(
    delete,
    path = "/api/v1/tenants/{tenant}/products/{product}",
    params(("tenant" = String, Path), ("product" = String, Path)),
    responses((status = 200, body = RemovedRecord), (status = 404), (status = 409)),
)]
pub async fn scope(call: ApiCall, names: Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let delete = async { call.app.removals.scope(&call.scope_of(&names.0, &names.1)?).await };
    let removed = delete.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(RemovedRecord::from(removed)))
}

/// `GET /api/v1/tenants/{tenant}/contents`: what a tenant has, product by product. 200 also for one that is not known, or no longer: it
/// has nothing.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{tenant}/contents",
    params(TenantName, AlsoIn),
    responses((status = 200, body = ContentsFound)),
)]
pub async fn contents(call: ApiCall, name: Path<String>) -> Result<HttpResponse, Refusal> {
    let look = async {
        call.check_everything()?;
        call.app.removals.under_tenant(&name, call.query.one("product")?).await
    };
    let found = look.await.map_err(Refusal::api)?;
    let data = found.into_iter().map(|(product, contents)| ContentsRecord::of(product, contents)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(ContentsFound { data }))
}

/// How much a deletion took along.
#[derive(Serialize, ToSchema)]
pub struct RemovedRecord {
    /// Connections, with their keys and secrets.
    connections: u64,
    /// Claims of domains.
    domains: u64,
    /// Policies.
    policies: u64,
    /// People who are blocked or invited.
    people: u64,
    /// Sessions that were ended, with all their tokens.
    sessions: u64,
    /// Stories of logins.
    traces: u64,
}

impl From<Removed> for RemovedRecord {
    fn from(removed: Removed) -> Self {
        let Removed { contents: Contents { connections, domains, policies, people, sessions }, traces } = removed;
        Self { connections, domains, policies, people, sessions, traces }
    }
}

/// What a tenant has.
#[derive(Serialize, ToSchema)]
pub struct ContentsFound {
    data: Vec<ContentsRecord>,
}

/// What a tenant has in a product.
#[derive(Serialize, ToSchema)]
pub struct ContentsRecord {
    /// The product.
    product: String,
    /// Connections.
    connections: u64,
    /// Claims of domains.
    domains: u64,
    /// Policies: one, or none where nobody ever set anything.
    policies: u64,
    /// People who are blocked or invited.
    people: u64,
    /// Sessions.
    sessions: u64,
}

impl ContentsRecord {
    fn of(product: String, contents: Contents) -> Self {
        let Contents { connections, domains, policies, people, sessions } = contents;
        Self { product, connections, domains, policies, people, sessions }
    }
}
