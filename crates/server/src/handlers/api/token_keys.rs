//! `/api/v1/token-keys`: the keys that sign tokens for apps. To change one: add, wait until everybody has read the key set,
//! activate, and remove the old one when nothing lives any more that it signed. What comes too early is refused, unless it is
//! forced: a key that was stolen has to go at once, and with it what it signed.

use actix_web::HttpResponse;
use postern_core::fault::{Code, Fault};
use postern_core::own_keys::{Haste, OwnKeys, Purpose};
use postern_core::signing::SigningAlgorithm;
use postern_jose::signing::SigningKey;
use serde_json::{Value, json};

use super::{ApiCall, boolean, required};
use crate::fields::Fields;
use crate::own_keys::make;
use crate::reply::{Refusal, no_store};

/// `GET`: every key, without its secret part.
pub async fn list(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let keys = async {
        call.check_everything()?;
        show(&*call.app.token_cupboard.load_or_create(&make).await?)
    };
    let keys = keys.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(keys))
}

/// `POST {alg}`: makes a key and publishes it. 201.
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

fn show(keys: &OwnKeys) -> Result<Value, Fault> {
    let mut shown = Vec::new();
    for algorithm in SigningAlgorithm::ALL {
        for (at, key) in keys.of(Purpose::Token(algorithm)).enumerate() {
            let unreadable = |why| Code::RecordUnreadable.fault().because(why);
            shown.push(json!({
                "id": key.id,
                "alg": algorithm.name(),
                "kid": SigningKey::from_pem(algorithm, key.pem.expose()).map_err(unreadable)?.kid(),
                "active": at == 0,
                "created": key.created,
                "retired": key.retired,
            }));
        }
    }
    Ok(json!(shown))
}
