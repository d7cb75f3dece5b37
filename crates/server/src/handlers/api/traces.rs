//! `/api/v1/sso-traces`: the stories of logins.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::trace::{Outcome, Step, Trace, TraceId};
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::Page;
use super::{ApiCall, required};
use crate::reply::{Refusal, no_store};

/// `GET ?id=`: one trace; `?product=`: those of a product.
#[utoipa::path(
    get,
    path = "/api/v1/sso-traces",
    params(("id" = Option<String>, Query), ("product" = Option<String>, Query, example = "crm"), Page),
    responses((status = 200, body = TracesFound), (status = 404)),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let id = call.query.one("id").map_err(Refusal::api)?.map(|id| TraceId(id.to_owned()));
    let Some(id) = id else { return of_product(call).await };
    let find = async {
        let found = call.app.traces.find(&id).await?.filter(|trace| call.permits(&trace.scope.product));
        found.ok_or_else(|| Fault::from(Code::TraceNotFound))
    };
    let trace = find.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(TracesFound::One { data: Box::new(describe(&trace, &call)) }))
}

/// `GET …/product?product=`: the traces of a product, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sso-traces/product",
    params(("product" = String, Query, example = "crm"), Page),
    responses((status = 200, body = TracesFound)),
)]
pub async fn of_product(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let find = async {
        let product = product(&call)?;
        let (offset, limit) = call.page()?;
        call.app.traces.of_product(product, offset, limit, call.app.now()).await
    };
    let traces = find.await.map_err(Refusal::api)?;
    let data = traces.iter().map(|trace| describe(trace, &call)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(TracesFound::Page { data }))
}

/// `GET …/product/count?product=`: how many there are.
#[utoipa::path(
    get,
    path = "/api/v1/sso-traces/product/count",
    params(("product" = String, Query, example = "crm")),
    responses((status = 200, body = TraceCount)),
)]
pub async fn count(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let count = async { call.app.traces.count(product(&call)?, call.app.now()).await };
    let count = count.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(TraceCount { count }))
}

/// `DELETE …/product?product=`: removes those of a product.
#[utoipa::path(
    delete,
    path = "/api/v1/sso-traces/product",
    params(("product" = String, Query)),
    responses((status = 204)),
)]
pub async fn delete(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let delete = async { call.app.traces.delete_of_product(product(&call)?).await };
    delete.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

fn product(call: &ApiCall) -> Result<&str, Fault> {
    let product = required(&call.query, "product")?;
    call.check_product(product)?;
    Ok(product)
}

/// One trace, or a page of them.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TracesFound {
    /// The one that was named.
    One {
        /// It.
        data: Box<TraceRecord>,
    },
    /// Those of a page.
    Page {
        /// They.
        data: Vec<TraceRecord>,
    },
}

/// How many traces there are.
#[derive(Serialize, ToSchema)]
pub struct TraceCount {
    count: u64,
}

/// A trace as Jackson shows it (`traceId`, `timestamp`, `error`, `context`), and what Postern adds.
#[derive(Serialize, ToSchema)]
pub struct TraceRecord {
    /// Its reference.
    #[serde(rename = "traceId")]
    id: String,
    /// When it began, in milliseconds since 1970.
    timestamp: i64,
    /// `started`, `succeeded`, `failed` or `incomplete`.
    status: &'static str,
    /// What happened, in order.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Step>,
    /// The names of the attributes that arrived.
    attributes: Vec<String>,
    /// What an administrator should mind.
    notes: Vec<String>,
    /// What somebody should look into.
    anomalies: Vec<String>,
    context: TraceContext,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<TraceFault>,
}

/// Whose login it was.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceContext {
    tenant: String,
    product: String,
    #[serde(rename = "clientID")]
    client_id: String,
    connection: Option<String>,
    redirect_uri: String,
    entity_id: Option<String>,
    acs_url: String,
}

/// What stopped it, and who can mend that.
#[derive(Serialize, ToSchema)]
pub struct TraceFault {
    code: String,
    hint: Option<&'static str>,
    mender: Option<&'static str>,
    expected: Option<String>,
    received: Option<String>,
}

impl TraceFault {
    /// Of a login that ended so; none, where it ended well.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let Outcome::Failed { code, expected, received } = outcome else { return None };
        let known = Code::named(code);
        Some(Self {
            code: code.clone(),
            hint: known.map(Code::hint),
            mender: known.map(|code| code.mender().name()),
            expected: expected.clone(),
            received: received.clone(),
        })
    }
}

fn describe(trace: &Trace, call: &ApiCall) -> TraceRecord {
    let fault = trace.outcome.as_ref().and_then(TraceFault::of);
    TraceRecord {
        id: trace.id.0.clone(),
        timestamp: trace.began.as_millisecond(),
        status: trace.status(call.app.now(), call.app.logins.settings().login_lifetime),
        steps: trace.steps.clone(),
        attributes: trace.attributes.clone(),
        notes: trace.notes.clone(),
        anomalies: trace.anomalies.clone(),
        context: TraceContext {
            tenant: trace.scope.tenant.clone(),
            product: trace.scope.product.clone(),
            client_id: trace.client_id.clone(),
            connection: trace.connection.as_ref().map(|connection| connection.0.clone()),
            redirect_uri: trace.redirect_uri.clone(),
            entity_id: trace.idp.clone(),
            acs_url: call.app.home().acs_url(),
        },
        error: fault
            .as_ref()
            .map(|TraceFault { code, .. }| Code::named(code).map_or(code.as_str(), |code| code.sentence()).to_owned()),
        fault,
    }
}
