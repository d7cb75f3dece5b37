//! `/api/v1/discover`: the app's server asks by which door a person comes in.

use actix_web::HttpResponse;
use postern_core::discover::{Asker, Question};

use super::requests::Discovered;
use super::{ApiCall, boolean, required};
use crate::handlers::discover::{Door, describe};
use crate::reply::{Refusal, no_store};

/// `POST`: whether the person of this `email` signs in by single sign-on, has to, and where. Unlike the public form it knows the
/// addresses that may always use a password, and is told whom the app knows as its administrator.
#[utoipa::path(
    post,
    path = "/api/v1/discover",
    request_body(content = Discovered, example = json!({ "email": "alice@acme.example.com", "product": "crm" })),
    responses((status = 200, body = Door)),
)]
pub async fn discover(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let answer = async {
        let (email, product) = (required(&call.body, "email")?, required(&call.body, "product")?);
        call.check_product(product)?;
        let tenant = call.body.one("tenant")?;
        let asker = Asker::Backend { of_admin: boolean(&call.body, "admin")?.unwrap_or_default() };
        call.app.discovery.answer(Question { product, tenant, email, asker }).await
    };
    let answer = answer.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(answer)))
}
