//! `/api/v1/sso/{id}/secret`: the secret of clients that name a connection themselves.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::fault::Code;
use postern_core::former_secrets;

use super::describe::{self, ConnectionRecord};
use super::requests::{ConnectionName, ConnectionSecret};
use super::{ApiCall, sso};
use crate::reply::{Refusal, no_store};

/// `POST`: a new `clientSecret`; the one before goes on for `overlap_seconds`.
#[utoipa::path(
    post,
    path = "/api/v1/sso/{id}/secret",
    params(ConnectionName),
    request_body(content = ConnectionSecret, example = json!({ "overlap_seconds": 3600 })),
    responses((status = 200, body = ConnectionRecord), (status = 404), (status = 409)),
)]
pub async fn rotate(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let rotate = async {
        let connection = sso::named(&call, &id).await?.into_iter().next().ok_or(Code::ConnectionNotFound)?;
        let overlap = former_secrets::overlap(call.body.one("overlap_seconds")?)?;
        call.app.connections.rotate_secret(&connection.id, overlap).await
    };
    let connection = rotate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe::connection(&connection, &call)))
}
