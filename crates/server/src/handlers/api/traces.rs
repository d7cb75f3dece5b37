//! `/api/v1/sso-traces`: the stories of logins.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::trace::{Outcome, Trace, TraceId};
use serde_json::{Value, json};

use super::{ApiCall, required};
use crate::reply::{Refusal, no_store};

/// `GET ?id=`: one trace; `?product=`: those of a product.
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let id = call.query.one("id").map_err(Refusal::api)?.map(|id| TraceId(id.to_owned()));
    let Some(id) = id else { return of_product(call).await };
    let find = async {
        let found = call.app.traces.find(&id).await?.filter(|trace| call.permits(&trace.scope.product));
        found.ok_or_else(|| Fault::from(Code::TraceNotFound))
    };
    let trace = find.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "data": describe(&trace, &call) })))
}

/// `GET …/product?product=`: the traces of a product, newest first.
pub async fn of_product(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let find = async {
        let product = product(&call)?;
        let (offset, limit) = call.page()?;
        call.app.traces.of_product(product, offset, limit, call.app.now()).await
    };
    let traces = find.await.map_err(Refusal::api)?;
    let data: Vec<_> = traces.iter().map(|trace| describe(trace, &call)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "data": data })))
}

/// `GET …/product/count?product=`: how many there are.
pub async fn count(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let count = async { call.app.traces.count(product(&call)?, call.app.now()).await };
    let count = count.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "count": count })))
}

/// `DELETE …/product?product=`: removes those of a product.
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

/// A trace as Jackson shows it (`traceId`, `timestamp`, `error`, `context`), and what Postern adds.
fn describe(trace: &Trace, call: &ApiCall) -> Value {
    let mut record = json!({
        "traceId": trace.id,
        "timestamp": trace.began.as_millisecond(),
        "status": trace.status(call.app.now(), call.app.logins.settings().login_lifetime),
        "steps": trace.steps,
        "attributes": trace.attributes,
        "notes": trace.notes,
        "anomalies": trace.anomalies,
        "context": {
            "tenant": trace.scope.tenant,
            "product": trace.scope.product,
            "clientID": trace.client_id,
            "connection": trace.connection,
            "redirectUri": trace.redirect_uri,
            "entityId": trace.idp,
            "acsUrl": call.app.acs_url(),
        },
    });
    if let Some(Outcome::Failed { code, expected, received }) = &trace.outcome {
        let known = Code::named(code);
        record["error"] = json!(known.map_or(code.as_str(), |code| code.sentence()));
        record["fault"] = json!({
            "code": code,
            "hint": known.map(|code| code.hint()),
            "mender": known.map(|code| code.mender().name()),
            "expected": expected,
            "received": received,
        });
    }
    record
}
