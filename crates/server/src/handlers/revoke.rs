//! `POST /api/oauth/revoke` (RFC 7009): the app gives a token back.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::introspect::question;
use crate::app::App;
use crate::client::ClientRequest;
use crate::reply::{Refusal, no_store};

/// Takes it. RFC 7009 §2.2: "The authorization server responds with HTTP status code 200 if the token has been revoked
/// successfully or if the client submitted an invalid token."
pub async fn revoke(app: Data<App>, client: ClientRequest) -> Result<HttpResponse, Refusal> {
    let refusal = client.refusal();
    let revoke = async { app.logins.revoke(&question(client)?).await };
    revoke.await.map_err(refusal)?;
    Ok(no_store(&mut HttpResponse::Ok()).finish())
}
