//! Two verifiers have to agree, and what happens where they do not.

use aws_lc_rs::signature;
use postern_core::fault::Code;

use crate::support::*;

const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";

#[test]
fn h10_every_method_on_the_list_is_verified_by_both() {
    let mut keys = vec![
        Key::rsa_with("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", &signature::RSA_PKCS1_SHA384),
        Key::rsa_with("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", &signature::RSA_PKCS1_SHA512),
        Key::rsa_with("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", &signature::RSA_PSS_SHA256),
        Key::rsa_with("http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1", &signature::RSA_PSS_SHA384),
        Key::rsa_with("http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1", &signature::RSA_PSS_SHA512),
    ];
    for (method, kind, signing) in [
        ("ecdsa-sha256", &rcgen::PKCS_ECDSA_P256_SHA256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ecdsa-sha384", &rcgen::PKCS_ECDSA_P384_SHA384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ecdsa-sha256", &rcgen::PKCS_ECDSA_P521_SHA256, &signature::ECDSA_P521_SHA256_FIXED_SIGNING),
        ("ecdsa-sha384", &rcgen::PKCS_ECDSA_P521_SHA384, &signature::ECDSA_P521_SHA384_FIXED_SIGNING),
        ("ecdsa-sha512", &rcgen::PKCS_ECDSA_P521_SHA512, &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        keys.push(Key::ec_with(format!("{MORE}{method}").leak(), kind, signing));
    }
    for key in keys {
        let connection = idp(vec![key.certificate.clone()]);
        let verified = check_with(&around(&key.sign(&assertion())), &connection, Some(REQUEST), NOW);
        assert!(verified.is_ok_and(|verified| verified.notes().is_empty()), "{}", key.method);
    }
}

#[test]
fn two_signatures_by_two_keys_are_verified_by_both() {
    let connection = idp(vec![IDP_KEY.certificate.clone(), OTHER_KEY.certificate.clone()]);
    let xml = IDP_KEY.sign(&around(&OTHER_KEY.sign(&assertion())));
    assert!(check_with(&xml, &connection, Some(REQUEST), NOW).is_ok());
}

/// A response that the second verifier does not understand: a line break in the name of a namespace, which XML 1.0 §3.3.3
/// turns into the space that was signed. Nobody who is genuine writes that.
fn disputed() -> String {
    let signed = assertion_signed("Name=\"mail\"", "xmlns:x=\"urn:x y\" Name=\"mail\" x:a=\"\"");
    changed(&signed, "urn:x y", "urn:x\ny")
}

#[test]
fn white_space_in_an_attribute_is_no_dispute() {
    let signed = assertion_signed("Name=\"mail\"", "FriendlyName=\"e mail\" Name=\"mail\"");
    for white in ["\t", "\n", "\r", "\r\n"] {
        let verified = check(&changed(&signed, "\"e mail\"", &format!("\"e{white}mail\""))).unwrap();
        assert!(verified.notes().is_empty(), "{white:?}");
    }
    // Two spaces were not signed, and a character that is referred to is no space.
    for other in ["  ", "\n\n", "&#10;", "&#9;"] {
        let tampered = changed(&signed, "\"e mail\"", &format!("\"e{other}mail\""));
        assert_eq!(refusal(check(&tampered)), Code::SamlDigestMismatch, "{other:?}");
    }
}

#[test]
fn a_disagreement_is_refused_with_a_code_of_its_own() {
    let fault = check(&disputed()).unwrap_err();
    assert_eq!(fault.code, Code::SamlVerifiersDisagree);
    assert!(fault.received.is_some());
}

/// Where a third verifier is asked, it does not understand such a response either.
#[cfg(not(feature = "samael"))]
mod of_two {
    use postern_core::connection::Allowance;
    use postern_saml::response::{SecondVerifier, verify};

    use super::*;

    #[test]
    fn a_disagreement_is_only_noted_where_the_operator_says_so() {
        let connection = idp(vec![IDP_KEY.certificate.clone()]);
        let observing =
            postern_saml::response::Expectation { second_verifier: SecondVerifier::Observe, ..expected(&connection) };
        let verified = verify(disputed().as_bytes(), &observing).unwrap();
        assert!(verified.notes().iter().any(|note| note.starts_with("the second verifier does not agree")));
        // The first verifier still decides.
        let forged = changed(&good(), ">anna@example.com<", ">admin@example.com<");
        assert_eq!(refusal(verify(forged.as_bytes(), &observing)), Code::SamlDigestMismatch);
        assert!(verify(good().as_bytes(), &observing).unwrap().notes().is_empty());
    }

    #[test]
    fn a_connection_with_small_keys_goes_without_and_says_so() {
        let small = allowing(&[Allowance::Rsa1024]);
        let verified = check_with(&disputed(), &small, Some(REQUEST), NOW).unwrap();
        assert_eq!(verified.notes(), ["verified once only, because rsa1024 is allowed"]);
        // With SHA-1 it goes on.
        let old = allowing(&[Allowance::Sha1]);
        assert_eq!(refusal(check_with(&disputed(), &old, Some(REQUEST), NOW)), Code::SamlVerifiersDisagree);
    }
}
