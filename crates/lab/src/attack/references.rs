//! References and transforms: XML Signature as the language in which a signature says what it covers.

use postern_core::fault::Code::{self, SamlSignatureForm};

use super::forge::{changed, sign, sign_as, sign_text};
use super::{Attack, Class, Scene, xml};
use crate::signature::{ENVELOPED, EXCLUSIVE, Signature, transform};

pub(super) const CLASS: Class = Class {
    name: "References and transforms",
    idea: "A signature can cover other documents, files, parts chosen by XPath, or the output of a program, and verifiers \
           have fetched and run what they were told. Postern understands one sentence: this signature covers its parent, \
           without itself.",
    attacks: ATTACKS,
};

const FORM: &[Code] = &[SamlSignatureForm];
const CORE: &str = "SAML Core 5.4.2";
const PRACTICE: &str = "XML Signature Best Practices";
const TRANSFORMS: &str = "SAML Core 5.4.4";

const ATTACKS: &[Attack] = &[
    xml("two_references_stand_in_the_signature", CORE, FORM, |scene| {
        let forged = scene.forged();
        let whole = Signature::over(&forged, "_forged-assertion").signed_info();
        let reference = super::forge::piece(&whole, "<ds:Reference ", "</ds:Reference>").to_owned();
        scene.around(&sign_text(&forged, scene.key, "</ds:Reference>", &format!("</ds:Reference>{reference}")))
    }),
    xml("the_second_reference_is_the_genuine_one", CORE, FORM, |scene| {
        let other = Signature::over("", "_other").signed_info();
        let other = super::forge::piece(&other, "<ds:Reference ", "</ds:Reference>").to_owned();
        scene.around(&sign_text(&scene.forged(), scene.key, "<ds:Reference ", &format!("{other}<ds:Reference ")))
    }),
    xml("no_reference_stands_in_the_signature", CORE, FORM, |scene| {
        let signed_info = Signature::over(&scene.forged(), "_forged-assertion").signed_info();
        let reference = super::forge::piece(&signed_info, "<ds:Reference ", "</ds:Reference>").to_owned();
        rewritten(scene, &reference, "")
    }),
    xml("a_thousand_references_stand_in_the_signature", PRACTICE, FORM, |scene| {
        let signed_info = Signature::over(&scene.forged(), "_forged-assertion").signed_info();
        let reference = super::forge::piece(&signed_info, "<ds:Reference ", "</ds:Reference>").to_owned();
        rewritten(scene, &reference, &reference.repeat(1000))
    }),
    xml("the_reference_is_empty_and_the_assertion_signed", CORE, FORM, |scene| referring(scene, "")),
    xml("the_reference_is_empty_and_the_response_signed", CORE, FORM, |scene| {
        sign_as(&scene.forgery().unsigned(), scene.key, |signature| signature.uri.clear())
    }),
    xml("the_reference_has_no_address", CORE, FORM, |scene| rewritten(scene, r##" URI="#_forged-assertion""##, "")),
    xml("the_reference_is_a_bare_hash", CORE, FORM, |scene| referring(scene, "#")),
    xml("the_reference_names_the_response", CORE, FORM, |scene| referring(scene, &format!("#{}", scene.answer().id))),
    xml("the_reference_names_nothing_that_is_there", CORE, FORM, |scene| referring(scene, "#_nowhere")),
    xml("the_reference_names_a_web_page", PRACTICE, FORM, |scene| {
        referring(scene, "https://attacker.example/signed.xml")
    }),
    xml("the_reference_names_an_inner_address", PRACTICE, FORM, |scene| {
        referring(scene, "http://169.254.169.254/latest/meta-data/")
    }),
    xml("the_reference_names_a_file", PRACTICE, FORM, |scene| referring(scene, "file:///etc/hostname")),
    xml("the_reference_names_a_part_of_a_mail", "", FORM, |scene| referring(scene, "cid:assertion@example.com")),
    xml("the_reference_points_at_the_root", CORE, FORM, |scene| referring(scene, "#xpointer(/)")),
    xml("the_reference_points_at_an_id", CORE, FORM, |scene| referring(scene, "#xpointer(id('_forged-assertion'))")),
    xml("the_reference_is_escaped", "", FORM, |scene| referring(scene, "#%5Fforged-assertion")),
    xml("the_reference_has_a_space_behind_it", "", FORM, |scene| referring(scene, "#_forged-assertion ")),
    xml("the_reference_is_written_in_capitals", "", FORM, |scene| referring(scene, "#_FORGED-ASSERTION")),
    xml("the_reference_names_the_document_and_the_id", "", FORM, |scene| {
        referring(scene, &format!("{}#_forged-assertion", scene.acs))
    }),
    xml("the_reference_names_its_own_signature", "", FORM, |scene| {
        let signed = sign_as(&scene.forged(), scene.key, |signature| signature.uri = "#_signature".into());
        scene.around(&changed(&signed, "<ds:Signature ", r#"<ds:Signature Id="_signature" "#))
    }),
    xml("the_reference_leads_to_a_manifest", "XML Signature 5.1", FORM, |scene| {
        let signed = sign_as(&scene.forged(), scene.key, |signature| signature.uri = "#_manifest".into());
        let manifest = r#"<ds:Object><ds:Manifest Id="_manifest"></ds:Manifest></ds:Object></ds:Signature>"#;
        scene.around(&changed(&signed, "</ds:Signature>", manifest))
    }),
    xml("there_are_no_transforms", TRANSFORMS, FORM, |scene| transformed(scene, "")),
    xml("the_list_of_transforms_is_missing", TRANSFORMS, FORM, |scene| {
        let listed = transform(ENVELOPED, "") + &transform(EXCLUSIVE, "");
        rewritten(scene, &format!("<ds:Transforms>{listed}</ds:Transforms>"), "")
    }),
    xml("the_signature_does_not_leave_itself_out", TRANSFORMS, FORM, |scene| {
        transformed(scene, &transform(EXCLUSIVE, ""))
    }),
    xml("the_transforms_stand_in_the_other_order", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(EXCLUSIVE, "") + &transform(ENVELOPED, "")))
    }),
    xml("the_signature_leaves_itself_out_twice", TRANSFORMS, FORM, |scene| {
        transformed(scene, &transform(ENVELOPED, "").repeat(2))
    }),
    xml("there_are_three_transforms", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform(EXCLUSIVE, "").repeat(2)))
    }),
    xml("there_are_a_thousand_transforms", PRACTICE, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform(EXCLUSIVE, "").repeat(1000)))
    }),
    xml("a_transform_keeps_comments", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform(&format!("{EXCLUSIVE}WithComments"), "")))
    }),
    xml("a_transform_chooses_by_xpath", PRACTICE, FORM, |scene| {
        let path = "<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>";
        transformed(scene, &transform("http://www.w3.org/TR/1999/REC-xpath-19991116", path))
    }),
    xml("a_transform_leaves_the_subject_out", PRACTICE, FORM, |scene| {
        let path = "<ds:XPath>not(ancestor-or-self::*[local-name()='Subject'])</ds:XPath>";
        let chosen = transform("http://www.w3.org/TR/1999/REC-xpath-19991116", path);
        transformed(scene, &(transform(ENVELOPED, "") + &chosen))
    }),
    xml("a_transform_chooses_by_the_second_xpath", PRACTICE, FORM, |scene| {
        let path = r#"<f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="intersect">/</f:XPath>"#;
        let chosen = transform("http://www.w3.org/2002/06/xmldsig-filter2", path);
        transformed(scene, &(transform(ENVELOPED, "") + &chosen))
    }),
    xml("a_transform_counts_for_ever", PRACTICE, FORM, |scene| {
        let path =
            format!("<ds:XPath>{}</ds:XPath>", "count(//. | //@* | //namespace::*) &gt; 0 and ".repeat(20) + "1");
        let slow = transform("http://www.w3.org/TR/1999/REC-xpath-19991116", &path);
        transformed(scene, &(transform(ENVELOPED, "") + &slow))
    }),
    xml("a_transform_runs_a_program", PRACTICE, FORM, |scene| {
        let program = r#"<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"><x:template match="/"><x:value-of select="document('file:///etc/hostname')"></x:value-of></x:template></x:stylesheet>"#;
        let run = transform("http://www.w3.org/TR/1999/REC-xslt-19991116", program);
        transformed(scene, &(transform(ENVELOPED, "") + &run))
    }),
    xml("a_transform_decodes", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform("http://www.w3.org/2000/09/xmldsig#base64", "")))
    }),
    xml("a_transform_decrypts", TRANSFORMS, FORM, |scene| {
        let decrypt = transform("http://www.w3.org/2002/07/decrypt#XML", "");
        transformed(scene, &(transform(ENVELOPED, "") + &decrypt))
    }),
    xml("a_transform_is_unknown", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform("urn:example:transform", "")))
    }),
    xml("a_transform_has_no_name", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "") + &transform("", "")))
    }),
    xml("a_transform_has_unknown_parameters", TRANSFORMS, FORM, |scene| {
        transformed(scene, &(transform(ENVELOPED, "<ds:XPath>/</ds:XPath>") + &transform(EXCLUSIVE, "")))
    }),
    xml("a_transform_keeps_a_thousand_prefixes", "", FORM, |scene| {
        let prefixes: Vec<_> = (0..1000).map(|number| format!("p{number}")).collect();
        let list = format!(
            r#"<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{}"></ec:InclusiveNamespaces>"#,
            prefixes.join(" "),
        );
        transformed(scene, &(transform(ENVELOPED, "") + &transform(EXCLUSIVE, &list)))
    }),
    xml("a_transform_has_two_lists_of_prefixes", "", FORM, |scene| {
        let list = format!(r#"<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList=""></ec:InclusiveNamespaces>"#);
        transformed(scene, &(transform(ENVELOPED, "") + &transform(EXCLUSIVE, &list.repeat(2))))
    }),
    xml("the_reference_is_of_another_namespace", "GO-2026-6909", &[Code::SamlStructureForbidden], |scene| {
        let signed = sign(&scene.forged(), scene.key);
        let reference = super::forge::piece(&signed, "<ds:Reference ", "</ds:Reference>").to_owned();
        let other = reference.replacen("<ds:Reference ", r#"<x:Reference xmlns:x="urn:example:x" "#, 1).replacen(
            "</ds:Reference>",
            "</x:Reference>",
            1,
        );
        scene.around(&changed(&signed, &reference, &other))
    }),
    xml("the_reference_stands_beside_the_signed_info", "", FORM, |scene| {
        let signed = sign(&scene.forged(), scene.key);
        let reference = super::forge::piece(&signed, "<ds:Reference ", "</ds:Reference>").to_owned();
        let moved =
            changed(&changed(&signed, &reference, ""), "</ds:SignedInfo>", &format!("</ds:SignedInfo>{reference}"));
        scene.around(&moved)
    }),
];

/// The forged assertion, signed with another reference.
fn referring(scene: &Scene<'_>, uri: &str) -> String {
    scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.uri = uri.into()))
}

/// The forged assertion, signed with other transforms.
fn transformed(scene: &Scene<'_>, transforms: &str) -> String {
    scene.around(&sign_as(&scene.forged(), scene.key, |signature| signature.transforms = transforms.into()))
}

/// The forged assertion, signed with `ds:SignedInfo` rewritten beforehand.
fn rewritten(scene: &Scene<'_>, from: &str, to: &str) -> String {
    scene.around(&sign_text(&scene.forged(), scene.key, from, to))
}
