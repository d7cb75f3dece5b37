//! An OpenID Provider's documents, fetched and read.

use postern_core::fault::Fault;
use postern_core::openid::{OidcIdp, Provider, VerificationKeys};
use postern_oidc::metadata::{self, LARGEST, Metadata};

use crate::app::App;
use crate::fetched;

/// The metadata at an address. It has to be that of `issuer`, where that is known.
pub async fn metadata(app: &App, url: &str, issuer: Option<&str>) -> Result<Metadata, Fault> {
    let document = app.fetch.get(url, LARGEST).await.map_err(fetched::fault)?;
    metadata::read(&document.bytes, issuer, Some(url))
}

/// The keys at an address.
pub async fn keys(app: &App, url: &str) -> Result<VerificationKeys, Fault> {
    let document = app.fetch.get(url, LARGEST).await.map_err(fetched::fault)?;
    metadata::keys(&document.bytes)
}

/// A provider with the keys that are at its address.
pub async fn with_keys(app: &App, metadata: Metadata) -> Result<Provider, Fault> {
    let fetched = match &metadata.jwks_uri {
        Some(url) => Some(keys(app, url).await?),
        None => None,
    };
    metadata.with_keys(fetched)
}

/// The same provider as its documents describe it now.
pub async fn renewed(app: &App, idp: &OidcIdp) -> Result<Provider, Fault> {
    match (&idp.discovery_url, &idp.provider.jwks_uri) {
        (Some(url), _) => with_keys(app, metadata(app, url, Some(&idp.issuer)).await?).await,
        (None, Some(url)) => Ok(Provider { keys: keys(app, url).await?, ..idp.provider.clone() }),
        (None, None) => Ok(idp.provider.clone()),
    }
}
