//! Signature wrapping: something genuine is kept where the verifier looks, and something forged put where the reader looks.

use postern_core::fault::Code::{
    self, SamlAssertionCount, SamlSignatureForm, SamlSignatureOtherKey, SamlStructureForbidden,
};

use super::forge::{bare, before_end, behind_issuer, changed, signature_in, with_object};
use super::{Attack, Class, xml};
use crate::signature::{self, Signature};

pub(super) const CLASS: Class = Class {
    name: "Signature wrapping",
    idea: "A genuine signed element is moved to where the verifier finds it, and a forged one put where the reader looks. \
           Postern lets one assertion pass, in one place, with signatures that stand in what they cover, and reads only the \
           bytes that were digested.",
    attacks: ATTACKS,
};

const ELSEWHERE: &[Code] = &[SamlStructureForbidden];
const TWO: &[Code] = &[SamlAssertionCount];
const FORM: &[Code] = &[SamlSignatureForm];
const BREAKING: &str = "On Breaking SAML (2012), CVE-2025-47949";

const ATTACKS: &[Attack] = &[
    xml("xsw1_the_signed_response_stands_in_the_signature_of_a_forged_one", BREAKING, ELSEWHERE, |scene| {
        let genuine = scene.genuine_whole();
        let signature = changed(signature_in(&genuine), "</ds:Signature>", &(bare(&genuine) + "</ds:Signature>"));
        behind_issuer(&scene.forgery().unsigned(), &signature)
    }),
    xml("xsw2_the_signed_response_stands_before_its_signature_in_a_forged_one", BREAKING, ELSEWHERE, |scene| {
        let genuine = scene.genuine_whole();
        behind_issuer(&scene.forgery().unsigned(), &(bare(&genuine) + signature_in(&genuine)))
    }),
    xml("xsw3_a_forged_assertion_stands_before_the_signed_one", "CVE-2026-25922, CVE-2022-41912", TWO, |scene| {
        scene.around(&(scene.forged() + &scene.signed()))
    }),
    xml("xsw4_the_signed_assertion_stands_in_a_forged_one", BREAKING, ELSEWHERE, |scene| {
        scene.around(&before_end(&scene.forged(), &scene.signed()))
    }),
    xml("xsw5_a_forged_assertion_has_the_signature_of_the_genuine_one_behind_it", BREAKING, TWO, |scene| {
        let genuine = scene.signed();
        scene.around(&(behind_issuer(&scene.forged(), signature_in(&genuine)) + &bare(&genuine)))
    }),
    xml("xsw6_the_signed_assertion_stands_in_its_signature_in_a_forged_one", "CVE-2024-45409", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let signature = changed(signature_in(&genuine), "</ds:Signature>", &(bare(&genuine) + "</ds:Signature>"));
        scene.around(&behind_issuer(&scene.forged(), &signature))
    }),
    xml("xsw7_a_forged_assertion_stands_in_extensions", BREAKING, ELSEWHERE, |scene| {
        extended(&scene.genuine(), &scene.forged())
    }),
    xml("xsw8_the_signed_assertion_stands_in_an_object_of_its_signature", BREAKING, ELSEWHERE, |scene| {
        let genuine = scene.signed();
        scene.around(&behind_issuer(&scene.forged(), &with_object(signature_in(&genuine), &bare(&genuine))))
    }),
    xml("a_forged_assertion_stands_behind_the_signed_one", "CVE-2022-41912", TWO, |scene| {
        scene.around(&(scene.signed() + &scene.forged()))
    }),
    xml("a_forged_assertion_is_added_to_a_signed_response", "CVE-2024-8698", TWO, |scene| {
        changed(&scene.genuine_whole(), "</samlp:Status>", &format!("</samlp:Status>{}", scene.forged()))
    }),
    xml("two_assertions_are_signed_by_the_identity_provider", "", TWO, |scene| {
        let earlier = scene.earlier.signed_assertion(scene.key);
        scene.around(&(scene.signed() + super::forge::assertion_in(&earlier)))
    }),
    xml("an_encrypted_assertion_holds_the_forged_one_in_plain", "", ELSEWHERE, |scene| {
        let open = r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">"#;
        scene.around(&format!("{open}{}</saml:EncryptedAssertion>{}", scene.forged(), scene.signed()))
    }),
    xml("the_signed_assertion_hides_in_extensions", "OneUptime #2949 (2026)", ELSEWHERE, |scene| {
        extended(&scene.around(&scene.forged()), &scene.signed())
    }),
    xml("the_signed_assertion_hides_in_advice", "OneUptime #2949 (2026)", ELSEWHERE, |scene| {
        let advice = format!("</saml:Conditions><saml:Advice>{}</saml:Advice>", scene.signed());
        scene.around(&changed(&scene.forged(), "</saml:Conditions>", &advice))
    }),
    xml("the_signed_assertion_hides_in_status_detail", "OneUptime #2949 (2026)", ELSEWHERE, |scene| {
        let detail = format!("<samlp:StatusDetail>{}</samlp:StatusDetail></samlp:Status>", scene.signed());
        changed(&scene.around(&scene.forged()), "</samlp:Status>", &detail)
    }),
    xml("the_signed_assertion_hides_in_a_status_message", "", ELSEWHERE, |scene| {
        let message = format!("<samlp:StatusMessage>{}</samlp:StatusMessage></samlp:Status>", scene.signed());
        changed(&scene.around(&scene.forged()), "</samlp:Status>", &message)
    }),
    xml("the_signed_assertion_hides_in_key_info", "", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let key_info = format!("<ds:KeyInfo>{}", bare(&genuine));
        let signature = changed(signature_in(&genuine), "<ds:KeyInfo>", &key_info);
        scene.around(&behind_issuer(&scene.forged(), &signature))
    }),
    xml("the_signed_assertion_hides_in_the_signed_info", "", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let signature = changed(signature_in(&genuine), "</ds:SignedInfo>", &(bare(&genuine) + "</ds:SignedInfo>"));
        scene.around(&behind_issuer(&scene.forged(), &signature))
    }),
    xml("the_signed_assertion_hides_in_an_attribute_value", "", ELSEWHERE, |scene| {
        let value = format!("<saml:AttributeValue>{}", scene.signed());
        scene.around(&changed(&scene.forged(), "<saml:AttributeValue>", &value))
    }),
    xml("the_signed_assertion_hides_in_the_subject_confirmation", "", ELSEWHERE, |scene| {
        let data = "</saml:SubjectConfirmationData>";
        scene.around(&changed(&scene.forged(), data, &(scene.signed() + data)))
    }),
    xml("the_signed_assertion_hides_in_the_authentication_context", "", ELSEWHERE, |scene| {
        let declared = format!("<saml:AuthnContextDecl>{}</saml:AuthnContextDecl></saml:AuthnContext>", scene.signed());
        scene.around(&changed(&scene.forged(), "</saml:AuthnContext>", &declared))
    }),
    xml("the_signed_assertion_hides_in_an_element_of_another_namespace", "", ELSEWHERE, |scene| {
        let boxed = format!(r#"<x:Box xmlns:x="urn:example:box">{}</x:Box>"#, scene.signed());
        scene.around(&(scene.forged() + &boxed))
    }),
    xml("a_signed_response_stands_in_the_extensions_of_a_forged_one", "", ELSEWHERE, |scene| {
        extended(&scene.forgery().unsigned(), &scene.genuine_whole())
    }),
    xml("a_signed_response_stands_at_the_end_of_a_forged_one", "", ELSEWHERE, |scene| {
        before_end(&scene.forgery().unsigned(), &scene.genuine_whole())
    }),
    xml("a_forged_response_stands_in_an_object_of_the_signature", "", ELSEWHERE, |scene| {
        let genuine = scene.genuine();
        let signature = with_object(signature_in(&genuine), &scene.forgery().unsigned());
        changed(&genuine, signature_in(&genuine), &signature)
    }),
    xml("an_object_stands_in_the_signature", "XML Signature 4.5", FORM, |scene| {
        let genuine = scene.genuine();
        changed(&genuine, signature_in(&genuine), &with_object(signature_in(&genuine), "anything"))
    }),
    xml("the_signature_of_the_response_stands_in_a_forged_assertion", "CVE-2024-8698", FORM, |scene| {
        scene.around(&behind_issuer(&scene.forged(), signature_in(&scene.genuine_whole())))
    }),
    xml("the_signature_of_an_assertion_stands_in_the_response", "CVE-2024-8698", FORM, |scene| {
        behind_issuer(&scene.around(&scene.forged()), signature_in(&scene.signed()))
    }),
    xml("the_signature_of_an_earlier_assertion_stands_in_a_forged_one", "", FORM, |scene| {
        let earlier = scene.earlier.signed_assertion(scene.key);
        scene.around(&behind_issuer(&scene.forged(), signature_in(&earlier)))
    }),
    xml("the_signature_stands_behind_the_assertion", "", FORM, |scene| {
        let genuine = scene.signed();
        scene.around(&(bare(&genuine) + signature_in(&genuine)))
    }),
    xml("the_signature_stands_in_the_subject", "", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let subject = format!("<saml:Subject>{}", signature_in(&genuine));
        scene.around(&changed(&bare(&genuine), "<saml:Subject>", &subject))
    }),
    xml("the_signature_stands_before_the_issuer", "SAML Core 2.3.3", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let issuer = format!("{}<saml:Issuer>", signature_in(&genuine));
        scene.around(&changed(&bare(&genuine), "<saml:Issuer>", &issuer))
    }),
    xml("an_assertion_has_two_signatures", "", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        scene.around(&behind_issuer(&genuine, signature_in(&genuine)))
    }),
    xml("somebody_else_signs_the_response_around_a_signed_assertion", "", &[SamlSignatureOtherKey], |scene| {
        let genuine = scene.genuine();
        let signature = Signature::over(&genuine, &scene.answer().id).by(scene.other_key);
        behind_issuer(&genuine, &signature)
    }),
    xml("a_forged_signature_stands_behind_the_genuine_one", "", ELSEWHERE, |scene| {
        let genuine = scene.signed();
        let forged = Signature::over(&bare(&genuine), &scene.answer().assertion_id).by(scene.other_key);
        scene.around(&changed(&genuine, "</ds:Signature>", &format!("</ds:Signature>{forged}")))
    }),
    xml("the_signature_covers_the_subject_alone", "SAML Core 5.4.2", FORM, |scene| {
        let forged = changed(&scene.forged(), "<saml:Subject>", r#"<saml:Subject ID="_subject">"#);
        let subject = super::forge::piece(&forged, "<saml:Subject ", "</saml:Subject>");
        // Canonicalised on its own it carries the declaration that it has from the assertion.
        let declared = r#"<saml:Subject xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" "#;
        let canonical = changed(subject, "<saml:Subject ", declared);
        let signature = Signature::over(&canonical, "_subject");
        let signature =
            signature::Signature { transforms: signature::transform(signature::EXCLUSIVE, ""), ..signature };
        scene.around(&behind_issuer(&forged, &signature.by(scene.key)))
    }),
];

/// A response with this in its `Extensions` (SAML Core §3.2.2: between the issuer and the status).
fn extended(response: &str, content: &str) -> String {
    changed(response, "<samlp:Status>", &format!("<samlp:Extensions>{content}</samlp:Extensions><samlp:Status>"))
}
