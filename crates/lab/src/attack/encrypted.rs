//! Encrypted assertions. Anybody can encrypt for us, so encryption proves nothing; and whoever may try ciphertexts and is
//! told how each fails can read them in the end.

use postern_core::fault::Code::{
    self, SamlAssertionCount, SamlAudienceMismatch, SamlDecryptionFailed, SamlDigestMismatch, SamlEncryptedAttribute,
    SamlEncryptionAlgorithm, SamlEncryptionCbc, SamlEncryptionForm, SamlEncryptionKeyTransport, SamlExpired,
    SamlSignatureForm, SamlSignatureOtherKey, SamlStructureForbidden, SamlUnsigned,
};

use super::forge::{assertion_in, behind_issuer, changed, piece, sign, signature_in};
use super::{Attack, Class, Scene, xml};
use crate::encryption::{Cipher, Encryption, Wrapping};

pub(super) const CLASS: Class = Class {
    name: "Encrypted assertions",
    idea: "The path through decryption skips a check, or tells so much about a failure that the ciphertext can be read. What \
           was decrypted passes the same gate and the same rules, and every failure to decrypt is the same one.",
    attacks: ATTACKS,
};

const FAILED: &[Code] = &[SamlDecryptionFailed];
const FORM: &[Code] = &[SamlEncryptionForm];
const TRANSPORT: &[Code] = &[SamlEncryptionKeyTransport];
const ALGORITHM: &[Code] = &[SamlEncryptionAlgorithm];
const CBC: &[Code] = &[SamlEncryptionCbc];
const SKIPPED: &str = "CVE-2024-4985, CVE-2024-9487";
const ORACLE: &str = "How to Break XML Encryption (2011)";
const BLEICHENBACHER: &str = "Bleichenbacher's Attack Strikes Again (2012)";

const ATTACKS: &[Attack] = &[
    xml("an_encrypted_assertion_has_no_signature", SKIPPED, &[SamlUnsigned], |scene| {
        scene.around(&hidden(scene, &scene.forged()))
    }),
    xml("an_encrypted_assertion_is_signed_by_somebody_else", SKIPPED, &[SamlSignatureOtherKey], |scene| {
        scene.around(&hidden(scene, &sign(&scene.forged(), scene.other_key)))
    }),
    xml("an_encrypted_assertion_has_the_signature_of_another", SKIPPED, &[SamlSignatureForm], |scene| {
        scene.around(&hidden(scene, &behind_issuer(&scene.forged(), signature_in(&scene.signed()))))
    }),
    xml("an_encrypted_assertion_was_changed_before_it_was_encrypted", SKIPPED, &[SamlDigestMismatch], |scene| {
        scene.around(&hidden(scene, &changed(&scene.signed(), "u-1001", "u-1002")))
    }),
    xml("an_encrypted_assertion_is_for_another_audience", "", &[SamlAudienceMismatch], |scene| {
        let other = scene.says(|response| response.audiences = vec!["https://other.example.com".into()]);
        scene.around(&hidden(scene, assertion_in(&other)))
    }),
    xml("an_encrypted_assertion_has_expired", "", &[SamlExpired], |scene| {
        let old = scene.says(|response| response.not_on_or_after = Some("2001-01-01T00:00:00Z".into()));
        scene.around(&hidden(scene, assertion_in(&old)))
    }),
    xml("a_forged_assertion_stands_beside_the_encrypted_one", SKIPPED, &[SamlAssertionCount], |scene| {
        scene.around(&(scene.forged() + &hidden(scene, &scene.signed())))
    }),
    xml("two_encrypted_assertions_arrive", "", &[SamlAssertionCount], |scene| {
        scene.around(&(hidden(scene, &scene.forged()) + &hidden(scene, &scene.signed())))
    }),
    xml("a_signed_assertion_hides_in_an_encrypted_one", SKIPPED, &[SamlStructureForbidden], |scene| {
        let advice = format!("</saml:Conditions><saml:Advice>{}</saml:Advice>", scene.signed());
        scene.around(&hidden(scene, &changed(&scene.forged(), "</saml:Conditions>", &advice)))
    }),
    xml("an_encrypted_assertion_has_the_id_of_the_response", "", &[SamlStructureForbidden], |scene| {
        let same = scene.says(|response| response.assertion_id.clone_from(&response.id));
        changed(&scene.genuine(), &scene.signed(), &hidden(scene, assertion_in(&same)))
    }),
    xml("two_assertions_were_encrypted_as_one", SKIPPED, FAILED, |scene| {
        scene.around(&hidden(scene, &(scene.forged() + &scene.signed())))
    }),
    xml("a_response_was_encrypted", "", FAILED, |scene| scene.around(&hidden(scene, &scene.genuine_whole()))),
    xml("an_encrypted_assertion_was_encrypted_again", "", FAILED, |scene| {
        scene.around(&hidden(scene, &hidden(scene, &scene.signed())))
    }),
    xml("a_comment_was_encrypted", "CVE-2018-0489", FAILED, |scene| {
        scene.around(&hidden(scene, &changed(&scene.signed(), "u-1001", "u-<!---->1001")))
    }),
    xml("an_entity_was_encrypted", "CVE-2024-52596", FAILED, |scene| {
        let entity = r#"<!DOCTYPE r [<!ENTITY file SYSTEM "file:///etc/hostname">]>"#;
        scene.around(&hidden(scene, &format!("{entity}{}", changed(&scene.signed(), "u-1001", "&file;"))))
    }),
    xml("words_were_encrypted", "", FAILED, |scene| scene.around(&hidden(scene, "no assertion at all"))),
    xml("nothing_was_encrypted", "", FAILED, |scene| scene.around(&hidden(scene, ""))),
    xml("an_end_tag_was_encrypted", "", FAILED, |scene| {
        let escape = format!("{}</saml:EncryptedAssertion>{}", scene.signed(), scene.forged());
        scene.around(&hidden(scene, &escape))
    }),
    xml("a_bomb_was_encrypted", "CVE-2025-25293", FAILED, |scene| {
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        scene.around(&hidden(scene, &deep))
    }),
    xml("the_tag_was_changed", ORACLE, FAILED, |scene| spoiled(scene, Cipher::Aes256Gcm, |octets| flip(octets, -1))),
    xml("the_ciphertext_was_changed", ORACLE, FAILED, |scene| {
        spoiled(scene, Cipher::Aes256Gcm, |octets| flip(octets, 40))
    }),
    xml("the_nonce_was_changed", ORACLE, FAILED, |scene| spoiled(scene, Cipher::Aes128Gcm, |octets| flip(octets, 0))),
    xml("the_ciphertext_was_cut_off", ORACLE, FAILED, |scene| {
        spoiled(scene, Cipher::Aes256Gcm, |octets| octets.truncate(octets.len() - 16))
    }),
    xml("the_ciphertext_is_shorter_than_its_tag", ORACLE, FAILED, |scene| {
        spoiled(scene, Cipher::Aes256Gcm, |octets| octets.truncate(20))
    }),
    xml("the_ciphertext_is_empty", ORACLE, FAILED, |scene| spoiled(scene, Cipher::Aes256Gcm, Vec::clear)),
    xml("the_assertion_was_encrypted_for_somebody_else", "", FAILED, |scene| {
        let theirs = scene.other_key.public_key_info();
        scene.around(&Encryption::to(&theirs).encrypt(&scene.signed()))
    }),
    xml("the_wrapped_key_was_changed", BLEICHENBACHER, FAILED, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let value = piece(&encrypted, "<xenc:CipherData>", "</ds:KeyInfo>");
        let other = value.replacen("CipherValue>", "CipherValue>AAAA", 1);
        scene.around(&changed(&encrypted, value, &other))
    }),
    xml("the_wrapped_key_has_another_length", "", FAILED, |scene| {
        rewritten(scene, "xmlenc11#aes256-gcm", "xmlenc11#aes128-gcm")
    }),
    xml("the_key_is_wrapped_with_rsa_1_5", BLEICHENBACHER, TRANSPORT, |scene| {
        let wrapping = Wrapping::Pkcs1;
        scene.around(&Encryption { wrapping, ..Encryption::to(scene.encrypt_to) }.encrypt(&scene.signed()))
    }),
    xml("the_key_of_a_signed_response_is_wrapped_with_rsa_1_5", BLEICHENBACHER, TRANSPORT, |scene| {
        let encryption = Encryption { wrapping: Wrapping::Pkcs1, ..Encryption::to(scene.encrypt_to) };
        sign(&scene.around(&encryption.encrypt(&scene.signed())), scene.key)
    }),
    xml("the_key_is_wrapped_with_two_different_digests", "", TRANSPORT, |scene| {
        rewritten(scene, "http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmlenc#sha256")
    }),
    xml("the_key_is_wrapped_with_a_secret", "", TRANSPORT, |scene| {
        rewritten(scene, "xmlenc#rsa-oaep-mgf1p", "xmlenc#kw-aes256")
    }),
    xml("the_key_is_wrapped_in_an_unknown_way", "", TRANSPORT, |scene| {
        rewritten(scene, "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "urn:example:wrapping")
    }),
    xml("the_cipher_is_cbc", ORACLE, CBC, |scene| {
        scene.around(&with(scene, Cipher::Aes256Cbc).encrypt(&scene.signed()))
    }),
    xml("the_cipher_is_cbc_with_a_short_key", ORACLE, CBC, |scene| {
        scene.around(&with(scene, Cipher::Aes128Cbc).encrypt(&scene.signed()))
    }),
    xml("the_padding_of_cbc_was_changed", ORACLE, CBC, |scene| {
        spoiled(scene, Cipher::Aes128Cbc, |octets| flip(octets, -1))
    }),
    xml("the_vector_of_cbc_was_changed", ORACLE, CBC, |scene| {
        spoiled(scene, Cipher::Aes256Cbc, |octets| flip(octets, 0))
    }),
    xml("somebody_else_signs_the_response_around_cbc", ORACLE, &[SamlSignatureOtherKey], |scene| {
        sign(&scene.around(&with(scene, Cipher::Aes256Cbc).encrypt(&scene.signed())), scene.other_key)
    }),
    xml("the_cipher_is_triple_des", "", ALGORITHM, |scene| {
        rewritten(scene, "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc")
    }),
    xml("the_cipher_is_unknown", "", ALGORITHM, |scene| {
        rewritten(scene, "http://www.w3.org/2009/xmlenc11#aes256-gcm", "urn:example:cipher")
    }),
    xml("the_cipher_has_no_name", "", ALGORITHM, |scene| {
        rewritten(scene, "http://www.w3.org/2009/xmlenc11#aes256-gcm", "")
    }),
    xml("content_was_encrypted_in_place_of_an_element", "", FORM, |scene| {
        rewritten(scene, "xmlenc#Element", "xmlenc#Content")
    }),
    xml("the_ciphertext_is_at_an_address", "XML Encryption 3.3", FORM, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let (head, tail) = encrypted.rsplit_once("<xenc:CipherValue>").unwrap_or_default();
        let (_, tail) = tail.split_once("</xenc:CipherValue>").unwrap_or_default();
        let reference = r#"<xenc:CipherReference URI="http://169.254.169.254/"></xenc:CipherReference>"#;
        scene.around(&format!("{head}{reference}{tail}"))
    }),
    xml("the_wrapped_key_is_at_an_address", "XML Encryption 3.5", FORM, |scene| {
        let fetched =
            r#"<ds:RetrievalMethod URI="http://169.254.169.254/key"></ds:RetrievalMethod><xenc:EncryptedKey>"#;
        rewritten(scene, "<xenc:EncryptedKey>", fetched)
    }),
    xml("there_is_no_wrapped_key", "", FORM, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        scene.around(&changed(&encrypted, piece(&encrypted, "<xenc:EncryptedKey>", "</xenc:EncryptedKey>"), ""))
    }),
    xml("there_are_a_hundred_wrapped_keys", "", FORM, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let key = piece(&encrypted, "<xenc:EncryptedKey>", "</xenc:EncryptedKey>");
        scene.around(&changed(&encrypted, key, &key.repeat(100)))
    }),
    xml("there_is_no_ciphertext", "", FORM, |scene| {
        scene.around(
            r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"></saml:EncryptedAssertion>"#,
        )
    }),
    xml("there_are_two_ciphertexts", "", FORM, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let data = piece(&encrypted, "<xenc:EncryptedData ", "</xenc:EncryptedData>");
        scene.around(&changed(&encrypted, data, &data.repeat(2)))
    }),
    xml("the_ciphertext_is_no_base64", "", FORM, |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let (head, tail) = encrypted.rsplit_once("</xenc:CipherValue>").unwrap_or_default();
        scene.around(&format!("{head}!</xenc:CipherValue>{tail}"))
    }),
    xml("the_encrypted_part_of_a_signed_response_was_exchanged", SKIPPED, &[SamlDigestMismatch], |scene| {
        let encrypted = hidden(scene, &scene.signed());
        let signed = sign(&scene.around(&encrypted), scene.key);
        changed(&signed, &encrypted, &hidden(scene, &scene.forged()))
    }),
    xml("an_encrypted_name_was_encrypted_for_somebody_else", "", FAILED, |scene| {
        named(
            scene,
            &scene.other_key.public_key_info(),
            r#"<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">u-0001</saml:NameID>"#,
        )
    }),
    xml("an_encrypted_name_is_something_else", "", FAILED, |scene| {
        named(scene, scene.encrypt_to, r#"<x:NameID xmlns:x="urn:example:x">u-0001</x:NameID>"#)
    }),
    xml("an_attribute_is_encrypted_alone", "", &[SamlEncryptedAttribute], |scene| {
        let statement = "<saml:AttributeStatement>";
        scene.writes(statement, &format!("{statement}<saml:EncryptedAttribute></saml:EncryptedAttribute>"))
    }),
];

/// Encrypted for us as a careful identity provider does it.
fn hidden(scene: &Scene<'_>, element: &str) -> String {
    Encryption::to(scene.encrypt_to).encrypt(element)
}

fn with<'a>(scene: &Scene<'a>, cipher: Cipher) -> Encryption<'a> {
    Encryption { cipher, ..Encryption::to(scene.encrypt_to) }
}

/// The genuine assertion, encrypted, with its octets changed.
fn spoiled(scene: &Scene<'_>, cipher: Cipher, change: impl FnOnce(&mut Vec<u8>)) -> String {
    scene.around(&with(scene, cipher).encrypt_and(&scene.signed(), change))
}

/// The genuine assertion, encrypted, with the markup around the octets changed.
fn rewritten(scene: &Scene<'_>, from: &str, to: &str) -> String {
    scene.around(&changed(&hidden(scene, &scene.signed()), from, to))
}

/// The identity provider's assertion with its name encrypted.
fn named(scene: &Scene<'_>, public_key: &[u8], name: &str) -> String {
    let unsigned = scene.answer().unsigned();
    let encrypted = Encryption::to(public_key).encrypt(name);
    // Canonically the outer namespace is not declared once more.
    let encrypted = encrypted
        .replace(r#" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">"#, ">")
        .replace("saml:EncryptedAssertion", "saml:EncryptedID");
    scene.writes(piece(&unsigned, "<saml:NameID", "</saml:NameID>"), &encrypted)
}

/// Another octet at this place, counted from the end where it is negative.
fn flip(octets: &mut [u8], at: isize) {
    let length = octets.len();
    let at = at.checked_rem_euclid(length as isize).unwrap_or(0);
    octets[at as usize] ^= 1;
}
