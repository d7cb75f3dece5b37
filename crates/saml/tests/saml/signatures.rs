//! H9, H10, H11, X9, X11, X12: whose signature, made how, over what; and what an admin is told when it does not hold.

use aws_lc_rs::digest;
use data_encoding::BASE64;
use postern_core::connection::{Allowance, SamlIdp};
use postern_core::fault::Code;
use postern_saml::certificate;

use crate::support::*;

#[test]
fn h9_a_signed_assertion_is_accepted() {
    let verified = check(&good()).unwrap();
    assert_eq!((verified.assertion_id(), verified.issuer()), ("_assertion", IDP));
}

#[test]
fn h9_a_signed_response_is_accepted() {
    let verified = check(&response_signed("", "")).unwrap();
    assert_eq!(verified.assertion_id(), "_assertion");
}

#[test]
fn h9_both_may_be_signed() {
    let inner = IDP_KEY.sign(&assertion());
    assert!(check(&IDP_KEY.sign(&around(&inner))).is_ok());
}

#[test]
fn h9_an_unsigned_response_is_refused() {
    assert_eq!(code(&around(&assertion())), Code::SamlUnsigned);
}

#[test]
fn h9_another_idps_signature_is_refused_and_both_keys_are_named() {
    let fault = check(&around(&OTHER_KEY.sign(&assertion()))).unwrap_err();
    assert_eq!(fault.code, Code::SamlSignatureOtherKey);
    assert_eq!(fault.expected, Some(certificate::describe(&IDP_KEY.certificate)));
    assert_eq!(fault.received, Some(certificate::describe(&OTHER_KEY.certificate)));
}

#[test]
fn a_certificate_is_described_as_people_compare_them() {
    let described = certificate::describe(&IDP_KEY.certificate);
    let fingerprint = certificate::fingerprint(&IDP_KEY.certificate);
    assert_eq!(described, format!("CN=rcgen self signed cert until 4096-01-01, SHA-256 {fingerprint}"));
}

#[test]
fn h9_any_of_several_keys_may_have_signed() {
    let idp = idp(vec![OTHER_KEY.certificate.clone(), IDP_KEY.certificate.clone()]);
    assert!(check_with(&good(), &idp, Some(REQUEST), NOW).is_ok());
}

#[test]
fn h9_x16_every_signature_has_to_hold() {
    let good_inside_bad = OTHER_KEY.sign(&around(&IDP_KEY.sign(&assertion())));
    assert_eq!(code(&good_inside_bad), Code::SamlSignatureOtherKey);
    let bad_inside_good = IDP_KEY.sign(&around(&OTHER_KEY.sign(&assertion())));
    assert_eq!(code(&bad_inside_good), Code::SamlSignatureOtherKey);
}

#[test]
fn x12_a_certificate_in_the_message_adds_no_trust() {
    // The forger's signature fits the certificate it shows; and one that shows the trusted certificate does not fit it.
    assert_eq!(code(&around(&OTHER_KEY.sign(&assertion()))), Code::SamlSignatureOtherKey);
    let shown = data_encoding::BASE64.encode(&OTHER_KEY.certificate.der);
    let trusted = data_encoding::BASE64.encode(&IDP_KEY.certificate.der);
    let disguised = changed(&around(&OTHER_KEY.sign(&assertion())), &shown, &trusted);
    assert_eq!(code(&disguised), Code::SamlSignatureInvalid);
}

#[test]
fn a_signature_without_key_info_is_enough() {
    let xml = good();
    let (start, end) = (xml.find("<ds:KeyInfo>").unwrap(), xml.find("</ds:KeyInfo>").unwrap() + "</ds:KeyInfo>".len());
    assert!(check(&format!("{}{}", &xml[..start], &xml[end..])).is_ok());
}

#[test]
fn h10_an_elliptic_curve_key_verifies_its_own_method_only() {
    let key = Key::ec();
    let idp = idp(vec![key.certificate.clone()]);
    let signed = around(&key.sign(&assertion()));
    assert!(check_with(&signed, &idp, Some(REQUEST), NOW).is_ok());
    // Signed by the RSA key, presented to a connection that has only the other kind.
    assert_eq!(refusal(check_with(&good(), &idp, Some(REQUEST), NOW)), Code::SamlSignatureOtherKey);
}

#[test]
fn h10_weak_and_foreign_algorithms_are_refused_by_name() {
    for method in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "none",
        "",
    ] {
        let xml = around(&IDP_KEY.sign_as(&assertion(), |info| changed(&info, IDP_KEY.method, method)));
        let fault = check(&xml).unwrap_err();
        assert_eq!((fault.code, fault.received.as_deref()), (Code::SamlSignatureAlgorithm, Some(method)));
    }
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    for digest in ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"] {
        let xml = around(&IDP_KEY.sign_as(&assertion(), |info| changed(&info, sha256, digest)));
        assert_eq!(code(&xml), Code::SamlSignatureAlgorithm);
    }
}

#[test]
fn h10_a_small_key_is_called_small() {
    let fault = check_with(SMALL, &legacy(SMALL_CERTIFICATE, &[Allowance::Sha1]), Some(REQUEST), NOW).unwrap_err();
    assert_eq!((fault.code, fault.received.as_deref()), (Code::SamlKeyTooWeak, Some("RSA 1024")));
}

const SMALL: &str = include_str!("fixtures/legacy/rsa1024.xml");
const SMALL_CERTIFICATE: &[u8] = include_bytes!("fixtures/legacy/rsa1024.der");
const OLD: &str = include_str!("fixtures/legacy/sha1.xml");
const OLD_CERTIFICATE: &[u8] = include_bytes!("fixtures/legacy/sha1.der");

/// A connection whose IdP signs as nobody should.
fn legacy(certificate: &[u8], allow: &[Allowance]) -> SamlIdp {
    SamlIdp { allow: allow.iter().copied().collect(), ..idp(vec![certificate::read(certificate).unwrap()]) }
}

#[test]
fn h10_a_small_key_is_good_enough_where_the_connection_allows_it() {
    let verified = check_with(SMALL, &legacy(SMALL_CERTIFICATE, &[Allowance::Rsa1024]), Some(REQUEST), NOW).unwrap();
    assert!(verified.notes().contains(&"accepted only because rsa1024 is allowed".to_owned()));
    // The allowance is no other rule's: the connection's other keys and methods stay what they are.
    assert!(check_with(&good(), &legacy(&IDP_KEY.certificate.der, &[Allowance::Rsa1024]), Some(REQUEST), NOW).is_ok());
    let changed = changed(SMALL, ">p-1<", ">p-2<");
    let refused = check_with(&changed, &legacy(SMALL_CERTIFICATE, &[Allowance::Rsa1024]), Some(REQUEST), NOW);
    assert_eq!(refusal(refused), Code::SamlDigestMismatch);
}

#[test]
fn h10_sha1_is_good_enough_where_the_connection_allows_it() {
    let verified = check_with(OLD, &legacy(OLD_CERTIFICATE, &[Allowance::Sha1]), Some(REQUEST), NOW).unwrap();
    assert_eq!(verified.notes(), ["accepted only because sha1 is allowed"]);
    let others = [Allowance::Rsa1024, Allowance::AesCbc, Allowance::Unsolicited];
    let refused = check_with(OLD, &legacy(OLD_CERTIFICATE, &others), Some(REQUEST), NOW);
    assert_eq!(refusal(refused), Code::SamlSignatureAlgorithm);
}

#[test]
fn h10_sha1_may_be_the_digest_alone() {
    let old_digest = |info: String| {
        let digest = |algorithm, text: &str| BASE64.encode(digest::digest(algorithm, text.as_bytes()).as_ref());
        let info = changed(&info, "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1");
        let old = digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &assertion());
        changed(&info, &digest(&digest::SHA256, &assertion()), &old)
    };
    let xml = around(&IDP_KEY.sign_as(&assertion(), old_digest));
    assert_eq!(code(&xml), Code::SamlSignatureAlgorithm);
    assert!(check_with(&xml, &legacy(&IDP_KEY.certificate.der, &[Allowance::Sha1]), Some(REQUEST), NOW).is_ok());
}

#[test]
fn h10_nothing_else_can_be_loosened() {
    let everything = legacy(&IDP_KEY.certificate.der, Allowance::ALL);
    for method in [
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
    ] {
        let xml = around(&IDP_KEY.sign_as(&assertion(), |info| changed(&info, IDP_KEY.method, method)));
        let refused = check_with(&xml, &everything, Some(REQUEST), NOW);
        assert_eq!(refusal(refused), Code::SamlSignatureAlgorithm, "{method}");
    }
    for (xml, code) in [
        (around(&assertion()), Code::SamlUnsigned),
        (around(&OTHER_KEY.sign(&assertion())), Code::SamlSignatureOtherKey),
        (changed(&good(), ">p-1<", ">p-2<"), Code::SamlDigestMismatch),
    ] {
        assert_eq!(refusal(check_with(&xml, &everything, Some(REQUEST), NOW)), code);
    }
}

/// Signs with a changed SignedInfo and expects a refusal of its form.
fn form_refused(from: &str, to: &str) {
    let xml = around(&IDP_KEY.sign_as(&assertion(), |info| changed(&info, from, to)));
    assert_eq!(code(&xml), Code::SamlSignatureForm, "{to}");
}

#[test]
fn h11_the_reference_points_at_the_parent_and_nowhere_else() {
    for uri in ["", "#", "#_response", "#_other", "https://idp.example.com/a.xml", "file:///dev/zero", "#xpointer(/)"] {
        form_refused("URI=\"#_assertion\"", &format!("URI=\"{uri}\""));
    }
    form_refused(" URI=\"#_assertion\"", "");
}

#[test]
fn h11_one_reference_in_one_signed_info() {
    let with_second = |info: String| {
        let reference = &info[info.find("<ds:Reference").unwrap()..info.find("</ds:SignedInfo>").unwrap()];
        info.replace("</ds:SignedInfo>", &format!("{reference}</ds:SignedInfo>"))
    };
    assert_eq!(code(&around(&IDP_KEY.sign_as(&assertion(), with_second))), Code::SamlSignatureForm);

    // X9: a second SignedInfo, before or after the real one.
    let xml = good();
    let info = &xml[xml.find("<ds:SignedInfo").unwrap()..xml.find("</ds:SignedInfo>").unwrap() + 16];
    for twice in
        [xml.replace(info, &format!("{info}{info}")), changed(&xml, "<ds:KeyInfo>", &format!("{info}<ds:KeyInfo>"))]
    {
        assert_eq!(code(&twice), Code::SamlSignatureForm);
    }
}

#[test]
fn h11_no_transform_but_enveloped_and_canonicalisation() {
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>";
    for other in ["http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116"] {
        form_refused(enveloped, &enveloped.replace("http://www.w3.org/2000/09/xmldsig#enveloped-signature", other));
        let third = format!("{enveloped}<ds:Transform Algorithm=\"{other}\"></ds:Transform>");
        form_refused(enveloped, &third);
    }
    form_refused(enveloped, "");
    form_refused(enveloped, &format!("{enveloped}{enveloped}"));
    let c14n = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
    form_refused(c14n, "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\">");
    form_refused(c14n, "<ds:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\">");
}

#[test]
fn h11_plain_canonical_xml_is_understood_too() {
    // In a document where the assertion inherits nothing but `samlp`, which plain Canonical XML writes on it.
    let own = changed(&assertion(), " ID=", " xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=");
    let inclusive = |info: String| {
        let exclusive = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
        changed(&info, exclusive, "<ds:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\">")
    };
    assert!(check(&around(&IDP_KEY.sign_as(&own, inclusive))).is_ok());
    // XML Signature §4.4.3.2: without a canonicalisation, plain Canonical XML is meant.
    let none = |info: String| {
        changed(&info, "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform>", "")
    };
    assert!(check(&around(&IDP_KEY.sign_as(&own, none))).is_ok());
    // What exclusive canonicalisation would have left out was not signed.
    assert_eq!(code(&around(&IDP_KEY.sign_as(&assertion(), none))), Code::SamlDigestMismatch);
}

#[test]
fn h11_parameters_of_the_signature_method_are_refused() {
    let open = format!("<ds:SignatureMethod Algorithm=\"{}\">", IDP_KEY.method);
    form_refused(&open, &format!("{open}<ds:HMACOutputLength>8</ds:HMACOutputLength>"));
}

#[test]
fn x9_a_digest_value_is_base64_and_nothing_else() {
    form_refused("<ds:DigestValue>", "<ds:DigestValue>*");
    form_refused("<ds:DigestValue>", "<ds:DigestValue><ds:X></ds:X>");
}

#[test]
fn x5_void_canonicalisation_has_no_digest() {
    let empty = |info: String| {
        let (start, end) = (info.find("<ds:DigestValue>").unwrap() + 16, info.find("</ds:DigestValue>").unwrap());
        format!("{}{}", &info[..start], &info[end..])
    };
    // Neither no digest nor the digest of nothing is that of an element.
    assert_eq!(code(&around(&IDP_KEY.sign_as(&assertion(), empty))), Code::SamlDigestMismatch);
    let of_nothing = |info: String| {
        let (start, end) = (info.find("<ds:DigestValue>").unwrap() + 16, info.find("</ds:DigestValue>").unwrap());
        format!("{}47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU={}", &info[..start], &info[end..])
    };
    assert_eq!(code(&around(&IDP_KEY.sign_as(&assertion(), of_nothing))), Code::SamlDigestMismatch);
}

#[test]
fn x5_what_cannot_be_written_canonically_one_way_is_refused() {
    // Canonical XML 1.0 §1.3: a relative namespace URI is "an operation failure".
    let relative =
        changed(&assertion(), "<saml:Conditions ", "<saml:X xmlns:x=\"relative\"></saml:X><saml:Conditions ");
    assert_eq!(code(&around(&IDP_KEY.sign(&relative))), Code::SamlStructureForbidden);
    let c14n = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
    let list = |prefixes: &str| {
        format!(
            "{c14n}<e:InclusiveNamespaces xmlns:e=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{prefixes}\"></e:InclusiveNamespaces>"
        )
    };
    form_refused(c14n, &list(&"a ".repeat(17)));
    form_refused(c14n, &list("a").replace("InclusiveNamespaces", "Namespaces"));
    form_refused(c14n, &list("a").replace("xmlns:e=\"http://www.w3.org/2001/10/xml-exc-c14n#\"", "xmlns:e=\"urn:e\""));
}

#[test]
fn what_changed_after_signing_is_told_apart() {
    let content = changed(&good(), ">anna@example.com<", ">admin@example.com<");
    assert_eq!(code(&content), Code::SamlDigestMismatch);
    let xml = good();
    let at = xml.find("<ds:DigestValue>").unwrap() + 16;
    let other = if xml.as_bytes()[at] == b'A' { "B" } else { "A" };
    let digest = format!("{}{other}{}", &xml[..at], &xml[at + 1..]);
    assert_eq!(code(&digest), Code::SamlSignatureInvalid);
}

#[test]
fn a_failure_tells_unsigned_other_key_weak_and_changed_apart() {
    let told = |xml: &str| {
        let fault = check(xml).unwrap_err();
        (fault.code, fault.received.unwrap_or_default())
    };
    assert_eq!(told(&around(&assertion())), (Code::SamlUnsigned, "none".to_owned()));
    let (code, received) = told(&around(&OTHER_KEY.sign(&assertion())));
    assert_eq!(code, Code::SamlSignatureOtherKey);
    assert!(received.contains(&certificate::fingerprint(&OTHER_KEY.certificate)));
    let weak = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    let signed = around(&IDP_KEY.sign_as(&assertion(), |info| changed(&info, IDP_KEY.method, weak)));
    assert_eq!(told(&signed), (Code::SamlSignatureAlgorithm, weak.to_owned()));
    assert_eq!(told(&changed(&good(), ">p-1<", ">p-2<")).0, Code::SamlDigestMismatch);
    let late = check_at(&good(), "2026-01-31T13:00:00Z").unwrap_err();
    assert_eq!(late.received.as_deref(), Some("2026-01-31T13:00:00Z: 3300 s off"));
    assert_eq!(late.expected.as_deref(), Some("before 2026-01-31T12:05:00Z, give or take 180 s"));
    let years = check_at(&good(), "2027-01-31T12:00:00Z").unwrap_err();
    assert!(years.received.unwrap().ends_with("an old response, or a clock set for a test"));
}

#[test]
fn m8_an_expired_certificate_is_noted_and_locks_nobody_out() {
    let mut old = IDP_KEY.certificate.clone();
    old.not_after = "2026-01-01T00:00:00Z".parse().unwrap();
    let fingerprint = certificate::fingerprint(&old);
    let verified = check_with(&good(), &idp(vec![old]), Some(REQUEST), NOW).unwrap();
    assert_eq!(verified.notes(), [format!("the signing certificate {fingerprint} expired on 2026-01-01T00:00:00Z")]);
}
