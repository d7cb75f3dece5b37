//! A signed message in the query of an address: HTTP-Redirect, SAML Bindings §3.4.4.1.
//!
//! The signature is over the octets of the query as they arrived, and whoever decodes and encodes them again, or looks up a
//! parameter that is there twice, verifies one message and reads another (X10: SimpleSAMLphp CVE-2025-27773, OpenSAML
//! CVE-2025-31335). So the raw query is cut into pieces once, and what was verified and what is read are the same pieces.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use percent_encoding::percent_decode_str;
use postern_core::fault::{Code, Fault};

use crate::algorithm::{self, Method};
use crate::document::MESSAGE_BYTES;
use crate::element;
use crate::front_channel::Role;
use crate::verify::{self, Trust};

const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// The parameters that mean something, each of which may be there once, written as it is here.
const NAMES: [&str; 6] = ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"];

/// A message whose signature held.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) role: Role,
    /// The message. It has no signature in it.
    pub(crate) xml: Vec<u8>,
    pub(crate) relay_state: Option<String>,
}

/// Verifies the query of an address (what stands behind its `?`), with the connection's keys.
pub(crate) fn verify(unverified_query: &str, trust: &Trust<'_>) -> Result<Verified, Fault> {
    let raw = Raw::cut(unverified_query)?;
    let (role, message) = match (raw.value("SAMLRequest"), raw.value("SAMLResponse")) {
        (Some(message), None) => (Role::Request, message),
        (None, Some(message)) => (Role::Response, message),
        (Some(_), Some(_)) => return Err(ambiguous("SAMLRequest or SAMLResponse", "both")),
        (None, None) => return Err(Code::LogoutNotMessage.fault().expected("SAMLRequest or SAMLResponse")),
    };
    if let Some(encoding) = raw.decoded("SAMLEncoding")?.filter(|encoding| encoding != DEFLATE) {
        return Err(Code::LogoutUnreadable.fault().expected(DEFLATE).received(encoding));
    }
    let unsigned = || Code::LogoutUnsigned.fault().expected("SigAlg and Signature in the address").received("none");
    let named = raw.decoded("SigAlg")?.ok_or_else(unsigned)?;
    let method = Method::named(&named, trust.allowed)
        .ok_or_else(|| Code::SamlSignatureAlgorithm.fault().expected(algorithm::METHODS).received(named.as_str()))?;
    let value = raw.base64("Signature")?.ok_or_else(unsigned)?;

    // "the original URL-encoded values it received" in this order, whatever the order in the query.
    let mut signed = format!("{}={message}", role.parameter());
    for name in ["RelayState", "SigAlg"] {
        if let Some(value) = raw.value(name) {
            signed.push_str(&format!("&{name}={value}"));
        }
    }
    if !trust.keys.iter().any(|trusted| verify::made(method, &value, signed.as_bytes(), &trusted.key, trust.allowed)) {
        return Err(Code::LogoutSignatureInvalid.fault().received(named));
    }

    let deflated = raw.base64(role.parameter())?.unwrap_or_default();
    Ok(Verified { role, xml: inflate(&deflated)?, relay_state: raw.decoded("RelayState")? })
}

/// The parameters of a query, as they are written.
struct Raw<'q>(Vec<(&'static str, &'q str)>);

impl<'q> Raw<'q> {
    /// Cuts a query into its parameters. One that means something to us stands there once, and under its plain name: by
    /// another spelling, some readers would know it and others not.
    fn cut(query: &'q str) -> Result<Self, Fault> {
        let mut found: Vec<(&'static str, &'q str)> = Vec::new();
        for (written, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
            let decoded = percent_decode_str(written).decode_utf8_lossy();
            let Some(name) = NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(decoded.trim())) else { continue };
            if written != name {
                return Err(ambiguous(name, written));
            }
            if found.iter().any(|(known, _)| *known == name) {
                return Err(ambiguous(format!("{name} once"), "twice"));
            }
            found.push((name, value));
        }
        Ok(Raw(found))
    }

    fn value(&self, name: &str) -> Option<&'q str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Decoded once, RFC 3986 §2.1; a plus is a space, as forms write it.
    fn decoded(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let value = value.replace('+', " ");
        let text = percent_decode_str(&value).decode_utf8();
        text.map(|text| Some(text.into_owned())).map_err(|_| Code::LogoutUnreadable.fault().received(name))
    }

    /// Base64 in which a plus that was not encoded is a plus.
    fn base64(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = percent_decode_str(value).decode_utf8().ok();
        let bytes = text.and_then(|text| element::base64(&text)).filter(|bytes| !bytes.is_empty());
        bytes.map(Some).ok_or_else(|| Code::LogoutUnreadable.fault().expected(format!("base64 in {name}")))
    }
}

fn ambiguous(expected: impl Into<String>, received: impl Into<String>) -> Fault {
    Code::LogoutParametersAmbiguous.fault().expected(expected).received(received)
}

/// RFC 1951, up to what a message may have and not a byte more (X18).
pub(crate) fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut reader = DeflateDecoder::new(deflated).take(MESSAGE_BYTES as u64 + 1);
    reader.read_to_end(&mut bytes).map_err(|_| Code::LogoutUnreadable.fault().expected("DEFLATE (RFC 1951)"))?;
    match bytes.len() <= MESSAGE_BYTES {
        true => Ok(bytes),
        false => Err(Code::LogoutUnreadable.fault().expected(format!("at most {MESSAGE_BYTES} bytes"))),
    }
}
