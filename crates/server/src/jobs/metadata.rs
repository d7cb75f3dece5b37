//! Keeps connections as fresh as their identity providers' metadata (M5, M6), in the background. What cannot be fetched or is
//! refused changes nothing: the last good copy goes on.

use std::sync::Arc;
use std::time::Duration;

use postern_core::connection::{Connection, Idp, SamlIdp};
use postern_core::fault::Fault;
use postern_core::openid::{ClientAuthentication, OidcIdp};
use postern_core::refresh::Renewal;
use postern_oidc::client_keys;
use postern_saml::metadata;

use crate::app::App;

/// A metadata document may have 1 MiB.
pub const LARGEST: usize = 1024 * 1024;

/// How often a replica looks whether something is due.
const ROUND: Duration = Duration::from_secs(60);
/// How many connections are refreshed in a round.
const AT_ONCE: u64 = 50;
/// How soon a refresh that failed is tried again.
const AGAIN: Duration = Duration::from_secs(600);

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
            Ok(Renewal::Changed(connection)) => connection.idp.renewal_interval(app.now()),
            Ok(Renewal::Unchanged) => connection.idp.renewal_interval(app.now()),
            Err(fault) => {
                tracing::warn!(fault.code = fault.code.name(), "a connection's metadata was not renewed");
                app.metrics.metadata_failed(fault.code);
                app.connections.not_renewed(&connection, &fault).await?;
                AGAIN
            }
        };
        let at = app.now().checked_add(next).unwrap_or(postern_core::ports::Timestamp::MAX);
        app.connections.due_at(&connection, at).await?;
    }
    Ok(())
}

/// Fetches a connection's metadata and takes over what it says.
pub(super) async fn refresh(app: &App, connection: &Connection) -> Result<Renewal, Fault> {
    match &connection.idp {
        Idp::Saml(idp) => refresh_saml(app, connection, idp).await,
        Idp::Oidc(idp) => refresh_openid(app, connection, idp).await,
    }
}

/// What the provider's documents say now, with our own keys towards it as they ought to be.
async fn refresh_openid(app: &App, connection: &Connection, idp: &OidcIdp) -> Result<Renewal, Fault> {
    let mut fresh = OidcIdp { provider: crate::openid::renewed(app, idp).await?, ..idp.clone() };
    if let Some(keys) = client_keys::rotated(idp.authentication.keys(), app.now())? {
        fresh.authentication = ClientAuthentication::PrivateKeyJwt { keys };
    }
    app.connections.renew(connection, Idp::Oidc(fresh)).await
}

async fn refresh_saml(app: &App, connection: &Connection, idp: &SamlIdp) -> Result<Renewal, Fault> {
    let Some(url) = &idp.metadata_url else { return Ok(Renewal::Unchanged) };
    let document = app.fetch.get(url, LARGEST).await.map_err(crate::fetched::fault)?.bytes;
    let read = metadata::read(&document, Some(&idp.entity_id))?;
    app.connections.renew(connection, Idp::Saml(read.into())).await
}
