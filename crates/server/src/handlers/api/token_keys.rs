//! `/api/v1/token-keys`: the keys that sign tokens for apps. To change one: add, wait until everybody has read the key set,
//! activate, and remove the old one when nothing lives any more that it signed. What comes too early is refused, unless it is
//! forced: a key that was stolen has to go at once, and with it what it signed.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{Haste, OwnKeys, Purpose};
use postern_core::ports::Timestamp;
use postern_core::signing::SigningAlgorithm;
use postern_jose::signing::SigningKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::{NewTokenKey, TokenKeyId};
use super::{ApiCall, boolean, required};
use crate::fields::Fields;
use crate::own_keys::make;
use crate::reply::{Refusal, no_store};

/// `GET`: every key, without its secret part.
#[utoipa::path(get, path = "/api/v1/token-keys", responses((status = 200, body = [TokenKeyRecord])))]
pub async fn list(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let keys = async {
        call.check_everything()?;
        show(&*call.app.token_cupboard.load_or_create(&make).await?)
    };
    let keys = keys.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(keys))
}

/// `POST {alg}`: makes a key and publishes it. 201.
#[utoipa::path(
    post,
    path = "/api/v1/token-keys",
    request_body(content = NewTokenKey, example = json!({ "alg": "ES256" })),
    responses((status = 201, body = [TokenKeyRecord]), (status = 409)),
)]
pub async fn add(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let add = async {
        call.check_everything()?;
        let algorithm = SigningAlgorithm::named(required(&call.body, "alg")?)
            .ok_or_else(|| Code::FieldInvalid.fault().expected("alg is not one of RS256, ES256, EdDSA"))?;
        let keys = call.app.token_cupboard.add(Purpose::Token(algorithm), &make).await?;
        call.app.load_keys().await?;
        show(&keys)
    };
    let keys = add.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Created()).json(keys))
}

/// `POST …/activate {id, force}`: puts a key into use.
#[utoipa::path(
    post,
    path = "/api/v1/token-keys/activate",
    request_body = TokenKeyId,
    responses((status = 200, body = [TokenKeyRecord]), (status = 404), (status = 409)),
)]
pub async fn activate(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let activate = async {
        call.check_everything()?;
        let keys = call.app.token_cupboard.activate(required(&call.body, "id")?, haste(&call.body)?).await?;
        call.app.load_keys().await?;
        show(&keys)
    };
    let keys = activate.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(keys))
}

/// `DELETE ?id=&force=`: removes a key that is not in use. 204.
#[utoipa::path(
    delete,
    path = "/api/v1/token-keys",
    params(("id" = String, Query), ("force" = Option<bool>, Query)),
    responses((status = 204), (status = 404), (status = 409)),
)]
pub async fn remove(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let remove = async {
        call.check_everything()?;
        call.app.token_cupboard.remove(required(&call.query, "id")?, haste(&call.query)?).await?;
        call.app.load_keys().await
    };
    remove.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

fn haste(fields: &Fields) -> Result<Haste, Fault> {
    Ok(match boolean(fields, "force")? {
        Some(true) => Haste::AtOnce,
        _ => Haste::WhenItIsTime,
    })
}

/// A key that signs tokens, without its secret part.
#[derive(Serialize, ToSchema)]
pub struct TokenKeyRecord {
    /// Its name.
    id: String,
    /// How it signs.
    alg: &'static str,
    /// Its name in the key set.
    kid: String,
    /// Whether it is in use.
    active: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When another took its place.
    #[schema(value_type = Option<String>, format = DateTime)]
    retired: Option<Timestamp>,
}

fn show(keys: &OwnKeys) -> Result<Vec<TokenKeyRecord>, Fault> {
    let mut shown = Vec::new();
    for algorithm in SigningAlgorithm::ALL {
        for (at, key) in keys.of(Purpose::Token(algorithm)).enumerate() {
            let unreadable = |why| Code::RecordUnreadable.fault().because(why);
            shown.push(TokenKeyRecord {
                id: key.id.clone(),
                alg: algorithm.name(),
                kid: SigningKey::from_pem(algorithm, key.pem.expose()).map_err(unreadable)?.kid().to_owned(),
                active: at == 0,
                created: key.created,
                retired: key.retired,
            });
        }
    }
    Ok(shown)
}
