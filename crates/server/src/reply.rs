//! From a [`Fault`] to HTTP, in one of five voices. Nothing else in the program answers a failure.
//!
//! | voice | to whom | form |
//! |---|---|---|
//! | page | the person, while no redirect URI is proven | HTML with the code, its hint and the reference |
//! | app | the app, by redirect or posted form | `error`, `error_description`, `error_uri`, `state`, `iss` (RFC 6749 §4.1.2.1, RFC 9207) |
//! | token | the app, directly | RFC 6749 §5.2 JSON |
//! | bearer | the app, with an access token | RFC 6750 §3 |
//! | API | the operator's programs | Jackson's `{"error":{"message"}}`, and the code |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use postern_core::fault::{Code, Fault};
use postern_core::login::finish::Issued;
use postern_core::login::{ResponseMode, ReturnTo};
use postern_core::products::Product;
use postern_core::redirect::with_parameters;
use postern_core::trace::TraceId;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::browser::Browser;
use crate::pages::{self, Onward};

/// A request that is refused, and in which voice.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub fault: Fault,
    voice: Voice,
    reference: Option<TraceId>,
    retry_after: Option<Duration>,
}

#[derive(Debug)]
enum Voice {
    Page { product: Option<Arc<Product>>, onward: Option<Onward> },
    App { return_to: ReturnTo, after_post: bool },
    Token { basic: bool },
    Bearer,
    Api { allow: Option<&'static str> },
}

impl Refusal {
    /// Told to the person, on a page.
    pub fn page(fault: impl Into<Fault>) -> Self {
        Self::page_of(fault, None)
    }
    /// Told to the person, on a page that names the app's own support.
    pub fn page_of(fault: impl Into<Fault>, product: Option<Arc<Product>>) -> Self {
        Self { fault: fault.into(), voice: Voice::Page { product, onward: None }, reference: None, retry_after: None }
    }
    /// Told to the app, at its proven redirect URI.
    pub fn app(fault: impl Into<Fault>, return_to: &ReturnTo, after_post: bool) -> Self {
        let voice = Voice::App { return_to: return_to.clone(), after_post };
        Self { fault: fault.into(), voice, reference: None, retry_after: None }
    }
    /// Told to a client at the token endpoint; `basic`: it used the Authorization header.
    pub fn token(fault: impl Into<Fault>, basic: bool) -> Self {
        Self { fault: fault.into(), voice: Voice::Token { basic }, reference: None, retry_after: None }
    }
    /// Told to whoever presented an access token.
    pub fn bearer(fault: impl Into<Fault>) -> Self {
        Self { fault: fault.into(), voice: Voice::Bearer, reference: None, retry_after: None }
    }
    /// Told to a user of the API.
    pub fn api(fault: impl Into<Fault>) -> Self {
        Self { fault: fault.into(), voice: Voice::Api { allow: None }, reference: None, retry_after: None }
    }
    /// The address does not take this method; `allow` lists those that it takes.
    pub fn method(allow: &'static str) -> Self {
        Self {
            fault: Code::MethodNotAllowed.into(),
            voice: Voice::Api { allow: Some(allow) },
            reference: None,
            retry_after: None,
        }
    }
    /// Names the trace under which the story is kept. Without one, the request's own reference is shown.
    #[must_use]
    pub fn with_trace(mut self, id: TraceId) -> Self {
        self.reference = Some(id);
        self
    }
    /// Says after how long the same request would be answered.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
    /// Lets a page lead on to where the app is, where that is known.
    #[must_use]
    pub fn leading_on(mut self, way: Option<Onward>) -> Self {
        if let Voice::Page { onward, .. } = &mut self.voice {
            *onward = way;
        }
        self
    }
    /// The trace, or the request's own reference.
    pub fn reference<'a>(&'a self, of_request: &'a TraceId) -> &'a TraceId {
        self.reference.as_ref().unwrap_or(of_request)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        let status = match (&self.voice, self.fault.code.status()) {
            // RFC 9449 §7.1: where a token is presented, a bad proof is a 401.
            (Voice::Bearer, 400) => 401,
            (_, status) => status,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    /// What is said where [`crate::observe`] does not render the refusal: after a panic, of which nothing else is left.
    fn error_response(&self) -> HttpResponse {
        pages::html(&mut HttpResponse::build(self.status_code()), pages::error(self.fault.code, None, None, None))
    }
}

/// The answer to a refused request.
pub fn refuse(refusal: &Refusal, of_request: &TraceId, issuer: &str) -> HttpResponse {
    let code = refusal.fault.code;
    let reference = refusal.reference(of_request);
    let mut response = HttpResponse::build(refusal.status_code());
    let usual = (code.status() == 503).then_some(Duration::from_secs(5));
    if let Some(wait) = refusal.retry_after.or(usual) {
        response.insert_header((RETRY_AFTER, wait.as_millis().div_ceil(1000).to_string())); // whole seconds (RFC 9110 §10.2.3)
    }
    match &refusal.voice {
        Voice::Page { product, onward } => {
            let body = pages::error(code, Some(&reference.0), product.as_deref(), onward.as_ref());
            pages::html(no_store(&mut response), body)
        }
        Voice::App { return_to, after_post } => {
            let description = format!("{reference}: {code} {}", code.sentence());
            let uri = format!("{issuer}/error/{code}");
            let parameters = [("error", code.oauth()), ("error_description", &description), ("error_uri", &uri)];
            to_app(return_to, issuer, &parameters, *after_post)
        }
        Voice::Token { basic } => {
            if code.status() == 401 && *basic {
                response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"postern\", charset=\"UTF-8\""));
            }
            let description = format!("{reference}: {code} {} {}", code.sentence(), code.hint());
            no_store(&mut response).json(json!({ "error": code.oauth(), "error_description": description }))
        }
        Voice::Bearer => {
            // RFC 6750 §3.1: a request without any credentials gets no error code.
            let challenge = match code {
                Code::TokenMissing => "Bearer realm=\"postern\"".to_owned(),
                _ => format!(
                    "{} realm=\"postern\", error=\"{}\", error_description=\"{}\"",
                    scheme(code),
                    code.oauth(),
                    code.sentence()
                ),
            };
            if refusal.status_code() == StatusCode::UNAUTHORIZED {
                response.insert_header((WWW_AUTHENTICATE, challenge));
            }
            let description = format!("{reference}: {code} {}", code.sentence());
            let body = json!({ "error": code.oauth(), "error_description": description, "message": code.sentence() });
            no_store(&mut response).json(body)
        }
        Voice::Api { allow } => {
            if let Some(allow) = allow {
                response.insert_header((ALLOW, *allow));
            }
            if code.status() == 401 {
                response.insert_header((WWW_AUTHENTICATE, "Api-Key realm=\"postern\""));
            }
            let error = ErrorRecord {
                message: message(&refusal.fault),
                code: code.name(),
                hint: code.hint(),
                reference: reference.to_string(),
            };
            no_store(&mut response).json(Refused { error })
        }
    }
}

/// What is refused, as the API says it.
#[derive(Serialize, ToSchema)]
pub struct Refused {
    error: ErrorRecord,
}

/// Why it is refused.
#[derive(Serialize, ToSchema)]
pub struct ErrorRecord {
    /// What is wrong, in Jackson's words where Jackson says it.
    message: String,
    /// What it is called in docs/ERRORS.md.
    code: &'static str,
    /// What to change.
    hint: &'static str,
    /// By which it is found in the log.
    reference: String,
}

/// An empty object.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// How the token should have been presented (RFC 9449 §7.1).
fn scheme(code: Code) -> &'static str {
    match (code, code.oauth()) {
        (Code::TokenBound | Code::TokenKeyOther, _) | (_, "invalid_dpop_proof" | "use_dpop_nonce") => {
            "DPoP algs=\"PS256 ES256 EdDSA\","
        }
        _ => "Bearer",
    }
}

/// What the API says: for a field, which and why, in Jackson's words; else the code's sentence.
fn message(fault: &Fault) -> String {
    match (fault.code, &fault.expected) {
        (Code::FieldMissing, Some(field)) => format!("Please provide {field}"),
        (Code::FieldInvalid, Some(what)) => what.clone(),
        (Code::EnforcementUnready, Some(missing)) => format!("{} Missing: {missing}.", fault.code.sentence()),
        _ => fault.code.sentence().to_owned(),
    }
}

/// Sends the browser back to the app, by redirect or with a form that it posts. RFC 9207 §2: every authorization response says who issued it. RFC 9700 §4.12: a
/// browser that posted here must not post there, hence 303.
pub fn to_app(return_to: &ReturnTo, issuer: &str, parameters: &[(&str, &str)], after_post: bool) -> HttpResponse {
    let state = return_to.state.as_deref().map(|state| ("state", state));
    let parameters = parameters.iter().copied().chain(state).chain([("iss", issuer)]);
    match return_to.mode {
        ResponseMode::Query => redirect(&with_parameters(&return_to.redirect_uri, parameters), after_post),
        ResponseMode::FormPost => {
            let fields: Vec<_> = parameters.map(|(name, value)| (name, value.to_owned())).collect();
            pages::post_form(no_store(&mut HttpResponse::Ok()), "the application", &return_to.redirect_uri, &fields)
        }
    }
}

/// Counts a login that succeeded, sends the browser back to the app with a code, and lets it remember the session.
pub fn signed_in(
    app: &App,
    browser: &Browser,
    return_to: &ReturnTo,
    issued: &Issued,
    after_post: bool,
) -> HttpResponse {
    app.metrics.login_succeeded();
    let code = [("code", issued.code.expose())];
    let mut response = to_app(return_to, app.public_url.as_str(), &code, after_post);
    browser.remember_session(&mut response, issued);
    response
}

/// A redirect that nothing stores.
pub fn redirect(location: &str, after_post: bool) -> HttpResponse {
    let mut response = if after_post { HttpResponse::SeeOther() } else { HttpResponse::Found() };
    no_store(&mut response).insert_header((LOCATION, location)).finish()
}

/// RFC 6749 §5.1, SAML Bindings §3.5.5.1: nothing on the way may keep the answer.
pub fn no_store(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-cache, no-store")).insert_header((PRAGMA, "no-cache"))
}
