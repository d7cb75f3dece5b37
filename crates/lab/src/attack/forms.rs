//! What the form carries: the layer around the document.

use std::io::Write as _;

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use postern_core::fault::Code::{
    self, BodyTooLarge, FormMalformed, SamlEncodingUnsupported, SamlNotBase64, SamlNotWellFormed, SamlResponseMissing,
    SamlTooLarge,
};

use super::{Attack, Class, ToldBy, bytes, field, xml};

pub(super) const CLASS: Class = Class {
    name: "Form and encoding of the message",
    idea: "The field holds something else than one response in base64: nothing, another alphabet, something compressed. \
           The POST binding knows base64 and nothing more.",
    attacks: ATTACKS,
};

const NOT_BASE64: &[Code] = &[SamlNotBase64];
/// A decoder that reads on behind the padding finds two documents.
const TWO: &[Code] = &[SamlNotBase64, SamlNotWellFormed];
const NO_TEXT: &[Code] = &[SamlEncodingUnsupported, SamlNotWellFormed];

const ATTACKS: &[Attack] = &[
    field("the_field_is_empty", "", &[SamlResponseMissing], |_| String::new()),
    field("the_field_holds_white_space", "", &[SamlResponseMissing, SamlNotBase64], |_| " \r\n\t".into()),
    field("the_field_holds_the_document_itself", "", NOT_BASE64, |scene| scene.genuine()).told_by(ToldBy::Form),
    field("the_field_holds_words", "", NOT_BASE64, |_| "no response, and no base64 either".into()),
    field("the_field_holds_json", "", NOT_BASE64, |_| r#"{"SAMLResponse":""}"#.into()),
    field("the_padding_is_cut_off", "", NOT_BASE64, |scene| {
        // Spaces behind the document, so that there is padding.
        let genuine = scene.genuine();
        let filled = genuine.clone() + &" ".repeat(1 + (3 - genuine.len() % 3) % 3);
        BASE64.encode(filled.as_bytes()).trim_end_matches('=').to_owned()
    }),
    field("there_is_too_much_padding", "", NOT_BASE64, |scene| BASE64.encode(scene.genuine().as_bytes()) + "===="),
    field("more_follows_the_padding", "", TWO, |scene| {
        format!("{}==AAAA", BASE64.encode(scene.genuine().as_bytes()).trim_end_matches('='))
    }),
    field("two_values_stand_one_behind_the_other", "", TWO, |scene| {
        let genuine = scene.genuine();
        let padded = genuine.clone() + &" ".repeat(1 + (3 - genuine.len() % 3) % 3);
        BASE64.encode(padded.as_bytes()) + &BASE64.encode(scene.forgery().unsigned().as_bytes())
    }),
    field("the_alphabet_is_that_of_urls", "", NOT_BASE64, |scene| {
        // U+07FF and U+FFFF-like octets make the two letters in which the alphabets differ.
        BASE64URL.encode(
            scene.says(|response| response.attributes[1].1 = vec!["\u{7ff}\u{7ff}\u{7ff}>?>?".into()]).as_bytes(),
        )
    }),
    field("the_alphabet_is_that_of_urls_without_padding", "", NOT_BASE64, |scene| {
        let other = scene.says(|response| response.attributes[1].1 = vec!["\u{7ff}\u{7ff}\u{7ff}>?>?>".into()]);
        BASE64URL_NOPAD.encode(other.as_bytes()) + "-"
    }),
    field("a_nul_stands_in_the_field", "", NOT_BASE64, |scene| {
        BASE64.encode(scene.genuine().as_bytes()).replacen('P', "\0P", 1)
    }),
    field("the_field_is_percent_encoded_once_more", "", NOT_BASE64, |scene| {
        format!("%50{}", &BASE64.encode(scene.genuine().as_bytes())[1..])
    }),
    field("the_field_holds_two_megabytes", "CVE-2025-25293", &[SamlTooLarge, BodyTooLarge, FormMalformed], |_| {
        "A".repeat(2_000_000)
    }),
    field("the_field_holds_nine_hundred_kilobytes", "CVE-2025-25293", &[SamlTooLarge], |_| "A".repeat(900_000)),
    xml("the_document_is_encoded_twice", "", &[SamlNotWellFormed], |scene| BASE64.encode(scene.genuine().as_bytes())),
    xml("the_document_is_empty_but_for_white_space", "", &[SamlNotWellFormed], |_| " ".into()),
    xml("the_document_is_a_word", "", &[SamlNotWellFormed], |_| "response".into()),
    xml("the_document_is_a_web_page", "", &[Code::SamlDoctype], |_| {
        "<!DOCTYPE html><html><body>Sign in</body></html>".into()
    }),
    bytes("the_document_is_deflated", "GO-2023-1664", NO_TEXT, |scene| {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        let done = deflated.write_all(scene.genuine().as_bytes()).and_then(|()| deflated.finish());
        done.unwrap_or_else(|_| unreachable!("memory takes everything"))
    }),
    bytes("the_document_is_zipped", "", NO_TEXT, |scene| {
        let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
        let done = zipped.write_all(scene.genuine().as_bytes()).and_then(|()| zipped.finish());
        done.unwrap_or_else(|_| unreachable!("memory takes everything"))
    }),
    bytes("the_document_is_a_deflated_bomb", "GO-2023-1664, CVE-2025-25293", NO_TEXT, |_| {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        let done = deflated.write_all(&vec![b' '; 50_000_000]).and_then(|()| deflated.finish());
        done.unwrap_or_else(|_| unreachable!("memory takes everything"))
    }),
    bytes("the_document_is_noise", "", NO_TEXT, |_| {
        (0..2000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }),
    bytes("the_document_is_one_nul", "", NO_TEXT, |_| vec![0]),
    bytes("the_document_is_a_picture", "", NO_TEXT, |_| b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
];
