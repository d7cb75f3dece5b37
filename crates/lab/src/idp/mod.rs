//! A SAML 2.0 identity provider with a login page, for people who have none at hand. It answers requests at `/sso` by both
//! front-channel bindings, begins logins itself at `/start?acs=…&relay=…`, and publishes `/metadata`.

mod authn_request;
mod people;

use std::io;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use actix_web::web::{self, Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use postern_core::ports::{Clock, Random};
use serde::Deserialize;

pub use self::authn_request::AuthnRequest;
pub use self::people::{PASSWORD, Person, people};
use crate::key::Key;
use crate::metadata::metadata;
use crate::page::Page;
use crate::response::{Response, base64, random_id};
use crate::running::{Port, Running};
use crate::sessions::Sessions;
use crate::xml::{attribute, text};

/// What the identity provider is to be.
pub struct Options {
    /// The name of loopback in its URLs: `127.0.0.1` or `localhost`, which are different sites to a browser.
    pub host: String,
    /// Its port; 0: a free one.
    pub port: u16,
    /// What it signs with.
    pub key: Key,
    /// Whom it sends people to. Nobody else gets a response.
    pub service_providers: Vec<ServiceProvider>,
    /// Who has an account.
    pub people: Vec<Person>,
    /// When it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and cookies come from.
    pub random: Arc<dyn Random>,
}

/// Somebody who takes responses.
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    /// Its entity ID, the audience of responses to it.
    pub entity_id: String,
    /// Where its responses go: here, and to addresses below, which are those of single connections.
    pub acs_url: String,
}

/// Starts the identity provider on loopback, inside the running Tokio runtime. Its entity ID is its URL and `/metadata`.
pub async fn start(options: Options) -> io::Result<Running> {
    let port = Port::take(&options.host, options.port)?;
    let idp = Data::new(Idp {
        entity_id: format!("{}/metadata", port.url),
        sso_url: format!("{}/sso", port.url),
        key: options.key,
        service_providers: options.service_providers,
        people: options.people,
        clock: options.clock,
        sessions: Sessions::new("lab-idp", options.random.clone()),
        random: options.random,
    });
    port.serve(move |app| {
        app.app_data(idp.clone())
            .route("/", web::get().to(home))
            .route("/metadata", web::get().to(publish))
            .route("/sso", web::get().to(sso_redirect))
            .route("/sso", web::post().to(sso_post))
            .route("/start", web::get().to(begin_here))
            .route("/sign-in", web::post().to(sign_in))
            .route("/sign-out", web::post().to(sign_out));
    })
}

struct Idp {
    entity_id: String,
    sso_url: String,
    key: Key,
    service_providers: Vec<ServiceProvider>,
    people: Vec<Person>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sessions: Sessions<Person>,
}

/// To whom a person is to be sent, and with what. Travels through the login page as hidden fields, and is looked up among
/// the service providers again when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Errand {
    acs: String,
    request: Option<String>,
    relay: Option<String>,
    format: Option<String>,
}

async fn home(idp: Data<Idp>, request: HttpRequest) -> HttpResponse {
    let session = match idp.sessions.of(&request) {
        Some(person) => format!(
            "<p>You are signed in as {}.</p>\
             <form method=\"post\" action=\"/sign-out\"><button>Sign out</button></form>",
            text(&person.email)
        ),
        None => "<p>You are not signed in. Apps send you here to sign in.</p>".into(),
    };
    let body = format!("{session}<p class=\"soft\">Apps that trust me read <a href=\"/metadata\">my metadata</a>.</p>");
    Page::new("Make-believe identity provider", body).into()
}

async fn publish(idp: Data<Idp>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/samlmetadata+xml")).body(metadata(
        &idp.entity_id,
        &idp.sso_url,
        &idp.key,
    ))
}

#[derive(Deserialize)]
struct SsoFields {
    #[serde(rename = "SAMLRequest")]
    saml_request: String,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
}

async fn sso_redirect(idp: Data<Idp>, request: HttpRequest, fields: Query<SsoFields>) -> HttpResponse {
    let asked = AuthnRequest::deflated(&fields.saml_request);
    sso(&idp, &request, asked, fields.into_inner().relay_state)
}

async fn sso_post(idp: Data<Idp>, request: HttpRequest, fields: Form<SsoFields>) -> HttpResponse {
    let asked = AuthnRequest::plain(&fields.saml_request);
    sso(&idp, &request, asked, fields.into_inner().relay_state)
}

fn sso(idp: &Idp, request: &HttpRequest, asked: Option<AuthnRequest>, relay: Option<String>) -> HttpResponse {
    let Some(asked) = asked else {
        return Page::refusal("The SAMLRequest is not an AuthnRequest.").into();
    };
    let Some(sp) = idp.service_providers.iter().find(|sp| sp.entity_id == asked.issuer) else {
        return Page::refusal("The request comes from a service provider that is not registered here.").into();
    };
    let errand = Errand {
        acs: asked.acs_url.unwrap_or_else(|| sp.acs_url.clone()),
        request: Some(asked.id),
        relay,
        format: asked.name_id_format,
    };
    match idp.sessions.of(request) {
        Some(person) if !asked.force_authn => idp.answer(&errand, Some(&person)).into(),
        _ if asked.is_passive => idp.answer(&errand, None).into(),
        _ => idp.login_page(&errand, None).into(),
    }
}

#[derive(Deserialize)]
struct StartFields {
    acs: String,
    relay: Option<String>,
}

/// IdP-initiated login (SAML Profiles §4.1.5).
async fn begin_here(idp: Data<Idp>, request: HttpRequest, fields: Query<StartFields>) -> HttpResponse {
    let StartFields { acs, relay } = fields.into_inner();
    let errand = Errand { acs, request: None, relay, format: None };
    match idp.sessions.of(&request) {
        Some(person) => idp.answer(&errand, Some(&person)).into(),
        None => idp.login_page(&errand, None).into(),
    }
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    acs: String,
    request: Option<String>,
    relay: Option<String>,
    format: Option<String>,
}

async fn sign_in(idp: Data<Idp>, request: HttpRequest, form: Form<Credentials>) -> HttpResponse {
    let Credentials { email, password, acs, request: asked, relay, format } = form.into_inner();
    let errand = Errand { acs, request: asked, relay, format };
    let account = idp.people.iter().find(|person| person.email.eq_ignore_ascii_case(email.trim()));
    match account.filter(|_| password == PASSWORD) {
        Some(person) => {
            let cookie = idp.sessions.begin(&request, person.clone());
            idp.answer(&errand, Some(person)).with_cookie(cookie).into()
        }
        None => idp.login_page(&errand, Some(&email)).into(),
    }
}

async fn sign_out(idp: Data<Idp>, request: HttpRequest) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, "/"))
        .insert_header((SET_COOKIE, idp.sessions.end(&request)))
        .finish()
}

impl Idp {
    /// The page that sends the browser on with a response: about `person`, or that nobody is there.
    fn answer(&self, errand: &Errand, person: Option<&Person>) -> Page {
        let Some(sp) = self.service_provider(&errand.acs) else {
            return Page::refusal("The address that the response should go to is not registered here.");
        };
        let response = Response::at(self.clock.now())
            .with_random_ids(&*self.random)
            .sent_by(&self.entity_id)
            .sent_to(&errand.acs)
            .for_audience(&sp.entity_id);
        let response = match &errand.request {
            Some(id) => response.answering(id),
            None => response,
        };
        let xml = match person {
            Some(person) => self.about(person, errand, response).signed_assertion(&self.key),
            None => nobody(response).signed_response(&self.key),
        };
        let body = format!(
            "<form method=\"post\" action=\"{}\">\n\
             <input type=\"hidden\" name=\"SAMLResponse\" value=\"{}\">\n{}\
             <p>If nothing happens, go on yourself.</p>\n<button>Continue</button>\n</form>",
            attribute(&errand.acs),
            base64(&xml),
            hidden("RelayState", errand.relay.as_deref()),
        );
        Page::new("Going back to the app", body).sending_itself()
    }

    fn about(&self, person: &Person, errand: &Errand, response: Response) -> Response {
        // SAML Core §3.4.1.1: the format that is asked for, where there is one; ours is persistent.
        let (name_id, format) = match errand.format.as_deref() {
            Some(format @ EMAIL) => (person.email.clone(), format),
            Some(format @ TRANSIENT) => (random_id(&*self.random), format),
            _ => (person.id.clone(), PERSISTENT),
        };
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        Response {
            name_id: Some(name_id),
            name_id_format: Some(format.into()),
            attributes: vec![
                one("id", &person.id),
                one("email", &person.email),
                one("firstName", &person.first_name),
                one("lastName", &person.last_name),
                ("groups".into(), person.groups.clone()),
            ],
            ..response
        }
    }

    fn service_provider(&self, acs: &str) -> Option<&ServiceProvider> {
        self.service_providers
            .iter()
            .find(|sp| acs.strip_prefix(&sp.acs_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    fn login_page(&self, errand: &Errand, refused: Option<&str>) -> Page {
        if self.service_provider(&errand.acs).is_none() {
            return Page::refusal("The address that the response should go to is not registered here.");
        }
        let wrong = match refused {
            Some(_) => "<p class=\"wrong\" role=\"alert\">No account has this e-mail address and password.</p>\n",
            None => "",
        };
        let accounts: String = self.people.iter().map(|person| format!("<li>{}</li>", text(&person.email))).collect();
        let body = format!(
            "{wrong}<form method=\"post\" action=\"/sign-in\">\n{}{}{}{}\
             <label for=\"email\">E-mail address</label>\n\
             <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required autofocus value=\"{}\">\n\
             <label for=\"password\">Password</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
             <button>Sign in</button>\n</form>\n\
             <p class=\"soft\">Nobody here is real. These accounts exist, all with the password <code>{PASSWORD}</code>:</p>\n\
             <ul>{accounts}</ul>",
            hidden("acs", Some(&errand.acs)),
            hidden("request", errand.request.as_deref()),
            hidden("relay", errand.relay.as_deref()),
            hidden("format", errand.format.as_deref()),
            attribute(refused.unwrap_or_default()),
        );
        Page::new("Sign in to the make-believe identity provider", body)
    }
}

/// SAML Core §3.2.2.2: IsPassive was asked for, and nobody is signed in.
fn nobody(response: Response) -> Response {
    let code = |name: &str| format!("urn:oasis:names:tc:SAML:2.0:status:{name}");
    Response { status: vec![code("Responder"), code("NoPassive")], has_assertion: false, ..response }
}

fn hidden(name: &str, value: Option<&str>) -> String {
    let field = |value| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", attribute(value));
    value.map(field).unwrap_or_default()
}

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
