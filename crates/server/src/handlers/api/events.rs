//! `GET /api/v1/events?after=`: what happened, oldest first. The `cursor` of an answer is the `after` of the next question.

use actix_web::HttpResponse;
use postern_core::fault::Code;
use serde_json::{Value, json};

use super::ApiCall;
use crate::reply::{Refusal, no_store};

/// Reads events after a cursor.
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
    let permitted =
        events.iter().filter(|(_, event)| event.product.as_deref().is_some_and(|product| call.permits(product)));
    let data: Vec<_> = permitted
        .map(|(position, event)| {
            let mut record = json!(event);
            record["id"] = Value::from(position.as_str());
            record
        })
        .collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "data": data, "cursor": cursor })))
}
