//! Algorithms that prove nothing, or that the key does not have.
//!
//! The signatures are made with RSA and SHA-256 whatever they are said to be: what is refused here is refused by its name,
//! before anything is computed.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE64;
use postern_core::fault::Code::{self, SamlSignatureAlgorithm, SamlSignatureForm, SamlSignatureInvalid};

use super::forge::{sign_as, sign_text};
use super::{Attack, Class, Scene, xml};
use crate::signature::Signature;

pub(super) const CLASS: Class = Class {
    name: "Algorithms",
    idea: "The message chooses how it is verified: by a broken digest, by none, or by an algorithm that the key is not made \
           for. Postern has a list of algorithms, the key decides the family, and SHA-1 exists only for connections that \
           allow it by name.",
    attacks: ATTACKS,
};

const ALGORITHM: &[Code] = &[SamlSignatureAlgorithm];
const FORM: &[Code] = &[SamlSignatureForm];

const ATTACKS: &[Attack] = &[
    xml("rsa_with_sha_1_signs", "SDP-ALG01", ALGORITHM, |s| method(s, "http://www.w3.org/2000/09/xmldsig#rsa-sha1")),
    xml("rsa_with_md5_signs", "SDP-ALG01", ALGORITHM, |s| method(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5")),
    xml("rsa_with_ripemd_signs", "", ALGORITHM, |s| method(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160")),
    xml("rsa_with_sha_224_signs", "", ALGORITHM, |s| method(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224")),
    xml("dsa_with_sha_1_signs", "SDP-ALG01", ALGORITHM, |s| method(s, "http://www.w3.org/2000/09/xmldsig#dsa-sha1")),
    xml("ecdsa_with_sha_1_signs", "", ALGORITHM, |s| method(s, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1")),
    xml("the_method_is_none", "", ALGORITHM, |s| method(s, "none")),
    xml("the_method_is_a_digest", "", ALGORITHM, |s| method(s, "http://www.w3.org/2001/04/xmlenc#sha256")),
    xml("the_method_is_unknown", "", ALGORITHM, |s| method(s, "urn:example:signature")),
    xml("the_method_has_no_name", "", ALGORITHM, |s| method(s, "")),
    xml("the_method_has_a_space_behind_it", "", ALGORITHM, |s| {
        method(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256 ")
    }),
    xml("the_method_is_written_in_capitals", "", ALGORITHM, |s| {
        method(s, "HTTP://WWW.W3.ORG/2001/04/XMLDSIG-MORE#RSA-SHA256")
    }),
    xml("the_method_is_for_another_kind_of_key", "", ALGORITHM, |s| {
        method(s, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
    }),
    xml("another_digest_is_named_than_was_signed", "", &[SamlSignatureInvalid], |s| {
        method(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512")
    }),
    xml("another_padding_is_named_than_was_signed", "", &[SamlSignatureInvalid], |s| {
        method(s, "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1")
    }),
    xml("the_method_shortens_its_output", "CVE-2009-0217", FORM, |s| {
        rewritten(s, "</ds:SignatureMethod>", "<ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>")
    }),
    xml("the_method_has_parameters", "", FORM, |s| {
        rewritten(
            s,
            "</ds:SignatureMethod>",
            r#"<p:RSAPSSParams xmlns:p="http://www.w3.org/2007/05/xmldsig-more#"></p:RSAPSSParams></ds:SignatureMethod>"#,
        )
    }),
    xml("the_digest_is_sha_1", "SDP-ALG01", ALGORITHM, |s| {
        let forged = s.forged();
        let value = BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, forged.as_bytes()).as_ref());
        s.around(&sign_as(&forged, s.key, |signature| {
            signature.digest_method = "http://www.w3.org/2000/09/xmldsig#sha1".into();
            signature.digest_value = value;
        }))
    }),
    xml("the_digest_is_md5", "SDP-ALG01", ALGORITHM, |s| digested(s, "http://www.w3.org/2001/04/xmldsig-more#md5")),
    xml("the_digest_is_sha_224", "", ALGORITHM, |s| digested(s, "http://www.w3.org/2001/04/xmldsig-more#sha224")),
    xml("the_digest_is_a_signature_method", "", ALGORITHM, |s| {
        digested(s, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
    }),
    xml("the_digest_is_unknown", "", ALGORITHM, |s| digested(s, "urn:example:digest")),
    xml("the_digest_has_no_name", "", ALGORITHM, |s| digested(s, "")),
    xml("the_digest_method_is_missing", "XML Signature 4.4.3", FORM, |s| {
        rewritten(s, r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>"#, "")
    }),
    xml("the_signature_method_is_missing", "XML Signature 4.4", FORM, |s| {
        rewritten(
            s,
            r#"<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>"#,
            "",
        )
    }),
    xml("canonicalisation_keeps_comments", "SAML Core 5.4.4", FORM, |s| {
        canonicalized(s, "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")
    }),
    xml("inclusive_canonicalisation_keeps_comments", "SAML Core 5.4.4", FORM, |s| {
        canonicalized(s, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments")
    }),
    xml("canonicalisation_is_of_version_1_1", "", FORM, |s| canonicalized(s, "http://www.w3.org/2006/12/xml-c14n11")),
    xml("canonicalisation_is_a_program", "XML Signature Best Practices", FORM, |s| {
        canonicalized(s, "http://www.w3.org/TR/1999/REC-xslt-19991116")
    }),
    xml("canonicalisation_is_unknown", "", FORM, |s| canonicalized(s, "urn:example:canonical")),
    xml("canonicalisation_has_no_name", "", FORM, |s| canonicalized(s, "")),
    xml("canonicalisation_has_unknown_parameters", "", FORM, |s| {
        rewritten(s, "</ds:CanonicalizationMethod>", "<ds:Transforms></ds:Transforms></ds:CanonicalizationMethod>")
    }),
];

/// The forged assertion, signed with something in the signature changed beforehand.
fn bent(scene: &Scene<'_>, change: impl FnOnce(&mut Signature)) -> String {
    scene.around(&sign_as(&scene.forged(), scene.key, change))
}

fn method(scene: &Scene<'_>, uri: &str) -> String {
    bent(scene, |signature| signature.method = uri.into())
}

fn digested(scene: &Scene<'_>, uri: &str) -> String {
    bent(scene, |signature| signature.digest_method = uri.into())
}

fn canonicalized(scene: &Scene<'_>, uri: &str) -> String {
    bent(scene, |signature| signature.canonicalization = uri.into())
}

fn rewritten(scene: &Scene<'_>, from: &str, to: &str) -> String {
    scene.around(&sign_text(&scene.forged(), scene.key, from, to))
}
