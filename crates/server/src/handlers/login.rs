//! `GET POST /login`: a person says by their address whose they are, and is sent on. The app's own question stands in the
//! parameters of the page and in hidden fields of its form, as it stood at authorize; the page keeps nothing, and whatever it
//! leads to is judged there anew. Visited without such a question, it sends people to where the app begins one (OIDC Core §4).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use postern_core::discover::{Answer, Asker, Offer, Question};
use postern_core::fault::{Code, Fault};
use postern_core::login::door::{ClientName, Lobby};
use postern_core::login::request::AuthorizeRequest;
use postern_core::products::Product;
use postern_core::redirect::with_parameters;
use postern_core::scope::Scope;

use super::authorize::{self, arrive, read};
use super::start_again::begin_at;
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::pages::{self, Choice, SignIn};
use crate::reply::{Refusal, no_store, redirect};

/// Somebody whom an app sends without saying whose they are: they are asked for their address. One that leads nowhere leads back.
pub(super) fn receive(
    app: &App,
    fields: &Fields,
    request: &AuthorizeRequest,
    lobby: &Lobby,
    why: Fault,
) -> Result<HttpResponse, Fault> {
    app.logins.check_in_lobby(request, lobby)?;
    if why.code == Code::TenantMissing {
        let parameters = fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        return Ok(redirect(&with_parameters(&app.url("/login"), parameters), false));
    }
    let url = with_password(&lobby.product, request.login_hint.as_deref()).ok_or(why)?;
    Ok(redirect(&url, true))
}

/// The page: the connections of the tenant, where one is named, and a field for an address.
pub async fn page(app: Data<App>, fields: Fields) -> Result<HttpResponse, Refusal> {
    let guest = Guest::arrive(&app, &fields).await?;
    let Some(tenant) = &guest.request.tenant else { return Ok(show(&guest.asking(&app, &fields))) };
    let scope = Scope::new(tenant, &guest.product.name)
        .map_err(|_| Refusal::page_of(Code::ConnectionMissing, Some(guest.product.clone())))?;
    let answer = app.discovery.of_tenant(&scope).await.map_err(Refusal::page)?;
    let page = guest.offering(&app, &fields, &scope, &answer).map_err(|fault| guest.refused(fault))?;
    Ok(show(&page))
}

/// The form: where the address leads. What the person wrote goes on with the app's question.
pub async fn submit(visit: Visit) -> Result<HttpResponse, Refusal> {
    let Visit { app, browser, fields } = visit;
    let guest = Guest::arrive(&app, &fields).await?;
    let (product, email) = (&guest.product, guest.request.login_hint.as_deref().unwrap_or_default());
    let question = Question { product: &product.name, tenant: None, email, asker: Asker::Anybody };
    let (scope, answer) = match app.discovery.find(question).await {
        Ok((Some(scope), answer)) if answer.sso => (scope, answer),
        Ok(_) => return guest.unknown(&app).await,
        Err(fault) if fault.code == Code::EmailMalformed => {
            let page = SignIn { mistake: Some(fault.code), ..guest.asking(&app, &fields) };
            return Ok(pages::sign_in(no_store(&mut HttpResponse::BadRequest()), &page));
        }
        Err(fault) => return Err(Refusal::page_of(fault, Some(product.clone()))),
    };
    if answer.password_allowed() && product.password_login_url.is_some() {
        let organisation = email.rsplit('@').next().map(|domain| domain.trim().to_owned());
        let page = guest.offering(&app, &fields, &scope, &answer).map_err(|fault| guest.refused(fault))?;
        return Ok(show(&SignIn { organisation, ..page }));
    }
    match answer.connections.first().filter(|_| !guest.is_asked_for) {
        Some(usual) => {
            let url = guest.begin(&app, &scope, usual).map_err(|fault| guest.refused(fault))?;
            Ok(redirect(&url, true))
        }
        None => authorize::authorize(app, browser, fields).await, // the app's own question, with the address
    }
}

/// Somebody on the page, and the app that they want to use.
struct Guest {
    request: AuthorizeRequest,
    product: Arc<Product>,
    /// Whether an app asked for the person, rather than that they came by themselves.
    is_asked_for: bool,
}

impl Guest {
    /// Who the app is; where it asked, its redirect URI has to be proven.
    async fn arrive(app: &App, fields: &Fields) -> Result<Self, Refusal> {
        let request = read(app, fields).await?;
        let is_asked_for = request.redirect_uri.is_some();
        let product = match (is_asked_for, ClientName::read(request.client_id.as_deref().unwrap_or_default())) {
            (true, _) => match arrive(app, &request).await? {
                Ok(door) => door.product,
                Err((lobby, _)) => Some(lobby.product),
            },
            (false, ClientName::Product(id)) => app.products.find_by_client_id(&id).await.map_err(Refusal::page)?,
            (false, ClientName::Dummy) => return Err(Refusal::page(Code::ClientMissing)),
            (false, ClientName::Scope(_) | ClientName::Connection(_)) => None,
        };
        let product = product.ok_or(Code::ClientUnknown).map_err(Refusal::page)?;
        Ok(Self { request, product, is_asked_for })
    }

    /// The page that asks for an address.
    fn asking(&self, app: &App, fields: &Fields) -> SignIn {
        let hidden = asked(fields).filter(|(name, _)| *name != "tenant"); // the address says whose they are
        SignIn {
            action: app.url("/login"),
            hidden: hidden.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            email: self.request.login_hint.clone().unwrap_or_default(),
            choices: Vec::new(),
            organisation: None,
            password: None,
            mistake: None,
        }
    }

    /// The same with the ways that are open to people of a scope: by each connection, back to the app's question or to where the
    /// app begins one, and by a password.
    fn offering(&self, app: &App, fields: &Fields, scope: &Scope, answer: &Answer) -> Result<SignIn, Fault> {
        let email = self.request.login_hint.as_deref();
        let way = |offer: &Offer| match self.is_asked_for {
            false => self.begin(app, scope, offer),
            true => {
                let chosen = [("chosen", offer.id.0.as_str())].into_iter().chain(email.map(|email| ("email", email)));
                Ok(with_parameters(&app.url("/api/oauth/authorize"), asked(fields).chain(chosen)))
            }
        };
        let choice = |offer: &Offer| Ok(Choice { name: offer.name.clone(), url: way(offer)? });
        let password = with_password(&self.product, email).filter(|_| answer.password_allowed());
        let choices = answer.connections.iter().map(choice).collect::<Result<_, Fault>>()?;
        Ok(SignIn { choices, password, ..self.asking(app, fields) })
    }

    /// Where the app begins a login by a connection.
    fn begin(&self, app: &App, scope: &Scope, offer: &Offer) -> Result<String, Fault> {
        let url = self.product.initiate_login_url.as_deref().ok_or(Code::LoginNotBegunByApp)?;
        Ok(begin_at(app, url, scope, &offer.id, self.request.login_hint.as_deref()))
    }

    /// Told to the person, with the app's own support.
    fn refused(&self, fault: Fault) -> Refusal {
        Refusal::page_of(fault, Some(self.product.clone()))
    }

    /// Nobody signs in by addresses of this domain: the app knows another way, or hears of it.
    async fn unknown(&self, app: &App) -> Result<HttpResponse, Refusal> {
        if let Some(url) = with_password(&self.product, self.request.login_hint.as_deref()) {
            return Ok(redirect(&url, true));
        }
        let fault = Fault::from(Code::EmailDomainUnknown);
        if !self.is_asked_for {
            return Err(Refusal::page_of(fault, Some(self.product.clone())));
        }
        let return_to = match arrive(app, &self.request).await? {
            Ok(door) => door.return_to,
            Err((lobby, _)) => lobby.return_to,
        };
        Err(Refusal::app(fault, &return_to, true))
    }
}

/// Somebody who sends the form, and has not sent it too often.
pub struct Visit {
    app: Data<App>,
    browser: Browser,
    fields: Fields,
}

impl FromRequest for Visit {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Set on every listener by the one function that builds them.
        let app = request.app_data::<Data<App>>().expect("the app is shared with every listener").clone();
        let admitted = app.discoveries.admit(app.visitors.address(request), app.now());
        let (browser, fields) = (Browser::from_request(request, payload), Fields::from_request(request, payload));
        Box::pin(async move {
            admitted.map_err(|wait| Refusal::page(Code::RequestsTooMany).after(wait))?;
            Ok(Self { app, browser: browser.await?, fields: fields.await? })
        })
    }
}

/// The app's own question: what the person says on our pages is no part of it.
fn asked(fields: &Fields) -> impl Iterator<Item = (&str, &str)> {
    let pairs = fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pairs.filter(|(name, _)| !matches!(*name, "email" | "chosen"))
}

/// Where people sign in to the app with a password.
fn with_password(product: &Product, hint: Option<&str>) -> Option<String> {
    let url = product.password_login_url.as_deref()?;
    Some(with_parameters(url, hint.map(|hint| ("login_hint", hint))))
}

fn show(page: &SignIn) -> HttpResponse {
    pages::sign_in(no_store(&mut HttpResponse::Ok()), page)
}
