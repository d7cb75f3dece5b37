//! `GET /idp/select`: a person whose organisation has several identity providers chooses one. The page is made from the
//! parameters of the authorization request and leads back to it; it keeps nothing and sends nobody anywhere else.

use actix_web::HttpResponse;
use actix_web::web::Data;
use postern_core::login::door::Answerer;
use postern_core::redirect::with_parameters;

use super::authorize::{arrive, read};
use crate::app::App;
use crate::fields::Fields;
use crate::pages::{self, Choice};
use crate::reply::{Refusal, no_store};

/// Shows the connections of the scope.
pub async fn select(app: Data<App>, fields: Fields) -> Result<HttpResponse, Refusal> {
    let request = read(&app, &fields).await?;
    let door = arrive(&app, &request).await?.map_err(|(lobby, fault)| Refusal::page_of(fault, Some(lobby.product)))?;
    let connections = match door.answerer(&request).map_err(Refusal::page)? {
        Answerer::One(connection) => vec![connection],
        Answerer::Several(connections) => connections,
    };
    let asked =
        || fields.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "chosen");
    let choices = connections.iter().map(|connection| Choice {
        name: connection.known_as(),
        url: with_parameters(&app.url("/api/oauth/authorize"), asked().chain([("chosen", connection.id.0.as_str())])),
    });
    let body = pages::choose(&choices.collect::<Vec<_>>());
    Ok(pages::html(no_store(&mut HttpResponse::Ok()), body))
}
