//! `/api/v1/sp-keys`: the keys with which Postern presents itself to SAML identity providers. To change one: add, give the
//! providers time to read the metadata, activate, and remove the old one when nobody uses it any more.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{Haste, OwnKeys, Purpose};
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use postern_saml::certificate;
use serde::Serialize;
use utoipa::ToSchema;

use super::describe::CertificateRecord;
use super::requests::{KeyId, NewKey};
use super::{ApiCall, describe, required};
use crate::own_keys::make;
use crate::reply::{Refusal, no_store};

/// `GET`: every key, without its secret part.
#[utoipa::path(get, path = "/api/v1/sp-keys", responses((status = 200, body = [KeyRecord])))]
pub async fn list(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let keys = async {
        call.check_everything()?;
        call.app.cupboard.load_or_create(&make).await
    };
    let keys = keys.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(show(&keys, |_| true)))
}

/// `POST {use}`: makes a key and announces it. 201.
#[utoipa::path(
    post,
    path = "/api/v1/sp-keys",
    request_body(content = NewKey, example = json!({ "use": "signing" })),
    responses((status = 201, body = [KeyRecord]), (status = 409)),
)]
pub async fn add(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let add = async {
        call.check_everything()?;
        let purpose = purpose(required(&call.body, "use")?)?;
        let keys = call.app.cupboard.add(purpose, &make).await?;
        call.app.load_keys().await?;
        Ok::<_, Fault>(keys)
    };
    let keys = add.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Created()).json(show(&keys, |_| true)))
}

/// `POST …/activate {id}`: puts a key into use.
#[utoipa::path(
    post,
    path = "/api/v1/sp-keys/activate",
    request_body = KeyId,
    responses((status = 200, body = [KeyRecord]), (status = 404), (status = 409)),
)]
pub async fn activate(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let activate = async {
        call.check_everything()?;
        let keys = call.app.cupboard.activate(required(&call.body, "id")?, Haste::AtOnce).await?;
        call.app.load_keys().await?;
        Ok::<_, Fault>(keys)
    };
    let keys = activate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(show(&keys, |_| true)))
}

/// `DELETE ?id=`: removes a key that is not in use. 204.
#[utoipa::path(
    delete,
    path = "/api/v1/sp-keys",
    params(("id" = String, Query)),
    responses((status = 204), (status = 404), (status = 409)),
)]
pub async fn remove(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let remove = async {
        call.check_everything()?;
        call.app.cupboard.remove(required(&call.query, "id")?, Haste::AtOnce).await?;
        call.app.load_keys().await
    };
    remove.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

/// A purpose by the name that the API has for it.
pub(super) fn purpose(name: &str) -> Result<Purpose, Fault> {
    let purpose = Purpose::named(name).filter(|purpose| matches!(purpose, Purpose::Signing | Purpose::Encryption));
    purpose.ok_or_else(|| Code::FieldInvalid.fault().expected("use is not signing or encryption"))
}

/// A key without its secret part.
#[derive(Serialize, ToSchema)]
pub struct KeyRecord {
    /// Its name.
    id: String,
    /// `signing` or `encryption`.
    #[serde(rename = "use")]
    purpose: &'static str,
    /// Whether it is in use.
    active: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// The certificate that goes with it.
    certificate: Option<CertificateRecord>,
}

/// Keys without their secret parts. The first for a purpose is active where these keys are `in_use` for it.
pub(super) fn show(keys: &OwnKeys, in_use: impl Fn(Purpose) -> bool) -> Vec<KeyRecord> {
    let shown = [Purpose::Signing, Purpose::Encryption].into_iter().flat_map(|purpose| {
        let first_is_used = in_use(purpose);
        keys.of(purpose).enumerate().map(move |(at, key)| KeyRecord {
            id: key.id.clone(),
            purpose: purpose.name(),
            active: first_is_used && at == 0,
            created: key.created,
            certificate: certificate_in(&key.pem),
        })
    });
    shown.collect()
}

/// The certificate beside a key.
fn certificate_in(pem: &Secret) -> Option<CertificateRecord> {
    let begin = "-----BEGIN CERTIFICATE-----";
    let text = pem.expose().split_once(begin)?.1.split_once("-----END")?.0;
    let der = data_encoding::BASE64.decode(text.split_ascii_whitespace().collect::<String>().as_bytes()).ok()?;
    Some(describe::certificate(&certificate::read(&der).ok()?))
}
