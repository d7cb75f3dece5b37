//! `GET POST /api/oauth/saml/slo/{connection}`, where an IdP sends logout messages (SAML Profiles §4.4), and
//! `/api/oauth/saml/slo` for those that were configured from the metadata that all connections share. There the Issuer, which
//! nobody has verified yet, finds the connection, and only where no other connection has that IdP.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::{Connection, ConnectionId};
use postern_core::fault::{Code, Fault};
use postern_core::login::finish::UsedOnce;
use postern_core::login::single_logout::Dismissal;
use postern_saml::logout::{Incoming, LogoutOutcome, LogoutResponse, VerifiedLogoutRequest};
use postern_saml::request;

use crate::app::App;
use crate::jobs::lookup;
use crate::logout_message::UnverifiedLogout;
use crate::pages;
use crate::reply::{Refusal, no_store, redirect};

/// Takes a message of an IdP.
pub async fn slo(
    app: Data<App>,
    path: Option<Path<String>>,
    message: UnverifiedLogout,
) -> Result<HttpResponse, Refusal> {
    let at = path.map(|path| ConnectionId(path.into_inner()));
    dismissed(&app, at.as_ref(), &message).await.map_err(Refusal::page)
}

/// An IdP asks us to end sessions: first they end, then it hears of it.
async fn dismissed(app: &App, at: Option<&ConnectionId>, message: &UnverifiedLogout) -> Result<HttpResponse, Fault> {
    let connection = match at {
        Some(id) => app.connections.answering(id).await?,
        None => app.connections.sole_of_idp(&message.issuer()?).await?.ok_or(Code::LogoutConnectionUnclear)?,
    };
    let connection = lookup::current(app, connection).await?; // strict federation alone may fetch here
    let address = app.slo_url(at);
    let arrived = message.verify(&app.logout_expectation(connection.idp.saml()?, &address))?; // until here, nobody's
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
    let signing_key = keys.signing.first().ok_or(Code::Defect)?; // made at the first start, before a port is bound
    let answer = |destination| LogoutResponse {
        id: &id,
        issued: app.now(),
        destination,
        issuer: app.saml_entity_id(),
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
