//! `GET /api/v1/events?after=`: what happened, oldest first. The `cursor` of an answer is the `after` of the next question.

use actix_web::HttpResponse;
use postern_core::event::{Event, EventKind};
use postern_core::fault::Code;
use postern_core::ports::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiCall;
use super::requests::Page;
use crate::reply::{Refusal, no_store};

/// Reads events after a cursor.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    params(("after" = Option<String>, Query), Page),
    responses((status = 200, body = EventsRead)),
)]
pub async fn read(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let read = async {
        let after = call.query.one("after")?.map(str::to_owned);
        if after.as_deref().is_some_and(|after| !postern_store::is_position(after)) {
            return Err(Code::FieldInvalid.fault().expected("after is not the cursor of an answer"));
        }
        let (_, limit) = call.page()?;
        call.app.events.read(after, limit).await
    };
    let events = read.await.map_err(Refusal::api)?;
    let asked = call.query.one("after").map_err(Refusal::api)?;
    let cursor = events.last().map(|(position, _)| position.as_str()).or(asked);
    let permitted = events.iter().filter(|(_, event)| match &event.product {
        Some(product) => call.permits(product),
        // Of a tenant in all products.
        None => call.check_everything().is_ok(),
    });
    let data = permitted.map(|(position, event)| describe(position, event)).collect();
    let cursor = cursor.map(str::to_owned);
    Ok(no_store(&mut HttpResponse::Ok()).json(EventsRead { data, cursor }))
}

/// Events, oldest first.
#[derive(Serialize, ToSchema)]
pub struct EventsRead {
    data: Vec<EventRecord>,
    /// The `after` of the next question.
    cursor: Option<String>,
}

/// An event.
#[derive(Serialize, ToSchema)]
pub struct EventRecord {
    /// Its place in the log.
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: EventKind,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The tenant that it concerns.
    tenant: Option<String>,
    /// The product that it concerns.
    product: Option<String>,
    /// Facts.
    #[schema(value_type = Object)]
    data: Value,
}

fn describe(position: &str, event: &Event) -> EventRecord {
    EventRecord {
        id: position.to_owned(),
        kind: event.kind,
        time: event.time,
        tenant: event.tenant.clone(),
        product: event.product.clone(),
        data: event.data.clone(),
    }
}
