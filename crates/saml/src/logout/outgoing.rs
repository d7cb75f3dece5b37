//! What we send: SAML Core §3.7.1 and §3.7.2.

use jiff::SignedDuration;
use postern_core::fault::Fault;
use postern_core::identity::SubjectName;
use postern_core::ports::Timestamp;

use super::{LogoutOutcome, PARTIAL, RESPONDER, SUCCESS};
use crate::escape::xml;
use crate::front_channel::{Outgoing, Role};
use crate::keys::SigningKey;
use crate::time;

/// How long a request of ours may be on its way.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// A request to end somebody's session at the IdP.
#[derive(Debug, Clone, Copy)]
pub struct LogoutRequest<'a> {
    /// From [`crate::request::new_id`]; the response has to name it.
    pub id: &'a str,
    /// The present.
    pub issued: Timestamp,
    /// The IdP's logout address, as its metadata has it.
    pub destination: &'a str,
    /// Our entity ID.
    pub issuer: &'a str,
    /// Who, as the assertion that began the session said it.
    pub name: &'a SubjectName,
    /// Which sessions; none: all of them.
    pub session_indexes: &'a [String],
    /// Our key. A request that is not signed is nobody's (SAML Profiles §4.4.4.1).
    pub signing_key: &'a SigningKey,
}

/// The answer to an IdP that asked us to end a session.
#[derive(Debug, Clone, Copy)]
pub struct LogoutResponse<'a> {
    /// From [`crate::request::new_id`].
    pub id: &'a str,
    /// The present.
    pub issued: Timestamp,
    /// The IdP's address for answers, as its metadata has it.
    pub destination: &'a str,
    /// Our entity ID.
    pub issuer: &'a str,
    /// The ID of the request.
    pub in_response_to: &'a str,
    /// What became of it.
    pub outcome: LogoutOutcome,
    /// Our key.
    pub signing_key: &'a SigningKey,
}

impl LogoutRequest<'_> {
    /// The message, not signed.
    pub fn xml(&self) -> String {
        let SubjectName { value, format, name_qualifier, sp_name_qualifier } = self.name;
        let attributes: String =
            [("Format", format), ("NameQualifier", name_qualifier), ("SPNameQualifier", sp_name_qualifier)]
                .iter()
                .filter_map(|(name, value)| value.as_ref().map(|value| format!(" {name}=\"{}\"", xml(value))))
                .collect();
        let indexes: String = self
            .session_indexes
            .iter()
            .map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", xml(index)))
            .collect();
        let end = format!(" NotOnOrAfter=\"{}\"", instant(time::later(self.issued, LIFETIME)));
        let inside = format!("<saml:NameID{attributes}>{}</saml:NameID>{indexes}", xml(value));
        message("LogoutRequest", (self.id, self.issued, self.destination, self.issuer), &end, &inside)
    }

    /// HTTP-Redirect: the address to send the browser to. An empty `relay_state` is left out.
    pub fn redirect_url(&self, relay_state: &str) -> Result<String, Fault> {
        self.outgoing(&self.xml()).redirect_url(relay_state)
    }

    /// HTTP-POST: the value of the form field `SAMLRequest`.
    pub fn post_value(&self) -> Result<String, Fault> {
        self.outgoing(&self.xml()).post_value()
    }

    fn outgoing<'m>(&'m self, message: &'m str) -> Outgoing<'m> {
        let LogoutRequest { id, destination, signing_key, .. } = *self;
        Outgoing { role: Role::Request, message, id, destination, signing_key: Some(signing_key) }
    }
}

impl LogoutResponse<'_> {
    /// The message, not signed.
    pub fn xml(&self) -> String {
        let status = match self.outcome {
            LogoutOutcome::Done => format!("<samlp:StatusCode Value=\"{SUCCESS}\"/>"),
            // SAML Profiles §4.4.3.4: what did not work everywhere still worked here.
            LogoutOutcome::Partial => format!(
                "<samlp:StatusCode Value=\"{SUCCESS}\"><samlp:StatusCode Value=\"{PARTIAL}\"/></samlp:StatusCode>"
            ),
            LogoutOutcome::Failed => format!("<samlp:StatusCode Value=\"{RESPONDER}\"/>"),
        };
        let answers = format!(" InResponseTo=\"{}\"", xml(self.in_response_to));
        let inside = format!("<samlp:Status>{status}</samlp:Status>");
        message("LogoutResponse", (self.id, self.issued, self.destination, self.issuer), &answers, &inside)
    }

    /// HTTP-Redirect: the address to send the browser to. `relay_state` is what came with the request (SAML Bindings §3.4.3).
    pub fn redirect_url(&self, relay_state: &str) -> Result<String, Fault> {
        self.outgoing(&self.xml()).redirect_url(relay_state)
    }

    /// HTTP-POST: the value of the form field `SAMLResponse`.
    pub fn post_value(&self) -> Result<String, Fault> {
        self.outgoing(&self.xml()).post_value()
    }

    fn outgoing<'m>(&'m self, message: &'m str) -> Outgoing<'m> {
        let LogoutResponse { id, destination, signing_key, .. } = *self;
        Outgoing { role: Role::Response, message, id, destination, signing_key: Some(signing_key) }
    }
}

/// What both have in common: SAML Core §3.2.1 and §3.2.2.
fn message(
    name: &str,
    (id, issued, destination, issuer): (&str, Timestamp, &str, &str),
    attributes: &str,
    inside: &str,
) -> String {
    [
        &format!("<samlp:{name} xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\""),
        " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
        &format!(" ID=\"{}\" Version=\"2.0\" IssueInstant=\"{}\"", xml(id), instant(issued)),
        &format!(" Destination=\"{}\"{attributes}>", xml(destination)),
        &format!("<saml:Issuer>{}</saml:Issuer>{inside}</samlp:{name}>", xml(issuer)),
    ]
    .concat()
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
