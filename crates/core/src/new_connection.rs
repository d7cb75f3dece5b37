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

/// What has been written, or may have been, so that it can be taken back.
enum Written<'w> {
    /// A claim that was not there.
    Claim(Arc<Domain>),
    /// A claim that was there, as it was.
    Change(Arc<Domain>),
    /// The policy.
    Policy(&'w JudgedPolicy),
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
        let claims = claims.into_iter().zip(new.domains).collect();

        let mut written = Vec::new(); // until here, nothing is
        let (connection, domains) = match self.write(&connection, claims, policy.as_ref(), &mut written).await {
            Ok(both) => both,
            Err(fault) => {
                let kept = self.take_back(written).await.err();
                let told = kept.map(|second| format!("not all of it could be taken back: {}", second.code.name()));
                return Err(told.into_iter().fold(fault, Fault::because));
            }
        };
        Ok(Made { connection, domains, policy: policy.map(JudgedPolicy::into_outcome) })
    }

    async fn write<'w>(
        self,
        connection: &JudgedConnection,
        claims: Vec<(JudgedClaim, NewDomain)>,
        policy: Option<&'w JudgedPolicy>,
        written: &mut Vec<Written<'w>>,
    ) -> Result<(Arc<Connection>, Vec<Arc<Domain>>), Fault> {
        let mut domains = Vec::with_capacity(claims.len());
        for (claim, NewDomain { include_subdomains, asserted, .. }) in claims {
            let settings = DomainSettings { include_subdomains, connection: Some(Some(connection.id().clone())) };
            let is_new = claim.present().is_none();
            written.extend(claim.present().cloned().map(Written::Change));
            let domain = self.domains.enter(claim, settings).await?;
            written.extend(is_new.then(|| Written::Claim(domain.clone())));
            domains.push(if asserted { self.domains.assert(&domain.id).await? } else { domain });
        }
        if let Some(policy) = policy {
            written.push(Written::Policy(policy));
            self.policies.write(policy).await?;
        }
        Ok((self.connections.write(connection).await?, domains))
    }

    /// Takes back what was written, the last first.
    async fn take_back(self, written: Vec<Written<'_>>) -> Result<(), Fault> {
        for written in written.into_iter().rev() {
            match written {
                Written::Claim(domain) => self.domains.delete(&domain).await?,
                Written::Change(before) => self.domains.restore(&before).await?,
                Written::Policy(policy) => self.policies.take_back(policy).await?,
            }
        }
        Ok(())
    }
}
