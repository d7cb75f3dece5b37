//! `/api/v1`: what operators and their programs manage. The shapes are Jackson's where Jackson has the route.

pub mod connection_keys;
pub mod connection_secret;
pub mod describe;
pub mod discover;
pub mod domains;
pub mod events;
pub mod health;
pub mod idp;
pub mod new_connection;
pub mod openapi;
pub mod openid;
pub mod people;
pub mod policy;
pub mod products;
pub mod providers;
pub mod removal;
pub mod requests;
pub mod saml_config;
pub mod sessions;
pub mod sp_keys;
pub mod sso;
pub mod tenants;
pub mod test_logins;
pub mod token_keys;
pub mod traces;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, IF_MATCH};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use postern_core::fault::{Code, Fault};
use postern_core::scope::Scope;

use crate::app::App;
use crate::config::ApiKey;
use crate::fields::{self, Fields};
use crate::guesser::Guesser;
use crate::reply::Refusal;

/// Metadata may have 1 MiB, which is more in base64 or as a JSON string.
const LARGEST: usize = 2 * 1024 * 1024;

/// A request of somebody whose API key is good for it. Reads the body after the key, so that strangers learn nothing from it.
pub struct ApiCall {
    /// Postern.
    pub app: Data<App>,
    /// The query.
    pub query: Fields,
    /// The JSON object or the form.
    pub body: Fields,
    /// The version that the request is based on (RFC 9110 §13.1.1).
    if_match: Option<String>,
    key: ApiKey,
}

impl FromRequest for ApiCall {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Set on every listener by the one function that builds them.
        let app = request.app_data::<Data<App>>().expect("the app is shared with every listener").clone();
        let guesser = Guesser::new(app.visitors.address(request), None);
        let admitted = app.wrong_secrets.check(&guesser, app.now());
        let authenticated = authenticate(&app, request);
        let query = Fields::urlencoded(request.query_string().as_bytes());
        let if_match = request.headers().get(IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let reads_body = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
        let body = reads_body.then(|| fields::body_up_to(LARGEST, request, payload));
        Box::pin(async move {
            admitted.map_err(|wait| Refusal::api(Code::SecretsWrongTooOften).after(wait))?;
            if matches!(&authenticated, Err(fault) if fault.code == Code::ApiKeyUnknown) {
                app.wrong_secrets.count(guesser, app.now()); // B5
            }
            let key = authenticated.map_err(Refusal::api)?;
            let body = match body {
                Some(body) => body.await.map_err(|fault| match fault.code {
                    Code::FormMalformed => Refusal::api(Code::BodyMalformed),
                    _ => Refusal::api(fault),
                })?,
                // Clients of Jackson send GET and DELETE with a content type and nothing behind it.
                None => Fields::default(),
            };
            Ok(Self { app, query, body, if_match, key })
        })
    }
}

/// The key comes after any scheme word, as in Jackson: `Api-Key k`, `Bearer k`.
fn authenticate(app: &App, request: &HttpRequest) -> Result<ApiKey, Fault> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (_, sent) = header.and_then(|header| header.split_once(' ')).ok_or(Code::ApiKeyMissing)?;
    let key = app.api_keys.find(sent.trim()).ok_or(Code::ApiKeyUnknown)?;
    match key.read_only && request.method() != Method::GET {
        true => Err(Code::ApiKeyReadOnly.into()),
        false => Ok(key),
    }
}

impl ApiCall {
    /// Whether the key is good for a product.
    fn permits(&self, product: &str) -> bool {
        self.key.product.as_ref().is_none_or(|own| own == product)
    }

    /// Refuses what concerns a product that the key is not good for.
    fn check_product(&self, product: &str) -> Result<(), Fault> {
        match self.permits(product) {
            true => Ok(()),
            false => Err(Code::ApiKeyOtherProduct.into()),
        }
    }

    /// Refuses a key that is for one product alone: what concerns the whole deployment is not for it.
    fn check_everything(&self) -> Result<(), Fault> {
        match self.key.product {
            None => Ok(()),
            Some(_) => Err(Code::ApiKeyOtherProduct.into()),
        }
    }

    /// Whether the key may see secrets: one that only reads may not.
    fn sees_secrets(&self) -> bool {
        !self.key.read_only
    }

    /// The scope of a request, from its tenant and product.
    fn scope(&self, fields: &Fields) -> Result<Scope, Fault> {
        self.scope_of(required(fields, "tenant")?, required(fields, "product")?)
    }

    /// The scope of a tenant and a product that the key is good for.
    fn scope_of(&self, tenant: &str, product: &str) -> Result<Scope, Fault> {
        self.check_product(product)?;
        Scope::new(tenant, product).map_err(|why| {
            let field = if postern_core::scope::check_name(tenant).is_err() { "tenant" } else { "product" };
            Code::FieldInvalid.fault().expected(format!("{field} {why}"))
        })
    }

    /// Jackson's paging: `pageOffset` or `offset`, `pageLimit` or `limit`; at most 50 at once, which is also the default.
    fn page(&self) -> Result<(u64, u64), Fault> {
        const MOST: u64 = 50;
        let number = |names: [&str; 2]| {
            let value = names.into_iter().find_map(|name| self.query.one(name).transpose()).transpose()?;
            Ok::<_, Fault>(value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0))
        };
        let offset = number(["pageOffset", "offset"])?;
        let limit = match number(["pageLimit", "limit"])? {
            0 => MOST,
            limit => limit.min(MOST),
        };
        Ok((offset.min(1 << 40), limit))
    }
}

/// A field that has to be there. The message is Jackson's.
fn required<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, Fault> {
    fields.one(name)?.ok_or_else(|| Code::FieldMissing.fault().expected(name))
}

/// A boolean, as JSON or as text.
fn boolean(fields: &Fields, name: &str) -> Result<Option<bool>, Fault> {
    match fields.one(name)? {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Code::FieldInvalid.fault().expected(format!("{name} is not true or false"))),
    }
}

/// A list of strings: a JSON list, a JSON list in a string, a plain string, or a repeated form field.
fn list(fields: &Fields, name: &str) -> Result<Option<Vec<String>>, Fault> {
    let values: Vec<&str> = fields.all(name).collect();
    let list = match values.as_slice() {
        [] => return Ok(None),
        [one] if one.trim_start().starts_with('[') => serde_json::from_str(one)
            .map_err(|_| Code::FieldInvalid.fault().expected(format!("{name} is not a list of strings")))?,
        many => many.iter().filter(|value| !value.is_empty()).map(|value| (*value).to_owned()).collect(),
    };
    Ok(Some(list))
}

/// A text that may be set to nothing.
fn text(fields: &Fields, name: &str) -> Result<Option<String>, Fault> {
    let mut values = fields.all(name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Code::ParameterRepeated.fault().expected(name)),
        (value, None) => Ok(value.map(str::to_owned)),
    }
}
