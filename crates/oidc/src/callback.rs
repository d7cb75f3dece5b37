//! What comes back from a provider by way of the browser (OIDC Core §3.1.2.5, §3.1.2.6).

use postern_core::fault::{Code, Fault};
use postern_core::openid::{OidcIdp, TENANT_ID};

use crate::metadata::issuer_of;
use crate::provider_error::{self, Said};

/// The parameters of an answer, of which the sender's own words are never repeated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Callback<'a> {
    /// The authorization code.
    pub code: Option<&'a str>,
    /// The refusal.
    pub error: Option<&'a str>,
    /// What the provider says to it. Read for the number of Microsoft's errors, and kept nowhere.
    pub error_description: Option<&'a str>,
    /// Who answers (RFC 9207).
    pub issuer: Option<&'a str>,
}

impl<'a> Callback<'a> {
    /// The code, if the answer is good. It has to come to `callback`, which is this connection's address: where a provider does
    /// not name itself, that alone tells its answer from another's (RFC 9700 §4.4.2.2).
    pub fn code(self, idp: &OidcIdp, callback: &str, came_to: &str) -> Result<&'a str, Fault> {
        if came_to != callback {
            return Err(Code::OidcOtherCallback.fault().expected(callback).received(came_to));
        }
        self.check_issuer(idp)?;
        if let Some(error) = self.error {
            let said = Said { error, description: self.error_description.unwrap_or_default() };
            return Err(provider_error::at_the_callback(said, callback));
        }
        self.code.ok_or_else(|| Code::OidcCodeMissing.into())
    }

    /// RFC 9207 §2.4: "Clients MUST then compare the result to the issuer identifier of the authorization server where the
    /// authorization request was sent to", also where the provider does not promise to name itself: an answer that names
    /// another is another's.
    fn check_issuer(self, idp: &OidcIdp) -> Result<(), Fault> {
        match self.issuer {
            Some(issuer) if issuer == idp.issuer || is_of_organisation(issuer, &idp.issuer) => Ok(()),
            Some(issuer) => Err(Code::OidcIssuerParameterMismatch.fault().expected(&idp.issuer).received(issuer)),
            None if idp.provider.names_itself => Err(Code::OidcIssuerParameterMissing.fault().expected(&idp.issuer)),
            None => Ok(()),
        }
    }
}

/// A provider for several organisations may answer in the name of one. The ID token says which, and is checked.
fn is_of_organisation(issuer: &str, template: &str) -> bool {
    let Some((before, after)) = template.split_once(TENANT_ID) else { return false };
    let tenant = issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    tenant.is_some_and(|tenant| is_tenant(tenant) && issuer_of(template, tenant) == issuer)
}

/// What may stand for an organisation in an issuer: never something that changes the shape of a URL.
pub(crate) fn is_tenant(tenant: &str) -> bool {
    (1..=64).contains(&tenant.len()) && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
