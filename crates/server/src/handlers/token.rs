//! `POST /api/oauth/token`: the app redeems its code.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use postern_core::fault::{Code, Fault};
use postern_core::login::redeem::TokenRequest;
use postern_core::secret::Secret;
use serde_json::json;

use crate::app::App;
use crate::fields::{self, Fields};
use crate::reply::{Refusal, no_store};

/// Redeems a code.
pub async fn token(app: Data<App>, client: ClientRequest) -> Result<HttpResponse, Refusal> {
    let basic = client.basic;
    let tokens = app.logins.redeem(&client.request).await.map_err(|fault| Refusal::token(fault, basic))?;
    let body = json!({
        "access_token": tokens.access_token.expose(),
        "token_type": "bearer",
        "expires_in": tokens.expires_in,
    });
    Ok(no_store(&mut HttpResponse::Ok()).json(body))
}

/// A request of a client that authenticates: in the header or in the form, not both. Reads the form too, because whoever
/// fails first answers.
#[derive(Debug)]
pub struct ClientRequest {
    request: TokenRequest,
    basic: bool,
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
            let read = match form.await {
                Ok(form) => read(&form, &query, header.as_deref()),
                Err(fault) => Err(fault),
            };
            let request = read.map_err(|fault| Refusal::token(fault, basic))?;
            Ok(Self { request, basic })
        })
    }
}

fn read(form: &Fields, query: &Fields, header: Option<&str>) -> Result<TokenRequest, Fault> {
    // RFC 6749 §2.3.1: the parameters "MUST NOT be included in the request URI".
    if ["client_secret", "code", "code_verifier", "client_assertion"]
        .iter()
        .any(|name| query.all(name).next().is_some())
    {
        return Err(Code::ClientSecretInUrl.into());
    }
    let secret = |name| Ok::<_, Fault>(form.one(name)?.map(Secret::new));
    let (mut client_id, mut client_secret) = (form.one("client_id")?.map(str::to_owned), secret("client_secret")?);
    if let Some(header) = header {
        let (id, password) = basic_credentials(header)?;
        // RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request."
        if client_secret.is_some() || client_id.as_ref().is_some_and(|named| *named != id) {
            return Err(Code::ClientAuthenticationTwice.into());
        }
        (client_id, client_secret) = (Some(id), Some(password));
    }
    match form.one("grant_type")? {
        // Clients of Jackson may leave it out.
        None | Some("authorization_code") => {}
        Some(other) => return Err(Code::GrantTypeUnsupported.fault().received(other)),
    }
    Ok(TokenRequest {
        client_id,
        client_secret,
        code: secret("code")?,
        redirect_uri: form.one("redirect_uri")?.map(str::to_owned),
        code_verifier: secret("code_verifier")?,
    })
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
