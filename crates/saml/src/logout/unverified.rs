//! Who a message says that it comes from, before anything is known of it.

use postern_core::fault::{Code, Fault};

use crate::document::{self, MESSAGE, MESSAGE_BYTES};
use crate::element::{self, SAML, only, text};
use crate::query::inflate;

/// The Issuer of a message that is not verified: to find the connection whose keys it is then verified with, and for nothing
/// else. The rules compare the Issuer once more, with that connection's. `deflated`: it came in an address.
pub fn unverified_issuer(unverified_base64: &str, deflated: bool) -> Result<String, Fault> {
    let bytes = (unverified_base64.len() <= MESSAGE_BYTES * 3 / 2)
        .then(|| element::base64(unverified_base64))
        .flatten()
        .ok_or_else(|| Code::LogoutUnreadable.fault().expected("base64"))?;
    let xml = if deflated { inflate(&bytes)? } else { bytes };
    let unverified_text = document::text(&xml, MESSAGE)?;
    let unverified = document::parse(&unverified_text, MESSAGE)?;
    let issuer = only(unverified.root_element(), SAML, "Issuer")?
        .ok_or_else(|| Code::LogoutIssuerMismatch.fault().expected("an Issuer").received("none"))?;
    Ok(text(issuer)?.trim_matches([' ', '\t', '\r', '\n']).to_owned())
}
