//! The other side of the table: unusual, genuine and to be accepted. Who refuses everything would pass every attack.

use data_encoding::BASE64;

use super::Scene;
use super::forge::{bare, before_end, changed, sign, signature_in};
use crate::encryption::{Cipher, Encryption, Wrapping};

/// A response about `u-1001` that has to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Genuine {
    /// What is unusual about it.
    pub name: &'static str,
    written: fn(&Scene<'_>) -> String,
}

impl Genuine {
    /// The value of the form field `SAMLResponse` that carries it to this login.
    pub fn field(&self, scene: &Scene<'_>) -> String {
        BASE64.encode((self.written)(scene).as_bytes())
    }
}

const fn genuine(name: &'static str, written: fn(&Scene<'_>) -> String) -> Genuine {
    Genuine { name, written }
}

/// All of them.
pub const GENUINE: &[Genuine] = &[
    genuine("the_assertion_is_signed", |scene| scene.genuine()),
    genuine("the_response_is_signed", |scene| scene.genuine_whole()),
    genuine("both_are_signed", |scene| scene.answer().signed_both(scene.key)),
    genuine("the_signature_stands_last", |scene| {
        let signed = scene.signed();
        scene.around(&before_end(&bare(&signed), signature_in(&signed)))
    }),
    genuine("a_declaration_and_a_mark_stand_before_it", |scene| {
        format!("\u{feff}<?xml version='1.0' encoding='utf-8'?>\r\n{}\n", scene.genuine())
    }),
    genuine("character_data_is_a_part_of_the_name", |scene| scene.tampered(">u-1001<", ">u-<![CDATA[10]]>01<")),
    genuine("the_name_is_written_in_references", |scene| scene.tampered(">u-1001<", ">&#117;-100&#x31;<")),
    genuine("empty_elements_are_written_short", |scene| {
        scene.genuine().replace("></saml:SubjectConfirmationData>", "/>").replace("></ds:DigestMethod>", " />")
    }),
    genuine("attributes_are_written_in_another_order_and_quotes", |scene| {
        scene.tampered(
            r#" Method="urn:oasis:names:tc:SAML:2.0:cm:bearer""#,
            " Method = 'urn:oasis:names:tc:SAML:2.0:cm:bearer' ",
        )
    }),
    genuine("white_space_in_attributes_is_no_plain_space", |scene| {
        // Signed as spaces, which is how XML 1.0 §3.3.3 has everybody read it.
        let signed = scene.writes_whole(r#"<saml:Attribute "#, r#"<saml:Attribute FriendlyName="a b c d e" "#);
        changed(&signed, r#""a b c d e""#, "\"a\tb\nc\r\nd\re\"")
    }),
    genuine("the_certificate_in_it_is_another", |scene| {
        scene.tampered(&scene.key.certificate_base64(), &scene.other_key.certificate_base64())
    }),
    genuine("no_certificate_is_in_it", |scene| {
        let certificate = crate::signature::certificate(scene.key);
        scene.tampered(&certificate, "")
    }),
    genuine("unknown_elements_stand_in_extensions", |scene| {
        let extensions =
            r#"<samlp:Extensions><x:Hint xmlns:x="urn:example:x">y</x:Hint></samlp:Extensions><samlp:Status>"#;
        scene.writes_whole("<samlp:Status>", extensions)
    }),
    genuine("it_may_be_used_once", |scene| {
        scene.says(|response| response.more_conditions = "<saml:OneTimeUse></saml:OneTimeUse>".into())
    }),
    genuine("a_confirmation_of_several_fits", |scene| {
        let other = r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"></saml:SubjectConfirmation>"#;
        scene.writes("<saml:SubjectConfirmation ", &format!("{other}<saml:SubjectConfirmation "))
    }),
    genuine("it_is_encrypted", |scene| scene.around(&Encryption::to(scene.encrypt_to).encrypt(&scene.signed()))),
    genuine("it_is_encrypted_in_a_signed_response", |scene| {
        let encryption = Encryption { wrapping: Wrapping::OaepSha256, ..Encryption::to(scene.encrypt_to) };
        let unsigned = scene.answer().unsigned();
        sign(&scene.around(&encryption.encrypt(super::forge::assertion_in(&unsigned))), scene.key)
    }),
    genuine("it_is_encrypted_by_cbc_in_a_signed_response", |scene| {
        let encryption = Encryption { cipher: Cipher::Aes128Cbc, ..Encryption::to(scene.encrypt_to) };
        sign(&scene.around(&encryption.encrypt(&scene.signed())), scene.key)
    }),
    genuine("it_is_encrypted_by_gcm_of_192_bits", |scene| {
        let encryption = Encryption { cipher: Cipher::Aes192Gcm, ..Encryption::to(scene.encrypt_to) };
        let response = scene.around(&encryption.encrypt(&scene.signed()));
        changed(&response, "<samlp:Response ", r#"<samlp:Response xmlns:x="urn:example:x" "#)
    }),
];
