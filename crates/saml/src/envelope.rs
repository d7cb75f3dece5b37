//! What the Response around the assertion has to say: SAML Core §3.2.2, SAML Profiles §4.1.4.2, SAML Bindings §3.5.5.2.
//!
//! Read from the canonical bytes where the response is signed. Where only the assertion is, these values are anybody's, so
//! they can only refuse: what lets a person in stands in the assertion once more (Recipient, Issuer, InResponseTo).

use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{SAML, attribute, only, required, text};
use crate::response::Expectation;
use crate::{status, time};

const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";

/// Checks a response element.
pub(crate) fn check(response: Node<'_, '_>, signed: bool, expected: &Expectation<'_>) -> Result<(), Fault> {
    version(response)?;
    required(response, "ID")?;
    status::success(response)?;
    destination(response, signed, expected)?;
    issuer(response, signed, expected)?;
    in_response_to(response, expected)?;
    // SAML Core §3.2.2: required. It bounds nothing: the assertion says when it was issued and until when it holds.
    time::instant_of(response, "IssueInstant").map(|_| ())
}

/// SAML Core §2.3.3 and §3.2.2: the version is `2.0`.
pub(crate) fn version(element: Node<'_, '_>) -> Result<(), Fault> {
    match attribute(element, "Version") {
        Some("2.0") => Ok(()),
        other => Err(Code::SamlVersion.fault().expected("2.0").received(other.unwrap_or("none"))),
    }
}

/// SAML Bindings §3.5.5.2: "If the message is signed, the Destination XML attribute in the root SAML element of the protocol
/// message MUST contain the URL to which the sender has instructed the user agent to deliver the message" (H12).
fn destination(response: Node<'_, '_>, signed: bool, expected: &Expectation<'_>) -> Result<(), Fault> {
    match attribute(response, "Destination") {
        Some(destination) if destination == expected.acs_url => Ok(()),
        None if !signed => Ok(()),
        other => {
            Err(Code::SamlDestinationMismatch.fault().expected(expected.acs_url).received(other.unwrap_or("none")))
        }
    }
}

/// SAML Profiles §4.1.4.2: "If the <Response> message is signed [...] the <Issuer> element MUST be present. Otherwise it
/// MAY be omitted. If present it MUST contain the unique identifier of the issuing identity provider" (H18).
fn issuer(response: Node<'_, '_>, signed: bool, expected: &Expectation<'_>) -> Result<(), Fault> {
    match only(response, SAML, "Issuer")? {
        Some(issuer) => is_idp(issuer, Code::SamlResponseIssuerMismatch, &expected.idp.entity_id),
        None if !signed => Ok(()),
        None => {
            Err(Code::SamlResponseIssuerMismatch.fault().expected(expected.idp.entity_id.as_str()).received("none"))
        }
    }
}

/// SAML Core §2.2.5 and §8.3.6: an issuer is an entity identifier; the format may be left out, and is no other.
pub(crate) fn is_idp(issuer: Node<'_, '_>, code: Code, entity_id: &str) -> Result<(), Fault> {
    let received = text(issuer)?;
    if received != entity_id {
        return Err(code.fault().expected(entity_id).received(received));
    }
    match attribute(issuer, "Format") {
        None | Some(ENTITY) => Ok(()),
        Some(other) => Err(code.fault().expected(ENTITY).received(other)),
    }
}

/// H14, H26. SAML Profiles §4.1.4.3: verify that InResponseTo "equals the ID of its original <AuthnRequest> message, unless
/// the response is unsolicited, in which case the attribute MUST NOT be present". On the response it may be missing: the
/// signed confirmation has to have it.
fn in_response_to(response: Node<'_, '_>, expected: &Expectation<'_>) -> Result<(), Fault> {
    match (attribute(response, "InResponseTo"), expected.request_id) {
        (None, _) => Ok(()),
        (Some(received), Some(request)) if received == request => Ok(()),
        (Some(received), Some(request)) => {
            Err(Code::SamlInResponseToMismatch.fault().expected(request).received(received))
        }
        (Some(received), None) => Err(Code::SamlInResponseToUnexpected.fault().expected("none").received(received)),
    }
}
