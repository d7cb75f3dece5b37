//! Names to addresses, with the guard in between: whatever the resolver returns is what gets connected to, so a name that
//! resolves differently a moment later (DNS rebinding) gains nothing.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::guard::{Guard, Refusal};

/// Asks the system's resolver, as configured for the host or the pod, and admits only names of which *every* address is
/// admitted: one inner address among public ones is no accident.
pub(crate) struct GuardedResolver {
    pub(crate) guard: Arc<Guard>,
    pub(crate) encrypted: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, encrypted) = (self.guard.clone(), self.encrypted);
        Box::pin(async move {
            // Port 0 stands for the one in the URL.
            let found: Vec<_> = lookup_host((name.as_str(), 0)).await.map_err(|_| Refusal::Unresolved)?.collect();
            if found.is_empty() {
                return Err(Refusal::Unresolved.into());
            }
            for address in &found {
                guard.admit(address.ip(), encrypted)?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
