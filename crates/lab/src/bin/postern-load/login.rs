//! A complete login, cut into the phases that are timed. Every answer is checked: a server that answers quickly and wrongly
//! shall not look good.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use postern_core::base64url;
use postern_core::ports::Random;
use postern_core::secret::random_text;
use postern_lab::idp::AuthnRequest;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{Response, base64};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::Failure;
use crate::phase::{self, Phase};
use crate::process::Process;
use crate::system::{SystemRandom, now};

/// Where codes go. Nobody listens there: the browser played here stops before.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:65535/callback";

/// The app that people sign in to, as the server knows it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// Its name.
    pub(crate) product: String,
    /// Whose people sign in; none: their addresses say it.
    pub(crate) tenant: Option<String>,
    /// Whether a login ends in an ID token too.
    pub(crate) wants_id_token: bool,
}

/// The identity provider, new for every run.
pub(crate) struct Idp {
    pub(crate) key: Key,
    entity_id: String,
}

impl Idp {
    pub(crate) fn new() -> Result<Idp, Failure> {
        let mut name = [0; 8];
        SystemRandom.fill(&mut name);
        let entity_id = format!("https://idp-{}.load.example/metadata", HEXLOWER.encode(&name));
        Ok(Idp { key: Key::generate()?, entity_id })
    }

    pub(crate) fn metadata(&self) -> String {
        metadata(&self.entity_id, "https://idp.load.example/sso", &self.key)
    }

    /// A response like those of the run.
    pub(crate) fn sample(&self) -> String {
        Response::at(now()).with_random_ids(&SystemRandom).answering("_request").signed_assertion(&self.key)
    }

    fn answer(&self, asked: Asked) -> Result<Answered, Failure> {
        let acs_url = asked.request.acs_url.as_deref().ok_or("the AuthnRequest names no assertion consumer service")?;
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        let response = Response::at(now())
            .with_random_ids(&SystemRandom)
            .sent_by(&self.entity_id)
            .sent_to(acs_url)
            .for_audience(&asked.request.issuer)
            .answering(&asked.request.id);
        let response = Response {
            name_id: Some(asked.person.clone()),
            attributes: vec![
                one("email", &asked.person),
                one("firstName", "Load"),
                one("lastName", "Example"),
                ("groups".into(), vec!["engineering".into(), "everyone".into()]),
            ],
            ..response
        };
        Ok(Answered { saml_response: base64(&response.signed_assertion(&self.key)), asked })
    }
}

/// A login that the server sent to the identity provider.
pub(crate) struct Asked {
    person: String,
    state: String,
    verifier: String,
    request: AuthnRequest,
    relay_state: String,
    cookie: Option<String>,
}

/// A login that the identity provider answered.
struct Answered {
    asked: Asked,
    saml_response: String,
}

/// A login that has its code.
struct Coded {
    person: String,
    verifier: String,
    code: String,
}

/// A login that has its access token.
pub(crate) struct Tokened {
    person: String,
    access_token: String,
}

/// Drives `count` logins, `workers` at a time. Returns what each step took, and the tokens that they ended with.
pub(crate) async fn drive(
    app: &App,
    idp: &Idp,
    count: usize,
    workers: usize,
    process: Option<&Process>,
) -> Result<(Vec<Phase>, Vec<Tokened>), Failure> {
    let app = Arc::new(app.clone());
    let people = (0..count).map(|number| format!("person{number}@load.example")).collect();
    let shared = app.clone();
    let (asked, authorize) = phase::run("authorize", people, workers, process, move |client, person| {
        shared.clone().authorize(client, person)
    })
    .await?;
    let answered = asked.into_iter().map(|asked| idp.answer(asked)).collect::<Result<Vec<_>, _>>()?;
    let shared = app.clone();
    let (coded, acs) =
        phase::run("acs", answered, workers, process, move |client, answered| shared.clone().acs(client, answered))
            .await?;
    let shared = app.clone();
    let (tokened, token) =
        phase::run("token", coded, workers, process, move |client, coded| shared.clone().token(client, coded)).await?;
    let (tokened, userinfo) =
        phase::run("userinfo", tokened, workers, process, move |client, tokened| app.clone().userinfo(client, tokened))
            .await?;
    Ok((vec![authorize, acs, token, userinfo], tokened))
}

/// Asks again with each token, as an app does that hears of the end of a session in no other way: at userinfo, where the server
/// notes the use if the last was a minute ago, and at once by introspection, where it does not.
pub(crate) async fn ask_again(
    app: &App,
    tokened: Vec<Tokened>,
    workers: usize,
    process: Option<&Process>,
) -> Result<[Phase; 2], Failure> {
    let app = Arc::new(app.clone());
    let shared = app.clone();
    let (tokened, userinfo) = phase::run("userinfo", tokened, workers, process, move |client, tokened| {
        shared.clone().userinfo(client, tokened)
    })
    .await?;
    let (_, introspect) = phase::run("introspect", tokened, workers, process, move |client, tokened| {
        app.clone().introspect(client, tokened)
    })
    .await?;
    Ok([userinfo, introspect])
}

impl App {
    pub(crate) async fn authorize(self: Arc<Self>, client: Client, person: String) -> Result<Asked, Failure> {
        let (state, verifier) = (random_text(&SystemRandom), random_text(&SystemRandom));
        let challenge = base64url(&Sha256::digest(verifier.as_bytes()));
        let whose = match &self.tenant {
            Some(tenant) => ("tenant", tenant.as_str()),
            None => ("login_hint", person.as_str()),
        };
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            whose,
            ("redirect_uri", REDIRECT_URI),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.into_iter().chain(self.wants_id_token.then_some(("scope", "openid")));
        let url = Url::parse_with_params(&format!("{}/api/oauth/authorize", self.url), parameters)?;
        let (location, cookie) = redirected(client.get(url)).await?;
        let request = parameter(&location, "SAMLRequest").and_then(|field| AuthnRequest::deflated(&field));
        Ok(Asked {
            person,
            state,
            verifier,
            request: request.ok_or("no AuthnRequest in the redirect")?,
            relay_state: parameter(&location, "RelayState").ok_or("no RelayState in the redirect")?,
            cookie,
        })
    }

    async fn acs(self: Arc<Self>, client: Client, answered: Answered) -> Result<Coded, Failure> {
        let Answered { asked, saml_response } = answered;
        let form = [("SAMLResponse", &saml_response), ("RelayState", &asked.relay_state)];
        let request = client.post(format!("{}/api/oauth/saml", self.url)).form(&form);
        let request = match &asked.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        let (location, _) = redirected(request).await?;
        if let Some(error) = parameter(&location, "error") {
            let description = parameter(&location, "error_description").unwrap_or_default();
            return Err(format!("{error}: {description}").into());
        }
        if parameter(&location, "state").as_deref() != Some(&asked.state) {
            return Err("another state came back".into());
        }
        let code = parameter(&location, "code").ok_or("no code in the redirect")?;
        Ok(Coded { person: asked.person, verifier: asked.verifier, code })
    }

    async fn token(self: Arc<Self>, client: Client, coded: Coded) -> Result<Tokened, Failure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &coded.code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", &coded.verifier),
        ];
        let answer = read_json(self.authenticated(&client, "/api/oauth/token").form(&form)).await?;
        if answer["id_token"].is_string() != self.wants_id_token {
            return Err("an ID token is missing, or is too much".into());
        }
        let access_token = answer["access_token"].as_str().ok_or("no access_token")?.to_owned();
        Ok(Tokened { person: coded.person, access_token })
    }

    async fn userinfo(self: Arc<Self>, client: Client, tokened: Tokened) -> Result<Tokened, Failure> {
        let request = client.get(format!("{}/api/oauth/userinfo", self.url)).bearer_auth(&tokened.access_token);
        match read_json(request).await?["email"].as_str() {
            Some(email) if email == tokened.person => Ok(tokened),
            email => Err(format!("expected {}, received {email:?}", tokened.person).into()),
        }
    }

    async fn introspect(self: Arc<Self>, client: Client, tokened: Tokened) -> Result<(), Failure> {
        let request = self.authenticated(&client, "/api/oauth/introspect").form(&[("token", &tokened.access_token)]);
        match read_json(request).await?["active"].as_bool() {
            Some(true) => Ok(()),
            other => Err(format!("active: {other:?}").into()),
        }
    }

    /// RFC 6749 §2.3.1: both halves are form-urlencoded first.
    fn authenticated(&self, client: &Client, path: &str) -> RequestBuilder {
        let encode = |part: &str| byte_serialize(part.as_bytes()).collect::<String>();
        client
            .post(format!("{}{path}", self.url))
            .basic_auth(encode(&self.client_id), Some(encode(&self.client_secret)))
    }
}

/// Where an answer redirects to, and the cookie it sets.
async fn redirected(request: RequestBuilder) -> Result<(Url, Option<String>), Failure> {
    let response = request.send().await?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, location, cookie) = (response.status(), header(LOCATION), header(SET_COOKIE));
    let body = response.text().await?; // read to its end, or the connection cannot be used again
    let location = location
        .filter(|_| status.is_redirection())
        .ok_or_else(|| format!("{status} instead of a redirect: {body}"))?;
    let cookie = cookie.and_then(|cookie| Some(cookie.split_once(';')?.0.to_owned()));
    Ok((Url::parse(&location)?, cookie))
}

pub(crate) async fn read_json(request: RequestBuilder) -> Result<Value, Failure> {
    let response = request.send().await?;
    match response.status().is_success() {
        true => Ok(response.json().await?),
        false => Err(format!("{}: {}", response.status(), response.text().await?).into()),
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
