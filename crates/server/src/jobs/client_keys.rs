//! The keys of clients that sign, where they publish them: read again when they are an hour old, and at once, but at most
//! once a minute, when a client names a key that is not known. What cannot be read changes nothing: the last good set goes on.

use std::time::Duration;

use postern_core::client_metadata::ClientKeys;
use postern_core::fault::{Code, Fault};
use postern_core::login::client::Credentials;
use postern_jose::client_assertion::names_known_key;
use postern_jose::jwks::Jwks;

use crate::app::App;

/// How old a set may be that is used without a look.
const FRESH: Duration = Duration::from_secs(3600);
/// How often a client may cause a fetch.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// Makes sure that the keys of a client that signed something are the present ones. A client that is not registered, or
/// publishes no keys, costs nothing but looking it up.
pub async fn freshen(app: &App, credentials: &Credentials) -> Result<(), Fault> {
    let (Some(assertion), Some(client_id)) = (&credentials.client_assertion, &credentials.client_id) else {
        return Ok(());
    };
    let Some(product) = app.products.find_by_client_id(client_id).await? else { return Ok(()) };
    let Some(ClientKeys { jwks, uri: Some(uri), since, .. }) = product.authentication.keys() else { return Ok(()) };
    let known = Jwks::parse(jwks.as_bytes()).is_ok_and(|keys| names_known_key(assertion.expose(), &keys));
    let fresh = app.now().duration_since(*since).unsigned_abs() < FRESH;
    if (known && fresh) || !app.connections.lease(&format!("keys of {client_id}"), AT_MOST_EVERY).await? {
        return Ok(());
    }
    match fetch(app, uri).await {
        Ok(jwks) => app.products.renew_keys(&product.name, jwks).await,
        Err(fault) => {
            tracing::warn!(fault.code = fault.code.name(), "a client's keys could not be fetched");
            Ok(())
        }
    }
}

/// The set at an address, if it is one that can be used.
pub async fn fetch(app: &App, uri: &str) -> Result<String, Fault> {
    let bytes = app.fetch.get(uri, Jwks::LARGEST).await.map_err(crate::fetched::fault)?.bytes;
    readable(String::from_utf8_lossy(&bytes).into_owned())
}

/// The set, if it is one that can be used.
pub fn readable(jwks: String) -> Result<String, Fault> {
    match Jwks::parse(jwks.as_bytes()) {
        Ok(_) => Ok(jwks),
        Err(why) => Err(Code::FieldInvalid.fault().expected(format!("jwks: {why}"))),
    }
}
