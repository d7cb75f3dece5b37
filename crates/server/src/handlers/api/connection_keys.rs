//! `/api/v1/sso/{id}/keys`: the keys that one connection has for itself. Until one is activated for a use, the deployment's are
//! in use; see `postern_core::connection_keys`.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::Connection;
use postern_core::connection_keys::ConnectionKeys;
use postern_core::fault::{Code, Fault};

use super::requests::{ConnectionName, KeyIdOrUse, NewKey};
use super::sp_keys::{KeyRecord, purpose, show};
use super::{ApiCall, required, sso};
use crate::own_keys::make;
use crate::reply::{Refusal, no_store};

/// `GET`: every key, without its secret part.
#[utoipa::path(
    get,
    path = "/api/v1/sso/{id}/keys",
    params(ConnectionName),
    responses((status = 200, body = [KeyRecord]), (status = 404)),
)]
pub async fn list(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let connection = connection(&call, &id).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(shown(&connection.own_keys)))
}

/// `POST {use}`: makes a key and announces it. 201.
#[utoipa::path(
    post,
    path = "/api/v1/sso/{id}/keys",
    params(ConnectionName),
    request_body(content = NewKey, example = json!({ "use": "signing" })),
    responses((status = 201, body = [KeyRecord]), (status = 404), (status = 409)),
)]
pub async fn add(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let add = async {
        let connection = connection(&call, &id).await?;
        let purpose = purpose(required(&call.body, "use")?)?;
        call.app.connections.add_key(&connection.id, purpose, &make).await
    };
    let keys = add.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Created()).json(shown(&keys)))
}

/// `POST …/activate {id}`: puts a key into use; `{use}` alone: the deployment's again.
#[utoipa::path(
    post,
    path = "/api/v1/sso/{id}/keys/activate",
    params(ConnectionName),
    request_body = KeyIdOrUse,
    responses((status = 200, body = [KeyRecord]), (status = 404), (status = 409)),
)]
pub async fn activate(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let activate = async {
        let connection = connection(&call, &id).await?;
        match call.body.one("id")? {
            Some(key) => call.app.connections.activate_key(&connection.id, key).await,
            None => {
                let purpose = purpose(required(&call.body, "use")?)?;
                call.app.connections.share_keys(&connection.id, purpose).await
            }
        }
    };
    let keys = activate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(shown(&keys)))
}

/// `DELETE ?id=`: removes a key that is not in use. 204.
#[utoipa::path(
    delete,
    path = "/api/v1/sso/{id}/keys",
    params(ConnectionName, ("id" = String, Query)),
    responses((status = 204), (status = 404), (status = 409)),
)]
pub async fn remove(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let remove = async {
        let connection = connection(&call, &id).await?;
        call.app.connections.remove_key(&connection.id, required(&call.query, "id")?).await
    };
    remove.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn connection(call: &ApiCall, id: &str) -> Result<Arc<Connection>, Fault> {
    let connection = sso::named(call, id).await?.into_iter().next().ok_or(Code::ConnectionNotFound)?;
    connection.idp.saml()?;
    Ok(connection)
}

fn shown(keys: &ConnectionKeys) -> Vec<KeyRecord> {
    show(keys.all(), |purpose| keys.are_alone(purpose))
}
