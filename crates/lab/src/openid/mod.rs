//! An OpenID Provider that does what it is told to: sign people in with a code, or tell lies of one kind ([`Lies`]). Its tokens
//! are written and signed by code of this crate's own.
//!
//! Whoever opens its authorization endpoint chooses among its people; a test asks [`OpenidProvider::answer`] instead, which is
//! what the browser would bring back.

mod cases;
mod lies;
mod token;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use postern_core::ports::{Clock, Random};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

pub use self::cases::{CASES, Case, Expected};
pub use self::lies::{Lies, Signature};
use crate::idp::Person;
use crate::key::Key;
use crate::page::Page;
use crate::running::{Port, Running};
use crate::xml::{attribute, text};

/// What the provider is to be.
pub struct Options {
    /// The name of loopback in its URLs.
    pub host: String,
    /// Its port; 0: a free one.
    pub port: u16,
    /// What it signs with.
    pub key: Key,
    /// The one client that it knows.
    pub client_id: String,
    /// The client's secret; none: it is not asked for one.
    pub client_secret: Option<String>,
    /// Who has an account.
    pub people: Vec<Person>,
    /// When it is.
    pub clock: Arc<dyn Clock>,
    /// Where codes come from.
    pub random: Arc<dyn Random>,
}

/// A provider that runs on loopback until it is stopped.
pub struct OpenidProvider {
    /// Its address, which is its issuer.
    pub issuer: String,
    state: Data<State>,
    running: Running,
}

/// How often each address was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// `/.well-known/openid-configuration`.
    pub metadata: usize,
    /// `/jwks`.
    pub keys: usize,
    /// `/token`.
    pub token: usize,
    /// `/userinfo`.
    pub userinfo: usize,
}

struct State {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    people: Vec<Person>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// A key that is not published.
    stranger: Key,
    changing: Mutex<Changing>,
}

struct Changing {
    /// The first signs, all are published.
    keys: Vec<Key>,
    generation: usize,
    lies: Lies,
    codes: HashMap<String, Errand>,
    tokens: HashMap<String, Person>,
    asked: Asked,
    last_form: Vec<(String, String)>,
}

/// What a code stands for.
#[derive(Debug, Clone)]
struct Errand {
    person: Person,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
    max_age: bool,
}

impl OpenidProvider {
    /// Starts it inside the running Tokio runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        let port = Port::take(&options.host, options.port)?;
        let issuer = port.url.clone();
        let state = Data::new(State {
            issuer: issuer.clone(),
            client_id: options.client_id,
            client_secret: options.client_secret,
            people: options.people,
            clock: options.clock,
            random: options.random,
            stranger: Key::generate().map_err(io::Error::other)?,
            changing: Mutex::new(Changing {
                keys: vec![options.key],
                generation: 1,
                lies: Lies::default(),
                codes: HashMap::new(),
                tokens: HashMap::new(),
                asked: Asked::default(),
                last_form: Vec::new(),
            }),
        });
        let shared = state.clone();
        let running = port.serve(move |app| {
            app.app_data(shared.clone())
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .route("/jwks", web::get().to(keys))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
                .route("/userinfo", web::get().to(userinfo));
        })?;
        Ok(Self { issuer, state, running })
    }

    /// What it lies about from now on.
    pub fn lie(&self, lies: Lies) {
        self.state.changing().lies = lies;
    }

    /// Signs with another key from now on; the old one stays published if `both`.
    pub fn rotate(&self, key: Key, both: bool) {
        let mut changing = self.state.changing();
        changing.generation += 1;
        if !both {
            changing.keys.clear();
        }
        changing.keys.insert(0, key);
    }

    /// How often it was asked.
    pub fn asked(&self) -> Asked {
        self.state.changing().asked
    }

    /// The form that the token endpoint got last.
    pub fn last_form(&self) -> Vec<(String, String)> {
        self.state.changing().last_form.clone()
    }

    /// Where the browser is sent by a request that it brought, once its first person has signed in.
    pub fn answer(&self, request: &Url) -> Url {
        let person = self.state.people.first().cloned();
        self.state.answer(request, person)
    }

    /// Ends open requests and waits for them.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl State {
    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Url, person: Option<Person>) -> Url {
        let asked: HashMap<String, String> = request.query_pairs().into_owned().collect();
        let of = |name: &str| asked.get(name).cloned();
        let redirect_uri = of("redirect_uri").unwrap_or_default();
        let mut url = Url::parse(&redirect_uri).unwrap_or_else(|_| request.clone());
        let mut changing = self.changing();
        let code = random_text(&*self.random);
        let mut parameters = vec![("state", of("state")), ("iss", Some(self.issuer.clone()))];
        match person {
            Some(person) => {
                let errand = Errand {
                    person,
                    nonce: of("nonce"),
                    challenge: of("code_challenge").unwrap_or_default(),
                    redirect_uri,
                    max_age: asked.contains_key("max_age"),
                };
                changing.codes.insert(code.clone(), errand);
                parameters.push(("code", Some(code)));
            }
            None => parameters.push(("error", Some("access_denied".to_owned()))),
        }
        for (name, lie) in &changing.lies.callback {
            parameters.retain(|(honest, _)| honest != name);
            parameters.push((*name, lie.map(str::to_owned)));
        }
        let sent = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        url.query_pairs_mut().extend_pairs(sent);
        url
    }
}

async fn metadata(state: Data<State>) -> HttpResponse {
    let mut changing = state.changing();
    changing.asked.metadata += 1;
    if changing.lies.is_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let at = |path: &str| format!("{}{path}", state.issuer);
    let mut document = json!({
        "issuer": state.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "end_session_endpoint": at("/logout"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "authorization_response_iss_parameter_supported": true,
    });
    changing.lies.of_metadata(&mut document);
    HttpResponse::Ok().json(document)
}

async fn keys(state: Data<State>) -> HttpResponse {
    let mut changing = state.changing();
    changing.asked.keys += 1;
    if changing.lies.is_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    if let Some(document) = &changing.lies.keys {
        return HttpResponse::Ok().json(document);
    }
    let newest = changing.generation;
    let jwks = changing.keys.iter().enumerate().map(|(place, key)| token::jwk(key, newest - place));
    let mut jwks: Vec<Value> = jwks.collect();
    if changing.lies.nameless_keys {
        jwks.iter_mut().for_each(|key| set(key, "kid", Value::Null));
    }
    jwks.extend(changing.lies.more_keys.iter().cloned());
    HttpResponse::Ok().json(json!({ "keys": jwks }))
}

/// Whoever comes chooses who they are.
async fn authorize(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let here = format!("{}{}", state.issuer, request.uri());
    let Ok(url) = Url::parse(&here) else { return Page::refusal("The request has no address.").into() };
    let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
    if asked.get("client_id") != Some(&state.client_id) {
        return Page::refusal("The request comes from a client that is not registered here.").into();
    }
    if let Some(id) = asked.get("person") {
        let person = state.people.iter().find(|person| person.id == *id).cloned();
        return HttpResponse::Found().insert_header((LOCATION, state.answer(&url, person).as_str())).finish();
    }
    let entry = |person: &Person| {
        let chosen = format!("{here}&person={}", person.id);
        format!("<li><a href=\"{}\">{}</a></li>", attribute(&chosen), text(&person.email))
    };
    let entries: String = state.people.iter().map(entry).collect();
    Page::new("Who are you?", format!("<p>Nobody here is real.</p><ul>{entries}</ul>")).into()
}

async fn token(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let delay = {
        let mut changing = state.changing();
        changing.asked.token += 1;
        changing.last_form.clone_from(&form);
        changing.lies.delay
    };
    tokio::time::sleep(delay.unwrap_or(Duration::ZERO)).await;
    let of = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let mut changing = state.changing();
    let lies = changing.lies.clone();
    if let Some((status, body)) = &lies.token {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return HttpResponse::build(status).insert_header((CONTENT_TYPE, "application/json")).body(body.to_string());
    }
    if !state.knows_client(&request, of("client_secret"), of("client_assertion")) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let errand = of("code").and_then(|code| changing.codes.remove(code));
    let proves = |errand: &Errand| {
        let challenge = postern_core::base64url(&Sha256::digest(of("code_verifier").unwrap_or_default().as_bytes()));
        challenge == errand.challenge && of("redirect_uri") == Some(&errand.redirect_uri)
    };
    let Some(errand) = errand.filter(proves) else { return refused(StatusCode::BAD_REQUEST, "invalid_grant") };
    let access_token = lies.access_token.map_or_else(|| random_text(&*state.random), str::to_owned);
    let claims = lies.of_claims(token::claims(&state, &errand, &access_token));
    let id_token =
        changing.keys.first().map(|key| token::signed(key, &state.stranger, changing.generation, claims, &lies));
    changing.tokens.insert(access_token.clone(), errand.person);
    let mut answer = json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 300 });
    if !lies.no_id_token {
        answer["id_token"] = json!(id_token);
    }
    HttpResponse::Ok().json(answer)
}

impl State {
    fn knows_client(&self, request: &HttpRequest, in_form: Option<&str>, assertion: Option<&str>) -> bool {
        let Some(secret) = &self.client_secret else { return assertion.is_some() };
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.client_id), encoded(secret));
        let basic = format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()));
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header == Some(&basic) || in_form == Some(secret)
    }
}

async fn userinfo(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let mut changing = state.changing();
    changing.asked.userinfo += 1;
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let person = header.and_then(|header| header.strip_prefix("Bearer ")).and_then(|token| changing.tokens.get(token));
    match (person, &changing.lies.userinfo) {
        (None, _) => refused(StatusCode::UNAUTHORIZED, "invalid_token"),
        (Some(_), Some(lie)) => HttpResponse::Ok().json(lie),
        (Some(person), None) => HttpResponse::Ok().json(token::about(person)),
    }
}

fn refused(status: StatusCode, error: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": error }))
}

fn random_text(random: &dyn Random) -> String {
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    postern_core::base64url(&bytes)
}

/// A value for a lie, where `null` takes the member away.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.to_owned(), value),
        };
    }
}
