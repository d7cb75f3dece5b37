//! Octets that two readers turn into different characters, or that are none.

use postern_core::fault::Code::{self, SamlDigestMismatch, SamlEncodingUnsupported, SamlNotWellFormed, SamlTooComplex};

use super::{Attack, Class, Scene, bytes, xml};

pub(super) const CLASS: Class = Class {
    name: "Encodings and characters",
    idea: "The same octets are other text in another encoding, and characters that XML cannot hold end a string for some \
           readers. Postern reads UTF-8 and XML 1.0, strictly.",
    attacks: ATTACKS,
};

const ENCODING: &[Code] = &[SamlEncodingUnsupported];
const BROKEN: &[Code] = &[SamlNotWellFormed];
/// Some octets of it are UTF-8 by chance, and it depends on them what is found first.
const UNLIKE_UTF_8: &[Code] = &[SamlEncodingUnsupported, SamlNotWellFormed, SamlTooComplex];
/// A parser may take it for the replacement character, which was not signed.
const NO_CHARACTER: &[Code] = &[SamlNotWellFormed, SamlDigestMismatch];
const CHANGED: &[Code] = &[SamlDigestMismatch];

const ATTACKS: &[Attack] = &[
    bytes("utf_16_little_endian_with_a_mark", "", ENCODING, |scene| wide(scene, "\u{feff}", u16::to_le_bytes)),
    bytes("utf_16_big_endian_with_a_mark", "", ENCODING, |scene| wide(scene, "\u{feff}", u16::to_be_bytes)),
    bytes("utf_16_without_a_mark", "", UNLIKE_UTF_8, |scene| wide(scene, "", u16::to_le_bytes)),
    bytes("utf_32", "", UNLIKE_UTF_8, |scene| {
        scene.genuine().chars().flat_map(|character| u32::from(character).to_le_bytes()).collect()
    }),
    bytes("latin_1_octets", "", ENCODING, |scene| spoiled(scene, b"Ren\xe9")),
    bytes("an_overlong_less_than_sign", "CVE-2000-0884", ENCODING, |scene| spoiled(scene, b"\xc0\xbc")),
    bytes("an_overlong_nul", "", ENCODING, |scene| spoiled(scene, b"u-0001\xc0\x80")),
    bytes("half_a_surrogate_pair", "", ENCODING, |scene| spoiled(scene, b"\xed\xa0\x80")),
    bytes("a_code_point_beyond_unicode", "", ENCODING, |scene| spoiled(scene, b"\xf4\x90\x80\x80")),
    bytes("a_sequence_that_is_cut_off", "", ENCODING, |scene| spoiled(scene, b"\xe2\x82")),
    xml("another_encoding_is_declared", "", ENCODING, |scene| {
        declared(scene, r#"version="1.0" encoding="ISO-8859-1""#)
    }),
    xml("utf_7_is_declared", "", ENCODING, |scene| declared(scene, r#"version="1.0" encoding="UTF-7""#)),
    xml("utf_16_is_declared_and_utf_8_sent", "", ENCODING, |scene| {
        declared(scene, r#"version="1.0" encoding="UTF-16""#)
    }),
    xml("xml_1_1_is_declared", "", BROKEN, |scene| declared(scene, r#"version="1.1""#)),
    xml("no_version_is_declared", "", BROKEN, |scene| declared(scene, r#"encoding="UTF-8""#)),
    xml("a_declaration_stands_behind_white_space", "", &[SamlNotWellFormed, Code::SamlCommentOrInstruction], |scene| {
        format!(r#" <?xml version="1.0"?>{}"#, scene.genuine())
    }),
    xml("a_nul_ends_the_name", "", BROKEN, |scene| renamed(scene, "u-0001\0u-1001")),
    xml("a_nul_stands_behind_the_response", "", BROKEN, |scene| scene.genuine() + "\0"),
    xml("a_control_character_stands_in_the_name", "", BROKEN, |scene| renamed(scene, "u-0001\u{1}")),
    xml("a_noncharacter_stands_in_the_name", "", BROKEN, |scene| renamed(scene, "u-0001\u{ffff}")),
    xml("a_nul_is_written_as_a_reference", "", BROKEN, |scene| renamed(scene, "u-0001&#0;")),
    xml("a_control_character_is_written_as_a_reference", "", BROKEN, |scene| renamed(scene, "u-0001&#1;")),
    xml("half_a_surrogate_pair_is_written_as_a_reference", "", NO_CHARACTER, |scene| renamed(scene, "&#xD800;")),
    xml("a_reference_leads_beyond_unicode", "", NO_CHARACTER, |scene| renamed(scene, "&#x110000;")),
    xml("a_reference_overflows", "", BROKEN, |scene| renamed(scene, "&#4294967393;")),
    xml("a_mark_stands_in_the_name", "", CHANGED, |scene| renamed(scene, "u-1001\u{feff}")),
    xml("an_invisible_character_stands_in_the_name", "", CHANGED, |scene| renamed(scene, "u-1001\u{200b}")),
    xml("a_letter_is_replaced_by_one_that_looks_like_it", "", CHANGED, |scene| {
        scene.tampered("alice@example.com", "\u{430}lice@example.com")
    }),
    xml("a_letter_is_composed_differently", "", CHANGED, |scene| {
        let signed = scene.says(|response| response.attributes[1].1 = vec!["Ren\u{e9}e".into()]);
        super::forge::changed(&signed, "Ren\u{e9}e", "Rene\u{301}e")
    }),
    xml("a_signed_carriage_return_arrives_bare", "XML 1.0 2.11", CHANGED, |scene| {
        let signed = scene.says(|response| response.attributes[1].1 = vec!["Al\rice".into()]);
        super::forge::changed(&signed, "&#xD;", "\r")
    }),
    xml("a_signed_tab_in_an_attribute_arrives_bare", "XML 1.0 3.3.3", CHANGED, |scene| {
        let signed = scene.says(|response| response.attributes[1].0 = "first\tname".into());
        super::forge::changed(&signed, "&#x9;", "\t")
    }),
];

/// The good response in UTF-16.
fn wide(scene: &Scene<'_>, mark: &str, octets: fn(u16) -> [u8; 2]) -> Vec<u8> {
    (mark.to_owned() + &scene.genuine()).encode_utf16().flat_map(octets).collect()
}

/// The good response with these octets as the name.
fn spoiled(scene: &Scene<'_>, name: &[u8]) -> Vec<u8> {
    let genuine = scene.genuine();
    let (before, after) =
        genuine.split_once("u-1001").unwrap_or_else(|| unreachable!("the good answer is about u-1001"));
    [before.as_bytes(), name, after.as_bytes()].concat()
}

fn renamed(scene: &Scene<'_>, name: &str) -> String {
    scene.tampered("u-1001", name)
}

fn declared(scene: &Scene<'_>, declaration: &str) -> String {
    format!("<?xml {declaration}?>{}", scene.genuine())
}
