//! What an identity provider sends and hears when it ends a session: SAML Core §3.7, SAML Bindings §3.4.

use std::io::{Read as _, Write as _};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use postern_core::ports::{Random, Timestamp};
use roxmltree::{Document, Node};
use url::form_urlencoded::{byte_serialize, parse};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::key::Key;
use crate::response::{SUCCESS, Signable, issuer, random_id, time};
use crate::signature::RSA_SHA256;
use crate::xml::{attribute, optional, text};

/// A logout message; what is public may be changed at will.
#[derive(Debug, Clone)]
pub struct LogoutMessage {
    /// `ID`.
    pub id: String,
    /// `Issuer`.
    pub issuer: String,
    /// `Destination`.
    pub destination: String,
    /// `IssueInstant`.
    pub issue_instant: String,
    /// What it says.
    pub kind: Kind,
}

/// What a logout message says.
#[derive(Debug, Clone)]
pub enum Kind {
    /// End sessions of this person.
    Request {
        /// `NameID`.
        name_id: Option<String>,
        /// `NameID/@Format`.
        format: Option<String>,
        /// Which sessions; none: all.
        session_indexes: Vec<String>,
    },
    /// What became of a request.
    Response {
        /// The request.
        in_response_to: String,
        /// `StatusCode`s, the outer first.
        status: Vec<String>,
    },
}

impl LogoutMessage {
    /// A request of `issuer` to end all sessions of `name_id`.
    pub fn request(now: Timestamp, random: &dyn Random, issuer: &str, destination: &str, name_id: &str) -> Self {
        let kind = Kind::Request { name_id: Some(name_id.into()), format: None, session_indexes: Vec::new() };
        Self::of(now, random, issuer, destination, kind)
    }

    /// The answer of `issuer` that all went well.
    pub fn response(now: Timestamp, random: &dyn Random, issuer: &str, destination: &str, request: &str) -> Self {
        let kind = Kind::Response { in_response_to: request.into(), status: vec![SUCCESS.into()] };
        Self::of(now, random, issuer, destination, kind)
    }

    fn of(now: Timestamp, random: &dyn Random, issuer: &str, destination: &str, kind: Kind) -> Self {
        let (issuer, destination) = (issuer.into(), destination.into());
        Self { id: random_id(random), issuer, destination, issue_instant: time(now), kind }
    }

    /// The name of its parameter.
    pub fn parameter(&self) -> &'static str {
        match self.kind {
            Kind::Request { .. } => "SAMLRequest",
            Kind::Response { .. } => "SAMLResponse",
        }
    }

    /// The message, with a signature in it where there is a key.
    pub fn xml(&self, key: Option<&Key>) -> String {
        let (name, answers, inside) = match &self.kind {
            Kind::Request { name_id, format, session_indexes } => {
                let indexes: String = session_indexes
                    .iter()
                    .map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", text(index)))
                    .collect();
                let format = optional("Format", format.as_deref());
                let name_id = name_id.as_deref().map(|name| {
                    let namespace = "urn:oasis:names:tc:SAML:2.0:assertion";
                    format!(r#"<saml:NameID xmlns:saml="{namespace}"{format}>{}</saml:NameID>"#, text(name))
                });
                ("LogoutRequest", None, name_id.unwrap_or_default() + &indexes)
            }
            Kind::Response { in_response_to, status } => {
                let codes = status.iter().rev().fold(String::new(), |inner, code| {
                    format!(r#"<samlp:StatusCode Value="{}">{inner}</samlp:StatusCode>"#, attribute(code))
                });
                ("LogoutResponse", Some(in_response_to.as_str()), format!("<samlp:Status>{codes}</samlp:Status>"))
            }
        };
        let message = Signable {
            id: &self.id,
            head: format!(
                r#"<samlp:{name} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{}" ID="{}"{} IssueInstant="{}" Version="2.0">{}"#,
                attribute(&self.destination),
                attribute(&self.id),
                optional("InResponseTo", answers),
                attribute(&self.issue_instant),
                issuer(&self.issuer),
            ),
            tail: format!("{inside}</samlp:{name}>"),
        };
        message.to_xml(key)
    }

    /// The query that carries it, signed over its octets (SAML Bindings §3.4.4.1).
    pub fn query(&self, relay_state: Option<&str>, key: &Key) -> String {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        let deflated = deflate.write_all(self.xml(None).as_bytes()).and_then(|()| deflate.finish());
        let deflated = deflated.expect("a Vec takes everything");
        let mut query = format!("{}={}", self.parameter(), encoded(&BASE64.encode(&deflated)));
        for (name, value) in [("RelayState", relay_state), ("SigAlg", Some(RSA_SHA256))] {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let signature = encoded(&BASE64.encode(&key.sign(query.as_bytes())));
        query + "&Signature=" + &signature
    }
}

fn encoded(value: &str) -> String {
    byte_serialize(value.as_bytes()).collect()
}

/// A message that was in a query, and whose signature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The message.
    pub xml: String,
    /// What has to come back with the answer.
    pub relay_state: Option<String>,
}

impl Heard {
    /// Reads the query that carries `parameter`, if the key of the certificate (DER) signed it.
    pub fn read(query: &str, parameter: &str, certificate: &[u8]) -> Option<Heard> {
        let (signed, signature) = query.split_once("&Signature=")?;
        let certificate = Certificate::from_der(certificate).ok()?;
        let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.as_bytes()?;
        let value = |name: &str| parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let signature = parse(format!("s={signature}").as_bytes()).next().map(|(_, value)| value.into_owned())?;
        let signature = BASE64.decode(signature.as_bytes()).ok()?;
        let begins = signed.starts_with(&format!("{parameter}=")) && value("SigAlg").as_deref() == Some(RSA_SHA256);
        let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        verifier.verify(signed.as_bytes(), &signature).ok().filter(|()| begins)?;
        let mut xml = String::new();
        DeflateDecoder::new(&*BASE64.decode(value(parameter)?.as_bytes()).ok()?).read_to_string(&mut xml).ok()?;
        Some(Heard { xml, relay_state: value("RelayState") })
    }
}

/// What a LogoutRequest asks for, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `ID`.
    pub id: String,
    /// `Destination`.
    pub destination: Option<String>,
    /// `Issuer`.
    pub issuer: Option<String>,
    /// `NameID`.
    pub name_id: Option<String>,
    /// The attributes of `NameID` and their values.
    pub name_attributes: Vec<(String, String)>,
    /// Every `SessionIndex`.
    pub session_indexes: Vec<String>,
}

impl Asked {
    /// Reads a LogoutRequest.
    pub fn read(xml: &str) -> Option<Asked> {
        let document = Document::parse(xml).ok()?;
        let root = document.root_element();
        let all = |name: &'static str| root.children().filter(move |child| child.tag_name().name() == name);
        let text = |node: Node<'_, '_>| node.text().map(str::to_owned);
        let name = all("NameID").next();
        let attributes = name.into_iter().flat_map(|name| name.attributes());
        Some(Asked {
            id: root.attribute("ID").filter(|_| root.tag_name().name() == "LogoutRequest")?.to_owned(),
            destination: root.attribute("Destination").map(str::to_owned),
            issuer: all("Issuer").next().and_then(text),
            name_id: name.and_then(text),
            name_attributes: attributes.map(|one| (one.name().to_owned(), one.value().to_owned())).collect(),
            session_indexes: all("SessionIndex").filter_map(text).collect(),
        })
    }
}
