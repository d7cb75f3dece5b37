//! A login by hand, one request at a time: what an app, a browser and an identity provider send, each of them as badly as a
//! test wants.

use std::io::Read;

use flate2::read::DeflateDecoder;
use postern_core::fault::Code;
use postern_core::ports::Timestamp;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{Response, base64};
use reqwest::Url;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

use crate::{Postern, http};

/// The example of RFC 7636, appendix B.
pub const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its challenge.
pub const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An identity provider that nobody has to run: its key and its name.
pub struct Idp {
    /// What signs for it.
    pub key: Key,
    /// Its name.
    pub entity_id: String,
}

impl Idp {
    /// One with a new key.
    pub fn new(entity_id: &str) -> Self {
        Self { key: Key::generate().expect("a key"), entity_id: entity_id.to_owned() }
    }

    /// What its administrator gives to the operator of Postern.
    pub fn metadata(&self) -> String {
        metadata(&self.entity_id, "https://idp.example.com/sso", &self.key)
    }
}

/// A login that Postern waits for the answer to.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Name and value of the cookie that binds it to the browser.
    pub cookie: String,
    /// What comes back with the response.
    pub relay_state: String,
    /// The id of the AuthnRequest.
    pub request_id: String,
    /// The public URL of the Postern that waits.
    pub postern: String,
}

/// What Postern answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where it sends the browser.
    pub location: Option<Url>,
    /// The cookies that it sets: name and value.
    pub cookies: Vec<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Reads it whole.
    pub async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.expect("a whole answer")
    }

    /// The same, where the program may be killed meanwhile.
    pub async fn try_read(response: reqwest::Response) -> reqwest::Result<Self> {
        let header = |name| response.headers().get_all(name).into_iter().map(|value| value.to_str().expect("ASCII"));
        let location = header(LOCATION).next().map(|url| Url::parse(url).expect("an absolute URL"));
        let cookies = header(SET_COOKIE).filter_map(|cookie| cookie.split(';').next()).map(str::to_owned).collect();
        Ok(Self { status: response.status().as_u16(), location, cookies, body: response.text().await? })
    }

    /// The fault that it tells of, to whomever it speaks.
    pub fn fault(&self) -> Option<Code> {
        let told = self.parameter("error_description").unwrap_or_else(|| self.body.clone());
        let mut words = told.split(|c: char| !c.is_ascii_alphanumeric());
        words.find_map(|word| Code::ALL.iter().copied().find(|code| code.name() == word))
    }

    /// A parameter of the address that the browser is sent to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.location.as_ref()?.query_pairs();
        pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The code for the app.
    pub fn code(&self) -> String {
        self.parameter("code").unwrap_or_else(|| panic!("no code in {self:?}"))
    }

    /// A member of the JSON body.
    pub fn member(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        body[name].as_str().map(str::to_owned)
    }
}

/// Asks Postern for a login.
pub async fn authorize(postern: &Postern, parameters: &[(&str, &str)]) -> Answer {
    let url = Url::parse_with_params(&format!("{}/api/oauth/authorize", postern.origin), parameters).expect("a URL");
    Answer::read(http().get(url).send().await.expect("authorize answers")).await
}

/// Asks Postern for a login and follows as far as the identity provider's door.
pub async fn begin(postern: &Postern, parameters: &[(&str, &str)]) -> Waiting {
    Waiting::read(postern, authorize(postern, parameters).await)
}

impl Waiting {
    /// What a browser and an identity provider find in the redirect to the latter.
    pub fn read(postern: &Postern, answer: Answer) -> Self {
        Self::of(&postern.public_url, answer)
    }

    /// The same, of the Postern with this public URL.
    pub fn of(public_url: &str, answer: Answer) -> Self {
        let message = answer.parameter("SAMLRequest").unwrap_or_else(|| panic!("no SAMLRequest in {answer:?}"));
        let message = data_encoding::BASE64.decode(message.as_bytes()).expect("base64");
        let mut xml = String::new();
        DeflateDecoder::new(&*message).read_to_string(&mut xml).expect("deflated text");
        let id = xml.split_once(r#" ID=""#).and_then(|(_, rest)| rest.split('"').next());
        Self {
            cookie: answer.cookies.first().expect("a cookie").clone(),
            relay_state: answer.parameter("RelayState").expect("a RelayState"),
            request_id: id.expect("an ID").to_owned(),
            postern: public_url.to_owned(),
        }
    }

    /// The answer that the identity provider owes.
    pub fn response(&self, idp: &Idp) -> Response {
        let response = Response::at(now()).sent_by(&idp.entity_id).for_audience(&self.postern);
        let response = response.sent_to(&format!("{}/api/oauth/saml", self.postern)).answering(&self.request_id);
        Response {
            id: format!("_response{}", self.request_id),
            assertion_id: format!("_assertion{}", self.request_id),
            ..response
        }
    }

    /// Brings an answer back, in the browser that the login began in.
    pub async fn answer(&self, xml: &str) -> Answer {
        self.post(&[("SAMLResponse", &base64(xml)), ("RelayState", &self.relay_state)]).await
    }

    /// Posts any form, in the browser that the login began in.
    pub async fn post(&self, form: &[(&str, &str)]) -> Answer {
        let request = http().post(format!("{}/api/oauth/saml", self.postern)).header(COOKIE, &self.cookie).form(form);
        Answer::read(request.send().await.expect("the assertion consumer service answers")).await
    }
}

/// Redeems a code, as a client that authenticates by HTTP Basic.
pub async fn redeem(postern: &Postern, (client_id, secret): (&str, &str), form: &[(&str, &str)]) -> Answer {
    let encode = |text: &str| {
        Url::parse_with_params("http://x/", [("x", text)]).expect("a URL").query().expect("x")[2..].to_owned()
    };
    let request = http().post(format!("{}/api/oauth/token", postern.origin));
    let request = request.basic_auth(encode(client_id), Some(encode(secret))).form(form);
    Answer::read(request.send().await.expect("the token endpoint answers")).await
}

/// Asks who an access token stands for.
pub async fn userinfo(postern: &Postern, token: &str) -> Answer {
    let request = http().get(format!("{}/api/oauth/userinfo", postern.origin)).bearer_auth(token);
    Answer::read(request.send().await.expect("userinfo answers")).await
}

/// The time. The programs under test live in it too.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "Postern runs as a program of its own, on the machine's clock")]
    Timestamp::now()
}
