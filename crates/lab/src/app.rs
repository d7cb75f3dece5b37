//! A sample app: what a developer writes to sign people in through Postern, with nothing but an HTTP client. It is an OAuth
//! 2.0 client of the authorization code flow (RFC 6749 §4.1) with PKCE (RFC 7636) and the issuer check of RFC 9207; start
//! reading at [`login`] and [`callback`]. It does what the claims say: who may have an account gets one ([`App::admit`]), the role opens
//! a page, and nobody stays signed in longer than Postern's session lasts. Its accounts are in memory.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::web::{self, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use postern_core::base64url;
use postern_core::ports::{Clock, Random, Timestamp};
use postern_core::secret::random_text;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::form_urlencoded::byte_serialize;

use crate::client::client;
use crate::page::Page;
use crate::running::{Port, Running};
use crate::sessions::Sessions;
use crate::xml::text;

/// What the app and Postern know of each other.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The public URL of Postern, which is its issuer identifier too. May have a path.
    pub postern: String,
    /// The product's `client_id`, or any other form that Postern takes.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The customer whose people sign in.
    pub tenant: String,
    /// The app's name.
    pub product: String,
}

/// An app that has its port and has yet to be registered: Postern wants the redirect URI before it gives out a `client_id`.
pub struct Reserved {
    port: Port,
}

/// Takes a port of loopback, or any free one for 0. `host` is the name of loopback in the app's URLs: `127.0.0.1` or
/// `localhost`, which are different sites to a browser.
pub fn reserve(host: &str, port: u16) -> io::Result<Reserved> {
    Ok(Reserved { port: Port::take(host, port)? })
}

impl Reserved {
    /// The app's URL.
    pub fn url(&self) -> &str {
        &self.port.url
    }

    /// The redirect URI to be registered.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.port.url)
    }

    /// Where a login may be begun for the app (`initiate_login_url`).
    pub fn initiate_login_url(&self) -> String {
        format!("{}/login", self.port.url)
    }

    /// Starts the app, inside the running Tokio runtime.
    pub fn start(
        self,
        registration: Registration,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Running> {
        let app = Data::new(App {
            redirect_uri: self.redirect_uri(),
            registration,
            http: client().map_err(io::Error::other)?,
            sessions: Sessions::new("lab-app", random.clone()),
            accounts: Mutex::default(),
            random,
            clock,
        });
        self.port.serve(move |config| {
            config
                .app_data(app.clone())
                .route("/", web::get().to(home))
                .route("/login", web::get().to(login))
                .route("/callback", web::get().to(callback))
                .route("/me", web::get().to(me))
                .route("/settings", web::get().to(settings))
                .route("/logout", web::post().to(logout));
        })
    }
}

struct App {
    registration: Registration,
    redirect_uri: String,
    http: reqwest::Client,
    sessions: Sessions<Browser>,
    /// The role of each person, by `sub`.
    accounts: Mutex<HashMap<String, String>>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
}

/// What the app remembers of a browser.
#[derive(Clone)]
enum Browser {
    SigningIn { state: String, verifier: String },
    SignedIn { claims: Map<String, Value>, role: String },
}

async fn home(app: Data<App>, request: HttpRequest) -> HttpResponse {
    if app.signed_in(&request).is_some() {
        return see_other("/me", None);
    }
    let body = format!(
        "<p>This is a sample app of the customer <strong>{}</strong>. It knows nothing of SAML; it sends you to Postern, which \
         sends you to your identity provider.</p>\n<p><a class=\"button\" href=\"/login\">Sign in</a></p>",
        text(&app.registration.tenant)
    );
    Page::new(&app.registration.product, body).into()
}

#[derive(Deserialize)]
struct LoginFields {
    iss: Option<String>,
    tenant: Option<String>,
    idp_hint: Option<String>,
}

/// Begins a login: remembers a state and a verifier for this browser, and sends it to Postern (RFC 6749 §4.1.1). Postern
/// sends people here when their login began at the identity provider (OIDC Core §4).
async fn login(app: Data<App>, request: HttpRequest, fields: Query<LoginFields>) -> HttpResponse {
    let registration = &app.registration;
    if fields.iss.as_ref().is_some_and(|issuer| *issuer != registration.postern) {
        return Page::refusal("Somebody else than Postern asked this app to begin a login.").into();
    }
    let (state, verifier) = (random_text(&*app.random), random_text(&*app.random));
    // RFC 7636 §4.2: code_challenge = BASE64URL-ENCODE(SHA256(ASCII(code_verifier))).
    let challenge = base64url(&Sha256::digest(verifier.as_bytes()));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &registration.client_id)
        .append_pair("redirect_uri", &app.redirect_uri)
        .append_pair("tenant", fields.tenant.as_deref().unwrap_or(&registration.tenant))
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if let Some(hint) = &fields.idp_hint {
        query.append_pair("idp_hint", hint);
    }
    let target = format!("{}/api/oauth/authorize?{}", registration.postern, query.finish());
    see_other(&target, Some(app.sessions.begin(&request, Browser::SigningIn { state, verifier })))
}

#[derive(Deserialize)]
struct CallbackFields {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Ends a login: checks that the answer is for this browser's request and comes from Postern, then trades the code for
/// claims.
async fn callback(app: Data<App>, request: HttpRequest, fields: Query<CallbackFields>) -> HttpResponse {
    let Some(Browser::SigningIn { state, verifier }) = app.sessions.of(&request) else {
        return Page::refusal("This browser did not begin a login here. Start again.").into();
    };
    // RFC 6749 §10.12: an answer with another state was begun by somebody else.
    if fields.state.as_deref() != Some(&state) {
        return Page::refusal("This is the answer to another login. Start again.").into();
    }
    // RFC 9207 §2.4: "Clients MUST then compare the result to the issuer identifier".
    if fields.iss.as_deref() != Some(&app.registration.postern) {
        return Page::refusal("This answer does not come from Postern. Start again.").into();
    }
    let Some(code) = &fields.code else {
        let error = fields.error.as_deref().unwrap_or("no code");
        let description = fields.error_description.as_deref().unwrap_or("Nothing more was said.");
        return Page::refusal(&format!("The login was refused ({error}): {description}")).into();
    };
    let admitted = app.claims(code, &verifier).await.and_then(|claims| Ok((app.admit(&claims)?, claims)));
    match admitted {
        Ok((role, claims)) => see_other("/me", Some(app.sessions.begin(&request, Browser::SignedIn { claims, role }))),
        Err(sentence) => Page::refusal(&sentence).into(),
    }
}

async fn me(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let Some((claims, role)) = app.signed_in(&request) else { return see_other("/", None) };
    let known = [
        ("E-mail", "email"),
        ("First name", "firstName"),
        ("Last name", "lastName"),
        ("Groups", "groups"),
        ("Roles", "roles"),
        ("Team", "team"),
        ("Id", "id"),
    ];
    let ends = ends(&claims).map(|ends| ends.to_string());
    let verdict = refused(&claims).map_or("allowed", |reason| reason);
    let policy =
        [("Role here", Some(role.as_str())), ("New accounts", Some(verdict)), ("Signed in until", ends.as_deref())];
    let rows: String = known
        .iter()
        .filter_map(|(label, name)| Some((*label, plain(claims.get(*name)?))))
        .chain(policy.into_iter().filter_map(|(label, value)| Some((label, value?.to_owned()))))
        .map(|(label, value)| format!("<tr><th scope=\"row\">{label}</th><td>{}</td></tr>\n", text(&value)))
        .collect();
    let settings = if opens_settings(&role) { "<p><a href=\"/settings\">Settings</a></p>\n" } else { "" };
    let all = serde_json::to_string_pretty(&claims).unwrap_or_default();
    let name = ["firstName", "email"].iter().find_map(|name| claims.get(*name)?.as_str()).unwrap_or("stranger");
    let body = format!(
        "<p>You are signed in to {}. This is what Postern told the app about you:</p>\n<table>\n{rows}</table>\n{settings}\
         <details><summary>All claims</summary><pre tabindex=\"0\">{}</pre></details>\n\
         <form method=\"post\" action=\"/logout\"><button>Sign out of this app</button></form>",
        text(&app.registration.product),
        text(&all)
    );
    Page::new(format!("Hello, {name}"), body).into()
}

/// A page that a role opens: what the role is good for is the app's own affair.
async fn settings(app: Data<App>, request: HttpRequest) -> HttpResponse {
    match app.signed_in(&request) {
        None => see_other("/", None),
        Some((_, role)) if opens_settings(&role) => {
            Page::new("Settings", "<p>Whoever is no plain member finds settings here.</p>".to_owned()).into()
        }
        Some(_) => Page::refusal("Members have no settings. Ask your administrator for another role.").into(),
    }
}

fn opens_settings(role: &str) -> bool {
    role != "member"
}

async fn logout(app: Data<App>, request: HttpRequest) -> HttpResponse {
    see_other("/", Some(app.sessions.end(&request)))
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

impl App {
    /// Who is signed in, and as what: nobody any more, when Postern's session is over.
    fn signed_in(&self, request: &HttpRequest) -> Option<(Map<String, Value>, String)> {
        let Some(Browser::SignedIn { claims, role }) = self.sessions.of(request) else { return None };
        ends(&claims).is_none_or(|ends| self.clock.now() < ends).then_some((claims, role))
    }

    /// The role of somebody who comes in. Somebody new gets an account, unless the tenant's policy says that they may not: that is a
    /// sentence for the page. A role that follows from groups counts each time; a default one only makes accounts, so that
    /// whoever was promoted by hand stays it.
    fn admit(&self, claims: &Map<String, Value>) -> Result<String, String> {
        let said = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let told = Some(said("role")).filter(|role| !role.is_empty()).unwrap_or_else(|| "member".to_owned());
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        match accounts.get(&said("id")) {
            Some(role) if said("role_source") != "group" => return Ok(role.clone()),
            Some(_) => {}
            None => {
                if let Some(reason) = refused(claims) {
                    return Err(format!(
                        "You have no account here, and your organisation lets nobody like you make one ({reason})."
                    ));
                }
            }
        }
        accounts.insert(said("id"), told.clone());
        Ok(told)
    }

    /// Redeems a code (RFC 6749 §4.1.3) and asks who it stands for. A failure is a sentence for the page.
    async fn claims(&self, code: &str, verifier: &str) -> Result<Map<String, Value>, String> {
        let Registration { postern, client_id, client_secret, .. } = &self.registration;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
        let encode = |part: &str| byte_serialize(part.as_bytes()).collect::<String>();
        let request = self
            .http
            .post(format!("{postern}/api/oauth/token"))
            .basic_auth(encode(client_id), Some(encode(client_secret)))
            .form(&form);
        let tokens: Tokens = answer(request, "redeem the code").await?;
        let request = self.http.get(format!("{postern}/api/oauth/userinfo")).bearer_auth(tokens.access_token);
        answer(request, "read the claims").await
    }
}

async fn answer<T: serde::de::DeserializeOwned>(request: reqwest::RequestBuilder, what: &str) -> Result<T, String> {
    let response = request.send().await.map_err(|_| format!("Could not {what}: Postern does not answer."))?;
    let status = response.status();
    if !status.is_success() {
        let body = response.text().await.unwrap_or_default();
        return Err(format!("Could not {what}: Postern answered {status}. {body}"));
    }
    response.json().await.map_err(|_| format!("Could not {what}: the answer is not what it should be."))
}

/// When Postern's session is over.
fn ends(claims: &Map<String, Value>) -> Option<Timestamp> {
    Timestamp::from_second(claims.get("session_expires_at")?.as_i64()?).ok()
}

/// Why the app may make no account for somebody new; `None`: it may.
fn refused(claims: &Map<String, Value>) -> Option<&str> {
    let provisioning = claims.get("provisioning")?;
    let allowed = provisioning.get("allowed").and_then(Value::as_bool).unwrap_or(true);
    (!allowed).then(|| provisioning.get("reason").and_then(Value::as_str).unwrap_or("no reason"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn see_other(target: &str, cookie: Option<String>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, target));
    if let Some(cookie) = cookie {
        response.insert_header((SET_COOKIE, cookie));
    }
    response.finish()
}
