//! XML signatures, in pieces, so that a test can bend one before it is made.
//!
//! [`Signature::over`] is the one form that SAML asks for (SAML Core §5.4): enveloped, one reference to its parent, exclusive
//! canonicalisation. All that is written here is in canonical form already, so that the bytes written are the bytes hashed.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;

use crate::key::Key;
use crate::xml::attribute;

pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(crate) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(crate) const DIGEST_SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// What a `ds:SignedInfo` says. Algorithms and the URI are attribute values, the rest is XML in canonical form.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) canonicalization: String,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) transforms: String,
    pub(crate) digest_method: String,
    pub(crate) digest_value: String,
}

impl Signature {
    /// A good signature over `element`, which is in exclusive canonical form and has this ID.
    pub(crate) fn over(element: &str, id: &str) -> Signature {
        Signature {
            canonicalization: EXCLUSIVE.into(),
            method: RSA_SHA256.into(),
            uri: format!("#{id}"),
            transforms: transform(ENVELOPED, "") + &transform(EXCLUSIVE, ""),
            digest_method: DIGEST_SHA256.into(),
            digest_value: BASE64.encode(digest(&SHA256, element.as_bytes()).as_ref()),
        }
    }

    /// `ds:SignedInfo`, as it stands in the document.
    pub(crate) fn signed_info(&self) -> String {
        let Signature { canonicalization, method, uri, transforms, digest_method, digest_value } = self;
        let (canonicalization, method) = (attribute(canonicalization), attribute(method));
        let (uri, digest_method) = (attribute(uri), attribute(digest_method));
        format!(
            r#"<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{canonicalization}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod><ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod><ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#
        )
    }

    /// The whole `ds:Signature`, made with this key.
    pub(crate) fn by(&self, key: &Key) -> String {
        let signed_info = self.signed_info();
        whole(&signed_info, &key.sign(signable(&signed_info).as_bytes()), &certificate(key))
    }
}

/// What a signature is made over: canonicalised on its own, SignedInfo carries the declaration that its parent has in the
/// document.
pub(crate) fn signable(signed_info: &str) -> String {
    signed_info.replacen("<ds:SignedInfo", &format!(r#"<ds:SignedInfo xmlns:ds="{DS}""#), 1)
}

/// A `ds:Signature` with this content.
pub(crate) fn whole(signed_info: &str, value: &[u8], key_info: &str) -> String {
    let value = BASE64.encode(value);
    format!(
        r#"<ds:Signature xmlns:ds="{DS}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}</ds:Signature>"#
    )
}

/// A `ds:KeyInfo` that shows the certificate of `key`.
pub(crate) fn certificate(key: &Key) -> String {
    let certificate = key.certificate_base64();
    format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )
}

/// A `ds:Transform` with this content.
pub(crate) fn transform(algorithm: &str, content: &str) -> String {
    format!(r#"<ds:Transform Algorithm="{}">{content}</ds:Transform>"#, attribute(algorithm))
}
