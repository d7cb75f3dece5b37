//! The rules of an assertion: SAML Core §2.3.3, SAML Profiles §4.1.4.2 and §4.1.4.3. Its element comes from verified bytes.

use jiff::{SignedDuration, Timestamp};
use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::element::{SAML, all, only, required};
use crate::response::Expectation;
use crate::{conditions, confirmation, envelope, time};

/// What is left of an assertion that passed: how the replay memory calls it, and how long it has to.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) issued: Timestamp,
    pub(crate) refused_from: Timestamp,
}

/// Checks an assertion.
pub(crate) fn check(assertion: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Accepted, Fault> {
    envelope::version(assertion)?;
    let id = required(assertion, "ID")?.to_owned();
    let issued = time::instant_of(assertion, "IssueInstant")?;
    if expected.request_id.is_none() {
        fresh(issued, expected)?;
    }
    // H18. SAML Core §2.3.3: Issuer is required.
    let issuer = only(assertion, SAML, "Issuer")?
        .ok_or_else(|| Code::SamlAssertionIssuerMismatch.fault().expected(expected.idp.entity_id.as_str()))?;
    envelope::is_idp(issuer, Code::SamlAssertionIssuerMismatch, &expected.idp.entity_id)?;

    let subject = only(assertion, SAML, "Subject")?
        .ok_or_else(|| Code::SamlSubjectConfirmation.fault().expected("a Subject").received("none"))?;
    let deliverable_until = confirmation::check(subject, expected)?;
    let valid_until = conditions::check(assertion, expected)?.unwrap_or(Timestamp::MAX);
    let session_until = statements(assertion, expected)?.unwrap_or(Timestamp::MAX);

    let last = deliverable_until.min(valid_until).min(session_until);
    Ok(Accepted { id, issued, refused_from: expected.present().refused_from(last) })
}

/// How old an unsolicited assertion may be, apart from the clocks' difference: as old as IdPs let the longest-lived become.
const UNSOLICITED_AGE: SignedDuration = SignedDuration::from_hours(1);

/// An unsolicited assertion was issued not long ago (H26). For the answer to a request this is no rule: the request is ours, and
/// we know its age. Here nothing else ties it to the present but what the IdP calls a lifetime, which may be a day.
fn fresh(issued: Timestamp, expected: &Expectation<'_>) -> Result<(), Fault> {
    let present = expected.present();
    present.reached(issued)?;
    present.before(time::later(issued, UNSOLICITED_AGE), Code::SamlExpired)
}

/// SAML Profiles §4.1.4.2: "The set of one or more assertions MUST contain at least one <AuthnStatement> that reflects the
/// authentication of the principal". SAML Core §2.7.2: SessionNotOnOrAfter "specifies a time instant at which the session
/// [...] MUST be considered ended". Returns the earliest end.
fn statements(assertion: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Option<Timestamp>, Fault> {
    let mut earliest: Option<Timestamp> = None;
    let mut statements = 0;
    for statement in all(assertion, SAML, "AuthnStatement") {
        statements += 1;
        time::instant_of(statement, "AuthnInstant")?;
        if let Some(end) = time::optional(statement, "SessionNotOnOrAfter")? {
            expected.present().before(end, Code::SamlSessionExpired)?;
            earliest = Some(earliest.map_or(end, |known| known.min(end)));
        }
    }
    if statements == 0 {
        return Err(Code::SamlAuthnStatementMissing.fault().expected("an AuthnStatement").received("none"));
    }
    Ok(earliest)
}
