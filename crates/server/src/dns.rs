//! The domain name system, as `core` asks it.

use async_trait::async_trait;
use postern_core::ports::{Dns, DnsError};
use postern_fetch::dns::{self, LookupError};

/// DNS by way of `postern-fetch`.
pub struct Resolver(pub dns::Dns);

#[async_trait]
impl Dns for Resolver {
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        self.0.txt(name).await.map_err(|error| match error {
            LookupError::NoSuchName => DnsError::NoSuchName,
            LookupError::ServerFailed => DnsError::ServerFailed,
            LookupError::TimedOut => DnsError::TimedOut,
        })
    }
}
