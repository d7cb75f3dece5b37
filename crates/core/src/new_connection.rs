//! A connection, and what comes along with it: domains of its tenant, and settings of their policy. All of it comes about, or
//! nothing.
//!
//! First every part is judged, which reads and refuses and writes nothing. Then the claims are written, the policy, and the
//! connection last, its record as the very last: until then nobody signs in by it. What somebody else
//! overtakes in the meantime, or what the store does not take, is taken back.

use std::sync::Arc;

use crate::connection::{Connection, Idp};
use crate::connections::{ConnectionSettings, Connections, JudgedConnection};
use crate::domain_name::DomainName;
use crate::domains::{Domain, DomainSettings, Domains, JudgedClaim};
use crate::fault::Fault;
use crate::policy::{Policies, Policy};
use crate::policy_settings::{Change, JudgedPolicy};
use crate::products::Product;
use crate::scope::Scope;

/// What somebody wants.
pub struct NewConnection<'n> {
    /// Whose it is to be.
    pub scope: Scope,
    /// The other side.
    pub idp: Idp,
    /// What is set about it.
    pub settings: ConnectionSettings,
    /// The domains to claim, each of which is linked to it.
    pub domains: Vec<NewDomain>,
    /// What to change of the scope's policy.
    pub policy: Option<Change<'n>>,
}

/// A domain that comes along.
pub struct NewDomain {
    /// Which.
    pub name: DomainName,
    /// Whether the names below it are meant too; `None`: as it is.
    pub include_subdomains: Option<bool>,
    /// Whether the operator vouches for it.
    pub asserted: bool,
}

/// What came of it.
pub struct Made {
    /// The connection.
    pub connection: Arc<Connection>,
    /// The claims, in the order in which they were named.
    pub domains: Vec<Arc<Domain>>,
    /// The policy as it is then, and the product that it is about, where it was to change.
    pub policy: Option<(Policy, Option<Arc<Product>>)>,
}

/// What has been written, so that it can be taken back.
enum Written {
    /// A claim that was not there.
    Claim(Arc<Domain>),
    /// A claim that was there, as it was.
    Change(Arc<Domain>),
    /// The policy.
    Policy,
}

/// Makes connections together with what comes along.
#[derive(Clone, Copy)]
pub struct Maker<'m> {
    /// Keeps connections.
    pub connections: &'m Connections,
    /// Keeps domains.
    pub domains: &'m Domains,
    /// Keeps policies.
    pub policies: &'m Policies,
}

impl Maker<'_> {
    /// Creates a connection with what comes along, or overwrites the scope's connection to the same IdP.
    pub async fn create(self, new: NewConnection<'_>) -> Result<Made, Fault> {
        let names: Vec<_> = new.domains.iter().map(|domain| domain.name.clone()).collect();
        let claims = self.domains.judge(&new.scope, &names).await?;
        let policy = match &new.policy {
            Some(change) => Some(self.policies.judge(&new.scope, change).await?),
            None => None,
        };
        let connection = self.connections.judge(new.scope, new.idp, new.settings).await?;
        let claims: Vec<_> = claims.into_iter().zip(new.domains).collect();

        let mut written = Vec::new(); // until here, nothing is
        match self.write(&connection, claims, policy.as_ref(), &mut written).await {
            Ok((connection, domains)) => {
                Ok(Made { connection, domains, policy: policy.map(JudgedPolicy::into_outcome) })
            }
            Err(fault) => match self.take_back(written, policy.as_ref()).await {
                Ok(()) => Err(fault),
                Err(second) => Err(fault.because(format!("and not all could be taken back: {}", second.code.name()))),
            },
        }
    }

    async fn write(
        self,
        connection: &JudgedConnection,
        claims: Vec<(JudgedClaim, NewDomain)>,
        policy: Option<&JudgedPolicy>,
        written: &mut Vec<Written>,
    ) -> Result<(Arc<Connection>, Vec<Arc<Domain>>), Fault> {
        let mut domains = Vec::with_capacity(claims.len());
        for (claim, NewDomain { include_subdomains, asserted, .. }) in claims {
            let before = claim.present().cloned();
            let settings = DomainSettings { include_subdomains, connection: Some(Some(connection.id().clone())) };
            let domain = self.domains.enter(claim, settings).await?;
            written.push(before.map_or_else(|| Written::Claim(domain.clone()), Written::Change));
            domains.push(if asserted { self.domains.assert(&domain.id).await? } else { domain });
        }
        if let Some(policy) = policy {
            self.policies.write(policy).await?;
            written.push(Written::Policy);
        }
        Ok((self.connections.write(connection).await?, domains))
    }

    /// Takes back what was written, the last first.
    async fn take_back(self, written: Vec<Written>, policy: Option<&JudgedPolicy>) -> Result<(), Fault> {
        for written in written.into_iter().rev() {
            match (written, policy) {
                (Written::Claim(domain), _) => self.domains.delete(&domain).await?,
                (Written::Change(before), _) => self.domains.restore(&before).await?,
                (Written::Policy, Some(policy)) => self.policies.take_back(policy).await?,
                (Written::Policy, None) => {}
            }
        }
        Ok(())
    }
}
