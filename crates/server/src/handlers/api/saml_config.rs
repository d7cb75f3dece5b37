//! `/api/v1/saml/config`: Jackson's oldest form of the connection API. Its GET answers one object instead of a list.

use actix_web::HttpResponse;
use serde_json::json;

use super::{ApiCall, describe, sso};
use crate::reply::{Refusal, no_store};

/// `GET`: the first connection that fits, or an empty object.
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let found = sso::search(&call).await.map_err(Refusal::api)?;
    let record = found.first().map_or_else(|| json!({}), |connection| describe::with_provider(connection, &call));
    Ok(no_store(&mut HttpResponse::Ok()).json(record))
}
