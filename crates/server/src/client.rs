//! A request of a client that authenticates: at token, introspect and revoke.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use postern_core::fault::{Code, Fault};
use postern_core::login::client::Credentials;
use postern_core::secret::Secret;

use crate::fields::{self, Fields};
use crate::reply::Refusal;

/// What a client sent: its credentials, in the header or in the form, not both, and the form. One extractor reads both,
/// because whoever fails first answers.
#[derive(Debug)]
pub struct ClientRequest {
    /// What it says of itself.
    pub credentials: Credentials,
    /// Everything else.
    pub form: Fields,
    basic: bool,
}

impl ClientRequest {
    /// A secret of the form.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, Fault> {
        Ok(self.form.one(name)?.map(Secret::new))
    }

    /// How a fault is told to this client.
    pub fn refusal(&self) -> impl Fn(Fault) -> Refusal + use<> {
        let basic = self.basic;
        move |fault| Refusal::token(fault, basic)
    }
}

impl FromRequest for ClientRequest {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let header = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned());
        let query = Fields::urlencoded(request.query_string().as_bytes());
        let form = fields::body(request, payload);
        Box::pin(async move {
            let basic = header.is_some();
            let refusal = |fault| Refusal::token(fault, basic);
            let form = form.await.map_err(refusal)?;
            let credentials = credentials(&form, &query, header.as_deref()).map_err(refusal)?;
            Ok(Self { credentials, form, basic })
        })
    }
}

fn credentials(form: &Fields, query: &Fields, header: Option<&str>) -> Result<Credentials, Fault> {
    // RFC 6749 §2.3.1: the parameters "MUST NOT be included in the request URI".
    if ["client_secret", "code", "code_verifier", "client_assertion", "refresh_token", "token"]
        .iter()
        .any(|name| query.all(name).next().is_some())
    {
        return Err(Code::ClientSecretInUrl.into());
    }
    let client_id = form.one("client_id")?.map(str::to_owned);
    let client_secret = form.one("client_secret")?.map(Secret::new);
    let Some(header) = header else { return Ok(Credentials { client_id, client_secret }) };
    let (id, password) = basic_credentials(header)?;
    // RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request."
    if client_secret.is_some() || client_id.as_ref().is_some_and(|named| *named != id) {
        return Err(Code::ClientAuthenticationTwice.into());
    }
    Ok(Credentials { client_id: Some(id), client_secret: Some(password) })
}

/// RFC 6749 §2.3.1: id and secret are form-urlencoded, joined by a colon, base64.
fn basic_credentials(header: &str) -> Result<(String, Secret), Fault> {
    let read = || {
        let (scheme, encoded) = header.split_once(' ')?;
        let bytes = data_encoding::BASE64.decode(encoded.trim().as_bytes()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        let decoded = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
        };
        scheme.eq_ignore_ascii_case("basic").then_some((decoded(id)?, Secret::new(decoded(secret)?)))
    };
    read().ok_or_else(|| Code::ClientAuthenticationMalformed.into())
}
