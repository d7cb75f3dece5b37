//! What happens around every request: a reference, one line in the log, headers that every answer has, and the rendering
//! of refusals. A panic ends in an answer too.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt as _;
use postern_core::fault::{Code, Mender};
use postern_core::trace::TraceId;

use crate::app::App;
use crate::cors;
use crate::reply::{self, Refusal};

/// Runs a request. Below this, a failure is a [`Refusal`]; above it, an answer.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Set on every listener by the one function that builds them.
    let app = request.app_data::<Data<App>>().expect("the app is shared with every listener").clone();
    let reference = TraceId::random(&*app.random);
    let began = app.now();
    let _until_answered = app.metrics.in_flight();

    // The request is not cloned here: routing needs it to itself.
    let mut response = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => match response.response().error().map(|error| render(error.as_error(), &reference, &app)) {
            None => response.map_into_boxed_body(),
            Some(rendered) => response.into_response(rendered),
        },
        Ok(Err(error)) => return Err(error),
        Err(_panic) => {
            tracing::error!(r#ref = %reference, "a request panicked");
            return Err(Refusal::page(Code::Defect).into());
        }
    };

    // The pattern, never the path: a path may hold an id, and an unknown one may hold anything.
    let route = response.request().match_pattern().unwrap_or_default();
    let headers = response.headers_mut();
    cors::mark(&route, app.public_url.prefix(), headers);
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if !app.public_url.is_plain() {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }

    let duration_ms = app.now().duration_since(began).as_millis() as u64;
    let (method, status) = (response.request().method().as_str(), response.status().as_u16());
    tracing::info!(method, route, status, duration_ms, r#ref = %reference, "request");
    Ok(response)
}

/// The answer to a refusal, and its line in the log, once.
fn render(refusal: Option<&Refusal>, reference: &TraceId, app: &App) -> HttpResponse {
    let defect;
    let refusal = match refusal {
        Some(refusal) => refusal,
        None => {
            defect = Refusal::page(Code::Defect);
            &defect
        }
    };
    let code = refusal.fault.code;
    app.metrics.refused(code);
    let shown = refusal.reference(reference);
    match code.mender() {
        Mender::Us | Mender::BridgeAdmin if code.status() >= 500 => {
            let cause = std::error::Error::source(&refusal.fault).map(|cause| cause.to_string()).unwrap_or_default();
            tracing::error!(fault.code = code.name(), r#ref = %shown, cause, "{}", code.sentence());
        }
        _ => tracing::info!(fault.code = code.name(), r#ref = %shown, "{}", code.sentence()),
    }
    let mut response = reply::refuse(refusal, reference, app.public_url.as_str());
    // RFC 9449 §8: the proof that comes next repeats it.
    if code == Code::DpopNonceMissing
        && let Some(nonce) = app.logins.dpop_nonce().and_then(|nonce| HeaderValue::from_str(&nonce).ok())
    {
        response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
    }
    response
}
