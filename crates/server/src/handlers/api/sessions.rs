//! `/api/v1/sessions`: who is signed in, and ending that.

use std::sync::Arc;

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::login::session::{ListedBy, Session, SessionId};
use postern_core::scope::Scope;
use postern_core::sessions::Why;
use serde_json::{Value, json};

use super::ApiCall;
use crate::reply::{Refusal, no_store};

/// Whose sessions a call means.
enum Whose {
    Session(SessionId),
    Subject(String),
    Email(String),
    Scope,
}

/// `GET`: sessions of a scope, or of one person in it, the newest first.
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let sessions = try_find(&call).await.map_err(Refusal::api)?;
    let data: Vec<_> = sessions.iter().map(|session| describe(session)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "data": data })))
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
pub async fn end(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let ended = try_end(&call).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "ended": ended })))
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

fn describe(session: &Session) -> Value {
    json!({
        "id": session.id,
        "tenant": session.scope.tenant,
        "product": session.scope.product,
        "connection": session.connection,
        "client_id": session.client_id,
        "sub": session.subject,
        "authenticated_at": session.authentication.at,
        "began_at": session.began,
        "last_used_at": session.last_used,
        "ends_at": session.ends,
        "idle_minutes": session.idle.map(|idle| idle.as_secs() / 60),
        "offline_ends_at": session.offline_ends,
    })
}
