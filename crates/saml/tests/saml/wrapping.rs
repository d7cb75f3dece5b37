//! X1, X2, X3, X8, X20: a signature that holds, beside something that it does not cover. "XSW" numbers are those of
//! "On Breaking SAML" (Somorovsky et al.) as SAML Raider counts them.

use postern_core::fault::Code;

use crate::support::*;

/// What a forger would like us to read.
fn forged() -> String {
    changed(&changed(&assertion(), ">p-1<", ">admin<"), "ID=\"_assertion\"", "ID=\"_forged\"")
}

fn signed() -> String {
    IDP_KEY.sign(&assertion())
}

/// The `ds:Signature` element in a text.
fn signature(text: &str) -> &str {
    let end = "</ds:Signature>";
    &text[text.find("<ds:Signature ").unwrap()..text.find(end).unwrap() + end.len()]
}

fn with_object(signature: &str, content: &str) -> String {
    changed(signature, "</ds:Signature>", &format!("<ds:Object>{content}</ds:Object></ds:Signature>"))
}

fn behind_issuer(element: &str, what: &str) -> String {
    changed(element, "</saml:Issuer>", &format!("</saml:Issuer>{what}"))
}

#[test]
fn x1_xsw1_a_forged_response_with_the_signed_one_inside_its_signature() {
    let original = around(&assertion());
    let signature = signature(&IDP_KEY.sign(&original)).to_owned();
    let forged = changed(&around(&forged()), "ID=\"_response\"", "ID=\"_evil\"");
    assert_eq!(code(&behind_issuer(&forged, &with_object(&signature, &original))), Code::SamlStructureForbidden);
}

#[test]
fn x1_xsw2_a_forged_response_with_the_signed_one_before_its_signature() {
    let original = around(&assertion());
    let signature = signature(&IDP_KEY.sign(&original)).to_owned();
    let forged = changed(&around(&forged()), "ID=\"_response\"", "ID=\"_evil\"");
    assert_eq!(code(&behind_issuer(&forged, &format!("{original}{signature}"))), Code::SamlStructureForbidden);
}

#[test]
fn x1_x3_xsw3_a_forged_assertion_before_or_after_the_signed_one() {
    assert_eq!(code(&around(&format!("{}{}", forged(), signed()))), Code::SamlAssertionCount);
    assert_eq!(code(&around(&format!("{}{}", signed(), forged()))), Code::SamlAssertionCount);
}

#[test]
fn x1_xsw4_the_signed_assertion_inside_a_forged_one() {
    let wrapped = changed(&forged(), "</saml:Assertion>", &format!("{}</saml:Assertion>", signed()));
    assert_eq!(code(&around(&wrapped)), Code::SamlStructureForbidden);
}

#[test]
fn x1_xsw5_a_forged_assertion_holds_the_signature_of_one_that_follows() {
    let forged = behind_issuer(&forged(), signature(&signed()));
    assert_eq!(code(&around(&format!("{forged}{}", assertion()))), Code::SamlAssertionCount);
}

#[test]
fn x1_xsw6_the_original_sits_inside_the_signature_of_the_forged_one() {
    let signature = with_object(signature(&signed()), &assertion());
    assert_eq!(code(&around(&behind_issuer(&forged(), &signature))), Code::SamlStructureForbidden);
}

#[test]
fn x1_x2_xsw7_an_assertion_in_extensions() {
    for (hidden, shown) in [(forged(), signed()), (signed(), forged())] {
        let extensions = format!("<samlp:Extensions>{hidden}</samlp:Extensions><samlp:Status>");
        assert_eq!(code(&changed(&around(&shown), "<samlp:Status>", &extensions)), Code::SamlStructureForbidden);
    }
}

#[test]
fn x1_x2_xsw8_the_original_in_an_object_of_the_forged_ones_signature() {
    let signed = signed();
    let object = with_object(signature(&signed), &changed(&signed, signature(&signed), ""));
    assert_eq!(code(&around(&behind_issuer(&forged(), &object))), Code::SamlStructureForbidden);
}

#[test]
fn x2_an_assertion_in_advice_or_in_a_status_detail() {
    let advice = format!("<saml:Advice>{}</saml:Advice><saml:AuthnStatement", forged());
    let signed_around = changed(&signed(), "<saml:AuthnStatement", &advice);
    assert_eq!(code(&around(&signed_around)), Code::SamlStructureForbidden);
    let detail = format!("<samlp:StatusDetail>{}</samlp:StatusDetail></samlp:Status>", signed());
    assert_eq!(code(&changed(&around(&forged()), "</samlp:Status>", &detail)), Code::SamlStructureForbidden);
}

#[test]
fn x2_a_response_inside_the_response() {
    let inner = "<samlp:Extensions><samlp:Response></samlp:Response></samlp:Extensions><samlp:Status>";
    assert_eq!(code(&changed(&around(&signed()), "<samlp:Status>", inner)), Code::SamlStructureForbidden);
}

#[test]
fn x1_a_signature_that_only_stands_near_what_it_covers() {
    let signed = signed();
    let signature = signature(&signed);
    let bare = changed(&signed, signature, "");
    // As child of the response, of the subject, and in the middle of the assertion.
    assert_eq!(code(&behind_issuer(&around(&bare), signature)), Code::SamlSignatureForm);
    assert_eq!(
        code(&changed(&around(&bare), "</samlp:Response>", &format!("{signature}</samlp:Response>"))),
        Code::SamlSignatureForm
    );
    for place in ["<saml:Subject>", "<saml:Conditions ", "<saml:AttributeStatement>"] {
        let moved =
            if place == "<saml:Subject>" { format!("{place}{signature}") } else { format!("{signature}{place}") };
        assert_eq!(code(&around(&changed(&bare, place, &moved))), Code::SamlStructureForbidden, "{place}");
    }
}

#[test]
fn h11_a_signature_may_stand_last_in_what_it_covers() {
    for signed in [good(), response_signed("", "")] {
        let signature = signature(&signed).to_owned();
        let end = if signed.find("<ds:Signature") < signed.find("<samlp:Status") {
            "</samlp:Response>"
        } else {
            "</saml:Assertion>"
        };
        let last = changed(&changed(&signed, &signature, ""), end, &format!("{signature}{end}"));
        assert_eq!(check(&last).unwrap().identity(), check(&signed).unwrap().identity());
        let both = changed(&signed, end, &format!("{signature}{end}"));
        assert_eq!(code(&both), Code::SamlStructureForbidden);
    }
}

#[test]
fn x1_two_signatures_on_one_element() {
    let twice = behind_issuer(&signed(), signature(&signed()));
    assert_eq!(code(&around(&twice)), Code::SamlStructureForbidden);
}

#[test]
fn x3_no_assertion_and_two_assertions_are_refused() {
    assert_eq!(code(&around("")), Code::SamlAssertionCount);
    let other = IDP_KEY.sign(&forged());
    assert_eq!(code(&around(&format!("{}{other}", signed()))), Code::SamlAssertionCount);
}

#[test]
fn x8_an_id_that_stands_twice_or_is_no_id_for_everybody() {
    let twice = changed(&around(&signed()), "ID=\"_response\"", "ID=\"_assertion\"");
    assert_eq!(code(&twice), Code::SamlStructureForbidden);
    for foreign in ["xml:id=\"_x\"", "Id=\"_x\"", "id=\"_x\"", "AssertionID=\"_x\"", "samlp:ID=\"_x\""] {
        let xml = changed(&around(&signed()), "<samlp:Status>", &format!("<samlp:Status {foreign}>"));
        assert_eq!(code(&xml), Code::SamlStructureForbidden, "{foreign}");
    }
}

#[test]
fn x20_names_of_another_namespace_are_no_saml() {
    for name in ["NameID", "Issuer", "Assertion", "EncryptedAssertion", "Signature", "SignedInfo", "Subject"] {
        let evil = format!("<e:{name} xmlns:e=\"urn:evil\">admin</e:{name}><samlp:Status>");
        let xml = changed(&around(&signed()), "<samlp:Status>", &evil);
        assert_eq!(code(&xml), Code::SamlStructureForbidden, "{name}");
    }
    let response = changed(&good(), "xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"", "xmlns:samlp=\"urn:evil\"");
    assert_eq!(code(&response), Code::SamlNotResponse);
    let request = good().replace("samlp:Response", "samlp:AuthnRequest");
    assert_eq!(code(&request), Code::SamlNotResponse);
}

#[test]
fn x4_namespaces_that_readers_understand_differently() {
    for (declared, refusal) in [
        ("xmlns=\"urn:a\" xmlns=\"urn:b\"", Code::SamlStructureForbidden),
        ("samlp:xmlns=\"urn:a\"", Code::SamlStructureForbidden),
        ("xmlns:e=\"\"", Code::SamlStructureForbidden),
        ("xmlns:xmlns=\"urn:a\"", Code::SamlStructureForbidden),
        ("xmlns:e=\"relative\"", Code::SamlStructureForbidden),
        ("xmlns:e=\"urn:a\" xmlns:e=\"urn:b\"", Code::SamlNotWellFormed),
        ("e:x=\"1\"", Code::SamlNotWellFormed),
        ("a:b:c=\"1\" xmlns:a=\"urn:a\"", Code::SamlNotWellFormed),
    ] {
        let xml = changed(&around(&signed()), "<samlp:Status>", &format!("<samlp:Status {declared}>"));
        assert_eq!(code(&xml), refusal, "{declared}");
    }
}
