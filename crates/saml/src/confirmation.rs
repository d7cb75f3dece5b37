//! Why we may believe that whoever brings the assertion is its subject: the bearer confirmation, SAML Profiles §4.1.4.2
//! and §4.1.4.3 (H13, H14).

use jiff::Timestamp;
use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{SAML, all, attribute, only};
use crate::response::Expectation;
use crate::time;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// Finds a bearer confirmation that fits. One is enough, if there are several. Returns until when the last that is meant
/// for us could be used.
pub(crate) fn check(subject: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Timestamp, Fault> {
    let mut until = None;
    let mut fits = false;
    let mut first_fault = None;
    for confirmation in all(subject, SAML, "SubjectConfirmation") {
        if attribute(confirmation, "Method") != Some(BEARER) {
            continue;
        }
        match bearer(confirmation, expected) {
            Ok(_) => fits = true,
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
        until = until.max(ends(confirmation)?);
    }
    match (fits, until, first_fault) {
        (true, Some(until), _) => Ok(until),
        (_, _, Some(fault)) => Err(fault),
        _ => Err(Code::SamlSubjectConfirmation.fault().expected(BEARER).received("none")),
    }
}

/// One bearer confirmation.
fn bearer(confirmation: Node<'_, '_>, expected: &Expectation<'_>) -> Result<(), Fault> {
    let data = only(confirmation, SAML, "SubjectConfirmationData")?
        .ok_or_else(|| Code::SamlSubjectConfirmation.fault().expected("SubjectConfirmationData").received("none"))?;

    // "a Recipient attribute containing the service provider's assertion consumer service URL"
    match attribute(data, "Recipient") {
        Some(recipient) if recipient == expected.acs_url => {}
        other => {
            let received = other.unwrap_or("none");
            return Err(Code::SamlRecipientMismatch.fault().expected(expected.acs_url).received(received));
        }
    }
    // "If the containing message is in response to an <AuthnRequest>, then the InResponseTo attribute MUST match the
    // request's ID." Without it, an assertion that was issued unsolicited could be slipped into somebody's login.
    match (attribute(data, "InResponseTo"), expected.request_id) {
        (Some(received), Some(request)) if received == request => {}
        (None, None) => {}
        (received, Some(request)) => {
            let received = received.unwrap_or("none");
            return Err(Code::SamlInResponseToMismatch.fault().expected(request).received(received));
        }
        (Some(received), None) => {
            return Err(Code::SamlInResponseToUnexpected.fault().expected("none").received(received));
        }
    }
    // "and a NotOnOrAfter attribute that limits the window during which the assertion can be delivered"
    let not_on_or_after = time::optional(data, "NotOnOrAfter")?
        .ok_or_else(|| Code::SamlSubjectConfirmation.fault().expected("NotOnOrAfter").received("none"))?;
    let present = expected.present();
    present.before(not_on_or_after, Code::SamlExpired)?;
    // "It MUST NOT contain a NotBefore attribute." Real IdPs send it; what they say with it is kept.
    if let Some(not_before) = time::optional(data, "NotBefore")? {
        present.reached(not_before)?;
    }
    Ok(())
}

fn ends(confirmation: Node<'_, '_>) -> Result<Option<Timestamp>, Fault> {
    only(confirmation, SAML, "SubjectConfirmationData")?.map_or(Ok(None), |data| time::optional(data, "NotOnOrAfter"))
}
