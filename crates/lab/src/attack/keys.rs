//! The right form and the wrong key.

use aws_lc_rs::hmac;
use postern_core::fault::Code::{self, SamlSignatureAlgorithm, SamlSignatureInvalid, SamlSignatureOtherKey};

use super::forge::{assertion_in, behind_issuer};
use super::{Attack, Class, Scene, xml};
use crate::key::Key;
use crate::signature::{self, Signature};

pub(super) const CLASS: Class = Class {
    name: "Keys",
    idea: "The message brings its own key, names where to fetch one, or lets the public key stand for a secret. Postern \
           verifies with the connection's pinned keys only; what a message says about its key serves to explain a refusal.",
    attacks: ATTACKS,
};

const OTHER: &[Code] = &[SamlSignatureOtherKey];
const INVALID: &[Code] = &[SamlSignatureInvalid];
const EMBEDDED: &str = "CVE-2026-18089";
const HMAC: &str = "the key confusion of CVE-2015-9235, in XML";

const ATTACKS: &[Attack] = &[
    xml("another_tenants_identity_provider_signs_the_assertion", EMBEDDED, OTHER, |scene| {
        scene.answer().signed_assertion(scene.other_key)
    }),
    xml("another_tenants_identity_provider_signs_the_response", EMBEDDED, OTHER, |scene| {
        scene.answer().signed_response(scene.other_key)
    }),
    xml("another_tenants_identity_provider_signs_both", EMBEDDED, OTHER, |scene| {
        scene.answer().signed_both(scene.other_key)
    }),
    xml("another_tenants_response_arrives", "CVE-2026-49283", OTHER, |scene| scene.foreign.to_owned()),
    xml("another_tenants_assertion_arrives_in_our_response", "CVE-2026-49283", OTHER, |scene| {
        scene.around(assertion_in(scene.foreign))
    }),
    xml("the_response_is_signed_by_us_and_its_assertion_by_another_tenant", "CVE-2024-8698", OTHER, |scene| {
        let assertion = super::forge::sign(&scene.forged(), scene.other_key);
        super::forge::sign(&scene.around(&assertion), scene.key)
    }),
    xml("a_foreign_signature_shows_the_trusted_certificate", EMBEDDED, INVALID, |scene| {
        shown(scene, &signature::certificate(scene.key))
    }),
    xml("a_foreign_signature_shows_nothing", EMBEDDED, OTHER, |scene| shown(scene, "")),
    xml("a_foreign_signature_shows_the_trusted_certificate_and_its_own", EMBEDDED, INVALID, |scene| {
        shown(scene, &both(scene.key, scene.other_key))
    }),
    xml("a_foreign_signature_shows_its_own_certificate_and_the_trusted", EMBEDDED, OTHER, |scene| {
        shown(scene, &both(scene.other_key, scene.key))
    }),
    xml("a_foreign_signature_shows_a_bare_key", EMBEDDED, OTHER, |scene| {
        shown(
            scene,
            "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>",
        )
    }),
    xml("a_foreign_signature_names_its_key", "", OTHER, |scene| {
        shown(scene, "<ds:KeyInfo><ds:KeyName>trusted</ds:KeyName></ds:KeyInfo>")
    }),
    xml("a_foreign_signature_says_where_to_fetch_its_key", "", OTHER, |scene| {
        shown(
            scene,
            r#"<ds:KeyInfo><ds:RetrievalMethod URI="http://169.254.169.254/key" Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate"></ds:RetrievalMethod></ds:KeyInfo>"#,
        )
    }),
    xml("a_foreign_signature_names_a_file_with_its_key", "", OTHER, |scene| {
        shown(
            scene,
            r#"<ds:KeyInfo><ds:RetrievalMethod URI="file:///etc/ssl/certs/ca-certificates.crt"></ds:RetrievalMethod></ds:KeyInfo>"#,
        )
    }),
    xml("a_foreign_signature_shows_a_certificate_that_is_none", "", OTHER, |scene| {
        shown(
            scene,
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>MIIB</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
        )
    }),
    xml("a_foreign_signature_shows_an_empty_certificate", "", OTHER, |scene| {
        shown(scene, "<ds:KeyInfo><ds:X509Data><ds:X509Certificate></ds:X509Certificate></ds:X509Data></ds:KeyInfo>")
    }),
    xml("the_certificate_is_the_secret_of_an_hmac", HMAC, &[SamlSignatureAlgorithm], |scene| {
        authenticated(
            scene,
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            hmac::HMAC_SHA256,
            scene.key.certificate(),
        )
    }),
    xml("the_public_key_is_the_secret_of_an_hmac", HMAC, &[SamlSignatureAlgorithm], |scene| {
        let secret = scene.key.public_key_info();
        authenticated(scene, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac::HMAC_SHA256, &secret)
    }),
    xml("the_public_key_is_the_secret_of_an_hmac_with_sha_1", HMAC, &[SamlSignatureAlgorithm], |scene| {
        let secret = scene.key.public_key_info();
        authenticated(
            scene,
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            &secret,
        )
    }),
    xml("an_hmac_has_no_secret", HMAC, &[SamlSignatureAlgorithm], |scene| {
        authenticated(scene, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512", hmac::HMAC_SHA512, b"")
    }),
];

/// The forged response, signed with the other key, which it explains like this.
fn shown(scene: &Scene<'_>, key_info: &str) -> String {
    let forged = scene.forged();
    let signed_info = Signature::over(&forged, "_forged-assertion").signed_info();
    let value = scene.other_key.sign(signature::signable(&signed_info).as_bytes());
    scene.around(&behind_issuer(&forged, &signature::whole(&signed_info, &value, key_info)))
}

fn both(first: &Key, second: &Key) -> String {
    let certificates = [first, second].map(Key::certificate_base64);
    let certificates = certificates.map(|text| format!("<ds:X509Certificate>{text}</ds:X509Certificate>")).concat();
    format!("<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>")
}

/// The forged response with a message authentication code that holds.
fn authenticated(scene: &Scene<'_>, method: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let forged = scene.forged();
    let mut signature = Signature::over(&forged, "_forged-assertion");
    signature.method = method.into();
    let signed_info = signature.signed_info();
    let code = hmac::sign(&hmac::Key::new(algorithm, secret), signature::signable(&signed_info).as_bytes());
    let key_info = signature::certificate(scene.key);
    scene.around(&behind_issuer(&forged, &signature::whole(&signed_info, code.as_ref(), &key_info)))
}
