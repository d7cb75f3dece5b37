//! `/api/v1/products`: apps, registered as OAuth clients.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::products::{Product, ProductSettings};
use postern_core::secret::Secret;
use serde_json::{Value, json};

use super::{ApiCall, boolean, list, required, text};
use crate::jobs::client_keys;
use crate::reply::{Refusal, no_store};

/// `POST`: registers an app. 201, with its secret, which is never shown again.
pub async fn create(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let create = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        call.app.products.create(name, settings(&call).await?).await
    };
    let (product, secret) = create.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Created()).json(describe(&product, secret.as_ref())))
}

/// `PATCH`: changes an app that its `name` names. 200, with a secret where the change made one.
pub async fn update(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let update = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        call.app.products.update(name, settings(&call).await?).await
    };
    let (product, secret) = update.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&product, secret.as_ref())))
}

/// `POST …/secret`: a new secret; the old one is dead at once.
pub async fn rotate_secret(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let rotate = async {
        let name = required(&call.body, "name")?;
        call.check_product(name)?;
        call.app.products.rotate_secret(name).await
    };
    let (product, secret) = rotate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&product, Some(&secret))))
}

/// `GET`: one app by `name` or `client_id`, or all of them, newest first.
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let answer = try_find(&call).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(answer))
}

async fn try_find(call: &ApiCall) -> Result<Value, Fault> {
    let one = match (call.query.one("name")?, call.query.one("client_id")?) {
        (Some(name), _) => call.app.products.find(name).await?,
        (None, Some(client_id)) => call.app.products.find_by_client_id(client_id).await?,
        (None, None) => {
            let (offset, limit) = call.page()?;
            let products = match &call.key.product {
                Some(own) => call.app.products.find(own).await?.into_iter().skip(offset as usize).collect(),
                None => call.app.products.list(offset, limit).await?,
            };
            return Ok(json!(products.iter().map(|product| describe(product, None)).collect::<Vec<_>>()));
        }
    };
    let product = one.filter(|product| call.permits(&product.name)).ok_or(Code::ProductNotFound)?;
    Ok(describe(&product, None))
}

/// `DELETE`: removes a registration. 204.
pub async fn delete(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let delete = async {
        let name = required(&call.query, "name")?;
        call.check_product(name)?;
        call.app.products.delete(name).await
    };
    delete.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
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
        post_logout_redirect_urls: list(body, "post_logout_redirect_urls")?,
        id_token_signed_response_alg: body.one("id_token_signed_response_alg")?.map(str::to_owned),
        backchannel_logout_uri: text(body, "backchannel_logout_uri")?,
        grant_types: list(body, "grant_types")?,
        session_hours: text(body, "session_hours")?,
        idle_minutes: text(body, "idle_minutes")?,
        refresh_days: text(body, "refresh_days")?,
        require_pushed_authorization_requests: boolean(body, "require_pushed_authorization_requests")?,
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

fn describe(product: &Product, secret: Option<&Secret>) -> Value {
    let mut record = json!({
        "client_id": product.client_id,
        "name": product.name,
        "token_endpoint_auth_method": product.authentication.method(),
        "redirect_urls": product.redirect_urls,
        "initiate_login_url": product.initiate_login_url,
        "post_logout_redirect_urls": product.post_logout_redirect_urls,
        "id_token_signed_response_alg": product.id_token_algorithm.name(),
        "backchannel_logout_uri": product.backchannel_logout_uri,
        "grant_types": product.grant_types(),
        "session_hours": product.session_limits.session_hours,
        "idle_minutes": product.session_limits.idle_minutes,
        "refresh_days": product.session_limits.refresh_days,
        "dpop_bound_access_tokens": product.dpop_bound,
        "require_pushed_authorization_requests": product.require_pushed_requests,
        "support_url": product.support_url,
        "support_email": product.support_email,
        "created_at": product.created,
    });
    if let Some(keys) = product.authentication.keys() {
        match &keys.uri {
            Some(uri) => record["jwks_uri"] = json!(uri),
            None => record["jwks"] = serde_json::from_str(&keys.jwks).unwrap_or_default(),
        }
        record["token_endpoint_auth_signing_alg"] = json!(keys.algorithm);
    }
    if let Some(secret) = secret {
        record["client_secret"] = json!(secret.expose());
    }
    record
}
