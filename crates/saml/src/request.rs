//! Asking an IdP to sign somebody in: the AuthnRequest, SAML Core §3.4.1, and its two ways there, SAML Bindings §3.4 and
//! §3.5.

use std::fmt::Write as _;
use std::io::Write as _;

use data_encoding::{BASE64, HEXLOWER};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use postern_core::ports::{Random, Timestamp};

use crate::escape::xml;

/// RFC 3986 §2.3: all but the unreserved characters.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to authenticate somebody.
#[derive(Debug, Clone, Copy)]
pub struct AuthnRequest<'a> {
    /// From [`new_id`]; the response has to name it.
    pub id: &'a str,
    /// The present.
    pub issued: Timestamp,
    /// The IdP's single sign-on address, as its metadata has it.
    pub destination: &'a str,
    /// Where the response has to go; the same as in our metadata, byte for byte (H3).
    pub acs_url: &'a str,
    /// Our entity ID.
    pub issuer: &'a str,
    /// The NameID format to ask for; without one the IdP chooses (H2, SDP-SP04).
    pub name_id_format: Option<&'a str>,
    /// Whether the person has to authenticate anew.
    pub force_authn: bool,
}

impl AuthnRequest<'_> {
    /// The message. No RequestedAuthnContext (H4): most IdPs refuse what they cannot meet exactly.
    pub fn xml(&self) -> String {
        let mut out = format!(
            "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" Version=\"2.0\" IssueInstant=\"{}\" \
             Destination=\"{}\"",
            xml(self.id),
            self.issued.strftime("%Y-%m-%dT%H:%M:%SZ"),
            xml(self.destination),
        );
        if self.force_authn {
            out.push_str(" ForceAuthn=\"true\"");
        }
        let format = self.name_id_format.map(|format| format!(" Format=\"{}\"", xml(format))).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            " ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" AssertionConsumerServiceURL=\"{}\">\
             <saml:Issuer>{}</saml:Issuer><samlp:NameIDPolicy{format} AllowCreate=\"true\"/></samlp:AuthnRequest>",
            xml(self.acs_url),
            xml(self.issuer),
        );
        out
    }

    /// HTTP-Redirect, SAML Bindings §3.4.4.1: deflated, base64, percent-encoded; parameters that the address already has
    /// stay. An empty `relay_state` is left out.
    pub fn redirect_url(&self, relay_state: &str) -> String {
        let separator = match self.destination.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let message = BASE64.encode(&deflate(self.xml().as_bytes()));
        let mut url = format!("{}{separator}SAMLRequest={}", self.destination, encoded(&message));
        if !relay_state.is_empty() {
            url.push_str("&RelayState=");
            url.push_str(&encoded(relay_state));
        }
        url
    }

    /// HTTP-POST, SAML Bindings §3.5.4: the value of the form field `SAMLRequest`.
    pub fn post_value(&self) -> String {
        BASE64.encode(self.xml().as_bytes())
    }
}

/// A new message ID: `_` and 160 random bits, so an NCName (H5; SAML Core §1.3.4 asks for 128 at least).
pub fn new_id(random: &dyn Random) -> String {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    format!("_{}", HEXLOWER.encode(&bytes))
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, QUERY_VALUE).to_string()
}

/// RFC 1951, without a zlib header.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to a Vec cannot fail, and the encoder itself has no other way to.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting(AtomicU64);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            bytes[..8].copy_from_slice(&next);
        }
    }

    fn request() -> AuthnRequest<'static> {
        AuthnRequest {
            id: "_1",
            issued: "2026-01-31T12:00:00.25Z".parse().unwrap(),
            destination: "https://idp.example.com/sso",
            acs_url: "https://sp.example.com/acs?a=1&b=\"2\"",
            issuer: "https://sp.example.com",
            name_id_format: None,
            force_authn: false,
        }
    }

    fn sent(url: &str) -> String {
        let value = url.split_once("SAMLRequest=").unwrap().1.split('&').next().unwrap();
        let base64 = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        let mut xml = String::new();
        flate2::read::DeflateDecoder::new(&BASE64.decode(base64.as_bytes()).unwrap()[..])
            .read_to_string(&mut xml)
            .unwrap();
        xml
    }

    #[test]
    fn h1_the_redirect_carries_the_message_deflated() {
        let url = request().redirect_url("abc/+=");
        assert!(url.starts_with("https://idp.example.com/sso?SAMLRequest="));
        assert!(url.ends_with("&RelayState=abc%2F%2B%3D"));
        assert_eq!(sent(&url), request().xml());
    }

    #[test]
    fn h1_parameters_of_the_sso_address_stay() {
        let with = |destination| AuthnRequest { destination, ..request() }.redirect_url("");
        assert!(
            with("https://idp.example.com/sso?idpid=C01").starts_with("https://idp.example.com/sso?idpid=C01&SAMLR")
        );
        assert!(with("https://idp.example.com/sso?").starts_with("https://idp.example.com/sso?SAMLRequest="));
        assert!(!with("https://idp.example.com/sso").contains("RelayState"));
    }

    #[test]
    fn h2_h3_h4_the_message_asks_for_nothing_that_is_not_configured() {
        let xml = request().xml();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some(request().acs_url));
        assert_eq!(root.attribute("AssertionConsumerServiceIndex"), None);
        assert_eq!(root.attribute("IssueInstant"), Some("2026-01-31T12:00:00Z"));
        assert_eq!(root.attribute("Destination"), Some("https://idp.example.com/sso"));
        assert_eq!(root.attribute("ForceAuthn"), None);
        assert!(!xml.contains("RequestedAuthnContext") && !xml.contains(" Format="));

        let loud = AuthnRequest { force_authn: true, name_id_format: Some("urn:x:\"y\""), ..request() }.xml();
        let document = roxmltree::Document::parse(&loud).unwrap();
        assert_eq!(document.root_element().attribute("ForceAuthn"), Some("true"));
        let policy = document.root_element().last_element_child().unwrap();
        assert_eq!((policy.attribute("Format"), policy.attribute("AllowCreate")), (Some("urn:x:\"y\""), Some("true")));
    }

    #[test]
    fn h5_ids_are_ncnames_and_never_repeat() {
        let random = Counting(AtomicU64::new(0));
        let ids: HashSet<_> = (0..10_000).map(|_| new_id(&random)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 41 && id.starts_with('_')));
    }

    #[test]
    fn the_post_value_is_plain_base64() {
        assert_eq!(BASE64.decode(request().post_value().as_bytes()).unwrap(), request().xml().into_bytes());
    }
}
