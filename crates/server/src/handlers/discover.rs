//! `POST /api/discover`: anybody asks by which door a person comes in. A form of the app's own asks it from the browser, so it
//! takes no key, tells nothing of persons, and is limited for each address on the Internet.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use postern_core::discover::{Answer, Asker, Offer, Question};
use postern_core::fault::{Code, Fault};
use postern_core::login::door::ClientName;
use postern_core::ports::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::fields::{self, Fields};
use crate::reply::{Refusal, no_store};

/// An address and two names are short.
const LARGEST: usize = 16 * 1024;

/// A question of somebody who has not asked too often. The body is read after that.
pub struct Asked {
    app: Data<App>,
    fields: Fields,
}

impl FromRequest for Asked {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Set on every listener by the one function that builds them.
        let app = request.app_data::<Data<App>>().expect("the app is shared with every listener").clone();
        let admitted = app.discoveries.admit(app.visitors.address(request), app.now());
        let body = fields::body_up_to(LARGEST, request, payload);
        Box::pin(async move {
            admitted.map_err(|wait| Refusal::api(Code::RequestsTooMany).after(wait))?;
            Ok(Self { app, fields: body.await.map_err(Refusal::api)? })
        })
    }
}

/// Answers by the domain of the address alone.
pub async fn discover(asked: Asked) -> Result<HttpResponse, Refusal> {
    let answer = async {
        let email = asked.fields.one("email")?.ok_or_else(|| Code::FieldMissing.fault().expected("email"))?;
        let (product, tenant) = client(&asked.app, &asked.fields).await?;
        let question = Question { product: &product, tenant: tenant.as_deref(), email, asker: Asker::Anybody };
        asked.app.discovery.answer(question).await
    };
    let answer = answer.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(answer)))
}

/// The product that a `client_id` names, and the tenant where the request names one.
async fn client(app: &App, fields: &Fields) -> Result<(String, Option<String>), Fault> {
    let client_id = fields.one("client_id")?.ok_or(Code::ClientMissing)?;
    let tenant = fields.one("tenant")?.map(str::to_owned);
    match ClientName::read(client_id) {
        ClientName::Product(id) => {
            let product = app.products.find_by_client_id(&id).await?.ok_or(Code::ClientUnknown)?;
            Ok((product.name.clone(), tenant))
        }
        ClientName::Scope(scope) if tenant.as_ref().is_some_and(|tenant| *tenant != scope.tenant) => {
            Err(Code::ClientNamesTwoProducts.into())
        }
        ClientName::Scope(scope) => Ok((scope.product, Some(scope.tenant))),
        ClientName::Dummy | ClientName::Connection(_) => Err(Code::ClientUnknown.into()),
    }
}

/// The answer as both forms give it.
#[derive(Serialize, ToSchema)]
pub struct Door {
    /// Whether there is single sign-on.
    sso: bool,
    /// Whether nothing else will do.
    required: bool,
    /// Who may use a password instead: `anyone`, `existing_users` or `nobody`.
    password: &'static str,
    /// Whether anybody may.
    password_allowed: bool,
    /// When `existing_users` becomes `nobody`, where that has been set.
    #[schema(value_type = Option<String>, format = DateTime)]
    grace_period_ends: Option<Timestamp>,
    /// Where to sign in, the default first.
    connections: Vec<OfferedConnection>,
}

/// A connection to sign in with.
#[derive(Serialize, ToSchema)]
pub struct OfferedConnection {
    /// Its id, good as `idp_hint`.
    id: String,
    /// What people call it.
    name: String,
    /// Its provider, one of `GET /api/v1/providers`.
    provider: String,
    /// Whether people are sent to it who choose nothing.
    default: bool,
}

/// The answer as both forms give it.
pub(super) fn describe(answer: Answer) -> Door {
    let offered = |offer: Offer| OfferedConnection {
        id: offer.id.0,
        name: offer.name,
        provider: offer.provider,
        default: offer.default,
    };
    Door {
        sso: answer.sso,
        required: answer.required,
        password: answer.password.name(),
        password_allowed: answer.password_allowed(),
        grace_period_ends: answer.grace_period_ends,
        connections: answer.connections.into_iter().map(offered).collect(),
    }
}
