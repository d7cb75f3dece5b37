//! Responses that cost more to read than to write.

use postern_core::fault::Code::{self, BodyTooLarge, SamlStructureForbidden, SamlTooComplex, SamlTooLarge};

use super::{Attack, Class, Scene, xml};

pub(super) const CLASS: Class = Class {
    name: "Size and depth",
    idea: "A small message makes a reader allocate, recurse or compare without end. Postern counts bytes, levels, elements, \
           attributes and namespaces before it builds anything, and takes no compressed response.",
    attacks: ATTACKS,
};

const COMPLEX: &[Code] = &[SamlTooComplex];
/// The limit of the form may come before that of the response in it.
const LARGE: &[Code] = &[SamlTooLarge, BodyTooLarge];
const BOMB: &str = "CVE-2025-25293";

const ATTACKS: &[Attack] = &[
    xml("elements_are_nested_sixty_five_deep", "", COMPLEX, |scene| nested(scene, 65)),
    xml("elements_are_nested_ten_thousand_deep", "", COMPLEX, |scene| nested(scene, 10_000)),
    xml("elements_are_nested_fifty_thousand_deep_and_not_closed", "", COMPLEX, |scene| {
        scene.tampered("<samlp:Status>", &"<a>".repeat(50_000))
    }),
    xml("elements_are_nested_deep_in_the_signature", "", COMPLEX, |scene| {
        scene.tampered("<ds:KeyInfo>", &format!("<ds:KeyInfo>{}{}", "<a>".repeat(100), "</a>".repeat(100)))
    }),
    xml("the_assertion_is_nested_deep", "", COMPLEX, |scene| {
        scene.around(&format!("{}{}{}", "<a>".repeat(100), scene.signed(), "</a>".repeat(100)))
    }),
    xml("an_element_has_sixty_five_attributes", "", COMPLEX, |scene| attributed(scene, 65)),
    xml("an_element_has_ten_thousand_attributes", "", COMPLEX, |scene| attributed(scene, 10_000)),
    xml("an_element_has_a_hundred_namespaces", "", COMPLEX, |scene| declared(scene, 100)),
    xml("an_element_has_five_thousand_namespaces", "", COMPLEX, |scene| declared(scene, 5_000)),
    xml("every_level_adds_namespaces", "", COMPLEX, |scene| {
        let open: String = (0..40).map(|level| format!("<a{level}{}>", namespaces(level * 10, 10))).collect();
        let close: String = (0..40).rev().map(|level| format!("</a{level}>")).collect();
        in_extensions(scene, &(open + &close))
    }),
    xml("there_are_thirty_thousand_elements", BOMB, COMPLEX, |scene| in_extensions(scene, &"<a></a>".repeat(30_000))),
    xml("there_are_fifty_thousand_empty_elements", BOMB, COMPLEX, |scene| in_extensions(scene, &"<a/>".repeat(50_000))),
    xml("there_are_twenty_thousand_groups", "", COMPLEX, |scene| {
        let group = "<saml:AttributeValue>g</saml:AttributeValue>";
        scene.writes("<saml:AttributeValue>everyone</saml:AttributeValue>", &group.repeat(11_000))
    }),
    xml("there_are_fifteen_thousand_certificates", "", &[SamlTooComplex, SamlTooLarge, BodyTooLarge], |scene| {
        scene.tampered("<ds:X509Data>", &format!("<ds:X509Data>{}", "<ds:X509CRL>A</ds:X509CRL>".repeat(15_000)))
    }),
    xml("a_text_has_six_hundred_kilobytes", BOMB, LARGE, |scene| in_extensions(scene, &"x".repeat(600_000))),
    xml("an_attribute_has_six_hundred_kilobytes", BOMB, LARGE, |scene| {
        in_extensions(scene, &format!(r#"<a b="{}"></a>"#, "x".repeat(600_000)))
    }),
    xml("the_name_has_six_hundred_kilobytes", BOMB, LARGE, |scene| {
        scene.says(|response| response.name_id = Some("u".repeat(600_000)))
    }),
    xml("white_space_of_six_hundred_kilobytes_stands_behind", BOMB, LARGE, |scene| {
        scene.genuine() + &" ".repeat(600_000)
    }),
    xml("a_response_of_three_megabytes_arrives", BOMB, LARGE, |scene| in_extensions(scene, &"x".repeat(3_000_000))),
    xml("an_elements_name_has_ten_kilobytes", "", &[SamlStructureForbidden], |scene| {
        let name = "a".repeat(10_000);
        in_extensions(scene, &format!("<{name}></{name}>"))
    }),
    xml("an_attributes_name_has_ten_kilobytes", "", &[SamlStructureForbidden], |scene| {
        in_extensions(scene, &format!(r#"<a {}="b"></a>"#, "a".repeat(10_000)))
    }),
];

fn in_extensions(scene: &Scene<'_>, content: &str) -> String {
    scene.tampered("<samlp:Status>", &format!("<samlp:Extensions>{content}</samlp:Extensions><samlp:Status>"))
}

fn nested(scene: &Scene<'_>, deep: usize) -> String {
    in_extensions(scene, &format!("{}{}", "<a>".repeat(deep), "</a>".repeat(deep)))
}

fn attributed(scene: &Scene<'_>, many: usize) -> String {
    let attributes: String = (0..many).map(|number| format!(r#" a{number}="""#)).collect();
    in_extensions(scene, &format!("<a{attributes}></a>"))
}

fn declared(scene: &Scene<'_>, many: usize) -> String {
    in_extensions(scene, &format!("<a{}></a>", namespaces(0, many)))
}

fn namespaces(from: usize, many: usize) -> String {
    (from..from + many).map(|number| format!(r#" xmlns:n{number}="urn:example:n""#)).collect()
}
