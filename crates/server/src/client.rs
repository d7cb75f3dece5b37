//! A request of a client that authenticates: at token, introspect, revoke and par.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use postern_core::fault::{Code, Fault};
use postern_core::login::client::Credentials;
use postern_core::proof::Possession;
use postern_core::secret::Secret;
use postern_jose::client_assertion::{TYPE, unverified_client};

use crate::app::App;
use crate::fields::{self, Fields};
use crate::guesser::Guesser;
use crate::jobs::client_keys;
use crate::reply::Refusal;

/// What a client sent: its credentials, in the header or in the form, not both, and the form. One extractor reads both,
/// because whoever fails first answers.
pub struct ClientRequest {
    /// What it says of itself.
    pub credentials: Credentials,
    /// The proof of a key, if one came along.
    pub possession: Option<Possession>,
    /// Everything else.
    pub form: Fields,
    app: Data<App>,
    guesser: Guesser,
    basic: bool,
}

/// What whoever tries secrets hears.
const WRONG: [Code; 3] = [Code::ClientSecretWrong, Code::ClientUnknown, Code::ClientAssertionKey];

impl ClientRequest {
    /// A secret of the form.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, Fault> {
        Ok(self.form.one(name)?.map(Secret::new))
    }

    /// How a fault is told to this client. A wrong secret counts (B5).
    pub fn refusal(&self) -> impl Fn(Fault) -> Refusal + use<> {
        let (app, guesser, basic) = (self.app.clone(), self.guesser, self.basic);
        move |fault| {
            if WRONG.contains(&fault.code) {
                app.wrong_secrets.count(guesser, app.now());
            }
            Refusal::token(fault, basic)
        }
    }
}

impl FromRequest for ClientRequest {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let header = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned());
        let query = Fields::urlencoded(request.query_string().as_bytes());
        let possession = possession(request);
        // Set on every listener by the one function that builds them.
        let app = request.app_data::<Data<App>>().expect("the app is shared with every listener").clone();
        let address = app.visitors.address(request);
        let form = fields::body(request, payload);
        Box::pin(async move {
            let basic = header.is_some();
            let refusal = |fault| Refusal::token(fault, basic);
            let form = form.await.map_err(refusal)?;
            let credentials = credentials(&form, &query, header.as_deref()).map_err(refusal)?;
            let guesser = Guesser::new(address, credentials.client_id.as_deref());
            let guessed = app.wrong_secrets.check(&guesser, app.now());
            guessed.map_err(|wait| Refusal::token(Code::SecretsWrongTooOften, basic).after(wait))?;
            client_keys::freshen(&app, &credentials).await.map_err(refusal)?;
            Ok(Self { credentials, possession: possession.map_err(refusal)?, form, app, guesser, basic })
        })
    }
}

/// The proof of possession of a request. RFC 9449 §4.3: "There is not more than one DPoP HTTP request header field." Its
/// address is the public one, whatever a proxy made of it.
pub fn possession(request: &HttpRequest) -> Result<Option<Possession>, Fault> {
    let mut headers = request.headers().get_all("DPoP");
    let (Some(proof), None) = (headers.next(), headers.next()) else {
        let several = request.headers().contains_key("DPoP");
        return if several { Err(Code::DpopProofForm.into()) } else { Ok(None) };
    };
    let proof = proof.to_str().map_err(|_| Code::DpopProofForm)?;
    let app = request.app_data::<Data<App>>().ok_or(Code::Defect)?;
    let path = request.path();
    let path = path.strip_prefix(app.public_url.prefix()).unwrap_or(path);
    let (method, url) = (request.method().as_str().to_owned(), app.url(path));
    Ok(Some(Possession { proof: Secret::new(proof), method, url }))
}

fn credentials(form: &Fields, query: &Fields, header: Option<&str>) -> Result<Credentials, Fault> {
    // RFC 6749 §2.3.1: the parameters "MUST NOT be included in the request URI".
    if ["client_secret", "code", "code_verifier", "client_assertion", "refresh_token", "token"]
        .iter()
        .any(|name| query.all(name).next().is_some())
    {
        return Err(Code::ClientSecretInUrl.into());
    }
    let client_secret = form.one("client_secret")?.map(Secret::new);
    let client_assertion = assertion(form)?;
    let signer = || client_assertion.as_ref().and_then(|assertion| unverified_client(assertion.expose()));
    let client_id = form.one("client_id")?.map(str::to_owned).or_else(signer);
    if client_assertion.is_some() && (client_secret.is_some() || header.is_some()) {
        return Err(Code::ClientAuthenticationTwice.into());
    }
    let Some(header) = header else { return Ok(Credentials { client_id, client_secret, client_assertion }) };
    let (id, password) = basic_credentials(header)?;
    // RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request."
    if client_secret.is_some() || client_id.as_ref().is_some_and(|named| *named != id) {
        return Err(Code::ClientAuthenticationTwice.into());
    }
    Ok(Credentials { client_id: Some(id), client_secret: Some(password), client_assertion })
}

/// RFC 7523 §2.2: an assertion, of the one type that is taken.
fn assertion(form: &Fields) -> Result<Option<Secret>, Fault> {
    match (form.one("client_assertion")?, form.one("client_assertion_type")?) {
        (Some(assertion), Some(TYPE)) => Ok(Some(Secret::new(assertion))),
        (None, None) => Ok(None),
        (_, other) => Err(Code::ClientAssertionForm.fault().expected(TYPE).received(other.unwrap_or("none"))),
    }
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
