//! The AuthnRequest that Postern sends (SAML Core §3.4.1): only what an answer depends on is read. Signatures are not
//! checked; an identity provider that people rely on would check them.

use std::io::Read;

use data_encoding::BASE64;
use flate2::read::DeflateDecoder;
use roxmltree::Document;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnRequest {
    /// `ID`.
    pub id: String,
    /// `Issuer`: who asks.
    pub issuer: String,
    /// `AssertionConsumerServiceURL`.
    pub acs_url: Option<String>,
    /// Whether the person has to be asked again.
    pub force_authn: bool,
    /// Whether the person may not be asked.
    pub is_passive: bool,
    /// `NameIDPolicy/@Format`.
    pub name_id_format: Option<String>,
}

/// A request of more bytes is no request.
const MOST_BYTES: u64 = 64 * 1024;

impl AuthnRequest {
    /// From the query of the HTTP-Redirect binding (SAML Bindings §3.4.4.1).
    pub fn deflated(field: &str) -> Option<AuthnRequest> {
        let bytes = BASE64.decode(field.as_bytes()).ok()?;
        let mut xml = String::new();
        DeflateDecoder::new(&*bytes).take(MOST_BYTES + 1).read_to_string(&mut xml).ok()?;
        (xml.len() as u64 <= MOST_BYTES).then(|| Self::parse(&xml))?
    }

    /// From the form of the HTTP-POST binding (SAML Bindings §3.5.4), which may break lines.
    pub fn plain(field: &str) -> Option<AuthnRequest> {
        let field: String = field.split_ascii_whitespace().collect();
        Self::parse(&String::from_utf8(BASE64.decode(field.as_bytes()).ok()?).ok()?)
    }

    fn parse(xml: &str) -> Option<AuthnRequest> {
        let document = Document::parse(xml).ok()?;
        let root = document.root_element();
        if !root.has_tag_name((PROTOCOL, "AuthnRequest")) {
            return None;
        }
        let child = |name| root.children().find(|node| node.has_tag_name(name));
        let flag = |name| root.attribute(name).is_some_and(|value| matches!(value, "true" | "1"));
        Some(AuthnRequest {
            id: root.attribute("ID")?.to_owned(),
            issuer: child((ASSERTION, "Issuer"))?.text()?.trim().to_owned(),
            acs_url: root.attribute("AssertionConsumerServiceURL").map(str::to_owned),
            force_authn: flag("ForceAuthn"),
            is_passive: flag("IsPassive"),
            name_id_format: child((PROTOCOL, "NameIDPolicy"))
                .and_then(|policy| policy.attribute("Format"))
                .map(str::to_owned),
        })
    }
}

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    const XML: &str = r#"<p:AuthnRequest xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" ForceAuthn="true" AssertionConsumerServiceURL="https://sso.example.com/acs"><a:Issuer xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion">https://sso.example.com</a:Issuer></p:AuthnRequest>"#;

    fn deflate(xml: &[u8]) -> String {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(xml).unwrap();
        BASE64.encode(&encoder.finish().unwrap())
    }

    #[test]
    fn both_bindings_are_read_alike() {
        let request = AuthnRequest::deflated(&deflate(XML.as_bytes())).unwrap();
        assert_eq!(AuthnRequest::plain(&BASE64.encode(XML.as_bytes())), Some(request.clone()));
        assert_eq!((&*request.id, &*request.issuer), ("_1", "https://sso.example.com"));
        assert_eq!(request.acs_url.as_deref(), Some("https://sso.example.com/acs"));
        assert!(request.force_authn && !request.is_passive);
    }

    #[test]
    fn other_things_are_no_request() {
        assert_eq!(AuthnRequest::deflated(&BASE64.encode(XML.as_bytes())), None);
        assert_eq!(AuthnRequest::deflated(&deflate(b"<AuthnRequest/>")), None);
        assert_eq!(AuthnRequest::deflated("%%%"), None);
        assert_eq!(AuthnRequest::plain(&BASE64.encode(b"\xff")), None);
        let bomb = [XML.as_bytes(), &vec![b' '; 10_000_000]].concat();
        assert_eq!(AuthnRequest::deflated(&deflate(&bomb)), None);
    }
}
