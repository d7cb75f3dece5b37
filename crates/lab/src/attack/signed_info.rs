//! The two hashes of a signature: one over the element, and one over what holds the first.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use postern_core::fault::Code::{self, SamlDigestMismatch, SamlSignatureForm, SamlSignatureInvalid};

use super::forge::{behind_issuer, changed, piece, sign_as, sign_text};
use super::{Attack, Class, Scene, xml};
use crate::signature::{self, Signature};

pub(super) const CLASS: Class = Class {
    name: "Digests and signature values",
    idea: "A second SignedInfo or DigestValue is checked while the first is read, or a broken value counts as a good one. \
           Postern wants each element once, in its order, and takes any failure for a refusal.",
    attacks: ATTACKS,
};

const FORM: &[Code] = &[SamlSignatureForm];
const INVALID: &[Code] = &[SamlSignatureInvalid];
const MISMATCH: &[Code] = &[SamlDigestMismatch];
const TWO_INFOS: &str = "CVE-2025-29774";
const DIGEST: &str = "CVE-2025-29775";
const VOID: &str = "The Fragile Lock (2025), CVE-2025-66568";

const ATTACKS: &[Attack] = &[
    xml("a_second_signed_info_stands_behind_the_genuine_one", TWO_INFOS, FORM, |scene| {
        let forged = forged_info(scene);
        scene.tampered("</ds:SignedInfo>", &format!("</ds:SignedInfo>{forged}"))
    }),
    xml("a_second_signed_info_stands_before_the_genuine_one", TWO_INFOS, FORM, |scene| {
        let forged = forged_info(scene);
        scene.tampered("<ds:SignedInfo>", &format!("{forged}<ds:SignedInfo>"))
    }),
    xml("a_second_signed_info_stands_in_the_genuine_one", TWO_INFOS, FORM, |scene| {
        let forged = forged_info(scene);
        scene.tampered("</ds:SignedInfo>", &format!("{forged}</ds:SignedInfo>"))
    }),
    xml("a_second_signed_info_stands_in_an_object", TWO_INFOS, FORM, |scene| {
        let forged = forged_info(scene);
        scene.tampered("</ds:Signature>", &format!("<ds:Object>{forged}</ds:Object></ds:Signature>"))
    }),
    xml("a_second_digest_stands_behind_the_genuine_one", DIGEST, FORM, |scene| {
        scene.tampered("</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue>")
    }),
    xml("a_second_digest_stands_before_the_genuine_one", DIGEST, FORM, |scene| {
        scene.tampered("<ds:DigestValue>", "<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>")
    }),
    xml("a_digest_stands_in_the_digest", DIGEST, FORM, |scene| {
        scene.tampered("<ds:DigestValue>", "<ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue>")
    }),
    xml("a_second_signature_value_stands_behind_the_genuine_one", "", FORM, |scene| {
        scene.tampered("</ds:SignatureValue>", "</ds:SignatureValue><ds:SignatureValue>AAAA</ds:SignatureValue>")
    }),
    xml("the_signature_value_stands_first", "XML Signature 4.2", FORM, |scene| {
        let genuine = scene.genuine();
        let value = piece(&genuine, "<ds:SignatureValue>", "</ds:SignatureValue>");
        changed(&changed(&genuine, value, ""), "<ds:SignedInfo>", &format!("{value}<ds:SignedInfo>"))
    }),
    xml("the_method_stands_before_the_canonicalisation", "XML Signature 4.4", FORM, |scene| {
        let signed_info = Signature::over(&scene.forged(), "_forged-assertion").signed_info();
        let method = piece(&signed_info, "<ds:SignatureMethod ", "</ds:SignatureMethod>").to_owned();
        let info = changed(&changed(&signed_info, &method, ""), "<ds:SignedInfo>", &format!("<ds:SignedInfo>{method}"));
        let value = scene.key.sign(signature::signable(&info).as_bytes());
        let signature = signature::whole(&info, &value, &signature::certificate(scene.key));
        scene.around(&behind_issuer(&scene.forged(), &signature))
    }),
    xml("text_stands_in_the_signed_info", "", FORM, |scene| {
        scene.around(&sign_text(&scene.forged(), scene.key, "<ds:Reference ", "text<ds:Reference "))
    }),
    xml("an_unknown_element_stands_in_the_signature", "", FORM, |scene| {
        scene.tampered("<ds:SignatureValue>", "<ds:Extra></ds:Extra><ds:SignatureValue>")
    }),
    xml("the_digest_is_of_nothing", VOID, MISMATCH, |scene| {
        let nothing = BASE64.encode(digest(&SHA256, b"").as_ref());
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.digest_value = nothing))
    }),
    xml("the_digest_is_empty", VOID, MISMATCH, |scene| {
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.digest_value.clear()))
    }),
    xml("the_digest_is_cut_off", "", MISMATCH, |scene| {
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| {
            let octets = BASE64.decode(signature.digest_value.as_bytes()).unwrap_or_default();
            signature.digest_value = BASE64.encode(&octets[..16]);
        }))
    }),
    xml("the_digest_is_longer", "", MISMATCH, |scene| {
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| {
            let octets = BASE64.decode(signature.digest_value.as_bytes()).unwrap_or_default();
            signature.digest_value = BASE64.encode(&[&octets[..], &[0]].concat());
        }))
    }),
    xml("the_digest_is_of_another_assertion", "", MISMATCH, |scene| {
        let other = Signature::over(&scene.forged(), "_forged-assertion").digest_value;
        let genuine = super::forge::bare(&scene.signed());
        scene.around(&sign_as(&genuine, scene.key, |signature| signature.digest_value = other))
    }),
    xml("the_digest_is_no_base64", "", FORM, |scene| {
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.digest_value = "!".repeat(44)))
    }),
    xml("the_digest_is_in_hexadecimal", "", &[SamlSignatureForm, SamlDigestMismatch], |scene| {
        let hex = data_encoding::HEXLOWER.encode(digest(&SHA256, scene.forged().as_bytes()).as_ref());
        scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.digest_value = hex))
    }),
    xml("the_digest_was_exchanged_for_that_of_a_forged_assertion", TWO_INFOS, INVALID, |scene| {
        let mut forgery = scene.forgery();
        forgery.assertion_id = scene.answer().assertion_id;
        let forgery = forgery.unsigned();
        let forged = super::forge::assertion_in(&forgery);
        let genuine = scene.signed();
        let digest_value = Signature::over(forged, &scene.answer().assertion_id).digest_value;
        let signature = super::forge::signature_in(&genuine).to_owned();
        let old = piece(&signature, "<ds:DigestValue>", "</ds:DigestValue>").to_owned();
        let new = format!("<ds:DigestValue>{digest_value}</ds:DigestValue>");
        scene.around(&behind_issuer(forged, &changed(&signature, &old, &new)))
    }),
    xml("white_space_was_added_to_the_signed_info", "", INVALID, |scene| {
        scene.tampered("<ds:SignedInfo>", "<ds:SignedInfo> ")
    }),
    xml("an_attribute_was_added_to_the_signed_info", "", INVALID, |scene| {
        scene.tampered("<ds:SignedInfo>", r#"<ds:SignedInfo Id="_info">"#)
    }),
    xml("the_first_bit_of_the_signature_is_another", "", INVALID, |scene| with_value(scene, |value| value[0] ^= 0x80)),
    xml("the_last_bit_of_the_signature_is_another", "", INVALID, |scene| with_value(scene, |value| value[255] ^= 1)),
    xml("a_bit_amid_the_signature_is_another", "", INVALID, |scene| with_value(scene, |value| value[128] ^= 0x10)),
    xml("the_signature_is_cut_off", "", INVALID, |scene| with_value(scene, |value| value.truncate(128))),
    xml("the_signature_lacks_an_octet", "", INVALID, |scene| with_value(scene, |value| value.truncate(255))),
    xml("the_signature_has_an_octet_more", "", INVALID, |scene| with_value(scene, |value| value.push(0))),
    xml("the_signature_has_a_zero_before_it", "", INVALID, |scene| with_value(scene, |value| value.insert(0, 0))),
    xml("the_signature_is_zero", "CVE-2022-21449, of ECDSA", INVALID, |scene| with_value(scene, |value| value.fill(0))),
    xml("the_signature_is_one", "CVE-2022-21449, of ECDSA", INVALID, |scene| {
        with_value(scene, |value| {
            value.fill(0);
            value[255] = 1;
        })
    }),
    xml("the_signature_is_larger_than_the_modulus", "", INVALID, |scene| with_value(scene, |value| value.fill(0xff))),
    xml("the_signature_is_a_bare_digest", "", INVALID, |scene| {
        with_value(scene, |value| *value = digest(&SHA256, b"SignedInfo").as_ref().to_vec())
    }),
    xml("the_signature_is_that_of_the_response", "CVE-2024-8698", INVALID, |scene| {
        let other = scene.genuine_whole();
        let other = piece(&other, "<ds:SignatureValue>", "</ds:SignatureValue>");
        let genuine = scene.genuine();
        changed(&genuine, piece(&genuine, "<ds:SignatureValue>", "</ds:SignatureValue>"), other)
    }),
    xml("the_signature_is_a_hundred_kilobytes_long", "", INVALID, |scene| {
        with_value(scene, |value| value.resize(100_000, 7))
    }),
    xml("the_signature_value_is_no_base64", "", FORM, |scene| {
        let genuine = scene.genuine();
        let value = piece(&genuine, "<ds:SignatureValue>", "</ds:SignatureValue>");
        changed(&genuine, value, "<ds:SignatureValue>not base64!</ds:SignatureValue>")
    }),
    xml("the_signature_value_holds_an_element", "", FORM, |scene| {
        scene.tampered("<ds:SignatureValue>", "<ds:SignatureValue><ds:Part></ds:Part>")
    }),
    xml("the_reference_was_led_to_a_forged_assertion", TWO_INFOS, INVALID, |scene| {
        let genuine = scene.signed();
        let signature = super::forge::signature_in(&genuine);
        let (old, new) = (format!("#{}", scene.answer().assertion_id), "#_forged-assertion");
        scene.around(&behind_issuer(&scene.forged(), &changed(signature, &old, new)))
    }),
];

/// A SignedInfo over the forged assertion, which nobody signed, under the genuine one's ID.
fn forged_info(scene: &Scene<'_>) -> String {
    Signature::over(&scene.forged(), &scene.answer().assertion_id).signed_info()
}

/// The good response with another signature value.
fn with_value(scene: &Scene<'_>, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let genuine = scene.genuine();
    let (before, rest) = genuine.split_once("<ds:SignatureValue>").unwrap_or_default();
    let (value, after) = rest.split_once("</ds:SignatureValue>").unwrap_or_default();
    let mut value = BASE64.decode(value.as_bytes()).unwrap_or_default();
    change(&mut value);
    format!("{before}<ds:SignatureValue>{}</ds:SignatureValue>{after}", BASE64.encode(&value))
}
