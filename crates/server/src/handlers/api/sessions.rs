//! `/api/v1/sessions`: who is signed in, and ending that.

use std::sync::Arc;

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::login::session::{ListedBy, Session, SessionId};
use postern_core::ports::Timestamp;
use postern_core::scope::Scope;
use postern_core::sessions::Why;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiCall;
use super::requests::{Page, WhichSessions};
use crate::reply::{Refusal, no_store};

/// Whose sessions a call means.
enum Whose {
    Session(SessionId),
    Subject(String),
    Email(String),
    Scope,
}

/// `GET`: sessions of a scope, or of one person in it, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    params(WhichSessions, Page),
    responses((status = 200, body = SessionsFound)),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let sessions = try_find(&call).await.map_err(Refusal::api)?;
    let data = sessions.iter().map(|session| describe(session)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(SessionsFound { data }))
}

async fn try_find(call: &ApiCall) -> Result<Vec<Arc<Session>>, Fault> {
    let (scope, whose) = whose(call)?;
    let (offset, limit) = call.page()?;
    let sessions = &call.app.sessions;
    match whose {
        Whose::Session(id) => Ok(of_scope(call, &scope, &id).await?.into_iter().collect()),
        Whose::Subject(subject) => sessions.list(ListedBy::Subject(&scope, &subject), offset, limit).await,
        Whose::Email(email) => sessions.list(ListedBy::Email(&scope, &email), offset, limit).await,
        Whose::Scope => sessions.list(ListedBy::Scope(&scope), offset, limit).await,
    }
}

/// `DELETE`: ends one session, or all of a person. 200 with how many there were.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions",
    params(WhichSessions),
    responses((status = 200, body = SessionsEnded), (status = 404)),
)]
pub async fn end(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let ended = try_end(&call).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(SessionsEnded { ended }))
}

async fn try_end(call: &ApiCall) -> Result<u64, Fault> {
    let (scope, whose) = whose(call)?;
    let sessions = &call.app.sessions;
    match whose {
        Whose::Session(id) => {
            let session = of_scope(call, &scope, &id).await?.ok_or(Code::SessionNotFound)?;
            Ok(u64::from(sessions.end(&session.id, Why::Operator).await?))
        }
        Whose::Subject(subject) => sessions.end_all(ListedBy::Subject(&scope, &subject), Why::Operator).await,
        Whose::Email(email) => sessions.end_all(ListedBy::Email(&scope, &email), Why::Operator).await,
        // A whole scope is too much for a parameter that somebody forgot.
        Whose::Scope => Err(Code::FieldMissing.fault().expected("sub, email or id")),
    }
}

fn whose(call: &ApiCall) -> Result<(Scope, Whose), Fault> {
    let query = &call.query;
    let named = (query.one("id")?, query.one("sub")?, query.one("email")?);
    let whose = match named {
        (Some(id), None, None) => Whose::Session(SessionId(id.to_owned())),
        (None, Some(subject), None) => Whose::Subject(subject.to_owned()),
        (None, None, Some(email)) => Whose::Email(email.to_owned()),
        (None, None, None) => Whose::Scope,
        _ => return Err(Code::FieldInvalid.fault().expected("Send one of id, sub and email")),
    };
    Ok((call.scope(query)?, whose))
}

/// A session by its name, if it is one of this scope.
async fn of_scope(call: &ApiCall, scope: &Scope, id: &SessionId) -> Result<Option<Arc<Session>>, Fault> {
    Ok(call.app.sessions.find(id).await?.filter(|session| session.scope == *scope))
}

/// Sessions, the newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionsFound {
    data: Vec<SessionRecord>,
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub struct SessionsEnded {
    ended: u64,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionRecord {
    /// The first part of its tokens.
    id: String,
    /// Whose it is.
    tenant: String,
    /// For which app.
    product: String,
    /// The connection that the person came by.
    connection: String,
    /// The client, as it named itself.
    client_id: String,
    /// The person.
    sub: String,
    /// When the IdP authenticated the person.
    #[schema(value_type = Option<String>, format = DateTime)]
    authenticated_at: Option<Timestamp>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    began_at: Timestamp,
    /// When it was used last, to the minute.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// How long it lives unused.
    idle_minutes: Option<u64>,
    /// When its offline access ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    offline_ends_at: Option<Timestamp>,
}

fn describe(session: &Session) -> SessionRecord {
    SessionRecord {
        id: session.id.0.clone(),
        tenant: session.scope.tenant.clone(),
        product: session.scope.product.clone(),
        connection: session.connection.0.clone(),
        client_id: session.client_id.clone(),
        sub: session.subject.clone(),
        authenticated_at: session.authentication.at,
        began_at: session.began,
        last_used_at: session.last_used,
        ends_at: session.ends,
        idle_minutes: session.idle.map(|idle| idle.as_secs() / 60),
        offline_ends_at: session.offline_ends,
    }
}
