//! `/api/v1/products`: apps, registered as OAuth clients.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::former_secrets;
use postern_core::ports::Timestamp;
use postern_core::products::{Product, ProductSettings};
use postern_core::roles::Role;
use postern_core::secret::Secret;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::removal::RemovedRecord;
use super::requests::{Page, ProductRequest, ProductSecret};
use super::{ApiCall, boolean, list, required, text};
use crate::jobs::client_keys;
use crate::reply::{Refusal, no_store};

/// `POST`: registers an app. 201, with its secret, which is never shown again.
#[utoipa::path(
    post,
    path = "/api/v1/products",
    request_body(
        content = ProductRequest,
        example = json!({ "name": "billing", "redirect_urls": ["https://billing.example.com/callback"] }),
    ),
    responses((status = 201, body = ProductRecord), (status = 409)),
)]
pub async fn create(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let create = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        call.app.products.create(name, settings(&call).await?).await
    };
    let (product, secret) = create.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Created()).json(describe(&product, secret.as_ref(), call.app.now())))
}

/// `PATCH`: changes an app that its `name` names. 200, with a secret where the change made one.
#[utoipa::path(
    patch,
    path = "/api/v1/products",
    request_body(content = ProductRequest, example = json!({ "name": "crm", "support_email": "help@example.com" })),
    responses((status = 200, body = ProductRecord), (status = 404), (status = 409)),
)]
pub async fn update(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let update = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        call.app.products.update(name, settings(&call).await?).await
    };
    let (product, secret) = update.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&product, secret.as_ref(), call.app.now())))
}

/// `POST …/secret`: a new secret; the one before goes on for `overlap_seconds`.
#[utoipa::path(
    post,
    path = "/api/v1/products/secret",
    request_body(content = ProductSecret, example = json!({ "name": "crm", "overlap_seconds": 3600 })),
    responses((status = 200, body = ProductRecord), (status = 404), (status = 409)),
)]
pub async fn rotate_secret(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let rotate = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        let overlap = former_secrets::overlap(call.body.one("overlap_seconds")?)?;
        call.app.products.rotate_secret(name, overlap).await
    };
    let (product, secret) = rotate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&product, Some(&secret), call.app.now())))
}

/// `GET`: one app by `name` or `client_id`, or all of them, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/products",
    params(("name" = Option<String>, Query, example = "crm"), ("client_id" = Option<String>, Query), Page),
    responses((status = 200, body = ProductsFound), (status = 404)),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let answer = try_find(&call).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(answer))
}

async fn try_find(call: &ApiCall) -> Result<ProductsFound, Fault> {
    let now = call.app.now();
    let one = match (call.query.one("name")?, call.query.one("client_id")?) {
        (Some(name), _) => call.app.products.find(name).await?,
        (None, Some(client_id)) => call.app.products.find_by_client_id(client_id).await?,
        (None, None) => {
            let (offset, limit) = call.page()?;
            let products = match &call.key.product {
                Some(own) => call.app.products.find(own).await?.into_iter().skip(offset as usize).collect(),
                None => call.app.products.list(offset, limit).await?,
            };
            return Ok(ProductsFound::Page(products.iter().map(|product| describe(product, None, now)).collect()));
        }
    };
    let product = one.filter(|product| call.permits(&product.name)).ok_or(Code::ProductNotFound)?;
    Ok(ProductsFound::One(Box::new(describe(&product, None, now))))
}

/// `DELETE`: removes an app with what its tenants have in it. 200 with how much that was.
#[utoipa::path(
    delete,
    path = "/api/v1/products",
    params(("name" = String, Query)),
    responses((status = 200, body = RemovedRecord), (status = 404), (status = 409)),
)]
pub async fn delete(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let delete = async {
        let name = required(&call.query, "name")?;
        call.check_product(name)?;
        call.app.removals.product(name).await
    };
    let removed = delete.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(RemovedRecord::from(removed)))
}

async fn settings(call: &ApiCall) -> Result<ProductSettings, Fault> {
    let body = &call.body;
    let (jwks, jwks_uri) = keys(call).await?;
    Ok(ProductSettings {
        jwks,
        jwks_uri,
        token_endpoint_auth_signing_alg: text(body, "token_endpoint_auth_signing_alg")?,
        dpop_bound_access_tokens: boolean(body, "dpop_bound_access_tokens")?,
        redirect_urls: list(body, "redirect_urls")?,
        token_endpoint_auth_method: body.one("token_endpoint_auth_method")?.map(str::to_owned),
        initiate_login_url: text(body, "initiate_login_url")?,
        password_login_url: text(body, "password_login_url")?,
        post_logout_redirect_urls: list(body, "post_logout_redirect_urls")?,
        id_token_signed_response_alg: body.one("id_token_signed_response_alg")?.map(str::to_owned),
        backchannel_logout_uri: text(body, "backchannel_logout_uri")?,
        grant_types: list(body, "grant_types")?,
        session_hours: text(body, "session_hours")?,
        idle_minutes: text(body, "idle_minutes")?,
        refresh_days: text(body, "refresh_days")?,
        require_pushed_authorization_requests: boolean(body, "require_pushed_authorization_requests")?,
        roles: text(body, "roles")?.map(|roles| Role::list(&roles)).transpose()?,
        support_url: text(body, "support_url")?,
        support_email: text(body, "support_email")?,
    })
}

/// The keys of a client that signs: given, or fetched from where it publishes them, at once. RFC 7591 §2: "The jwks_uri and
/// jwks parameters MUST NOT both be present in the same request or response."
async fn keys(call: &ApiCall) -> Result<(Option<String>, Option<String>), Fault> {
    match (call.body.one("jwks")?, call.body.one("jwks_uri")?) {
        (Some(_), Some(_)) => Err(Code::FieldInvalid.fault().expected("jwks stands beside jwks_uri")),
        (Some(jwks), None) => Ok((Some(client_keys::readable(jwks.to_owned())?), None)),
        (None, Some(uri)) => Ok((Some(client_keys::fetch(&call.app, uri).await?), Some(uri.to_owned()))),
        (None, None) => Ok((None, None)),
    }
}

/// An app as the API shows it.
#[derive(Serialize, ToSchema)]
pub struct ProductRecord {
    /// What it calls itself as an OAuth client.
    client_id: String,
    /// Its secret, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// When the secrets end that it had before and may still send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    former_secret_ends_at: Option<Timestamp>,
    /// The `product` of scopes.
    name: String,
    /// How it authenticates.
    token_endpoint_auth_method: &'static str,
    /// How a client that signs has to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg: Option<Option<String>>,
    /// The keys of a client that signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where these keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// Where codes may be sent.
    redirect_urls: Vec<String>,
    /// Where it begins a login.
    initiate_login_url: Option<String>,
    /// Where people sign in with a password, where they may.
    password_login_url: Option<String>,
    /// Where people may go after logging out.
    post_logout_redirect_urls: Vec<String>,
    /// How its ID tokens are signed.
    id_token_signed_response_alg: &'static str,
    /// Where it is told of ended sessions.
    backchannel_logout_uri: Option<String>,
    /// What it may redeem.
    grant_types: Vec<&'static str>,
    /// How long its sessions live, in hours.
    session_hours: Option<u32>,
    /// How long they live unused, in minutes.
    idle_minutes: Option<u32>,
    /// How long offline access lives, in days.
    refresh_days: Option<u32>,
    /// Whether its access tokens are always bound to a key.
    dpop_bound_access_tokens: bool,
    /// Whether logins begin with a pushed request alone.
    require_pushed_authorization_requests: bool,
    /// The roles that its people can have.
    #[schema(value_type = Vec<Object>)]
    roles: Vec<Role>,
    /// Shown on error pages.
    support_url: Option<String>,
    /// Shown on error pages.
    support_email: Option<String>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// One app, or a page of them.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ProductsFound {
    /// The one that was named.
    One(Box<ProductRecord>),
    /// Those of a page.
    Page(Vec<ProductRecord>),
}

fn describe(product: &Product, secret: Option<&Secret>, now: Timestamp) -> ProductRecord {
    let keys = product.authentication.keys();
    ProductRecord {
        client_id: product.client_id.clone(),
        client_secret: secret.map(|secret| secret.expose().to_owned()),
        former_secret_ends_at: product.authentication.former_secret_end(now),
        name: product.name.clone(),
        token_endpoint_auth_method: product.authentication.method(),
        token_endpoint_auth_signing_alg: keys.map(|keys| keys.algorithm.clone()),
        jwks: keys.filter(|keys| keys.uri.is_none()).map(|keys| serde_json::from_str(&keys.jwks).unwrap_or_default()),
        jwks_uri: keys.and_then(|keys| keys.uri.clone()),
        redirect_urls: product.redirect_urls.clone(),
        initiate_login_url: product.initiate_login_url.clone(),
        password_login_url: product.password_login_url.clone(),
        post_logout_redirect_urls: product.post_logout_redirect_urls.clone(),
        id_token_signed_response_alg: product.id_token_algorithm.name(),
        backchannel_logout_uri: product.backchannel_logout_uri.clone(),
        grant_types: product.grant_types().to_vec(),
        session_hours: product.session_limits.session_hours,
        idle_minutes: product.session_limits.idle_minutes,
        refresh_days: product.session_limits.refresh_days,
        dpop_bound_access_tokens: product.dpop_bound,
        require_pushed_authorization_requests: product.require_pushed_requests,
        roles: product.roles.clone(),
        support_url: product.support_url.clone(),
        support_email: product.support_email.clone(),
        created_at: product.created,
    }
}
