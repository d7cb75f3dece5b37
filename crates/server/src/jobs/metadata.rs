//! Keeps connections as fresh as their identity providers' metadata (M5, M6): in the background, and at once when a response
//! is signed with a key that is not known. What cannot be fetched or is refused changes nothing: the last good copy goes on.

use std::sync::Arc;
use std::time::Duration;

use postern_core::connection::{Connection, Idp, SamlIdp};
use postern_core::fault::{Code, Fault};
use postern_core::refresh::{INTERVAL, Renewal};
use postern_saml::metadata;
use postern_saml::response::{self, VerifiedAssertion};

use crate::app::App;

/// A metadata document may have 1 MiB.
pub const LARGEST: usize = 1024 * 1024;

/// How often a replica looks whether something is due.
const ROUND: Duration = Duration::from_secs(60);
/// How many connections are refreshed in a round.
const AT_ONCE: u64 = 50;
/// How soon a refresh that failed is tried again.
const AGAIN: Duration = Duration::from_secs(600);
/// How often an unknown key may cause a fetch, for each connection.
const ON_DEMAND: Duration = Duration::from_secs(60);

/// Refreshes what is due, for ever.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = round(&app).await {
            tracing::warn!(fault.code = fault.code.name(), "metadata could not be refreshed");
        }
    }
}

/// One round: nothing, where another replica has the lease.
pub async fn round(app: &App) -> Result<(), Fault> {
    if !app.connections.lease("metadata", ROUND * 9 / 10).await? {
        return Ok(());
    }
    for connection in app.connections.due(AT_ONCE).await? {
        let next = match refresh(app, &connection).await {
            Ok(_) => INTERVAL,
            Err(fault) => {
                tracing::warn!(fault.code = fault.code.name(), "a connection's metadata was not renewed");
                app.connections.not_renewed(&connection, &fault).await?;
                AGAIN
            }
        };
        let at = app.now().checked_add(next).unwrap_or(postern_core::ports::Timestamp::MAX);
        app.connections.due_at(&connection, at).await?;
    }
    Ok(())
}

async fn refresh(app: &App, connection: &Connection) -> Result<Renewal, Fault> {
    match &connection.idp {
        Idp::Saml(idp) => refresh_saml(app, connection, idp).await,
        Idp::Oidc(_) => Ok(Renewal::Unchanged),
    }
}

async fn refresh_saml(app: &App, connection: &Connection, idp: &SamlIdp) -> Result<Renewal, Fault> {
    let Some(url) = &idp.metadata_url else { return Ok(Renewal::Unchanged) };
    let document = app.fetch.get(url, LARGEST).await.map_err(crate::fetched::fault)?.bytes;
    let read = metadata::read(&document, Some(&idp.entity_id))?;
    let fresh = SamlIdp {
        entity_id: read.entity_id,
        sso: read.sso,
        slo: read.slo,
        signing_keys: read.signing_keys,
        wants_signed_requests: read.wants_signed_requests,
        ..idp.clone()
    };
    app.connections.renew(connection, Idp::Saml(fresh)).await
}

/// Verifies a response. Where its key is unknown and the metadata has an address, the metadata is fetched, at most once a
/// minute for each connection, and the response judged once more by what it says now. The message itself adds no trust.
pub async fn verify(
    app: &App,
    connection: &Connection,
    xml: &[u8],
    acs_url: &str,
    request_id: Option<&str>,
) -> Result<VerifiedAssertion, Fault> {
    let keys = app.sp_keys_of(connection)?;
    let idp = connection.idp.saml()?;
    match response::verify(xml, &app.expectation(idp, acs_url, request_id, &keys.decryption)) {
        Err(fault) if fault.code == Code::SamlSignatureOtherKey => match renewed(app, connection).await {
            Some(connection) => {
                response::verify(xml, &app.expectation(connection.idp.saml()?, acs_url, request_id, &keys.decryption))
            }
            None => Err(fault),
        },
        verdict => verdict,
    }
}

/// The connection with other keys, if its metadata has any.
async fn renewed(app: &App, connection: &Connection) -> Option<Arc<Connection>> {
    if !connection.idp.is_renewed() {
        return None;
    }
    app.connections.lease(&format!("metadata of {}", connection.id), ON_DEMAND).await.ok().filter(|taken| *taken)?;
    match refresh(app, connection).await {
        Ok(Renewal::Changed(connection)) => Some(connection),
        Ok(Renewal::Unchanged) => None,
        Err(fault) => {
            tracing::warn!(fault.code = fault.code.name(), "metadata could not be fetched for an unknown key");
            None
        }
    }
}
