//! No signature, or something that only looks like one.

use postern_core::fault::Code::{
    self, SamlCommentOrInstruction, SamlSignatureForm, SamlSignatureInvalid, SamlStructureForbidden, SamlUnsigned,
};

use super::forge::{bare, behind_issuer, changed, piece, signature_in};
use super::{Attack, Class, Scene, xml};
use crate::signature::DS;

pub(super) const CLASS: Class = Class {
    name: "Missing signatures",
    idea: "The signature is left out, or replaced by something that is none. Postern has no setting under which an unsigned \
           assertion is read, and no connection without a key.",
    attacks: ATTACKS,
};

const UNSIGNED: &[Code] = &[SamlUnsigned];
const FORM: &[Code] = &[SamlSignatureForm];

const ATTACKS: &[Attack] = &[
    xml("nothing_is_signed", "CVE-2026-28323, CVE-2026-89042", UNSIGNED, |scene| scene.answer().unsigned()),
    xml("nothing_is_signed_and_the_person_is_another", "CVE-2026-28323", UNSIGNED, |scene| scene.forgery().unsigned()),
    xml("the_signature_was_removed_and_the_person_changed", "CVE-2026-89042", UNSIGNED, |scene| {
        let genuine = scene.genuine_whole();
        changed(&bare(&genuine), "u-1001", "u-1002")
    }),
    xml("the_signature_is_an_empty_element", "", FORM, |scene| signed_with(scene, "")),
    xml("the_signature_holds_a_certificate_alone", "CVE-2026-18089", FORM, |scene| {
        signed_with(scene, &crate::signature::certificate(scene.key))
    }),
    xml("the_signature_has_no_signed_info", "", FORM, |scene| {
        let genuine = scene.genuine();
        changed(&genuine, piece(&genuine, "<ds:SignedInfo>", "</ds:SignedInfo>"), "")
    }),
    xml("the_signature_has_no_value", "", FORM, |scene| {
        let genuine = scene.genuine();
        changed(&genuine, piece(&genuine, "<ds:SignatureValue>", "</ds:SignatureValue>"), "")
    }),
    xml("the_signature_value_is_empty", "", &[SamlSignatureInvalid], |scene| {
        let genuine = scene.genuine();
        let value = piece(&genuine, "<ds:SignatureValue>", "</ds:SignatureValue>");
        changed(&genuine, value, "<ds:SignatureValue></ds:SignatureValue>")
    }),
    xml("the_signed_info_is_empty", "", FORM, |scene| {
        let genuine = scene.genuine();
        let signed_info = piece(&genuine, "<ds:SignedInfo>", "</ds:SignedInfo>");
        changed(&genuine, signed_info, "<ds:SignedInfo></ds:SignedInfo>")
    }),
    xml("the_signature_is_of_another_namespace", "GO-2026-6909", &[SamlStructureForbidden], |scene| {
        scene.tampered(DS, "urn:example:signature")
    }),
    xml("the_signature_is_a_comment", "", &[SamlCommentOrInstruction], |scene| {
        let genuine = scene.genuine();
        let signature = signature_in(&genuine);
        changed(&genuine, signature, &format!("<!--{signature}-->"))
    }),
    xml("the_signature_is_character_data", "", UNSIGNED, |scene| {
        let genuine = scene.genuine();
        let signature = signature_in(&genuine);
        changed(&genuine, signature, &format!("<![CDATA[{signature}]]>"))
    }),
    xml("the_signature_is_escaped", "", UNSIGNED, |scene| {
        let genuine = scene.genuine();
        let signature = signature_in(&genuine);
        changed(&genuine, signature, &signature.replace('<', "&lt;"))
    }),
    xml("the_signature_is_an_attribute_value", "", UNSIGNED, |scene| {
        let genuine = scene.genuine();
        let escaped = signature_in(&genuine).replace('<', "&lt;").replace('"', "&quot;");
        changed(&bare(&genuine), " Version=", &format!(r#" Signature="{escaped}" Version="#))
    }),
    xml("the_signature_stands_in_the_status", "", &[SamlStructureForbidden], |scene| {
        let genuine = scene.genuine_whole();
        let status = format!("{}</samlp:Status>", signature_in(&genuine));
        changed(&bare(&genuine), "</samlp:Status>", &status)
    }),
];

/// The good response with a signature of this content.
fn signed_with(scene: &Scene<'_>, content: &str) -> String {
    let unsigned = scene.answer().unsigned();
    behind_issuer(&unsigned, &format!(r#"<ds:Signature xmlns:ds="{DS}">{content}</ds:Signature>"#))
}
