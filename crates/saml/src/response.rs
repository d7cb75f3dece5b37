//! What happens when a SAML response arrives. Start reading here.
//!
//! [`decode`] turns the form value into bytes; [`verify`] turns bytes into a [`VerifiedAssertion`] or a fault. It is one
//! straight path, and the order is part of the protection:
//!
//! | step | file | what it refuses |
//! |---|---|---|
//! | 1 bounds | `document` | too large, not UTF-8, DOCTYPE, comments, bombs, names that readers understand differently |
//! | 2 status | `status` | the IdP said no |
//! | 3 gate | `gate`, `signature`, `algorithm` | anything that could be meant two ways; weak or strange signatures |
//! | 4 signatures | `verify` over `c14n`, `diagnose`; `second` | every signature that no key of this connection made, changed content |
//! | 5 read again | here | nothing: from now on only the canonical bytes that were digested are read |
//! | 6 response | `envelope` | other destination, issuer, request |
//! | 7 open | `opened` over `encryption`, `decrypt` | what is not encrypted for us; then 1, 3 and 4 once more |
//! | 8 signed | here | an assertion that no signature covers |
//! | 9 assertion | `assertion`, `confirmation`, `conditions` | other audience, recipient, request; expired; not authenticated |
//! | 10 person | `identity` | nothing more: what the IdP said, as it said it |
//!
//! Whether the assertion was used before is not known here: the caller remembers [`VerifiedAssertion::assertion_id`] until
//! [`VerifiedAssertion::usable_until`] (H17).

use std::time::Duration;

use postern_core::connection::{Allowance, SamlIdp};
use postern_core::fault::{Code, Fault};
use postern_core::identity::{Identity, SubjectName};
use postern_core::ports::Timestamp;

use crate::document::{self, RESPONSE};
use crate::gate::Content;
use crate::keys::DecryptionKey;
pub use crate::second::SecondVerifier;
use crate::time::Present;
use crate::verify::{Proof, Trust};
use crate::{anomaly, assertion, certificate, element, envelope, gate, identity, opened, status, verify};

/// What a response has to answer to.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// Who has to have issued it, with which keys.
    pub idp: &'a SamlIdp,
    /// Our entity ID: the audience.
    pub sp_entity_id: &'a str,
    /// The address at which it arrived, as configured: destination and recipient.
    pub acs_url: &'a str,
    /// The ID of the request that it answers; `None`: an unsolicited response.
    pub request_id: Option<&'a str>,
    /// Our keys for encrypted assertions: several while one replaces another, none if we have none.
    pub decryption_keys: &'a [DecryptionKey],
    /// What the second verifier's word is worth.
    pub second_verifier: SecondVerifier,
    /// The present.
    pub now: Timestamp,
    /// How far the clocks of the IdP may be off, in both directions. More than 300 seconds count as 300 (H16).
    pub skew: Duration,
}

impl Expectation<'_> {
    pub(crate) fn present(&self) -> Present {
        Present::new(self.now, self.skew)
    }
}

/// An assertion whose signature, form, addressee and times were checked. Only [`verify`] makes one, so that no path leads
/// around the checks (X13):
///
/// ```compile_fail
/// use postern_saml::response::VerifiedAssertion;
///
/// fn forged(genuine: VerifiedAssertion) -> VerifiedAssertion {
///     VerifiedAssertion { assertion_id: "_another".into(), ..genuine }
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedAssertion {
    assertion_id: String,
    issued: Timestamp,
    usable_until: Timestamp,
    identity: Identity,
    subject_name: Option<SubjectName>,
    notes: Vec<String>,
    anomalies: Vec<String>,
}

impl VerifiedAssertion {
    /// The assertion's ID. Seen twice from the same issuer, it is a replay.
    pub fn assertion_id(&self) -> &str {
        &self.assertion_id
    }
    /// The entity ID of the IdP.
    pub fn issuer(&self) -> &str {
        &self.identity.issuer
    }
    /// When the IdP says it issued it.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }
    /// From this instant on every rule refuses it, tolerance included: so long the replay memory keeps its ID.
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
    /// The person.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
    /// The person, and nothing else.
    pub fn into_identity(self) -> Identity {
        self.identity
    }
    /// What to log the person out by, if the IdP gave them a name.
    pub fn subject_name(&self) -> Option<&SubjectName> {
        self.subject_name.as_ref()
    }
    /// What an operator may want to know: facts without values.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
    /// What was said and verified and yet cannot be true (X22).
    pub fn anomalies(&self) -> &[String] {
        &self.anomalies
    }
}

/// Decodes the `SAMLResponse` of a form (SAML Bindings §3.5.4): base64, with line breaks or without.
pub fn decode(saml_response_base64: &str) -> Result<Vec<u8>, Fault> {
    // Four characters for three bytes, and room for line breaks.
    const LONGEST: usize = document::RESPONSE_BYTES / 3 * 4 * 21 / 20;
    if saml_response_base64.len() > LONGEST {
        return Err(Code::SamlTooLarge.fault().received(format!("{} characters", saml_response_base64.len())));
    }
    let bytes = element::base64(saml_response_base64).ok_or_else(|| Code::SamlNotBase64.fault())?;
    if bytes.is_empty() {
        return Err(Code::SamlResponseMissing.fault());
    }
    Ok(bytes)
}

/// Checks a response: every step of the table above.
pub fn verify(unverified_xml: &[u8], expected: &Expectation<'_>) -> Result<VerifiedAssertion, Fault> {
    // H26: off unless the connection allows it, whoever calls.
    if expected.request_id.is_none() && !expected.idp.allow.contains(&Allowance::Unsolicited) {
        return Err(Code::UnsolicitedNotAllowed.fault());
    }

    let unverified_text = document::text(unverified_xml, RESPONSE)?;
    let unverified = document::parse(&unverified_text, RESPONSE)?;
    let unverified_response = gate::response(&unverified)?;
    status::success(unverified_response)?;
    let allowed = &expected.idp.allow;
    let gated = gate::pass(unverified_response, allowed)?;

    let keys = certificate::trusted(&expected.idp.signing_keys);
    let trust = Trust { keys: &keys, allowed, second: expected.second_verifier, explains: true };
    let signed = verify::every_signature(&gated, &trust)?;

    let canonical;
    let response = match &signed.response {
        Some(proof) => {
            canonical = document::parse(&proof.canonical, RESPONSE)?;
            gate::response(&canonical)?
        }
        None => unverified_response,
    };
    let response_signed = signed.response.is_some();
    envelope::check(response, response_signed, expected)?;

    let mut opened = None;
    let person = match (gate::content(response)?, &signed.assertion) {
        (Content::Encrypted(encrypted), _) => {
            let opened = opened.insert(opened::assertion(encrypted, response_signed, &trust, expected)?);
            person_of(&opened.assertion, expected)?
        }
        (Content::Plain(_), Some(proof)) => person_of(&proof.canonical, expected)?,
        (Content::Plain(assertion), None) if response_signed => person(assertion, expected)?,
        // SAML Profiles §4.1.4.5: the assertions "MUST be signed"; the signature of the response around one serves as well.
        (Content::Plain(_), None) => return Err(unsigned("the assertion in it")),
    };
    let Person { accepted, identity, subject_name, mut notes } = person;
    for signed in [Some(&signed), opened.as_ref().map(|opened| &opened.inside)].into_iter().flatten() {
        notes.extend(signed.proofs().flat_map(|proof| worth_knowing(proof, expected.now)));
        notes.extend(signed.second.clone());
    }
    // M4: outside strict federation, where such a login was refused before, it is a thing to know.
    if let Some(until) = expected.idp.lifetime.valid_until.filter(|&until| until <= expected.now) {
        notes.push(format!("the metadata was valid until {until}"));
    }
    if opened.is_some_and(|opened| opened.thanks_to_cbc) {
        notes.push(thanks_to(Allowance::AesCbc));
    }
    let assertion::Accepted { id: assertion_id, issued, refused_from: usable_until } = accepted;
    let anomalies = anomaly::of(&identity, issued, expected.present());
    Ok(VerifiedAssertion { assertion_id, issued, usable_until, identity, subject_name, notes, anomalies })
}

/// What steps 9 and 10 make of an assertion.
struct Person {
    accepted: assertion::Accepted,
    identity: Identity,
    subject_name: Option<SubjectName>,
    notes: Vec<String>,
}

/// Steps 9 and 10, on an assertion as a text of its own.
fn person_of(verified: &str, expected: &Expectation<'_>) -> Result<Person, Fault> {
    person(document::parse(verified, RESPONSE)?.root_element(), expected)
}

/// Steps 9 and 10, on an assertion from verified bytes.
fn person(assertion: roxmltree::Node<'_, '_>, expected: &Expectation<'_>) -> Result<Person, Fault> {
    let accepted = assertion::check(assertion, expected)?;
    let mut notes = Vec::new();
    let (identity, subject_name) = identity::read(assertion, expected, &mut notes)?;
    Ok(Person { accepted, identity, subject_name, notes })
}

/// M8: a date in a certificate locks nobody out, but somebody should know. So it is with what was loosened.
fn worth_knowing(proof: &Proof<'_>, now: Timestamp) -> Vec<String> {
    let loosened = proof.thanks_to.iter().copied().map(thanks_to);
    let expired = (proof.by.not_after < now).then(|| {
        let fingerprint = certificate::fingerprint(proof.by);
        format!("the signing certificate {fingerprint} expired on {}", proof.by.not_after)
    });
    loosened.chain(expired).collect()
}

/// No signature covers the assertion: neither one on the response nor one where the assertion should have it.
pub(crate) fn unsigned(assertion: &str) -> Fault {
    Code::SamlUnsigned.fault().expected(format!("a signature on the Response or on {assertion}")).received("none")
}

fn thanks_to(allowance: Allowance) -> String {
    format!("accepted only because {} is allowed", allowance.name())
}
