//! What arrives: verified, then read, from the bytes that were verified.

use std::time::Duration;

use jiff::SignedDuration;
use postern_core::connection::SamlIdp;
use postern_core::fault::{Code, Fault};
use postern_core::identity::SubjectName;
use postern_core::ports::Timestamp;
use roxmltree::{Document, Node};

use super::{LogoutOutcome, PARTIAL, SUCCESS};
use crate::document::{self, MESSAGE, MESSAGE_BYTES};
use crate::element::{self, DS, SAML, SAMLP, all, attribute, children, is, only, required, text};
use crate::front_channel::Role;
use crate::response::SecondVerifier;
use crate::time::Present;
use crate::verify::{self, Trust};
use crate::{certificate, envelope, gate, identity, query, time};

/// What a logout message has to fit.
#[derive(Debug, Clone, Copy)]
pub struct LogoutExpectation<'a> {
    /// Who has to have issued it, with which keys.
    pub idp: &'a SamlIdp,
    /// The address at which it arrived, as configured.
    pub destination: &'a str,
    /// What the second verifier's word is worth.
    pub second_verifier: SecondVerifier,
    /// The present.
    pub now: Timestamp,
    /// How far the clocks of the IdP may be off, in both directions.
    pub skew: Duration,
}

/// How old a message may be, apart from the clocks' difference: it comes straight through a browser, or not at all.
const AGE: SignedDuration = SignedDuration::from_mins(10);

/// A verified message of an IdP.
#[derive(Debug)]
pub enum Incoming {
    /// It asks us to end sessions.
    Request(VerifiedLogoutRequest),
    /// It answers a request of ours.
    Response(VerifiedLogoutResponse),
}

/// A verified message that came in an address.
#[derive(Debug)]
pub struct Arrived {
    /// The message.
    pub message: Incoming,
    /// What has to come back with the answer, covered by the same signature.
    pub relay_state: Option<String>,
}

/// An IdP's request to end sessions. Only [`redirected`] and [`posted`] make one:
///
/// ```compile_fail
/// use postern_saml::logout::VerifiedLogoutRequest;
///
/// fn forged(genuine: VerifiedLogoutRequest) -> VerifiedLogoutRequest {
///     VerifiedLogoutRequest { id: "_another".into(), ..genuine }
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedLogoutRequest {
    id: String,
    name: SubjectName,
    session_indexes: Vec<String>,
    usable_until: Timestamp,
}

impl VerifiedLogoutRequest {
    /// Its ID, which the response names. Seen twice from one IdP, it is a replay.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Whose sessions are to end.
    pub fn name(&self) -> &SubjectName {
        &self.name
    }
    /// Which of them; none: all.
    pub fn session_indexes(&self) -> &[String] {
        &self.session_indexes
    }
    /// From this instant on every rule refuses it: so long its ID has to be remembered.
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

/// An IdP's answer to a request of ours.
#[derive(Debug)]
pub struct VerifiedLogoutResponse {
    in_response_to: Option<String>,
    outcome: LogoutOutcome,
}

impl VerifiedLogoutResponse {
    /// What became of the request with this ID. An answer to another one says nothing about it.
    pub fn answer_to(&self, request_id: &str) -> Result<LogoutOutcome, Fault> {
        match self.in_response_to.as_deref() {
            Some(id) if id == request_id => Ok(self.outcome),
            other => Err(Code::LogoutOtherRequest.fault().expected(request_id).received(other.unwrap_or("none"))),
        }
    }
}

/// Judges a message in an address (HTTP-Redirect). `unverified_query` is what stands behind its `?`, octet for octet.
pub fn redirected(unverified_query: &str, expected: &LogoutExpectation<'_>) -> Result<Arrived, Fault> {
    let keys = certificate::trusted(&expected.idp.signing_keys);
    let verified = query::verify(unverified_query, &expected.trust(&keys))?;
    let text = document::text(&verified.xml, MESSAGE)?;
    let document = document::parse(&text, MESSAGE)?;
    let root = root(&document, verified.role)?;
    // SAML Bindings §3.4.4.1: "Any signature on the SAML protocol message, including the <ds:Signature> XML element itself,
    // MUST be removed."
    if gate::message(root, &expected.idp.allow)?.is_some() {
        return Err(Code::SamlStructureForbidden.fault().expected("a signature in the address").received("one inside"));
    }
    Ok(Arrived { message: read(root, verified.role, expected)?, relay_state: verified.relay_state })
}

/// Judges a message in a form (HTTP-POST): the values of its two fields, of which there may be one.
pub fn posted(
    saml_request: Option<&str>,
    saml_response: Option<&str>,
    expected: &LogoutExpectation<'_>,
) -> Result<Incoming, Fault> {
    let (role, unverified_base64) = match (saml_request, saml_response) {
        (Some(message), None) => (Role::Request, message),
        (None, Some(message)) => (Role::Response, message),
        (Some(_), Some(_)) => {
            return Err(Code::LogoutParametersAmbiguous
                .fault()
                .expected("SAMLRequest or SAMLResponse")
                .received("both"));
        }
        (None, None) => return Err(Code::LogoutNotMessage.fault().expected("SAMLRequest or SAMLResponse")),
    };
    let unverified_xml = (unverified_base64.len() <= MESSAGE_BYTES * 3 / 2)
        .then(|| element::base64(unverified_base64))
        .flatten()
        .ok_or_else(|| Code::LogoutUnreadable.fault().expected("base64"))?;
    let unverified_text = document::text(&unverified_xml, MESSAGE)?;
    let unverified = document::parse(&unverified_text, MESSAGE)?;
    let signature = gate::message(root(&unverified, role)?, &expected.idp.allow)?
        .ok_or_else(|| Code::LogoutUnsigned.fault().expected("a signature in the message").received("none"))?;
    let keys = certificate::trusted(&expected.idp.signing_keys);
    let proof = verify::message(&signature, &expected.trust(&keys))?;
    // From now on only the canonical bytes that were digested are read.
    let canonical = document::parse(&proof.canonical, MESSAGE)?;
    read(root(&canonical, role)?, role, expected)
}

impl<'a> LogoutExpectation<'a> {
    fn trust<'k>(&self, keys: &'k [certificate::TrustedKey<'k>]) -> Trust<'k>
    where
        'a: 'k,
    {
        Trust { keys, allowed: &self.idp.allow, second: self.second_verifier, explains: true }
    }
}

/// The root, which is the message that its parameter says.
fn root<'d, 'i>(document: &'d Document<'i>, role: Role) -> Result<Node<'d, 'i>, Fault> {
    let name = match role {
        Role::Request => "LogoutRequest",
        Role::Response => "LogoutResponse",
    };
    let root = document.root_element();
    match is(root, SAMLP, name) {
        true => Ok(root),
        false => Err(Code::LogoutNotMessage.fault().expected(name).received(root.tag_name().name())),
    }
}

/// The rules of SAML Profiles §4.4.4, on verified bytes.
fn read(message: Node<'_, '_>, role: Role, expected: &LogoutExpectation<'_>) -> Result<Incoming, Fault> {
    envelope::version(message)?;
    let id = required(message, "ID")?.to_owned();
    let entity_id = &expected.idp.entity_id;
    let issuer = only(message, SAML, "Issuer")?
        .ok_or_else(|| Code::LogoutIssuerMismatch.fault().expected(entity_id).received("none"))?;
    envelope::is_idp(issuer, Code::LogoutIssuerMismatch, entity_id)?;
    // SAML Bindings §3.4.5.2 and §3.5.5.2: in a signed message it "MUST contain the URL to which the sender has instructed
    // the user agent to deliver the message".
    let destination = attribute(message, "Destination").unwrap_or("none");
    if destination != expected.destination {
        return Err(Code::LogoutDestinationMismatch.fault().expected(expected.destination).received(destination));
    }
    let usable_until = in_time(message, expected)?;
    match role {
        Role::Request => {
            schema(message, &[(SAML, "NameID"), (SAMLP, "SessionIndex")])?;
            let name = only(message, SAML, "NameID")?
                .ok_or_else(|| Code::LogoutNameIdMissing.fault().expected("a NameID").received("none"))?;
            let session_indexes = all(message, SAMLP, "SessionIndex").map(|index| text(index).map(str::to_owned));
            let session_indexes = session_indexes.collect::<Result<_, _>>()?;
            let name = identity::read_name(name)?;
            Ok(Incoming::Request(VerifiedLogoutRequest { id, name, session_indexes, usable_until }))
        }
        Role::Response => {
            schema(message, &[(SAMLP, "Status")])?;
            let in_response_to = attribute(message, "InResponseTo").map(str::to_owned);
            Ok(Incoming::Response(VerifiedLogoutResponse { in_response_to, outcome: outcome(message)? }))
        }
    }
}

/// SAML Core §3.7.1: NotOnOrAfter is "the time at which the request expires". Returns until when it could be used.
fn in_time(message: Node<'_, '_>, expected: &LogoutExpectation<'_>) -> Result<Timestamp, Fault> {
    let present = Present::new(expected.now, expected.skew);
    let issued = time::instant_of(message, "IssueInstant")?;
    if present.is_ahead(issued) {
        let received = format!("issued {issued}, at {} by our clock", expected.now);
        return Err(Code::LogoutOutOfTime.fault().expected("no message from the future").received(received));
    }
    let aged = time::later(issued, AGE);
    let end = time::optional(message, "NotOnOrAfter")?.map_or(aged, |end| end.min(aged));
    present.before(end, Code::LogoutOutOfTime)?;
    Ok(present.refused_from(end))
}

/// SAML Core §3.2.1, §3.2.2, §3.7.1, §3.7.2: what may stand in a message, besides what it is about. An EncryptedID or a BaseID
/// is a way to name somebody that we do not take (H28).
fn schema(message: Node<'_, '_>, about: &[(&str, &'static str)]) -> Result<(), Fault> {
    let always = [(SAML, "Issuer"), (DS, "Signature"), (SAMLP, "Extensions")];
    for child in children(message) {
        if always.iter().chain(about).any(|(namespace, name)| is(child, namespace, name)) {
            continue;
        }
        let name = child.tag_name().name();
        return Err(match name {
            "EncryptedID" | "BaseID" => Code::LogoutNameIdMissing.fault().expected("a NameID").received(name),
            _ => Code::SamlStructureForbidden.fault().expected("what the schema has").received(name),
        });
    }
    Ok(())
}

fn outcome(response: Node<'_, '_>) -> Result<LogoutOutcome, Fault> {
    let missing = || Code::SamlValueMalformed.fault().expected("a StatusCode").received("none");
    let status = only(response, SAMLP, "Status")?.ok_or_else(missing)?;
    let outer = only(status, SAMLP, "StatusCode")?.ok_or_else(missing)?;
    let inner = only(outer, SAMLP, "StatusCode")?.and_then(|inner| attribute(inner, "Value"));
    Ok(match (attribute(outer, "Value"), inner) {
        (_, Some(PARTIAL)) => LogoutOutcome::Partial,
        (Some(SUCCESS), _) => LogoutOutcome::Done,
        _ => LogoutOutcome::Failed,
    })
}
