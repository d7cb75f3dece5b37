//! Did the IdP sign the person in? SAML Core §3.2.2.1 to §3.2.2.3.
//!
//! Looked at before signatures: an IdP that refuses often neither signs nor sends an assertion, and its admin has to hear
//! why. Nobody gets in by a status, so an unverified one does no harm.

use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{SAMLP, attribute, only};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const PREFIX: &str = "urn:oasis:names:tc:SAML:2.0:status:";

/// Refuses any status but Success. `received` names the codes, outer and inner, without the IdP's own words, in which
/// some put the person's name.
pub(crate) fn success(response: Node<'_, '_>) -> Result<(), Fault> {
    let refused = |received: String| Err(Code::SamlStatusNotSuccess.fault().expected("Success").received(received));
    let Some(status) = only(response, SAMLP, "Status")? else { return refused("no Status".into()) };
    let Some(outer) = only(status, SAMLP, "StatusCode")? else { return refused("no StatusCode".into()) };
    if attribute(outer, "Value") == Some(SUCCESS) {
        return Ok(());
    }
    let mut received = short(outer);
    if let Some(inner) = only(outer, SAMLP, "StatusCode")? {
        received = format!("{received}: {}", short(inner));
    }
    refused(received)
}

/// `Responder` instead of the whole URN.
fn short(code: Node<'_, '_>) -> String {
    let value = attribute(code, "Value").unwrap_or("");
    value.strip_prefix(PREFIX).unwrap_or(value).to_owned()
}
