//! `POST /api/oauth/par` (RFC 9126): the app hands over the question of a login.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::login::request::Parameters;
use serde_json::json;

use crate::app::App;
use crate::client::ClientRequest;
use crate::reply::{Refusal, no_store};

/// Keeps it, and tells by which reference the browser brings it.
pub async fn par(app: Data<App>, client: ClientRequest) -> Result<HttpResponse, Refusal> {
    let push = async {
        let parameters = Parameters::read(client.form.0.iter().cloned())?;
        app.logins.push(&client.credentials, client.possession.as_ref(), parameters).await
    };
    let pushed = push.await.map_err(client.refusal())?;
    let body = json!({ "request_uri": pushed.request_uri.expose(), "expires_in": pushed.expires_in });
    Ok(no_store(&mut HttpResponse::Created()).json(body))
}
