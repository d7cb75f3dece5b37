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
    let refused = |code: Code, received: String| Err(code.fault().expected("Success").received(received));
    let none = |what: &str| refused(Code::SamlStatusNotSuccess, format!("no {what}"));
    let Some(status) = only(response, SAMLP, "Status")? else { return none("Status") };
    let Some(outer) = only(status, SAMLP, "StatusCode")? else { return none("StatusCode") };
    if attribute(outer, "Value") == Some(SUCCESS) {
        return Ok(());
    }
    let mut received = short(outer);
    let inner = only(outer, SAMLP, "StatusCode")?.map(short);
    if let Some(inner) = &inner {
        received = format!("{received}: {inner}");
    }
    // SAML Core §3.2.2.2: the two refusals that answer a wish of ours.
    let code = match inner.as_deref() {
        Some("NoPassive") => Code::SignInNeeded,
        Some("NoAuthnContext") => Code::SamlNoAuthnContext,
        _ => Code::SamlStatusNotSuccess,
    };
    refused(code, received)
}

/// `Responder` instead of the whole URN.
fn short(code: Node<'_, '_>) -> String {
    let value = attribute(code, "Value").unwrap_or("");
    value.strip_prefix(PREFIX).unwrap_or(value).to_owned()
}
