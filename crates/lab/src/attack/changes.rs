//! Genuine responses, changed on their way through the browser.

use postern_core::fault::Code::{self, SamlDigestMismatch, SamlSignatureInvalid};

use super::forge::{bare, changed, piece};
use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Changes in transit",
    idea: "Whoever signs in holds the response for a moment and can change what is to his liking. The digest covers all of \
           the signed element.",
    attacks: ATTACKS,
};

const CHANGED: &[Code] = &[SamlDigestMismatch];

const ATTACKS: &[Attack] = &[
    xml("the_person_is_another", "", CHANGED, |scene| scene.tampered(">u-1001<", ">u-1002<")),
    xml("the_email_is_another", "", CHANGED, |scene| scene.tampered("alice@example.com", "admin@example.com")),
    xml("an_attribute_was_added", "", CHANGED, |scene| {
        let admin = r#"<saml:Attribute Name="roles"><saml:AttributeValue>admin</saml:AttributeValue></saml:Attribute>"#;
        scene.tampered("</saml:AttributeStatement>", &format!("{admin}</saml:AttributeStatement>"))
    }),
    xml("a_value_was_added", "", CHANGED, |scene| {
        let value = "<saml:AttributeValue>engineering</saml:AttributeValue>";
        scene.tampered(value, &format!("{value}<saml:AttributeValue>administrators</saml:AttributeValue>"))
    }),
    xml("an_attribute_was_taken_out", "", CHANGED, |scene| {
        let genuine = scene.genuine();
        changed(&genuine, piece(&genuine, "<saml:AttributeStatement>", "</saml:AttributeStatement>"), "")
    }),
    xml("an_attribute_was_renamed", "", CHANGED, |scene| scene.tampered(r#"Name="firstName""#, r#"Name="groups""#)),
    xml("a_second_name_was_added", "", CHANGED, |scene| {
        scene.tampered("<saml:Subject>", "<saml:Subject><saml:NameID>u-0001</saml:NameID>")
    }),
    xml("the_format_of_the_name_is_another", "", CHANGED, |scene| {
        scene.tampered("nameid-format:persistent", "nameid-format:transient")
    }),
    xml("the_audience_was_replaced", "", CHANGED, |scene| {
        let signed = scene.says(|response| response.audiences = vec!["https://other.example.com".into()]);
        changed(&signed, "https://other.example.com", scene.sp)
    }),
    xml("the_recipient_was_replaced", "", CHANGED, |scene| {
        let signed = scene.says(|response| response.recipient = Some("https://other.example.com/acs".into()));
        changed(&signed, "https://other.example.com/acs", scene.acs)
    }),
    xml("the_lifetime_was_prolonged", "", CHANGED, |scene| {
        let signed = scene.says(|response| response.not_on_or_after = Some("2001-01-01T00:00:00Z".into()));
        changed(&signed, "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z")
    }),
    xml("the_request_was_replaced", "CVE-2026-53425", CHANGED, |scene| {
        let signed = scene.says(|response| response.confirmation_in_response_to = Some("_another-request".into()));
        changed(&signed, "_another-request", scene.request_id)
    }),
    xml("an_empty_element_was_added", "", CHANGED, |scene| {
        scene.tampered("</saml:Assertion>", "<saml:Advice></saml:Advice></saml:Assertion>")
    }),
    xml("an_empty_text_became_white_space", "", CHANGED, |scene| scene.tampered("<saml:Subject>", "<saml:Subject>\n")),
    xml("a_namespace_was_added_to_the_name", "", CHANGED, |scene| {
        scene.tampered("<saml:NameID ", r#"<saml:NameID xmlns:x="urn:example:x" x:y="" "#)
    }),
    xml("the_order_of_elements_was_changed", "", CHANGED, |scene| {
        let genuine = scene.genuine();
        let subject = piece(&genuine, "<saml:Subject>", "</saml:Subject>");
        changed(&changed(&genuine, subject, ""), "</saml:Assertion>", &format!("{subject}</saml:Assertion>"))
    }),
    xml("the_assertion_of_a_signed_response_was_replaced", "", CHANGED, |scene| {
        let genuine = scene.genuine_whole();
        changed(&genuine, super::forge::assertion_in(&genuine), &scene.forged())
    }),
    xml("the_destination_of_a_signed_response_was_replaced", "", CHANGED, |scene| {
        let signed = scene.says_whole(|response| response.destination = Some("https://other.example.com/acs".into()));
        changed(&signed, "https://other.example.com/acs", scene.acs)
    }),
    xml("the_status_of_a_signed_refusal_was_replaced", "", CHANGED, |scene| {
        let refusal = "urn:oasis:names:tc:SAML:2.0:status:Responder";
        let signed = scene.says_whole(|response| response.status = vec![refusal.into()]);
        changed(&signed, refusal, crate::response::SUCCESS)
    }),
    xml("the_issuer_of_a_signed_response_was_taken_out", "", &[Code::SamlStructureForbidden], |scene| {
        let genuine = scene.genuine_whole();
        changed(&genuine, piece(&genuine, "<saml:Issuer xmlns", "</saml:Issuer><ds:Signature"), "<ds:Signature")
    }),
    xml("the_response_was_changed_and_both_are_signed", "CVE-2024-8698", CHANGED, |scene| {
        let both = scene.answer().signed_both(scene.key);
        changed(&both, "IssueInstant", "Consent=\"urn:example:forged\" IssueInstant")
    }),
    xml("the_assertion_was_changed_and_both_are_signed", "CVE-2024-8698", CHANGED, |scene| {
        changed(&scene.answer().signed_both(scene.key), ">u-1001<", ">u-1002<")
    }),
    xml("the_signature_of_the_assertion_was_taken_out_of_a_signed_response", "CVE-2024-8698", CHANGED, |scene| {
        let both = scene.answer().signed_both(scene.key);
        let inner = super::forge::assertion_in(&both);
        changed(&both, inner, &bare(inner))
    }),
    xml(
        "the_signature_of_the_assertion_was_broken_in_a_signed_response",
        "CVE-2024-8698",
        &[SamlDigestMismatch, SamlSignatureInvalid],
        |scene| {
            let assertion = changed(&scene.signed(), "<ds:DigestValue>", "<ds:DigestValue>AAAA");
            super::forge::sign(&scene.around(&assertion), scene.key)
        },
    ),
    xml("an_old_signature_stands_under_a_new_request", "CVE-2026-53425", CHANGED, renewed),
];

/// The earlier answer with the request of this login.
fn renewed(scene: &Scene<'_>) -> String {
    let earlier = scene.earlier.signed_assertion(scene.key);
    let request = scene.earlier.in_response_to.clone().unwrap_or_default();
    earlier.replace(&request, scene.request_id)
}
