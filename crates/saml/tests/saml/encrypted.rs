//! H21, X15: what is encrypted for us is opened and judged as if it had come plain; and who cannot make a signature learns
//! from encryption nothing.

use postern_core::connection::Allowance;
use postern_core::fault::{Code, Fault};
use postern_saml::keys::DecryptionKey;
use postern_saml::response::VerifiedAssertion;

use crate::encrypter::*;
use crate::support::*;

/// A response with an encrypted assertion, not signed itself.
fn of(plain: &str) -> String {
    around(&Encrypted::new(plain, GCM[2], &SP_KEY).assertion())
}

fn signed() -> String {
    IDP_KEY.sign(&assertion())
}

fn response_signed_around(encrypted: &str) -> String {
    IDP_KEY.sign(&canonical(&around(encrypted)))
}

fn cbc_allowed(xml: &str) -> Result<VerifiedAssertion, Fault> {
    check_with(xml, &allowing(&[Allowance::AesCbc]), Some(REQUEST), NOW)
}

#[test]
fn h21_every_cipher_and_key_transport_is_opened() {
    for cipher in GCM {
        for (method, oaep) in TRANSPORTS {
            let mut encrypted = Encrypted::new(&signed(), cipher, &SP_KEY);
            encrypted.keys = vec![encrypted_key("", method, &wrap(&SP_KEY, oaep, &encrypted.session_key))];
            let verified = check(&around(&encrypted.assertion())).unwrap();
            assert_eq!(verified.identity(), check(&good()).unwrap().identity(), "{cipher:?} {method}");
            assert!(verified.notes().is_empty());
        }
    }
}

#[test]
fn h21_the_key_may_stand_beside_the_data() {
    let mut encrypted = Encrypted::new(&signed(), GCM[0], &SP_KEY);
    encrypted.keys[0] = changed(&encrypted.keys[0], "<xenc:EncryptedKey ", "<xenc:EncryptedKey Id=\"_key\" ");
    assert!(check(&around(&encrypted.beside("#_key"))).is_ok());
    for elsewhere in ["https://idp.example.com/key", "file:///dev/zero", ""] {
        assert_eq!(code(&around(&encrypted.beside(elsewhere))), Code::SamlEncryptionForm, "{elsewhere}");
    }
}

#[test]
fn h21_of_several_recipients_one_is_us() {
    let other = new_key();
    let mut encrypted = Encrypted::new(&signed(), GCM[1], &SP_KEY);
    let (method, oaep) = TRANSPORTS[0];
    let key_for = |recipient: &str, key: &DecryptionKey, session_key: &[u8]| {
        encrypted_key(&format!("Recipient=\"{recipient}\""), method, &wrap(key, oaep, session_key))
    };
    let ours = key_for(SP, &SP_KEY, &encrypted.session_key);
    let theirs = key_for("https://other.example.com", &other, &[8; 24]);
    // In a way that we would not accept, but it is not for us.
    let odd = theirs.replace("rsa-oaep-mgf1p", "rsa-1_5");
    encrypted.keys = vec![theirs.clone(), odd, ours];
    assert!(check(&around(&encrypted.assertion())).is_ok());
    // Without a recipient each is tried; with a strange one too.
    encrypted.keys = encrypted.keys.iter().map(|key| key.replace(SP, "urn:acs").replace("1_5", "oaep-mgf1p")).collect();
    assert!(check(&around(&encrypted.assertion())).is_ok());
    encrypted.keys = vec![theirs; 5];
    assert_eq!(code(&around(&encrypted.assertion())), Code::SamlEncryptionForm);
}

fn new_key() -> DecryptionKey {
    DecryptionKey::generate("sp.example.com", NOW.parse().unwrap(), NOW.parse().unwrap()).unwrap()
}

#[test]
fn h21_old_and_new_key_open_during_a_rollover() {
    let (idp, keys) = (allowing(&[]), [new_key(), DecryptionKey::from_pem(SP_KEY.to_pem().expose()).unwrap()]);
    for key in &keys {
        let xml = around(&Encrypted::new(&signed(), GCM[2], key).assertion());
        assert!(check_with_keys(&xml, &idp, Some(REQUEST), NOW, &keys).is_ok());
    }
    let without = check_with_keys(&of(&signed()), &idp, Some(REQUEST), NOW, &keys[..1]);
    assert_eq!(refusal(without), Code::SamlDecryptionFailed);
    let none = check_with_keys(&of(&signed()), &idp, Some(REQUEST), NOW, &[]);
    assert_eq!(refusal(none), Code::SamlEncryptionUnsupported);
}

#[test]
fn h21_the_signature_may_be_inside_around_or_both() {
    let plain = check(&good()).unwrap().into_identity();
    for inside in [assertion(), signed()] {
        let encrypted = Encrypted::new(&inside, GCM[2], &SP_KEY).assertion();
        let verified = check(&response_signed_around(&encrypted)).unwrap();
        assert_eq!(*verified.identity(), plain);
    }
    let bad_inside = OTHER_KEY.sign(&assertion());
    let encrypted = Encrypted::new(&bad_inside, GCM[2], &SP_KEY).assertion();
    assert_eq!(code(&response_signed_around(&encrypted)), Code::SamlSignatureOtherKey);
}

#[test]
fn x15_encrypted_is_not_signed() {
    assert_eq!(code(&of(&assertion())), Code::SamlUnsigned);
    assert_eq!(code(&of(&OTHER_KEY.sign(&assertion()))), Code::SamlSignatureOtherKey);
    assert_eq!(code(&of(&changed(&signed(), ">p-1<", ">admin<"))), Code::SamlDigestMismatch);
    // The signature of the response holds, and the ciphertext in it is not the one that was signed.
    let mut encrypted = Encrypted::new(&assertion(), GCM[2], &SP_KEY);
    let genuine = response_signed_around(&encrypted.assertion());
    let before = data_encoding::BASE64.encode(&encrypted.data);
    encrypted.data =
        cipher_text(encrypted.cipher, &encrypted.session_key, changed(&assertion(), "p-1", "p-2").as_bytes());
    let swapped = changed(&genuine, &before, &data_encoding::BASE64.encode(&encrypted.data));
    assert_eq!(code(&swapped), Code::SamlDigestMismatch);
}

#[test]
fn x15_the_rules_hold_for_what_was_encrypted() {
    for (from, to, expected) in [
        (">https://sp.example.com<", ">https://other.example.com<", Code::SamlAudienceMismatch),
        ("Recipient=\"https://sp.example.com/acs\"", "Recipient=\"https://x.example\"", Code::SamlRecipientMismatch),
        ("NotOnOrAfter=\"2026-01-31T12:10:00Z\"", "NotOnOrAfter=\"2026-01-31T11:10:00Z\"", Code::SamlExpired),
        ("InResponseTo=\"_request\"", "InResponseTo=\"_other\"", Code::SamlInResponseToMismatch),
        (">https://idp.example.com<", ">https://other.example.com<", Code::SamlAssertionIssuerMismatch),
    ] {
        assert_eq!(code(&of(&IDP_KEY.sign(&changed(&assertion(), from, to)))), expected);
    }
}

#[test]
fn x15_what_was_encrypted_passes_the_gate_too() {
    let signed = signed();
    let forged = changed(&changed(&assertion(), ">p-1<", ">admin<"), "ID=\"_assertion\"", "ID=\"_forged\"");
    for (plain, expected) in [
        (changed(&forged, "</saml:Assertion>", &format!("{signed}</saml:Assertion>")), Code::SamlStructureForbidden),
        (
            changed(&signed, "<saml:Conditions ", "<saml:X xml:id=\"_x\"></saml:X><saml:Conditions "),
            Code::SamlStructureForbidden,
        ),
        (changed(&signed, "ID=\"_assertion\"", "ID=\"_response\""), Code::SamlStructureForbidden),
        (format!("{signed}{forged}"), Code::SamlDecryptionFailed),
        (format!("<!DOCTYPE x>{signed}"), Code::SamlDecryptionFailed),
        (changed(&signed, ">p-1<", ">p<!-- -->-1<"), Code::SamlDecryptionFailed),
        (format!("{signed}</context><context>"), Code::SamlDecryptionFailed),
        (format!("</context>{signed}<context>"), Code::SamlDecryptionFailed),
    ] {
        assert_eq!(code(&of(&plain)), expected, "{plain}");
    }
    let encrypted = Encrypted::new(&signed, GCM[2], &SP_KEY).assertion();
    assert_eq!(code(&around(&format!("{encrypted}{signed}"))), Code::SamlAssertionCount);
    assert_eq!(code(&around(&format!("{encrypted}{}", encrypted.replace("_data", "_more")))), Code::SamlAssertionCount);
    assert_eq!(code(&of(&encrypted)), Code::SamlDecryptionFailed);
}

#[test]
fn h21_an_assertion_relies_on_namespaces_around_it() {
    // Encrypted without the declaration that it inherited, and signed with it.
    let bare = signed().replacen(" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"", "", 1);
    assert!(check(&of(&bare)).is_ok());
    let outer = of(&bare).replace(
        "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
        "<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
    );
    let outer = outer.replace("</saml:EncryptedAssertion>", "</EncryptedAssertion>");
    assert_eq!(code(&outer), Code::SamlDecryptionFailed);
    let declared = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" xmlns:samlp=";
    assert!(check(&changed(&outer, "xmlns:samlp=", declared)).is_ok());
    // White space around it is nothing.
    assert!(check(&of(&format!("\n  {}\n", signed()))).is_ok());
}

#[test]
fn h21_cbc_needs_a_signed_response_or_an_allowance() {
    for cipher in CBC {
        let encrypted = Encrypted::new(&signed(), cipher, &SP_KEY).assertion();
        assert_eq!(code(&around(&encrypted)), Code::SamlEncryptionCbc);
        let verified = cbc_allowed(&around(&encrypted)).unwrap();
        assert_eq!(verified.notes(), ["accepted only because aes-cbc is allowed"]);
        let verified = check(&response_signed_around(&encrypted)).unwrap();
        assert!(verified.notes().is_empty());
        // What was changed after signing is not decrypted at all.
        let other = changed(&response_signed_around(&encrypted), "StatusCode Value", "StatusCode X=\"\" Value");
        assert_eq!(code(&other), Code::SamlDigestMismatch);
    }
    // A signature on the response that does not hold opens nothing, allowed or not.
    let encrypted = Encrypted::new(&signed(), CBC[2], &SP_KEY).assertion();
    let forged = response_signed_around(&encrypted).replace("_response", "_other");
    assert_eq!(refusal(cbc_allowed(&forged)), Code::SamlSignatureInvalid);
}

#[test]
fn h21_rsa_1_5_triple_des_and_odd_pairs_are_refused_by_name() {
    let with_method = |method: &str| {
        let mut encrypted = Encrypted::new(&signed(), GCM[2], &SP_KEY);
        encrypted.keys = vec![encrypted_key("", method, &wrap_rsa_1_5(&SP_KEY, &encrypted.session_key))];
        check_with(&around(&encrypted.assertion()), &allowing(Allowance::ALL), Some(REQUEST), NOW).unwrap_err()
    };
    let rsa_1_5 = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
    let fault = with_method(&format!("<xenc:EncryptionMethod Algorithm=\"{rsa_1_5}\"/>"));
    assert_eq!((fault.code, fault.received.as_deref()), (Code::SamlEncryptionKeyTransport, Some(rsa_1_5)));

    let sha256 = "<ds:DigestMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>";
    let sha512 = sha256.replace("sha256", "sha512");
    let mask = |hash: &str| {
        let ns = "http://www.w3.org/2009/xmlenc11#";
        format!("<x:MGF xmlns:x=\"{ns}\" Algorithm=\"{ns}mgf1{hash}\"/>")
    };
    for (uri, parameters) in [
        ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", sha256.to_owned()),
        ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", format!("{sha256}{}", mask("sha256"))),
        ("http://www.w3.org/2009/xmlenc11#rsa-oaep", sha256.to_owned()),
        ("http://www.w3.org/2009/xmlenc11#rsa-oaep", mask("sha256")),
        ("http://www.w3.org/2009/xmlenc11#rsa-oaep", format!("{sha512}{}", mask("sha512"))),
        ("http://www.w3.org/2001/04/xmlenc#kw-aes256", String::new()),
        ("", String::new()),
    ] {
        let fault =
            with_method(&format!("<xenc:EncryptionMethod Algorithm=\"{uri}\">{parameters}</xenc:EncryptionMethod>"));
        assert_eq!(fault.code, Code::SamlEncryptionKeyTransport, "{uri} {parameters}");
        assert!(fault.received.unwrap().starts_with(uri));
    }
    for cipher in ["http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "http://www.w3.org/2009/xmlenc11#aes256-ctr", ""] {
        let encrypted = Encrypted { cipher, ..Encrypted::new(&signed(), GCM[2], &SP_KEY) };
        let fault = check(&around(&encrypted.assertion())).unwrap_err();
        assert_eq!((fault.code, fault.received.as_deref()), (Code::SamlEncryptionAlgorithm, Some(cipher)));
    }
}

/// What everybody hears: code, text and values.
fn heard(outcome: Result<VerifiedAssertion, Fault>) -> String {
    let fault = outcome.unwrap_err();
    format!("{fault} {:?} {:?}", fault.expected, fault.received)
}

const UNIFORM: &str = "SamlDecryptionFailed: The assertion could not be decrypted. None None";

#[test]
fn h21_every_failure_to_decrypt_looks_the_same() {
    for cipher in [GCM[0], GCM[2], CBC[0], CBC[2]] {
        let good = || Encrypted::new(&signed(), cipher, &SP_KEY);
        let (method, oaep) = TRANSPORTS[0];
        let with_key = |session_key: &[u8], key: &DecryptionKey| Encrypted {
            keys: vec![encrypted_key("", method, &wrap(key, oaep, session_key))],
            ..good()
        };
        let with_data = |data: Vec<u8>| Encrypted { data, ..good() };
        let with_text = |text: &str| with_data(cipher_text(cipher.0, &good().session_key, text.as_bytes()));
        let flipped = |at: usize| {
            let mut data = good().data;
            let at = if at == usize::MAX { data.len() - 1 } else { at };
            data[at] ^= 0x55;
            with_data(data)
        };
        let mut spoilt = vec![
            with_key(&good().session_key, &new_key()),
            with_key(&[1; 5], &SP_KEY),
            with_key(&vec![1; cipher.1], &SP_KEY),
            Encrypted { keys: vec![encrypted_key("", method, &[0x11; 256])], ..good() },
            Encrypted { keys: vec![encrypted_key("", method, &[])], ..good() },
            Encrypted { keys: vec![encrypted_key("", method, &[0xff; 300])], ..good() },
            flipped(0),
            flipped(40),
            flipped(usize::MAX),
            with_data(vec![]),
            with_data(vec![0; 12]),
            with_data(vec![0; 33]),
            with_data(good().data[..48].to_vec()),
            with_text(""),
            with_text("hello"),
            with_text("<saml:Assertion"),
            with_text("<x/>"),
            with_text("<saml:Advice/>"),
            with_text("\u{0}"),
            with_text(&signed()[..signed().len() - 1]),
        ];
        if CBC.contains(&cipher) {
            for padding in [0, 17, 255] {
                let mut blocks = vec![b' '; 31];
                blocks.push(padding);
                spoilt.push(with_data(cbc(&good().session_key, blocks)));
            }
            // The stand-in key is nobody's key.
            spoilt.push(Encrypted {
                keys: vec![encrypted_key("", method, &[0x11; 256])],
                ..with_data(cipher_text(cipher.0, &vec![0; cipher.1], signed().as_bytes()))
            });
        }
        for encrypted in spoilt {
            assert_eq!(heard(cbc_allowed(&around(&encrypted.assertion()))), UNIFORM);
            assert_eq!(heard(check(&response_signed_around(&encrypted.assertion()))), UNIFORM);
        }
    }
}

#[test]
fn h21_with_unprotected_cbc_nothing_is_told_before_the_signature_inside_holds() {
    let signed = signed();
    for plain in [
        assertion(),
        OTHER_KEY.sign(&assertion()),
        changed(&signed, ">p-1<", ">p-2<"),
        changed(&signed, "<ds:SignatureValue>", "<ds:SignatureValue>*"),
        changed(&signed, "rsa-sha256", "rsa-sha1"),
        changed(&signed, "ID=\"_assertion\"", "ID=\"_response\""),
        changed(&assertion(), ">p-1<", "><!-- --><"),
        Encrypted::new(&signed, CBC[2], &SP_KEY).assertion(),
    ] {
        let encrypted = Encrypted::new(&plain, CBC[2], &SP_KEY).assertion();
        assert_eq!(heard(cbc_allowed(&around(&encrypted))), UNIFORM);
    }
    // From there on it is the IdP that speaks, and its admin hears what is wrong.
    let other = IDP_KEY.sign(&changed(&assertion(), ">https://sp.example.com<", ">https://other.example.com<"));
    let encrypted = Encrypted::new(&other, CBC[2], &SP_KEY).assertion();
    assert_eq!(refusal(cbc_allowed(&around(&encrypted))), Code::SamlAudienceMismatch);
}

#[test]
fn h21_only_the_form_of_saml_is_understood() {
    let good = around(&Encrypted::new(&signed(), GCM[2], &SP_KEY).assertion());
    let value = &good[good.rfind("<xenc:CipherValue>").unwrap()..good.rfind("</xenc:CipherData>").unwrap()];
    let reference = "<xenc:CipherReference URI=\"http://127.0.0.1/\"/>";
    let data = &good[good.find("<xenc:EncryptedData").unwrap()..good.find("</saml:EncryptedAssertion>").unwrap()];
    let key = &good[good.find("<xenc:EncryptedKey").unwrap()..good.find("</ds:KeyInfo>").unwrap()];
    for (from, to) in [
        (value, reference),
        (value, &format!("{value}{reference}")),
        (value, "<xenc:CipherValue>*</xenc:CipherValue>"),
        (value, ""),
        (data, &data.replace("_data", "_other").repeat(2).replacen("_other", "_data", 1)),
        (data, key),
        (data, &format!("{data}<saml:Advice></saml:Advice>")),
        (key, ""),
        ("xmlenc#Element", "xmlenc#Content"),
        ("<xenc:CipherData>", "<xenc:CipherData></xenc:CipherData><xenc:CipherData>"),
    ] {
        assert_eq!(code(&changed(&good, from, to)), Code::SamlEncryptionForm, "{to}");
    }
    assert!(check(&changed(&good, " Type=\"http://www.w3.org/2001/04/xmlenc#Element\"", "")).is_ok());
    for name in ["EncryptedData", "EncryptedKey", "CipherData", "CipherValue"] {
        let evil = format!("<e:{name} xmlns:e=\"urn:evil\"></e:{name}><samlp:Status>");
        assert_eq!(code(&changed(&good, "<samlp:Status>", &evil)), Code::SamlStructureForbidden, "{name}");
    }
}

#[test]
fn h21_a_name_id_may_be_encrypted() {
    let name_id = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">p-1</saml:NameID>";
    let signed_with = |subject: &str| around(&IDP_KEY.sign(&canonical(&changed(&assertion(), name_id, subject))));
    for cipher in [GCM[2], CBC[2]] {
        let element = Encrypted::new(name_id, cipher, &SP_KEY).element("EncryptedID");
        let xml = signed_with(&element);
        assert_eq!(check(&xml).unwrap().identity(), check(&good()).unwrap().identity());
    }
    let broken = Encrypted::new("hello", GCM[2], &SP_KEY).element("EncryptedID");
    let xml = signed_with(&broken);
    assert_eq!(heard(check(&xml)), UNIFORM);
    let both = Encrypted::new(name_id, GCM[2], &SP_KEY).element("EncryptedID");
    let xml = signed_with(&format!("{name_id}{both}"));
    assert_eq!(code(&xml), Code::SamlValueMalformed);
}
