//! `GET /metrics` on the operations listener, for Prometheus.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::fault::Code;
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use crate::app::App;
use crate::reply::Refusal;

/// The numbers of this process.
pub async fn metrics(app: Data<App>) -> Result<HttpResponse, Refusal> {
    let text = app.metrics.text().map_err(|why| Refusal::page(Code::Defect.fault().because(why)))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
