//! A SAML logout message as a browser brought it, by either front-channel binding. It is anybody's until it is verified.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use postern_core::fault::{Code, Fault};
use postern_saml::logout::{self, Arrived, LogoutExpectation};

use crate::fields::Fields;

/// A message that nobody verified.
#[derive(Debug)]
pub struct UnverifiedLogout {
    fields: Fields,
    /// HTTP-Redirect: the octets of the query, over which the signature is.
    query: Option<String>,
}

/// In the query for GET, in the form for POST.
impl FromRequest for UnverifiedLogout {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let query = (request.method() == Method::GET).then(|| request.query_string().to_owned());
        let fields = Fields::from_request(request, payload);
        Box::pin(async move { Ok(Self { fields: fields.await?, query }) })
    }
}

impl UnverifiedLogout {
    /// Whether it says that it answers a request of ours.
    pub fn is_response(&self) -> bool {
        let has = |name| self.fields.all(name).next().is_some();
        has("SAMLResponse") && !has("SAMLRequest")
    }

    /// What came back with it, or has to go back with the answer.
    pub fn relay_state(&self) -> Result<Option<&str>, Fault> {
        self.fields.one("RelayState")
    }

    /// Who it says it comes from.
    pub fn issuer(&self) -> Result<String, Fault> {
        let message = self.fields.one(if self.is_response() { "SAMLResponse" } else { "SAMLRequest" })?;
        let message = message.ok_or(Code::LogoutNotMessage)?;
        // A plus that was not encoded is a plus: base64 has no spaces.
        logout::unverified_issuer(&message.replace(' ', "+"), self.query.is_some())
    }

    /// The message and its RelayState, verified.
    pub fn verify(&self, expected: &LogoutExpectation<'_>) -> Result<Arrived, Fault> {
        match &self.query {
            Some(query) => logout::redirected(query, expected),
            None => {
                let (request, response) = (self.fields.one("SAMLRequest")?, self.fields.one("SAMLResponse")?);
                let message = logout::posted(request, response, expected)?;
                Ok(Arrived { message, relay_state: self.fields.one("RelayState")?.map(str::to_owned) })
            }
        }
    }
}
