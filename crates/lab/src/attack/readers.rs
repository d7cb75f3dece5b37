//! Names and namespaces that two readers understand differently.

use postern_core::fault::Code::{
    self, SamlDigestMismatch, SamlNotResponse, SamlNotWellFormed, SamlStructureForbidden, SamlUnsigned,
};

use super::forge::{changed, piece};
use super::{Attack, Class, xml};

pub(super) const CLASS: Class = Class {
    name: "Names and namespaces",
    idea: "One reader goes by the local name, another by the prefix, a third by both; one takes the first of two attributes, \
           another the last; canonicalisation fails or yields nothing where a namespace is odd. Postern parses once, with \
           namespaces, refuses what the specifications leave open, and reads again only what was digested.",
    attacks: ATTACKS,
};

const AMBIGUOUS: &[Code] = &[SamlStructureForbidden];
const BROKEN: &[Code] = &[SamlNotWellFormed];
const VOID: &str = "The Fragile Lock (2025), CVE-2025-66568";
const DIFFERENTIAL: &str = "CVE-2025-25291, CVE-2025-25292, CVE-2025-66567";
const BLIND: &str = "GO-2026-6909";

const ATTACKS: &[Attack] = &[
    xml("a_relative_namespace_stands_on_the_response", VOID, AMBIGUOUS, |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response xmlns:void="1" "#)
    }),
    xml("a_relative_namespace_stands_on_the_assertion", VOID, AMBIGUOUS, |scene| {
        scene.tampered("<saml:Assertion ", r#"<saml:Assertion xmlns:void="1" "#)
    }),
    xml("a_relative_namespace_stands_on_the_signature", VOID, AMBIGUOUS, |scene| {
        scene.tampered("<ds:Signature ", r#"<ds:Signature xmlns:void="../void" "#)
    }),
    xml("the_default_namespace_is_relative", VOID, AMBIGUOUS, |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response xmlns="void" "#)
    }),
    xml("a_prefix_is_undeclared_by_an_empty_namespace", "Namespaces in XML 2.2", AMBIGUOUS, |scene| {
        scene.tampered("<saml:Assertion ", r#"<saml:Assertion xmlns:void="" "#)
    }),
    xml("a_prefix_of_an_element_is_not_declared", "", BROKEN, |scene| {
        scene.tampered("<samlp:Status>", "<void:X></void:X><samlp:Status>")
    }),
    xml("a_prefix_of_an_attribute_is_not_declared", "", BROKEN, |scene| {
        scene.tampered("<samlp:Status>", r#"<samlp:Status void:x="1">"#)
    }),
    xml("the_prefix_xml_is_declared_anew", "", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response xmlns:xml="urn:example:xml" "#)
    }),
    xml("the_prefix_xmlns_is_declared", "", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response xmlns:xmlns="urn:example:xmlns" "#)
    }),
    xml("another_prefix_has_the_namespace_of_xml", "", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response xmlns:x="http://www.w3.org/XML/1998/namespace" "#)
    }),
    xml("an_attribute_with_a_prefix_is_called_xmlns", DIFFERENTIAL, AMBIGUOUS, |scene| {
        scene.tampered("<saml:Assertion ", r#"<saml:Assertion saml:xmlns="urn:example:other" "#)
    }),
    xml(
        "two_default_namespaces_stand_on_an_element",
        DIFFERENTIAL,
        &[SamlNotWellFormed, SamlStructureForbidden],
        |scene| scene.tampered("<saml:Assertion ", r#"<saml:Assertion xmlns="urn:example:a" xmlns="urn:example:b" "#),
    ),
    xml("an_attribute_stands_twice", DIFFERENTIAL, BROKEN, |scene| {
        scene.tampered("<samlp:Response ", r#"<samlp:Response Version="2.0" "#)
    }),
    xml("an_attribute_stands_twice_under_two_prefixes", DIFFERENTIAL, BROKEN, |scene| {
        let twice = r#"<samlp:Response xmlns:a="urn:example:a" xmlns:b="urn:example:a" a:x="1" b:x="2" "#;
        scene.tampered("<samlp:Response ", twice)
    }),
    xml("a_name_has_two_colons", "Namespaces in XML 4", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Status>", "<samlp:a:b></samlp:a:b><samlp:Status>")
    }),
    xml("a_name_begins_with_a_colon", "Namespaces in XML 4", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Status>", "<:b></:b><samlp:Status>")
    }),
    xml("an_attributes_name_has_two_colons", "", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        scene.tampered("<samlp:Status>", r#"<samlp:Status samlp:a:b="x">"#)
    }),
    xml("a_name_is_longer_than_a_parser_keeps", "", &[SamlNotWellFormed, SamlStructureForbidden], |scene| {
        let name = format!("{}Status", "x".repeat(70_000));
        scene.tampered("<samlp:Status>", &format!("<samlp:{name}></samlp:{name}><samlp:Status>"))
    }),
    xml("a_name_id_of_another_namespace_stands_first", BLIND, AMBIGUOUS, |scene| {
        scene.writes("<saml:NameID", r#"<x:NameID xmlns:x="urn:example:x">u-0001</x:NameID><saml:NameID"#)
    }),
    xml("a_name_id_has_no_namespace", BLIND, AMBIGUOUS, |scene| {
        let assertion = scene.forged();
        let name = piece(&assertion, "<saml:NameID", "</saml:NameID>").to_owned();
        let plain = name.replace("saml:NameID", "NameID");
        scene.writes("<saml:Subject>", &format!("<saml:Subject>{plain}"))
    }),
    xml("an_issuer_of_another_namespace_stands_first", BLIND, AMBIGUOUS, |scene| {
        let issuer = format!(r#"<x:Issuer xmlns:x="urn:example:x">{}</x:Issuer><saml:Issuer>"#, scene.idp);
        scene.writes("<saml:Issuer>", &issuer)
    }),
    xml("conditions_of_another_namespace_stand_first", BLIND, AMBIGUOUS, |scene| {
        scene.writes("<saml:Conditions", r#"<x:Conditions xmlns:x="urn:example:x"></x:Conditions><saml:Conditions"#)
    }),
    xml("attributes_of_another_namespace_stand_first", BLIND, AMBIGUOUS, |scene| {
        let statement = r#"<AttributeStatement xmlns="urn:oasis:names:tc:SAML:1.0:assertion"></AttributeStatement>"#;
        scene.writes("<saml:AttributeStatement>", &format!("{statement}<saml:AttributeStatement>"))
    }),
    xml("an_assertion_of_another_namespace_stands_first", BLIND, AMBIGUOUS, |scene| {
        let forged = scene.forged().replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:example:assertion");
        scene.around(&(forged + &scene.signed()))
    }),
    xml("an_assertion_of_saml_1_stands_beside", BLIND, AMBIGUOUS, |scene| {
        let forged = r#"<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion" MajorVersion="1"></Assertion>"#;
        scene.around(&(forged.to_owned() + &scene.signed()))
    }),
    xml("a_signed_info_of_another_namespace_stands_first", BLIND, AMBIGUOUS, |scene| {
        scene.tampered("<ds:SignedInfo>", r#"<x:SignedInfo xmlns:x="urn:example:x"></x:SignedInfo><ds:SignedInfo>"#)
    }),
    xml("a_digest_of_another_namespace_stands_first", BLIND, AMBIGUOUS, |scene| {
        let digest = r#"<x:DigestValue xmlns:x="urn:example:x">AAAA</x:DigestValue><ds:DigestValue>"#;
        scene.tampered("<ds:DigestValue>", digest)
    }),
    xml("the_assertion_has_the_namespace_of_the_protocol", "", AMBIGUOUS, |scene| {
        let signed =
            scene.signed().replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol");
        scene.around(&signed)
    }),
    xml("the_namespace_is_written_in_other_letters", "", &[SamlNotResponse], |scene| {
        scene.tampered("urn:oasis:names:tc:SAML:2.0:protocol", "urn:OASIS:names:tc:SAML:2.0:protocol")
    }),
    xml("the_namespace_has_a_slash_more", "", AMBIGUOUS, |scene| {
        scene.tampered(
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion""#,
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion/""#,
        )
    }),
    xml(
        "the_prefix_means_something_else_inside",
        DIFFERENTIAL,
        &[SamlDigestMismatch, SamlStructureForbidden],
        |scene| scene.tampered("<saml:NameID", r#"<saml:NameID xmlns:saml="urn:example:other""#),
    ),
    xml("the_response_has_no_namespace", "", &[SamlNotResponse], |scene| {
        let genuine = scene.genuine().replace("samlp:", "");
        changed(&genuine, r#" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol""#, "")
    }),
    xml("a_response_of_saml_1_arrives", "", &[SamlNotResponse], |scene| {
        scene.tampered("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.0:protocol")
    }),
    xml("an_assertion_arrives_alone", "", &[SamlNotResponse], |scene| scene.signed()),
    xml("an_envelope_of_soap_stands_around", "", &[SamlNotResponse], |scene| {
        let open = r#"<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>"#;
        format!("{open}{}</S:Body></S:Envelope>", scene.genuine())
    }),
    xml("a_logout_response_arrives", "", &[SamlNotResponse], |scene| {
        scene.genuine_whole().replace("samlp:Response", "samlp:LogoutResponse")
    }),
    xml("a_request_arrives", "", &[SamlNotResponse], |scene| {
        scene.genuine().replace("samlp:Response", "samlp:AuthnRequest")
    }),
    xml("metadata_arrive", "", &[SamlNotResponse], |scene| {
        crate::metadata::metadata(scene.idp, "https://idp.example.com/sso", scene.key)
    }),
    xml("the_response_is_written_in_small_letters", "", &[SamlNotResponse], |scene| {
        scene.genuine().replace("samlp:Response", "samlp:response")
    }),
    xml("the_signature_has_another_case", "", &[SamlUnsigned], |scene| {
        scene.genuine().replace("ds:Signature>", "ds:signature>").replace("<ds:Signature ", "<ds:signature ")
    }),
    xml("two_documents_stand_one_behind_the_other", DIFFERENTIAL, BROKEN, |scene| {
        scene.genuine() + &scene.forgery().unsigned()
    }),
    xml("text_stands_before_the_response", "", BROKEN, |scene| format!("x{}", scene.genuine())),
    xml("text_stands_behind_the_response", "", BROKEN, |scene| format!("{}x", scene.genuine())),
    xml("the_response_is_cut_off", "", BROKEN, |scene| {
        let genuine = scene.genuine();
        genuine[..genuine.len() / 2].to_owned()
    }),
    xml("an_element_is_not_closed", "", BROKEN, |scene| scene.tampered("</saml:Subject>", "")),
    xml("elements_are_closed_crosswise", "", BROKEN, |scene| scene.tampered("</saml:NameID>", "</saml:NameId>")),
    xml("an_attribute_has_no_quotes", "", BROKEN, |scene| scene.tampered(r#"Version="2.0""#, "Version=2.0")),
    xml("an_attribute_holds_a_tag", "", BROKEN, |scene| {
        scene.tampered("<samlp:Status>", r#"<samlp:Status x="<saml:Assertion>">"#)
    }),
    xml("character_data_ends_without_a_beginning", "XML 2.4", BROKEN, |scene| {
        scene.tampered("</samlp:StatusCode>", "]]></samlp:StatusCode>")
    }),
    xml("the_document_holds_nothing_but_a_declaration", "", BROKEN, |_| {
        String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#)
    }),
];
