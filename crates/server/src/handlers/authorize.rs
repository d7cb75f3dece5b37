//! `GET POST /api/oauth/authorize`: the app sends a person here, and we send them on to their IdP.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::{Connection, Idp, NameIdWish, SamlIdp};
use postern_core::fault::{Code, Fault};
use postern_core::login::Upstream;
use postern_core::login::authentication::Asked;
use postern_core::login::door::{Answerer, Door, Lobby, Refused};
use postern_core::login::request::{AuthorizeRequest, Parameters};
use postern_core::redirect::with_parameters;
use postern_core::trace::Trace;
use postern_jose::id_token_hint;
use postern_oidc::request as openid;
use postern_saml::request::{self, AuthnRequest, NameIdPolicy, Wishes};

use super::login;
use crate::app::App;
use crate::browser::Browser;
use crate::fields::Fields;
use crate::jobs::lookup;
use crate::pages;
use crate::region::Region;
use crate::reply::{Refusal, no_store, redirect, signed_in};

/// Begins a login.
pub async fn authorize(app: Data<App>, browser: Browser, fields: Fields) -> Result<HttpResponse, Refusal> {
    asked(&app, &browser, Visit { fields: &fields, region: None }).await
}

/// `GET POST /api/oauth/authorize/{region}`: where a login by a connection of that region goes on.
pub async fn authorize_in(
    app: Data<App>,
    browser: Browser,
    region: Path<String>,
    fields: Fields,
) -> Result<HttpResponse, Refusal> {
    asked(&app, &browser, Visit { fields: &fields, region: Some(&region) }).await
}

/// The app's question, and the region at whose address it is asked.
#[derive(Clone, Copy)]
struct Visit<'v> {
    fields: &'v Fields,
    region: Option<&'v str>,
}

async fn asked(app: &App, browser: &Browser, visit: Visit<'_>) -> Result<HttpResponse, Refusal> {
    let mut request = read(app, visit.fields).await?;
    if let Some(response) = begin_at_once(app, browser, visit, &mut request).await? {
        return Ok(response);
    }
    let door = match arrive(app, &request).await? {
        Ok(door) => door, // until here, failures are pages; from here on, the app hears
        Err((lobby, why)) => {
            let received = login::receive(app, visit.fields, &request, &lobby, why);
            return received.map_err(|fault| Refusal::app(fault, &lobby.return_to, true));
        }
    };
    let trace = app.logins.trace(&door.scope, &door.client_id, &door.return_to.redirect_uri);
    match begin(app, browser, visit, &mut request, &door, &trace).await {
        Ok(response) => Ok(response),
        Err(fault) => Err(refused(app, &door, trace, fault).await),
    }
}

/// Lets the app hear of it, and the story of the login.
async fn refused(app: &App, door: &Door, trace: Trace, fault: Fault) -> Refusal {
    let refusal = match fault.code {
        Code::LoginLoop => Refusal::page_of(fault, door.product.clone()), // the app would only send the person back
        _ => Refusal::app(fault, &door.return_to, false),
    };
    let refusal = refusal.with_trace(trace.id.clone());
    app.tell_failure(trace, &refusal.fault, false).await;
    refusal
}

/// The good end alone, in one round trip: by what is remembered, which the store confirms while it saves the login. `None`: by
/// that it is no good end, which says nothing, or it was no longer so; then the store is asked first.
async fn begin_at_once(
    app: &App,
    browser: &Browser,
    visit: Visit<'_>,
    request: &mut AuthorizeRequest,
) -> Result<Option<HttpResponse>, Refusal> {
    if waiting(browser, request).is_some() {
        return Ok(None);
    }
    let Some(door) = app.logins.door_remembered(request).await else { return Ok(None) };
    let trace = app.logins.trace(&door.scope, &door.client_id, &door.return_to.redirect_uri);
    let Ok(Way::Ask { connection, note }) = way(app, browser, visit, request, &door).await else { return Ok(None) };
    match ask_of(app, browser, request, &door, &connection, trace.clone().noting(note)).await {
        Ok(asked) => Ok(asked),
        Err(fault) => Err(refused(app, &door, trace, fault).await),
    }
}

/// An app that may be answered, though it is not known whose people it asks for, and why not.
pub(super) type Unrouted = (Lobby, Fault);

/// Finds the client and proves its redirect URI. A refusal in a scope that exists leaves a trace.
pub(super) async fn arrive(app: &App, request: &AuthorizeRequest) -> Result<Result<Door, Unrouted>, Refusal> {
    match app.logins.door(request).await {
        Ok(door) => Ok(Ok(door)),
        Err(Refused { fault, lobby: Some(lobby), .. }) => Ok(Err((lobby, fault))),
        Err(Refused { fault, product, scope, lobby: None }) => {
            let refusal = Refusal::page_of(fault, product);
            let Some(scope) = scope else { return Err(refusal) };
            let client_id = request.client_id.as_deref().unwrap_or("dummy");
            let trace = app.logins.trace(&scope, client_id, request.redirect_uri.as_deref().unwrap_or_default());
            let refusal = refusal.with_trace(trace.id.clone());
            app.tell_failure(trace, &refusal.fault, false).await;
            Err(refusal)
        }
    }
}

/// What the app asks, in the parameters or where it pushed it.
pub(super) async fn read(app: &App, fields: &Fields) -> Result<AuthorizeRequest, Refusal> {
    let parameters = Parameters::read(fields.0.iter().cloned()).map_err(Refusal::page)?;
    Ok(AuthorizeRequest::read(app.logins.open(parameters).await.map_err(Refusal::page)?))
}

/// Where the browser goes from the door.
enum Way {
    /// To the page on which the person chooses.
    Choose,
    /// To the address of another region, where the connection's answer will arrive.
    Elsewhere(String),
    /// To the connection's IdP; the story begins with this note.
    Ask { connection: Arc<Connection>, note: Option<String> },
}

async fn way(
    app: &App,
    browser: &Browser,
    visit: Visit<'_>,
    request: &mut AuthorizeRequest,
    door: &Door,
) -> Result<Way, Fault> {
    app.logins.check(request, door)?;
    if let Some(hint) = &request.id_token_hint {
        let hinted = id_token_hint::verify(hint, app.token_keys().public(), app.public_url.as_str());
        let hinted = hinted.map_err(|why| Code::IdTokenHintInvalid.fault().because(why))?;
        request.asked.subject = Some(hinted.subject); // nobody else may answer
    }
    let connection = match door.answerer(request)? {
        Answerer::One(connection) => connection,
        Answerer::Several(_) => return Ok(Way::Choose),
    };
    let region = app.region_of(&connection)?;
    if region.name() != visit.region {
        return Ok(Way::Elsewhere(elsewhere(region, visit.fields, &connection)));
    }
    let connection = lookup::current(app, connection).await?; // strict federation alone may fetch here
    let note = browser.repetition.judge(&connection.id)?;
    Ok(Way::Ask { connection, note })
}

async fn begin(
    app: &App,
    browser: &Browser,
    visit: Visit<'_>,
    request: &mut AuthorizeRequest,
    door: &Door,
    trace: &Trace,
) -> Result<HttpResponse, Fault> {
    let (connection, note) = match way(app, browser, visit, request, door).await? {
        // The page finds the same door by the same parameters; nothing is kept for it.
        Way::Choose => return Ok(redirect(&select_url(app, visit.fields), false)),
        Way::Elsewhere(url) => return Ok(redirect(&url, true)),
        Way::Ask { connection, note } => (connection, note),
    };
    let trace = trace.clone().noting(note);
    // Somebody who came from the IdP, and whom the app now asks for.
    if let Some((handle, secret)) = waiting(browser, request)
        && let Some(issued) = app.logins.pick_up(request, door, &connection, secret, &trace).await?
    {
        let mut response = signed_in(app, browser, &door.return_to, &issued, false);
        Browser::forget(&mut response, handle);
        return Ok(response);
    }
    let asked = ask_of(app, browser, request, door, &connection, trace).await?;
    asked.ok_or_else(|| Code::ChangedMeanwhile.into())
}

/// The handle and the secret of somebody who came from the IdP and waits in this browser, if the app asks for one.
fn waiting<'b>(browser: &'b Browser, request: &'b AuthorizeRequest) -> Option<(&'b str, &'b str)> {
    let handle = request.login_hint.as_deref()?;
    Some((handle, browser.secret_of(handle)?))
}

/// Saves the login and sends the browser to the IdP; `None`: what the door was remembered by is no longer so.
async fn ask_of(
    app: &App,
    browser: &Browser,
    request: &AuthorizeRequest,
    door: &Door,
    connection: &Connection,
    trace: Trace,
) -> Result<Option<HttpResponse>, Fault> {
    let upstream = question(app, connection);
    let Some(started) = app.logins.start(request, door, connection, upstream.clone(), trace).await? else {
        return Ok(None);
    };
    let login_hint = request.login_hint.as_deref();
    let question = Question { upstream: &upstream, login_id: &started.login_id, asked: &request.asked, login_hint };
    let mut response = ask(app, connection, question)?;
    let lifetime = app.logins.settings().login_kept();
    browser.remember(&mut response, &started.login_id, &started.browser, lifetime);
    Ok(Some(response))
}

/// What a new question will be known by in its answer.
pub(super) fn question(app: &App, connection: &Connection) -> Upstream {
    match &connection.idp {
        Idp::Saml(_) => Upstream::Saml { request_id: request::new_id(&*app.random) },
        Idp::Oidc(_) => openid::secrets(&*app.random),
    }
}

/// A question to an IdP.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// What its answer will be known by.
    pub(super) upstream: &'a Upstream,
    /// The login that it belongs to.
    pub(super) login_id: &'a str,
    /// What is asked of the authentication.
    pub(super) asked: &'a Asked,
    /// Who the app believes it is.
    pub(super) login_hint: Option<&'a str>,
}

/// Asks the IdP by way of the browser.
pub(super) fn ask(app: &App, connection: &Connection, question: Question<'_>) -> Result<HttpResponse, Fault> {
    match &connection.idp {
        Idp::Saml(idp) => ask_saml(app, connection, idp, question),
        Idp::Oidc(idp) => {
            let callback = app.region_of(connection)?.oidc_callback_of(connection, idp.callback);
            let wishes = openid::Wishes { login_hint: question.login_hint, asked: question.asked };
            let url = openid::url(idp, &callback, question.login_id, question.upstream.oidc()?, wishes)?;
            Ok(redirect(&url, false))
        }
    }
}

/// An AuthnRequest: by redirect where the IdP takes one, else by a form that posts itself.
fn ask_saml(
    app: &App,
    connection: &Connection,
    idp: &SamlIdp,
    Question { upstream, login_id, asked, .. }: Question<'_>,
) -> Result<HttpResponse, Fault> {
    let request_id = upstream.saml()?;
    let (region, keys) = (app.region_of(connection)?, app.sp_keys_of(connection)?);
    let acs_url = region.acs_url_of(connection);
    let signing_key = match idp.gets_signed_requests() {
        true => Some(keys.signing.first().ok_or(Code::Defect)?), // made at the first start, before a port is bound
        false => None,
    };
    let authn_contexts = request::authn_contexts(&asked.contexts, &idp.authn_contexts);
    let force_authn = asked.anew || idp.force_authn;
    let name_id = match &idp.name_id_format {
        NameIdWish::Any => NameIdPolicy::Any,
        NameIdWish::Format(format) => NameIdPolicy::Format(format),
        NameIdWish::Omitted => NameIdPolicy::Omitted,
    };
    let question = |destination| AuthnRequest {
        id: request_id,
        issued: app.now(),
        destination,
        acs_url: &acs_url,
        issuer: region.entity_id(),
        wishes: Wishes {
            force_authn,
            is_passive: asked.silently || (idp.is_passive && !force_authn), // who may not show anything asks for no password
            authn_contexts: &authn_contexts,
            provider_name: idp.provider_name.as_deref(),
            name_id,
            idps: &idp.idps_behind,
        },
        signing_key,
    };
    Ok(match (&idp.sso.redirect, &idp.sso.post) {
        (Some(destination), _) => redirect(&question(destination).redirect_url(login_id)?, false),
        (None, Some(destination)) => {
            let mut response = HttpResponse::Ok();
            let fields = [("SAMLRequest", question(destination).post_value()?), ("RelayState", login_id.to_owned())];
            pages::post_form(no_store(&mut response), "your identity provider", destination, &fields)
        }
        // `MetadataEndpointMissing` refuses such an IdP when it is configured.
        (None, None) => {
            pages::html(&mut HttpResponse::NotFound(), pages::error(Code::MetadataEndpointMissing, None, None, None))
        }
    })
}

/// The app's question at the address of the region that its answer belongs to.
fn elsewhere(region: &Region, fields: &Fields, connection: &Connection) -> String {
    let asked = fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let asked = asked.filter(|(name, _)| *name != "chosen");
    region.sign_on_url(asked.chain([("chosen", connection.id.0.as_str())]))
}

fn select_url(app: &App, fields: &Fields) -> String {
    let parameters = fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    with_parameters(&app.url("/idp/select"), parameters)
}
