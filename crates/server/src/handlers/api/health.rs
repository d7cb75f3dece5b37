//! `/api/v1/sso/{id}/health`: how well the identity provider of a connection is.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::expiry::last_expiry;
use postern_core::fault::Code;
use postern_core::ports::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::ConnectionName;
use super::{ApiCall, sso};
use crate::reply::{Refusal, no_store};

/// `GET`: what the last looks came to.
#[utoipa::path(
    get,
    path = "/api/v1/sso/{id}/health",
    params(ConnectionName),
    responses((status = 200, body = HealthRecord), (status = 404)),
)]
pub async fn find(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let find = async {
        let found = sso::named(&call, &id).await?;
        let connection = found.first().ok_or(Code::ConnectionNotFound)?;
        let health = call.app.connections.health(connection).await?;
        let code = health.code.as_deref().and_then(Code::named);
        Ok(HealthRecord {
            status: health.status().name(),
            checked_at: health.looked,
            latency_ms: health.looked.map(|_| health.latency_ms),
            last_success_at: health.last_success,
            failures: health.failures,
            fault: code.map(|code| FailedLook { code: code.name(), hint: code.hint() }),
            certificate_expires_at: last_expiry(connection),
        })
    };
    let record = find.await.map_err(|fault: postern_core::fault::Fault| Refusal::api(fault))?;
    Ok(no_store(&mut HttpResponse::Ok()).json(record))
}

/// How well an identity provider is.
#[derive(Serialize, ToSchema)]
pub struct HealthRecord {
    /// `ok`, `degraded`, `down`, or `unknown` where there is no address to look at or nobody has looked yet.
    status: &'static str,
    /// When it was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Timestamp>,
    /// How long it took to answer or to fail.
    latency_ms: Option<u64>,
    /// When it last answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success_at: Option<Timestamp>,
    /// How often in a row it failed.
    failures: u32,
    /// Why it failed the last time.
    fault: Option<FailedLook>,
    /// When the last of its signing certificates expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    certificate_expires_at: Option<Timestamp>,
}

/// Why an identity provider could not be looked at.
#[derive(Serialize, ToSchema)]
pub struct FailedLook {
    /// One of docs/ERRORS.md.
    code: &'static str,
    /// What to do.
    hint: &'static str,
}
