//! Identifiers: a signature finds what it covers by one, so whoever can confuse them chooses what is covered.

use postern_core::fault::Code::{self, SamlSignatureForm, SamlStructureForbidden};

use super::forge::{before_end, behind_issuer, changed, sign, signature_in};
use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Identifiers",
    idea: "Readers disagree about which attribute is an ID, and take the first or the last of two elements that share one. \
           Postern takes every ID once, in the one attribute that the schema names.",
    attacks: ATTACKS,
};

const AMBIGUOUS: &[Code] = &[SamlStructureForbidden];
const GHSL: &str = "GHSL-2024-329, GHSL-2024-330";

const ATTACKS: &[Attack] = &[
    xml("a_forged_assertion_has_the_id_of_the_signed_one", GHSL, AMBIGUOUS, |scene| {
        let mut forgery = scene.forgery();
        forgery.assertion_id = scene.answer().assertion_id;
        let forged = forgery.unsigned();
        scene.around(&(super::forge::assertion_in(&forged).to_owned() + &scene.signed()))
    }),
    xml("the_response_has_the_id_of_its_assertion", GHSL, AMBIGUOUS, |scene| {
        scene.says(|response| response.id.clone_from(&response.assertion_id))
    }),
    xml("an_element_of_another_namespace_has_the_id_of_the_assertion", GHSL, AMBIGUOUS, |scene| {
        let id = scene.answer().assertion_id;
        in_extensions(scene, &format!(r#"<x:Decoy xmlns:x="urn:example:decoy" ID="{id}"></x:Decoy>"#))
    }),
    xml("an_element_without_a_namespace_has_the_id_in_small_letters", GHSL, AMBIGUOUS, |scene| {
        in_extensions(scene, &format!(r#"<Decoy id="{}"></Decoy>"#, scene.answer().assertion_id))
    }),
    xml("the_signature_has_the_id_of_the_assertion", GHSL, AMBIGUOUS, |scene| {
        let id = scene.answer().assertion_id;
        scene.tampered("<ds:Signature ", &format!(r#"<ds:Signature Id="{id}" "#))
    }),
    xml("the_key_info_has_the_id_of_the_assertion", GHSL, AMBIGUOUS, |scene| {
        let id = scene.answer().assertion_id;
        scene.tampered("<ds:KeyInfo>", &format!(r#"<ds:KeyInfo Id="{id}">"#))
    }),
    xml("an_object_has_the_id_of_the_assertion", GHSL, AMBIGUOUS, |scene| {
        let object = format!(r#"<ds:Object Id="{}">x</ds:Object>"#, scene.answer().assertion_id);
        scene.tampered("</ds:Signature>", &(object + "</ds:Signature>"))
    }),
    xml("the_assertion_has_a_second_id_in_mixed_case", GHSL, AMBIGUOUS, |scene| {
        scene.writes(" IssueInstant=", r#" Id="_other" IssueInstant="#)
    }),
    xml("the_assertion_has_a_second_id_in_small_letters", GHSL, AMBIGUOUS, |scene| {
        scene.writes(r#" Version="2.0""#, r#" Version="2.0" id="_other""#)
    }),
    xml("the_assertion_has_an_id_of_saml_1", GHSL, AMBIGUOUS, |scene| {
        scene.writes(" ID=", r#" AssertionID="_other" ID="#)
    }),
    xml("the_assertion_has_an_xml_id", GHSL, AMBIGUOUS, |scene| {
        scene.writes(r#" Version="2.0""#, r#" Version="2.0" xml:id="_other""#)
    }),
    xml("the_response_has_an_xml_id_that_is_the_assertions", GHSL, AMBIGUOUS, |scene| {
        let id = scene.answer().assertion_id;
        scene.tampered("<samlp:Response ", &format!(r#"<samlp:Response xml:id="{id}" "#))
    }),
    xml("the_response_has_an_id_in_another_namespace", GHSL, AMBIGUOUS, |scene| {
        let id = scene.answer().assertion_id;
        scene.tampered("<samlp:Response ", &format!(r#"<samlp:Response xmlns:x="urn:example:id" x:ID="{id}" "#))
    }),
    xml("the_status_has_an_id_of_web_service_security", "", AMBIGUOUS, |scene| {
        const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
        let id = scene.answer().assertion_id;
        scene.tampered("<samlp:Status>", &format!(r#"<samlp:Status xmlns:wsu="{WSU}" wsu:Id="{id}">"#))
    }),
    xml("the_id_is_written_in_small_letters_alone", "", AMBIGUOUS, |scene| {
        let assertion = scene.forged().replace("_forged-assertion", "_lower");
        let assertion = sign(&assertion, scene.key);
        scene.around(&assertion.replacen(" ID=", " id=", 1))
    }),
    xml("the_id_is_empty", "", AMBIGUOUS, |scene| scene.says(|response| response.assertion_id.clear())),
    xml("the_assertion_has_no_id", "SAML Core 2.3.3", &[SamlSignatureForm], |scene| {
        scene.writes(&format!(r#" ID="{}""#, scene.answer().assertion_id), "")
    }),
    xml("the_response_has_no_id", "SAML Core 3.2.2", &[SamlSignatureForm], |scene| {
        scene.writes_whole(&format!(r#" ID="{}""#, scene.answer().id), "")
    }),
    xml("the_id_is_the_assertions_and_the_signature_is_the_responses", "", &[SamlSignatureForm], |scene| {
        let genuine = scene.genuine_whole();
        let id = scene.answer().id;
        let forged = scene.forged().replace("_forged-assertion", &id);
        let other = changed(&scene.around(&forged), &format!(r#" ID="{id}""#), r#" ID="_moved""#);
        behind_issuer(&other, signature_in(&genuine))
    }),
    xml("the_forged_assertion_has_the_id_and_a_genuine_one_hides", GHSL, AMBIGUOUS, |scene| {
        let mut forgery = scene.forgery();
        forgery.assertion_id = scene.answer().assertion_id;
        let forged = forgery.unsigned();
        let genuine = scene.signed();
        let forged = behind_issuer(super::forge::assertion_in(&forged), signature_in(&genuine));
        before_end(&scene.around(&forged), &format!(r#"<x:Box xmlns:x="urn:example:box">{genuine}</x:Box>"#))
    }),
];

fn in_extensions(scene: &Scene<'_>, content: &str) -> String {
    let extensions = format!("<samlp:Extensions>{content}</samlp:Extensions><samlp:Status>");
    scene.tampered("<samlp:Status>", &extensions)
}
