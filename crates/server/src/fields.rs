//! The parameters of a request: from the query of a GET, from the form or the JSON object of a POST.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web;
use actix_web::{FromRequest, HttpRequest};
use postern_core::fault::{Code, Fault};
use serde_json::Value;

use crate::reply::Refusal;

/// Decoded name-value pairs, in order.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The pairs of a query string or an urlencoded form.
    pub fn urlencoded(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The members of a JSON object, as a form would have sent them. Lists and objects stand as JSON text; `null` is left out.
    pub fn json(text: &[u8]) -> Result<Self, Fault> {
        let Ok(Value::Object(object)) = serde_json::from_slice(text) else { return Err(Code::BodyMalformed.into()) };
        let pairs = object.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        });
        Ok(Self(pairs.collect()))
    }

    /// The value of a field that may stand once.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Fault> {
        let mut values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Code::ParameterRepeated.fault().expected(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// The fields of the query for GET, of the body for POST. What is malformed is told on a page.
impl FromRequest for Fields {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.method() == Method::GET {
            let fields = Self::urlencoded(request.query_string().as_bytes());
            return Box::pin(async { Ok(fields) });
        }
        let body = body(request, payload);
        Box::pin(async move { Ok(body.await.map_err(Refusal::page)?) })
    }
}

/// A posted SAML response of 512 KiB is 683 KiB of base64, and its form a little more; nothing that strangers may send comes
/// near.
const LARGEST: usize = 1024 * 1024;

/// How long a body may take. Whoever sends theirs drop by drop wants to hold the connection, and not an answer.
const IN_TIME: Duration = Duration::from_secs(4);

/// Reads the body of a request as fields.
pub fn body(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Fields, Fault>> + use<> {
    body_up_to(LARGEST, request, payload)
}

/// Reads a body of so many bytes at most.
pub fn body_up_to(
    largest: usize,
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Fields, Fault>> + use<> {
    let json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
    let payload = web::Payload::from_request(request, payload);
    async move {
        let payload = payload.await.map_err(broken_off)?;
        let whole =
            tokio::time::timeout(IN_TIME, payload.to_bytes_limited(largest)).await.map_err(|_| Code::BodyTooSlow)?;
        let bytes = whole.map_err(|_| Code::BodyTooLarge)?.map_err(broken_off)?;
        match json && !bytes.is_empty() {
            true => Fields::json(&bytes),
            false => Ok(Fields::urlencoded(&bytes)),
        }
    }
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn broken_off(error: actix_web::Error) -> Fault {
    Code::FormMalformed.fault().because(error.to_string())
}
