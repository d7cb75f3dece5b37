//! The form field, before it is a document.

use data_encoding::BASE64;
use postern::fields::Fields;
use postern_saml::response::decode;

/// Has to hold for any input.
pub fn check(body: &[u8]) {
    let fields = Fields::urlencoded(body);
    let Ok(Some(field)) = fields.one("SAMLResponse") else { return };
    let Ok(xml) = decode(field) else { return };
    assert!(!xml.is_empty() && xml.len() <= 560 * 1024);
    assert_eq!(decode(&BASE64.encode(&xml)).expect("what was decoded can be encoded"), xml);
}
