//! `GET POST /api/oauth/saml/slo/{connection}`, where an IdP sends logout messages (SAML Profiles §4.4), and
//! `/api/oauth/saml/slo` for those that were configured from the metadata that all connections share. There a request is found
//! its connection by the Issuer, which nobody has verified yet, and only where no other connection has that IdP.
//!
//! A request ends sessions; a response answers one of ours (`leave`), and the person goes on. What is refused leaves a trace.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::{Connection, ConnectionId};
use postern_core::fault::{Code, Fault};
use postern_core::login::finish::UsedOnce;
use postern_core::login::single_logout::Dismissal;
use postern_core::login::upstream_logout::Parting;
use postern_core::trace::TraceId;
use postern_saml::logout::{Incoming, LogoutOutcome, LogoutResponse, VerifiedLogoutRequest};
use postern_saml::request;

use super::logout::{goodbye, home, way_on};
use crate::app::App;
use crate::browser::Browser;
use crate::jobs::lookup;
use crate::logout_message::UnverifiedLogout;
use crate::pages::{self, Onward};
use crate::reply::{Refusal, no_store, redirect};

/// Takes a message of an IdP.
pub async fn slo(
    app: Data<App>,
    browser: Browser,
    path: Option<Path<String>>,
    message: UnverifiedLogout,
) -> Result<HttpResponse, Refusal> {
    let at = path.map(|path| ConnectionId(path.into_inner()));
    match message.is_response() {
        false => asked(&app, at.as_ref(), &message).await,
        true => answered(&app, &browser, at.as_ref(), &message).await,
    }
}

/// An IdP asks us to end sessions.
async fn asked(app: &App, at: Option<&ConnectionId>, message: &UnverifiedLogout) -> Result<HttpResponse, Refusal> {
    let connection = addressed(app, at, message).await.map_err(Refusal::page)?;
    match dismissed(app, &connection, at, message).await {
        Ok(response) => Ok(response),
        Err(fault) => Err(refused(app, &connection, fault).await),
    }
}

/// Whose IdP it seems to be.
async fn addressed(app: &App, at: Option<&ConnectionId>, message: &UnverifiedLogout) -> Result<Arc<Connection>, Fault> {
    match at {
        Some(id) => app.connections.answering(id).await,
        None => app.connections.sole_of_idp(&message.issuer()?).await?.ok_or(Code::LogoutConnectionUnclear.into()),
    }
}

/// First the sessions end, then the IdP hears of it.
async fn dismissed(
    app: &App,
    connection: &Arc<Connection>,
    at: Option<&ConnectionId>,
    message: &UnverifiedLogout,
) -> Result<HttpResponse, Fault> {
    let connection = lookup::current(app, connection.clone()).await?; // strict federation alone may fetch here
    let address = app.region_of(&connection)?.slo_url(at);
    let arrived = lookup::verify_logout(app, &connection, message, &address).await?; // until here, nobody's
    let Incoming::Request(request) = arrived.message else { return Err(Code::LogoutNotMessage.into()) };
    let dismissal = Dismissal {
        request: UsedOnce { id: request.id().to_owned(), usable_until: request.usable_until() },
        name: request.name().clone(),
        session_indexes: request.session_indexes().to_vec(),
    };
    let outcome = match app.logins.dismiss(&connection, &dismissal).await {
        Ok(_) => LogoutOutcome::Done,
        Err(fault) if fault.code == Code::LogoutReplayed => return Err(fault), // it was answered
        Err(fault) => {
            tracing::error!(fault.code = fault.code.name(), "sessions that an identity provider ended may go on");
            LogoutOutcome::Failed
        }
    };
    answer(app, &connection, &request, outcome, &arrived.relay_state.unwrap_or_default())
}

/// The answer, to the IdP's own address and nowhere else. SAML Bindings §3.4.3: RelayState goes back as it came, and has at
/// most 80 bytes.
fn answer(
    app: &App,
    connection: &Connection,
    request: &VerifiedLogoutRequest,
    outcome: LogoutOutcome,
    relay_state: &str,
) -> Result<HttpResponse, Fault> {
    let (id, keys) = (request::new_id(&*app.random), app.sp_keys_of(connection)?);
    let region = app.region_of(connection)?;
    let signing_key = keys.signing.first().ok_or(Code::Defect)?; // made at the first start, before a port is bound
    let answer = |destination| LogoutResponse {
        id: &id,
        issued: app.now(),
        destination,
        issuer: region.entity_id(),
        in_response_to: request.id(),
        outcome,
        signing_key,
    };
    let relay_state = if relay_state.len() <= 80 { relay_state } else { "" };
    let to = connection.idp.saml()?.logout_answers();
    Ok(match (&to.redirect, &to.post) {
        (Some(destination), _) => redirect(&answer(destination).redirect_url(relay_state)?, true),
        (None, Some(destination)) => {
            let relayed = (!relay_state.is_empty()).then(|| ("RelayState", relay_state.to_owned()));
            let fields: Vec<_> =
                [("SAMLResponse", answer(destination).post_value()?)].into_iter().chain(relayed).collect();
            pages::post_form(no_store(&mut HttpResponse::Ok()), "your identity provider", destination, &fields)
        }
        // It said nowhere where it wants to hear of it.
        (None, None) => pages::html(no_store(&mut HttpResponse::Ok()), pages::signed_out()),
    })
}

/// An IdP answers a request of ours. Whatever it says, our own session is over and stays so, and the person goes on to where the
/// app wanted them: at once, or, where the message cannot be believed, from a page that says why.
async fn answered(
    app: &App,
    browser: &Browser,
    at: Option<&ConnectionId>,
    message: &UnverifiedLogout,
) -> Result<HttpResponse, Refusal> {
    let state = message.relay_state().map_err(Refusal::page)?.unwrap_or_default();
    let parting = app.logins.parted(state, browser.secret_of(state)).await.map_err(Refusal::page)?;
    let request = parting.as_ref().and_then(|parting| parting.request.as_ref());
    let whose = at.or(request.map(|request| &request.connection));
    let return_to = parting.as_ref().and_then(|parting| parting.return_to.as_ref());
    let onward = || return_to.map(|return_to| Onward { url: way_on(return_to), what: Onward::AFTER_LOGOUT });
    let connection = addressed(app, whose, message).await;
    let connection = connection.map_err(|fault| Refusal::page(fault).leading_on(onward()))?;
    match judged(app, &connection, at, message, parting.as_deref()).await {
        Ok(LogoutOutcome::Done) => {}
        Ok(outcome) => {
            let fault = Code::LogoutNotEverywhere.fault().expected("Success").received(outcome.name());
            keep(app, &connection, &fault).await; // nobody else has to hear of it
        }
        Err(fault) => return Err(refused(app, &connection, fault).await.leading_on(onward())),
    }
    let mut response = match (&parting, &connection.region) {
        (None, Some(_)) => redirect(&home(app, state), true), // at a region's address nobody knows the way on
        _ => goodbye(return_to),
    };
    Browser::forget(&mut response, state);
    Ok(response)
}

/// What became of the session at the IdP. For somebody who comes back too late it does not matter any more.
async fn judged(
    app: &App,
    connection: &Arc<Connection>,
    at: Option<&ConnectionId>,
    message: &UnverifiedLogout,
    parting: Option<&Parting>,
) -> Result<LogoutOutcome, Fault> {
    let connection = lookup::current(app, connection.clone()).await?;
    let address = app.region_of(&connection)?.slo_url(at);
    let arrived = lookup::verify_logout(app, &connection, message, &address).await?;
    let Incoming::Response(response) = arrived.message else { return Err(Code::LogoutNotMessage.into()) };
    match parting {
        Some(parting) => response.answer_to(parting.request_to(&connection.id)?),
        None => Ok(LogoutOutcome::Done),
    }
}

/// Told on a page, and in a trace.
async fn refused(app: &App, connection: &Connection, fault: Fault) -> Refusal {
    match keep(app, connection, &fault).await {
        Some(trace) => Refusal::page(fault).with_trace(trace),
        None => Refusal::page(fault),
    }
}

/// Keeps the story. A store that does not take it is logged: the person hears of the first fault, not of the second.
async fn keep(app: &App, connection: &Connection, fault: &Fault) -> Option<TraceId> {
    let kept = app.logins.logout_failed(connection, fault).await;
    kept.inspect_err(|second| tracing::error!(fault.code = second.code.name(), "a failed logout could not be recorded"))
        .ok()
}
