//! `/health/live`, `/health/ready` on the operations listener; `/api/health`, as Jackson has it, on the public one.

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::app::App;

/// The process answers. Never depends on the store.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Logins work: the store answers, and nobody has told the process to stop.
pub async fn ready(app: Data<App>) -> HttpResponse {
    if app.stopping.load(Ordering::Relaxed) {
        return HttpResponse::ServiceUnavailable().json(json!({ "status": "stopping" }));
    }
    match app.ping().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ok" })),
        Err(_) => HttpResponse::ServiceUnavailable().json(json!({ "status": "store unavailable" })),
    }
}

/// Which release this is.
pub async fn version() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}
