//! `/api/v1/saml/config`: Jackson's oldest form of the connection API. Its GET answers one object instead of a list.

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::describe::ConnectionRecord;
use super::requests::WhichConnections;
use super::{ApiCall, sso};
use crate::reply::{Nothing, Refusal, no_store};

/// `GET`: the first connection that fits, or an empty object.
#[utoipa::path(
    get,
    path = "/api/v1/saml/config",
    params(WhichConnections),
    responses((status = 200, body = FirstConnection)),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let records = async { sso::records(&call, &sso::search(&call).await?).await };
    let first = records.await.map_err(Refusal::api)?.into_iter().next();
    Ok(no_store(&mut HttpResponse::Ok()).json(first.unwrap_or_else(|| json!({}))))
}

/// The first connection that fits, or an empty object.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum FirstConnection {
    /// There is one.
    One(Box<ConnectionRecord>),
    /// There is none.
    None(Nothing),
}
