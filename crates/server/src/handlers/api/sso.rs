//! `/api/v1/sso`: the connections of a scope (Jackson's connection API).

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::{Connection, Delivery, Idp};
use postern_core::connection_status::ConnectionStatus;
use postern_core::connections::{ConnectionSettings, Which};
use postern_core::fault::{Code, Fault};
use postern_core::last_test::LastTest;
use postern_core::mapping::Mapping;
use postern_core::scope::Scope;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::describe::ConnectionRecord;
use super::idp::{self, Draft, settle};
use super::requests::{ChangedConnection, ConnectionName, DoomedConnections, NewConnection, Page, WhichConnections};
use super::test_logins::LastTestRecord;
use super::{ApiCall, boolean, describe, list, new_connection, openid, required, text};
use crate::fields::Fields;
use crate::reply::{Nothing, Refusal, no_store};

/// `POST`: creates a connection, with domains and settings of the policy that come along, or overwrites the scope's connection to
/// the same IdP.
#[utoipa::path(
    post,
    path = "/api/v1/sso",
    request_body(
        content = NewConnection,
        example = json!({
            "tenant": "acme.example.com", "product": "crm",
            "redirectUrl": ["https://app.example.com/callback"],
            "defaultRedirectUrl": "https://app.example.com/callback",
            "oidcClientId": "postern", "oidcClientSecret": "a secret of the OpenID Provider",
            "oidcMetadata": {
                "issuer": "https://idp.example.com", "authorization_endpoint": "https://idp.example.com/authorize",
                "token_endpoint": "https://idp.example.com/token",
                "jwks": { "keys": [{
                    "kty": "EC", "crv": "P-256", "kid": "1",
                    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
                }] }
            }
        }),
    ),
    responses((status = 200, body = ConnectionRecord), (status = 409), (status = 412)),
)]
pub async fn create(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let record = new_connection::create(&call).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(record))
}

/// `PATCH`: changes a connection. 204.
#[utoipa::path(
    patch,
    path = "/api/v1/sso",
    request_body = ChangedConnection,
    responses((status = 204), (status = 404), (status = 409)),
)]
pub async fn update(call: ApiCall) -> Result<HttpResponse, Refusal> {
    try_update(&call).await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn try_update(call: &ApiCall) -> Result<(), Fault> {
    let body = &call.body;
    let secret = required(body, "clientSecret")?;
    let found = match body.one("clientID")? {
        Some(client_id) => named(call, client_id).await?,
        None => call.app.connections.find(&Which::Scopes(vec![call.scope(body)?])).await?,
    };
    if found.is_empty() {
        return Err(Code::ConnectionNotFound.into());
    }
    let connection = found.iter().find(|connection| connection.client_secret.matches(secret));
    let connection = connection.ok_or(Code::ConnectionSecretMismatch)?;
    let idp = match &connection.idp {
        Idp::Saml(_) if openid::is_meant(body) => return Err(Code::ConnectionOtherProtocol.fault().expected("saml")),
        Idp::Saml(present) => {
            let draft = Draft::read(call, Some(present)).await?;
            let mut idp = draft.map_or_else(|| Ok(present.clone()), |draft| draft.into_idp([present]))?;
            settle(&mut idp, body)?;
            Idp::Saml(idp)
        }
        Idp::Oidc(present) => Idp::Oidc(openid::read(call, Some(present)).await?),
    };
    call.app.connections.update(&connection.id, Some(idp), settings(call)?).await?;
    Ok(())
}

/// `GET`: the connections of scopes, of a client id or of an IdP, as a list.
#[utoipa::path(
    get,
    path = "/api/v1/sso",
    params(WhichConnections),
    responses((status = 200, body = [ConnectionRecord])),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let records = async { records(&call, &search(&call).await?).await };
    Ok(no_store(&mut HttpResponse::Ok()).json(records.await.map_err(Refusal::api)?))
}

/// `GET …/exists`: 204, or 404 with an empty object.
#[utoipa::path(
    get,
    path = "/api/v1/sso/exists",
    params(WhichConnections),
    responses((status = 204), (status = 404, body = Nothing)),
)]
pub async fn exists(call: ApiCall) -> Result<HttpResponse, Refusal> {
    match search(&call).await.map_err(Refusal::api)?.is_empty() {
        false => Ok(HttpResponse::NoContent().finish()),
        true => Ok(HttpResponse::NotFound().json(Nothing {})),
    }
}

/// `GET …/product`: the connections of a product, page by page.
#[utoipa::path(
    get,
    path = "/api/v1/sso/product",
    params(("product" = String, Query, example = "crm"), Page),
    responses((status = 200, body = [ConnectionRecord])),
)]
pub async fn of_product(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let find = async {
        let name = required(&call.query, "product")?;
        call.check_product(name)?;
        let (offset, limit) = call.page()?;
        let which = Which::Product { name: name.to_owned(), offset, limit };
        records(&call, &call.app.connections.find(&which).await?).await
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(find.await.map_err(Refusal::api)?))
}

/// Connections as they are shown where they are found: with the names of their providers and how their last tests ended, and the
/// defaults marked.
pub(super) async fn records(call: &ApiCall, found: &[Arc<Connection>]) -> Result<Vec<Value>, Fault> {
    let defaults = call.app.connections.defaults(found).await?;
    let tests = call.app.connections.last_tests(found).await?;
    let record = |(connection, test): (&Arc<Connection>, Option<Arc<LastTest>>)| {
        let mut record = describe::with_provider(connection, call);
        if let Some(test) = test {
            record["lastTest"] = json!(LastTestRecord::of(&test, connection));
        }
        if defaults.contains(&connection.id) {
            record["default"] = json!(true);
        }
        record
    };
    Ok(found.iter().zip(tests).map(record).collect())
}

/// `GET …/{id}/sp`: what to enter at the identity provider.
#[utoipa::path(
    get,
    path = "/api/v1/sso/{id}/sp",
    params(ConnectionName),
    responses((status = 200, body = Counterpart), (status = 404)),
)]
pub async fn sp(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let found = named(&call, &id).await.map_err(Refusal::api)?;
    let connection = found.first().ok_or_else(|| Refusal::api(Code::ConnectionNotFound))?;
    let counterpart = match &connection.idp {
        Idp::Saml(saml) => Counterpart::Saml(idp::counterpart(&call, connection, saml).map_err(Refusal::api)?),
        Idp::Oidc(oidc) => Counterpart::Oidc(openid::counterpart(&call, connection, oidc).map_err(Refusal::api)?),
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(counterpart))
}

/// What to enter at the identity provider.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Counterpart {
    /// At a SAML identity provider.
    Saml(idp::SamlCounterpart),
    /// At an OpenID Provider.
    Oidc(openid::OidcCounterpart),
}

/// `DELETE`: removes a connection by its client id and secret, or all of a scope, and ends the sessions of its people. 204, also where
/// there was none.
#[utoipa::path(
    delete,
    path = "/api/v1/sso",
    params(DoomedConnections),
    responses((status = 204), (status = 409)),
)]
pub async fn delete(call: ApiCall) -> Result<HttpResponse, Refusal> {
    try_delete(&call).await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn try_delete(call: &ApiCall) -> Result<(), Fault> {
    let query = &call.query;
    let (scope, doomed) = match query.one("clientID")? {
        Some(client_id) => {
            let secret =
                query.one("clientSecret")?.ok_or_else(|| Code::FieldMissing.fault().expected("clientSecret"))?;
            let found = named(call, client_id).await?;
            if found.iter().any(|connection| !connection.client_secret.matches(secret)) {
                return Err(Code::ConnectionSecretMismatch.into());
            }
            let Some(connection) = found.first() else { return Ok(()) };
            (connection.scope.clone(), found)
        }
        None => {
            let scope = call.scope(query)?;
            let found = call.app.connections.find(&Which::Scopes(vec![scope.clone()])).await?;
            (scope, of_strategy(query, found)?)
        }
    };
    call.app.removals.connections(&scope, &doomed).await
}

/// The connections that a query means; those of products that the key is not good for are not there.
pub(super) async fn search(call: &ApiCall) -> Result<Vec<Arc<Connection>>, Fault> {
    let query = &call.query;
    let missing = || Code::FieldMissing.fault().expected("`clientID` or `tenant` and `product`.");
    let found = if let Some(client_id) = query.one("clientID")? {
        named(call, client_id).await?
    } else if let Some(entity_id) = query.one("entityId")? {
        call.app.connections.find(&Which::Entity(entity_id.to_owned())).await?
    } else {
        let product = query.one("product")?.ok_or_else(missing)?;
        call.check_product(product)?;
        let scopes: Vec<_> = query.all("tenant").filter_map(|tenant| Scope::new(tenant, product).ok()).collect();
        if scopes.is_empty() {
            return Err(missing());
        }
        call.app.connections.find(&Which::Scopes(scopes)).await?
    };
    let found = found.into_iter().filter(|connection| call.permits(&connection.scope.product)).collect();
    of_strategy(query, found)
}

pub(super) async fn named(call: &ApiCall, client_id: &str) -> Result<Vec<Arc<Connection>>, Fault> {
    let mut found = call.app.connections.find(&Which::Client(client_id.to_owned())).await?;
    found.retain(|connection| call.permits(&connection.scope.product));
    Ok(found)
}

/// Jackson's `strategy`: only connections of one protocol.
fn of_strategy(query: &Fields, mut found: Vec<Arc<Connection>>) -> Result<Vec<Arc<Connection>>, Fault> {
    match query.one("strategy")? {
        None => {}
        Some("saml") => found.retain(|connection| matches!(connection.idp, Idp::Saml(_))),
        Some("oidc") => found.retain(|connection| matches!(connection.idp, Idp::Oidc(_))),
        Some(_) => return Err(Code::FieldInvalid.fault().expected("strategy is not saml or oidc")),
    }
    Ok(found)
}

/// What a request says of a connection besides its IdP.
pub(super) fn settings(call: &ApiCall) -> Result<ConnectionSettings, Fault> {
    let body = &call.body;
    let region = text(body, "region")?.map(|name| Some(name).filter(|name| !name.is_empty()));
    if let Some(Some(name)) = &region {
        call.app.regions.check(name)?;
    }
    let sort_order = match text(body, "sortOrder")?.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(number) => {
            let number = number
                .parse()
                .map_err(|_| Code::FieldInvalid.fault().expected("sortOrder is not a number of 0 or more"))?;
            Some(Some(number))
        }
    };
    Ok(ConnectionSettings {
        name: text(body, "name")?,
        label: text(body, "label")?,
        description: text(body, "description")?,
        redirect_urls: list(body, "redirectUrl")?,
        default_redirect_url: body.one("defaultRedirectUrl")?.map(str::to_owned),
        unsolicited_delivery: body.one("unsolicitedDelivery")?.map(delivery).transpose()?,
        sort_order,
        region,
        default: boolean(body, "default")?,
        provider: text(body, "provider")?,
        mapping: text(body, "mapping")?.map(|text| mapping(&text)).transpose()?,
        policy: text(body, "policy")?.map(|text| overrides(&text)).transpose()?,
        status: body.one("status")?.map(status).transpose()?,
        deactivated: boolean(body, "deactivated")?,
        single_logout: boolean(body, "singleLogout")?,
    })
}

fn status(name: &str) -> Result<ConnectionStatus, Fault> {
    let unknown = || Code::FieldInvalid.fault().expected("status is not draft, active or deactivated");
    ConnectionStatus::named(name).ok_or_else(unknown)
}

fn delivery(name: &str) -> Result<Delivery, Fault> {
    let unknown = || Code::FieldInvalid.fault().expected("unsolicitedDelivery is not application or direct");
    Delivery::named(name).ok_or_else(unknown)
}

/// Rules as a JSON object. An empty one goes back to the usual table.
fn mapping(text: &str) -> Result<Mapping, Fault> {
    let malformed =
        |why: serde_json::Error| Code::FieldInvalid.fault().expected(format!("mapping is malformed: {why}"));
    if text.is_empty() { Ok(Mapping::default()) } else { serde_json::from_str(text).map_err(malformed) }
}

/// What the connection overrides of its scope's policy, as a JSON object. An empty one: nothing.
fn overrides(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let malformed = |_| Code::FieldInvalid.fault().expected("policy is not a JSON object");
    if text.is_empty() { Ok(Vec::new()) } else { Ok(Fields::json(text.as_bytes()).map_err(malformed)?.0) }
}
