//! SAML responses, as an identity provider would write them or as a test wants them bent.
//!
//! [`Response::at`] is a good response; every field is public, and some are written twice in a response and are therefore
//! two fields here. The `signed_…` methods turn it into XML. It is written in canonical form (Exclusive XML Canonicalization
//! 1.0), each namespace declared where it is first used, so that what is hashed is a piece of what is written: there is no
//! canonicaliser here that could share a fault with the one under test.
//!
//! ```
//! # let key = postern_lab::key::Key::generate().unwrap();
//! use postern_lab::response::{Response, base64};
//! let now = "2026-01-31T12:00:00Z".parse().unwrap();
//! let response = Response::at(now).sent_to("https://sso.example.com/api/oauth/saml").answering("_request");
//! let stolen = Response { audiences: vec!["https://other.example.com".into()], ..response.clone() };
//! let form_field = base64(&response.signed_assertion(&key));
//! # assert!(!form_field.is_empty() && stolen != response);
//! ```

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use postern_core::ports::{Random, Timestamp};

use crate::key::Key;
use crate::signature::Signature;
use crate::xml::{attribute, optional, text};

/// The pieces of a response. Times are text, so that a test can make them anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `Response/@ID`.
    pub id: String,
    /// `Response/Issuer`.
    pub issuer: Option<String>,
    /// `Response/@Destination`.
    pub destination: Option<String>,
    /// `Response/@InResponseTo`.
    pub in_response_to: Option<String>,
    /// `Response/@IssueInstant` and `Assertion/@IssueInstant`.
    pub issue_instant: String,
    /// The status codes, outermost first.
    pub status: Vec<String>,
    /// `StatusMessage`.
    pub status_message: Option<String>,
    /// Whether there is an assertion at all.
    pub has_assertion: bool,
    /// `Assertion/@ID`.
    pub assertion_id: String,
    /// `Assertion/Issuer`.
    pub assertion_issuer: String,
    /// The text of `NameID`; none: no `NameID`.
    pub name_id: Option<String>,
    /// `NameID/@Format`.
    pub name_id_format: Option<String>,
    /// `NameID/@NameQualifier`.
    pub name_qualifier: Option<String>,
    /// `NameID/@SPNameQualifier`.
    pub sp_name_qualifier: Option<String>,
    /// `SubjectConfirmation/@Method`.
    pub confirmation_method: String,
    /// `SubjectConfirmationData/@InResponseTo`.
    pub confirmation_in_response_to: Option<String>,
    /// `SubjectConfirmationData/@NotOnOrAfter`.
    pub confirmation_not_on_or_after: Option<String>,
    /// `SubjectConfirmationData/@Recipient`.
    pub recipient: Option<String>,
    /// `Conditions/@NotBefore`.
    pub not_before: Option<String>,
    /// `Conditions/@NotOnOrAfter`.
    pub not_on_or_after: Option<String>,
    /// The `Audience`s of one `AudienceRestriction`; none: no restriction.
    pub audiences: Vec<String>,
    /// More XML for the end of `Conditions`, in canonical form.
    pub more_conditions: String,
    /// `AuthnStatement/@AuthnInstant`; none: no statement.
    pub authn_instant: Option<String>,
    /// `AuthnStatement/@SessionIndex`.
    pub session_index: Option<String>,
    /// `AuthnStatement/@SessionNotOnOrAfter`.
    pub session_not_on_or_after: Option<String>,
    /// `AuthnContextClassRef`.
    pub context: String,
    /// Names and values of attributes.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// How long assertions of [`Response::at`] live.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// The entity ID of the identity provider of [`Response::at`].
pub const IDP: &str = "https://idp.example.com/metadata";
/// The audience of [`Response::at`].
pub const AUDIENCE: &str = "https://sso.example.com";
/// The assertion consumer service of [`Response::at`].
pub const ACS: &str = "https://sso.example.com/api/oauth/saml";

impl Response {
    /// A successful, unsolicited response of [`IDP`] about Alice, issued at `now`. Its ids are always the same.
    pub fn at(now: Timestamp) -> Response {
        let later = now + LIFETIME;
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        Response {
            id: "_response".into(),
            issuer: Some(IDP.into()),
            destination: Some(ACS.into()),
            in_response_to: None,
            issue_instant: time(now),
            status: vec![SUCCESS.into()],
            status_message: None,
            has_assertion: true,
            assertion_id: "_assertion".into(),
            assertion_issuer: IDP.into(),
            name_id: Some("u-1001".into()),
            name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".into()),
            name_qualifier: None,
            sp_name_qualifier: None,
            confirmation_method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".into(),
            confirmation_in_response_to: None,
            confirmation_not_on_or_after: Some(time(later)),
            recipient: Some(ACS.into()),
            not_before: Some(time(now)),
            not_on_or_after: Some(time(later)),
            audiences: vec![AUDIENCE.into()],
            more_conditions: String::new(),
            authn_instant: Some(time(now)),
            session_index: Some("_session".into()),
            session_not_on_or_after: None,
            context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".into(),
            attributes: vec![
                one("email", "alice@example.com"),
                one("firstName", "Alice"),
                one("lastName", "Martin"),
                ("groups".into(), vec!["engineering".into(), "everyone".into()]),
            ],
        }
    }

    /// With new ids, as every real response has.
    #[must_use]
    pub fn with_random_ids(mut self, random: &dyn Random) -> Response {
        for id in [&mut self.id, &mut self.assertion_id] {
            *id = random_id(random);
        }
        self.session_index = self.session_index.map(|_| random_id(random));
        self
    }

    /// From this identity provider.
    #[must_use]
    pub fn sent_by(mut self, entity_id: &str) -> Response {
        self.issuer = Some(entity_id.into());
        self.assertion_issuer = entity_id.into();
        self
    }

    /// To this assertion consumer service.
    #[must_use]
    pub fn sent_to(mut self, url: &str) -> Response {
        self.destination = Some(url.into());
        self.recipient = Some(url.into());
        self
    }

    /// For this service provider.
    #[must_use]
    pub fn for_audience(mut self, entity_id: &str) -> Response {
        self.audiences = vec![entity_id.into()];
        self
    }

    /// In answer to the AuthnRequest with this id.
    #[must_use]
    pub fn answering(mut self, request_id: &str) -> Response {
        self.in_response_to = Some(request_id.into());
        self.confirmation_in_response_to = Some(request_id.into());
        self
    }

    /// XML without any signature.
    pub fn unsigned(&self) -> String {
        self.response(self.assertion().to_xml(None)).to_xml(None)
    }

    /// XML with a signature of the assertion, as most identity providers send it.
    pub fn signed_assertion(&self, key: &Key) -> String {
        self.response(self.assertion().to_xml(Some(key))).to_xml(None)
    }

    /// XML with a signature of the whole response.
    pub fn signed_response(&self, key: &Key) -> String {
        self.response(self.assertion().to_xml(None)).to_xml(Some(key))
    }

    /// XML with both signatures, the assertion's made first.
    pub fn signed_both(&self, key: &Key) -> String {
        self.response(self.assertion().to_xml(Some(key))).to_xml(Some(key))
    }

    fn response(&self, assertion: String) -> Signable<'_> {
        let issuer = self.issuer.as_deref().map(issuer).unwrap_or_default();
        let codes = self.status.iter().rev().fold(String::new(), |inner, code| {
            format!(r#"<samlp:StatusCode Value="{}">{inner}</samlp:StatusCode>"#, attribute(code))
        });
        let message = self
            .status_message
            .as_deref()
            .map(|message| format!("<samlp:StatusMessage>{}</samlp:StatusMessage>", text(message)));
        let message = message.unwrap_or_default();
        Signable {
            id: &self.id,
            head: format!(
                r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"{} ID="{}"{} IssueInstant="{}" Version="2.0">{issuer}"#,
                optional("Destination", self.destination.as_deref()),
                attribute(&self.id),
                optional("InResponseTo", self.in_response_to.as_deref()),
                attribute(&self.issue_instant),
            ),
            tail: format!(
                "<samlp:Status>{codes}{message}</samlp:Status>{}</samlp:Response>",
                if self.has_assertion { &assertion } else { "" },
            ),
        }
    }

    fn assertion(&self) -> Signable<'_> {
        Signable {
            id: &self.assertion_id,
            head: format!(
                r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{}" IssueInstant="{}" Version="2.0"><saml:Issuer>{}</saml:Issuer>"#,
                attribute(&self.assertion_id),
                attribute(&self.issue_instant),
                text(&self.assertion_issuer),
            ),
            tail: [
                self.subject(),
                self.conditions(),
                self.authn_statement(),
                self.attribute_statement(),
                "</saml:Assertion>".into(),
            ]
            .concat(),
        }
    }

    fn subject(&self) -> String {
        let attributes = [
            optional("Format", self.name_id_format.as_deref()),
            optional("NameQualifier", self.name_qualifier.as_deref()),
            optional("SPNameQualifier", self.sp_name_qualifier.as_deref()),
        ]
        .concat();
        let name_id =
            self.name_id.as_deref().map(|name| format!("<saml:NameID{attributes}>{}</saml:NameID>", text(name)));
        format!(
            r#"<saml:Subject>{}<saml:SubjectConfirmation Method="{}"><saml:SubjectConfirmationData{}{}{}></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>"#,
            name_id.unwrap_or_default(),
            attribute(&self.confirmation_method),
            optional("InResponseTo", self.confirmation_in_response_to.as_deref()),
            optional("NotOnOrAfter", self.confirmation_not_on_or_after.as_deref()),
            optional("Recipient", self.recipient.as_deref()),
        )
    }

    fn conditions(&self) -> String {
        let audiences: String = self
            .audiences
            .iter()
            .map(|audience| format!("<saml:Audience>{}</saml:Audience>", text(audience)))
            .collect();
        let restriction = match self.audiences.is_empty() {
            true => String::new(),
            false => format!("<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>"),
        };
        format!(
            "<saml:Conditions{}{}>{restriction}{}</saml:Conditions>",
            optional("NotBefore", self.not_before.as_deref()),
            optional("NotOnOrAfter", self.not_on_or_after.as_deref()),
            self.more_conditions,
        )
    }

    fn authn_statement(&self) -> String {
        let Some(instant) = &self.authn_instant else { return String::new() };
        format!(
            r#"<saml:AuthnStatement AuthnInstant="{}"{}{}><saml:AuthnContext><saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"#,
            attribute(instant),
            optional("SessionIndex", self.session_index.as_deref()),
            optional("SessionNotOnOrAfter", self.session_not_on_or_after.as_deref()),
            text(&self.context),
        )
    }

    fn attribute_statement(&self) -> String {
        if self.attributes.is_empty() {
            return String::new(); // the schema wants at least one
        }
        let attributes = self.attributes.iter().map(|(name, values)| {
            let values: String = values
                .iter()
                .map(|value| format!("<saml:AttributeValue>{}</saml:AttributeValue>", text(value)))
                .collect();
            format!(r#"<saml:Attribute Name="{}">{values}</saml:Attribute>"#, attribute(name))
        });
        format!("<saml:AttributeStatement>{}</saml:AttributeStatement>", attributes.collect::<String>())
    }
}

/// `Status` of a success.
pub const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// XML as the form field `SAMLResponse` carries it (SAML Bindings §3.5.4).
pub fn base64(xml: &str) -> String {
    BASE64.encode(xml.as_bytes())
}

/// An instant as xs:dateTime in UTC, to the second.
pub fn time(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// 160 random bits behind an underscore, because an xs:ID may not begin with a digit.
pub(crate) fn random_id(random: &dyn Random) -> String {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    format!("_{}", HEXLOWER.encode(&bytes))
}

pub(crate) fn issuer(entity_id: &str) -> String {
    format!(r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{}</saml:Issuer>"#, text(entity_id))
}

/// An element in canonical form, cut where its signature belongs: after the issuer.
pub(crate) struct Signable<'a> {
    pub(crate) id: &'a str,
    pub(crate) head: String,
    pub(crate) tail: String,
}

impl Signable<'_> {
    pub(crate) fn to_xml(&self, key: Option<&Key>) -> String {
        let signature = key.map(|key| self.signature(key)).unwrap_or_default();
        [&*self.head, &signature, &self.tail].concat()
    }

    fn signature(&self, key: &Key) -> String {
        // Head and tail without the signature between them are what the enveloped-signature transform leaves over.
        Signature::over(&[&*self.head, &self.tail].concat(), self.id).by(key)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use roxmltree::Document;

    use super::*;

    fn response() -> Response {
        Response::at("2026-01-31T12:00:00Z".parse().unwrap()).answering("_request")
    }

    fn values<'a>(xml: &'a Document<'_>, name: &str) -> Vec<&'a str> {
        xml.descendants().filter(|node| node.has_tag_name(name)).map(|node| node.text().unwrap_or_default()).collect()
    }

    #[test]
    fn each_form_has_the_signatures_it_names() {
        let (key, response) = (Key::generate().unwrap(), response());
        for (xml, parents) in [
            (response.unsigned(), vec![]),
            (response.signed_assertion(&key), vec!["Assertion"]),
            (response.signed_response(&key), vec!["Response"]),
            (response.signed_both(&key), vec!["Response", "Assertion"]),
        ] {
            let xml = Document::parse(&xml).unwrap();
            let signatures = xml.descendants().filter(|node| node.has_tag_name("Signature"));
            let found: Vec<_> = signatures.map(|node| node.parent().unwrap().tag_name().name()).collect();
            assert_eq!(found, parents);
            for signature in xml.descendants().filter(|node| node.has_tag_name("Signature")) {
                // SAML Core §5.4.1, schema: the signature follows the issuer.
                assert!(signature.prev_sibling_element().unwrap().has_tag_name("Issuer"));
            }
        }
    }

    #[test]
    fn digest_and_signature_cover_what_is_written() {
        let (key, response) = (Key::generate().unwrap(), response());
        let xml = response.signed_assertion(&key);
        let cut = |from: &str, to: &str| {
            let start = xml.find(from).unwrap();
            let end = start + xml[start..].find(to).unwrap() + to.len();
            xml[start..end].to_owned()
        };
        let signature = cut("<ds:Signature ", "</ds:Signature>");
        let assertion = cut("<saml:Assertion ", "</saml:Assertion>").replace(&signature, "");
        let document = Document::parse(&xml).unwrap();
        let digest_value = BASE64.encode(digest(&SHA256, assertion.as_bytes()).as_ref());
        assert_eq!(values(&document, "DigestValue"), [digest_value]);

        let signed_info = cut("<ds:SignedInfo>", "</ds:SignedInfo>").replacen(
            "<ds:SignedInfo>",
            r#"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"#,
            1,
        );
        let signature = BASE64.decode(values(&document, "SignatureValue")[0].as_bytes()).unwrap();
        let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        verifier.verify(signed_info.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn odd_text_comes_back_as_it_was() {
        let odd = "a<b>&\"'\r\n\té</saml:Issuer>";
        let response = Response {
            issuer: Some(odd.into()),
            name_id: Some(odd.into()),
            audiences: vec![odd.into()],
            attributes: vec![(odd.into(), vec![odd.into(), String::new()])],
            session_index: Some(odd.into()),
            ..response()
        };
        let xml = response.unsigned();
        let xml = Document::parse(&xml).unwrap();
        assert_eq!(values(&xml, "Issuer"), [odd, IDP]);
        assert_eq!(values(&xml, "NameID"), [odd]);
        assert_eq!(values(&xml, "Audience"), [odd]);
        assert_eq!(values(&xml, "AttributeValue"), [odd, ""]);
        let attribute = |element: &str, name: &str| {
            let element = xml.descendants().find(|node| node.has_tag_name(element)).unwrap();
            element.attribute(name).map(str::to_owned)
        };
        assert_eq!(attribute("Attribute", "Name").as_deref(), Some(odd));
        assert_eq!(attribute("AuthnStatement", "SessionIndex").as_deref(), Some(odd));
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let xml = Response {
            issuer: None,
            destination: None,
            in_response_to: None,
            name_id: None,
            confirmation_in_response_to: None,
            confirmation_not_on_or_after: None,
            recipient: None,
            not_before: None,
            not_on_or_after: None,
            audiences: vec![],
            authn_instant: None,
            attributes: vec![],
            ..response()
        }
        .unsigned();
        Document::parse(&xml).unwrap();
        for name in [
            "Destination",
            "InResponseTo",
            "NotOnOrAfter",
            "NotBefore",
            "Recipient",
            "Audience",
            "AuthnStatement",
            "AttributeStatement",
            "NameID",
        ] {
            assert!(!xml.contains(name), "{name}");
        }
        let refused =
            Response { status: vec!["outer".into(), "inner".into()], has_assertion: false, ..response() }.unsigned();
        let refused = Document::parse(&refused).unwrap();
        assert!(!refused.descendants().any(|node| node.has_tag_name("Assertion")));
        let outer = refused.descendants().find(|node| node.has_tag_name("StatusCode")).unwrap();
        assert_eq!(outer.attribute("Value"), Some("outer"));
        assert_eq!(outer.first_element_child().unwrap().attribute("Value"), Some("inner"));
    }

    #[test]
    fn random_ids_are_new_each_time() {
        struct Counting(std::sync::atomic::AtomicU8);
        impl Random for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
            }
        }
        let random = Counting(0.into());
        let (one, two) = (response().with_random_ids(&random), response().with_random_ids(&random));
        let ids = [&one.id, &one.assertion_id, &two.id, &two.assertion_id];
        assert!(ids.iter().all(|id| id.len() == 41 && id.starts_with('_')));
        assert_eq!(std::collections::HashSet::from(ids).len(), 4);
    }
}
