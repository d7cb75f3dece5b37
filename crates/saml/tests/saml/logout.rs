//! H28, X10, X17: logout messages, both ways. Every refusal by its code.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::{DsigContext, KeysManager, VerifyResult};
use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use postern_core::connection::{Allowance, SamlIdp};
use postern_core::fault::{Code, Fault};
use postern_core::identity::SubjectName;
use postern_saml::keys::SigningKey;
use postern_saml::logout::{
    Arrived, Incoming, LogoutExpectation, LogoutOutcome, LogoutRequest, LogoutResponse, VerifiedLogoutRequest,
    VerifiedLogoutResponse, posted, redirected,
};
use postern_saml::response::SecondVerifier;
use x509_cert::der::{Decode, Encode};

use crate::support::*;

const SLO: &str = "https://sp.example.com/slo";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// In exclusive canonical form, so that it can be signed as it stands.
const REQUEST_XML: &str = concat!(
    r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="https://sp.example.com/slo" "#,
    r#"ID="_logout" IssueInstant="2026-01-31T12:00:00Z" NotOnOrAfter="2026-01-31T12:05:00Z" Version="2.0">"#,
    r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example.com</saml:Issuer>"#,
    r#"<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" "#,
    r#"Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" SPNameQualifier="https://sp.example.com">p-1"#,
    r#"</saml:NameID><samlp:SessionIndex>s-1</samlp:SessionIndex><samlp:SessionIndex>s-2</samlp:SessionIndex>"#,
    r#"</samlp:LogoutRequest>"#,
);

const RESPONSE_XML: &str = concat!(
    r#"<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="https://sp.example.com/slo" "#,
    r#"ID="_answer" InResponseTo="_request" IssueInstant="2026-01-31T12:00:00Z" Version="2.0">"#,
    r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example.com</saml:Issuer>"#,
    r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode>"#,
    r#"</samlp:Status></samlp:LogoutResponse>"#,
);

static OURS: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("sp.example.com", NOW.parse().unwrap(), NOW.parse().unwrap()).unwrap());

fn connection() -> SamlIdp {
    idp(vec![IDP_KEY.certificate.clone()])
}

fn expecting(idp: &SamlIdp) -> LogoutExpectation<'_> {
    LogoutExpectation {
        idp,
        destination: SLO,
        second_verifier: SecondVerifier::Require,
        now: NOW.parse().unwrap(),
        skew: Duration::from_secs(180),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn deflated(xml: &str) -> String {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(xml.as_bytes()).unwrap();
    BASE64.encode(&deflate.finish().unwrap())
}

/// The query that carries a message, signed.
fn signed(parameter: &str, xml: &str, relay_state: &str, key: &Key) -> String {
    let relay = if relay_state.is_empty() { String::new() } else { format!("&RelayState={}", encoded(relay_state)) };
    let query = format!("{parameter}={}{relay}&SigAlg={}", encoded(&deflated(xml)), encoded(key.method));
    let signature = encoded(&BASE64.encode(&key.raw(query.as_bytes())));
    format!("{query}&Signature={signature}")
}

fn good_query() -> String {
    signed("SAMLRequest", REQUEST_XML, "state/1", &IDP_KEY)
}

fn redirect(query: &str) -> Result<Arrived, Fault> {
    redirected(query, &expecting(&connection()))
}

fn post(request: &str) -> Result<Incoming, Fault> {
    posted(Some(&BASE64.encode(request.as_bytes())), None, &expecting(&connection()))
}

fn request(incoming: Incoming) -> VerifiedLogoutRequest {
    match incoming {
        Incoming::Request(request) => request,
        Incoming::Response(response) => panic!("{response:?}"),
    }
}

fn response(incoming: Incoming) -> VerifiedLogoutResponse {
    match incoming {
        Incoming::Response(response) => response,
        Incoming::Request(request) => panic!("{request:?}"),
    }
}

/// Refused however it comes, though the IdP signed it.
fn refused(xml: &str, expected: Code) {
    let by_redirect = redirect(&signed("SAMLRequest", xml, "", &IDP_KEY)).unwrap_err();
    assert_eq!(by_redirect.code, expected, "redirect: {xml}");
    assert_eq!(post(&IDP_KEY.sign(xml)).unwrap_err().code, expected, "post: {xml}");
}

#[test]
fn h28_a_signed_request_says_whose_sessions_end() {
    let arrived = redirect(&good_query()).unwrap();
    assert_eq!(arrived.relay_state.as_deref(), Some("state/1"));
    for request in [request(arrived.message), request(post(&IDP_KEY.sign(REQUEST_XML)).unwrap())] {
        assert_eq!(request.id(), "_logout");
        assert_eq!(request.session_indexes(), ["s-1", "s-2"]);
        let name = SubjectName {
            value: "p-1".into(),
            format: Some(PERSISTENT.into()),
            name_qualifier: None,
            sp_name_qualifier: Some(SP.into()),
        };
        assert_eq!(request.name(), &name);
        assert_eq!(request.usable_until(), "2026-01-31T12:08:00Z".parse().unwrap());
    }
    // It may leave out which session it is, and when it ends.
    let all = REQUEST_XML
        .replace("<samlp:SessionIndex>s-1</samlp:SessionIndex><samlp:SessionIndex>s-2</samlp:SessionIndex>", "")
        .replace(" NotOnOrAfter=\"2026-01-31T12:05:00Z\"", "");
    let all = request(post(&IDP_KEY.sign(&all)).unwrap());
    assert!(all.session_indexes().is_empty());
    assert_eq!(all.usable_until(), "2026-01-31T12:13:00Z".parse().unwrap());
}

#[test]
fn h28_a_response_says_what_became_of_one_request() {
    let outcome = |xml: &str| {
        let by_redirect = response(redirect(&signed("SAMLResponse", xml, "", &IDP_KEY)).unwrap().message);
        let field = BASE64.encode(IDP_KEY.sign(xml).as_bytes());
        let by_post = response(posted(None, Some(&field), &expecting(&connection())).unwrap());
        assert_eq!(by_redirect.answer_to("_other").unwrap_err().code, Code::LogoutOtherRequest);
        assert_eq!(by_redirect.answer_to("_request").unwrap(), by_post.answer_to("_request").unwrap());
        by_post.answer_to("_request").unwrap()
    };
    let status = |code: &str| RESPONSE_XML.replace("status:Success", &format!("status:{code}"));
    assert_eq!(outcome(RESPONSE_XML), LogoutOutcome::Done);
    assert_eq!(outcome(&status("Responder")), LogoutOutcome::Failed);
    let inner = r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:PartialLogout"></samlp:StatusCode>"#;
    let partial = changed(RESPONSE_XML, "></samlp:StatusCode>", &format!(">{inner}</samlp:StatusCode>"));
    assert_eq!(outcome(&partial), LogoutOutcome::Partial);
    let nobodys = RESPONSE_XML.replace(" InResponseTo=\"_request\"", "");
    let nobodys = response(redirect(&signed("SAMLResponse", &nobodys, "", &IDP_KEY)).unwrap().message);
    assert_eq!(nobodys.answer_to("_request").unwrap_err().code, Code::LogoutOtherRequest);
}

#[test]
fn h28_every_rule_of_a_message_holds() {
    let bend = |from: &str, to: &str| changed(REQUEST_XML, from, to);
    for (xml, code) in [
        (bend("https://idp.example.com<", "https://other.example.com<"), Code::LogoutIssuerMismatch),
        (bend("Destination=\"https://sp.example.com/slo\" ", ""), Code::LogoutDestinationMismatch),
        (bend("sp.example.com/slo", "other.example.com/slo"), Code::LogoutDestinationMismatch),
        (bend("T12:00:00Z", "T12:03:01Z"), Code::LogoutOutOfTime),
        (bend("T12:05:00Z", "T11:57:00Z"), Code::LogoutOutOfTime),
        (bend("T12:00:00Z", "T11:46:59Z"), Code::LogoutOutOfTime),
        (bend("T12:00:00Z", "T12:00:00"), Code::SamlTimeMalformed),
        (bend("Version=\"2.0\"", "Version=\"1.1\""), Code::SamlVersion),
        (bend(&name_id(), ""), Code::LogoutNameIdMissing),
        (bend(&name_id(), &name_id().replace("NameID", "EncryptedID")), Code::LogoutNameIdMissing),
        (bend(&name_id(), &name_id().replace("NameID", "BaseID")), Code::LogoutNameIdMissing),
        (bend(&name_id(), &name_id().repeat(2)), Code::SamlValueMalformed),
        (bend("<samlp:SessionIndex>", "<samlp:Other></samlp:Other><samlp:SessionIndex>"), Code::SamlStructureForbidden),
    ] {
        refused(&xml, code);
    }
    // Within the tolerance of clocks.
    for (from, to) in [("T12:00:00Z", "T12:03:00Z"), ("T12:05:00Z", "T11:57:01Z"), ("T12:00:00Z", "T11:47:01Z")] {
        assert!(post(&IDP_KEY.sign(&bend(from, to))).is_ok(), "{to}");
    }
    // A message is what its field says, and a logout message.
    let field = |xml: &str| BASE64.encode(IDP_KEY.sign(xml).as_bytes());
    let (request, response) = (field(REQUEST_XML), field(RESPONSE_XML));
    for (request, answer) in [(Some(&response), None), (None, Some(&request)), (None, None)] {
        let fault = posted(request.map(String::as_str), answer.map(String::as_str), &expecting(&connection()));
        assert_eq!(fault.unwrap_err().code, Code::LogoutNotMessage);
    }
    refused(&REQUEST_XML.replace("LogoutRequest", "AuthnRequest"), Code::LogoutNotMessage);
}

fn name_id() -> String {
    let (start, end) = (REQUEST_XML.find("<saml:NameID").unwrap(), REQUEST_XML.find("<samlp:SessionIndex").unwrap());
    REQUEST_XML[start..end].to_owned()
}

#[test]
fn h28_an_unsigned_message_is_refused() {
    let unsigned = BASE64.encode(REQUEST_XML.as_bytes());
    assert_eq!(posted(Some(&unsigned), None, &expecting(&connection())).unwrap_err().code, Code::LogoutUnsigned);
    let query = good_query();
    let (without, _) = query.split_once("&Signature=").unwrap();
    assert_eq!(redirect(without).unwrap_err().code, Code::LogoutUnsigned);
    let (message, _) = query.split_once("&SigAlg=").unwrap();
    assert_eq!(redirect(message).unwrap_err().code, Code::LogoutUnsigned);
    assert_eq!(redirect(&format!("{query}x")).unwrap_err().code, Code::LogoutUnreadable);
    // A signature inside is no signature of the address.
    let inside = format!("SAMLRequest={}", encoded(&deflated(&IDP_KEY.sign(REQUEST_XML))));
    assert_eq!(redirect(&inside).unwrap_err().code, Code::LogoutUnsigned);
    let both = signed("SAMLRequest", &IDP_KEY.sign(REQUEST_XML), "", &IDP_KEY);
    assert_eq!(redirect(&both).unwrap_err().code, Code::SamlStructureForbidden);
}

#[test]
fn h28_a_message_of_another_key_or_a_weak_algorithm_is_refused() {
    let other = signed("SAMLRequest", REQUEST_XML, "", &OTHER_KEY);
    assert_eq!(redirect(&other).unwrap_err().code, Code::LogoutSignatureInvalid);
    assert_eq!(post(&OTHER_KEY.sign(REQUEST_XML)).unwrap_err().code, Code::SamlSignatureOtherKey);
    let named = encoded(IDP_KEY.method);
    for weak in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "none",
        "",
    ] {
        let query = changed(&good_query(), &named, &encoded(weak));
        assert_eq!(redirect(&query).unwrap_err().code, Code::SamlSignatureAlgorithm, "{weak}");
    }
    // A connection that allows SHA-1 hears that no key of it made this.
    let old = SamlIdp { allow: [Allowance::Sha1].into(), ..connection() };
    let query = changed(&good_query(), &named, &encoded("http://www.w3.org/2000/09/xmldsig#rsa-sha1"));
    assert_eq!(redirected(&query, &expecting(&old)).unwrap_err().code, Code::LogoutSignatureInvalid);
}

#[test]
fn x10_a_query_that_could_be_read_in_two_ways_is_refused() {
    let query = good_query();
    let forged = encoded(&deflated(&REQUEST_XML.replace("p-1", "p-2")));
    let answer = signed("SAMLResponse", RESPONSE_XML, "", &IDP_KEY);
    let values: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    for (name, value) in &values {
        for again in [format!("{query}&{name}={value}"), format!("{name}={value}&{query}"), format!("{query}&{name}")] {
            assert_eq!(redirect(&again).unwrap_err().code, Code::LogoutParametersAmbiguous, "{name} twice");
        }
    }
    for ambiguous in [
        format!("SAMLRequest={forged}&{query}"),
        format!("{query}&SAMLRequest={forged}"),
        format!("{query}&SAMLResponse={forged}"),
        format!("SAMLResponse={forged}&{query}"),
        format!("{query}&{answer}"),
        // By another name for some readers.
        format!("{query}&SAML%52equest={forged}"),
        format!("{query}&samlrequest={forged}"),
        format!("{query}&SAMLRequest%20={forged}"),
        query.replacen("SAMLRequest", "%53AMLRequest", 1),
        query.replacen("RelayState", "relaystate", 1),
    ] {
        assert_eq!(redirect(&ambiguous).unwrap_err().code, Code::LogoutParametersAmbiguous, "{ambiguous}");
    }
    // What means nothing to us changes nothing.
    assert!(redirect(&format!("tenant=x&{query}&tenant=y&&z")).is_ok());
}

#[test]
fn x10_what_is_signed_are_the_octets_that_arrived() {
    let query = good_query();
    // The order of the signature is fixed, that of the query is not.
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.reverse();
    assert!(redirect(&pairs.join("&")).is_ok());
    // The same value written in another way is not what was signed.
    assert!(query.contains("%2F"));
    for (from, to) in [
        ("state%2F1", "state%2f1"),
        ("state%2F1", "state/1"),
        ("state%2F1", "state%2F2"),
        ("state%2F1", ""),
        ("&RelayState=state%2F1", ""),
        ("SAMLRequest=", "SAMLRequest=%20"),
    ] {
        let fault = redirect(&changed(&query, from, to)).unwrap_err();
        assert_eq!(fault.code, Code::LogoutSignatureInvalid, "{from} -> {to}");
    }
    let plain = signed("SAMLRequest", REQUEST_XML, "", &IDP_KEY);
    let injected = changed(&plain, "&SigAlg=", "&RelayState=x&SigAlg=");
    assert_eq!(redirect(&injected).unwrap_err().code, Code::LogoutSignatureInvalid);
    // A request is no response, though nothing else changed.
    let other_name = plain.replacen("SAMLRequest", "SAMLResponse", 1);
    assert_eq!(redirect(&other_name).unwrap_err().code, Code::LogoutSignatureInvalid);
    // Another encoding is another message.
    let encoding = format!("{plain}&SAMLEncoding={}", encoded("urn:example:other"));
    assert_eq!(redirect(&encoding).unwrap_err().code, Code::LogoutUnreadable);
    let deflate = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";
    assert!(redirect(&format!("{plain}&SAMLEncoding={}", encoded(deflate))).is_ok());
}

#[test]
fn x17_a_signed_request_around_or_inside_a_forged_one_is_refused() {
    let genuine = IDP_KEY.sign(REQUEST_XML);
    let signature = {
        let (start, end) = (genuine.find("<ds:Signature ").unwrap(), genuine.find("</ds:Signature>").unwrap());
        genuine[start..end + "</ds:Signature>".len()].to_owned()
    };
    let forged = REQUEST_XML.replace("p-1", "p-2").replace("\"_logout\"", "\"_forged\"");
    let behind_issuer = |xml: &str, what: &str| changed(xml, "</saml:Issuer>", &format!("</saml:Issuer>{what}"));
    let extensions = |what: &str| format!("<samlp:Extensions>{what}</samlp:Extensions>");
    let object =
        |what: &str| changed(&signature, "</ds:Signature>", &format!("<ds:Object>{what}</ds:Object></ds:Signature>"));
    for (what, xml) in [
        ("the genuine one in extensions", behind_issuer(&forged, &extensions(&genuine))),
        ("its signature taken along", behind_issuer(&forged, &format!("{signature}{}", extensions(REQUEST_XML)))),
        ("the genuine one in the signature", behind_issuer(&forged, &object(REQUEST_XML))),
        (
            "the genuine one at the end",
            changed(&forged, "</samlp:LogoutRequest>", &format!("{genuine}</samlp:LogoutRequest>")),
        ),
        ("the forged one inside", changed(&genuine, "<samlp:SessionIndex>", &format!("{forged}<samlp:SessionIndex>"))),
        ("two signatures", behind_issuer(&genuine, &signature)),
        ("the same ID", behind_issuer(&forged.replace("_forged", "_logout"), &extensions(&genuine))),
        ("its signature on another ID", behind_issuer(&forged, &signature)),
        (
            "its signature elsewhere",
            changed(REQUEST_XML, "</samlp:SessionIndex>", &format!("{signature}</samlp:SessionIndex>")),
        ),
        (
            "a wrapper",
            format!(
                "<samlp:Wrapper xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">{genuine}{forged}</samlp:Wrapper>"
            ),
        ),
    ] {
        let fault = post(&xml).unwrap_err();
        let refusals = [Code::SamlStructureForbidden, Code::SamlSignatureForm, Code::LogoutNotMessage];
        assert!(refusals.contains(&fault.code), "{what}: {fault}");
    }
    let same_id = behind_issuer(&forged.replace("_forged", "_logout"), &signature);
    assert_eq!(post(&same_id).unwrap_err().code, Code::SamlDigestMismatch);
    // Comments cut no name short, and an assertion has no business here.
    assert_eq!(post(&changed(&genuine, "p-1", "p<!-- -->-1")).unwrap_err().code, Code::SamlCommentOrInstruction);
    let assertion = changed(REQUEST_XML, "<samlp:SessionIndex>", &format!("{}<samlp:SessionIndex>", assertion()));
    assert_eq!(post(&IDP_KEY.sign(&assertion)).unwrap_err().code, Code::SamlStructureForbidden);
}

#[test]
fn x18_a_message_is_small_before_and_after_it_is_inflated() {
    let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 50 * 1024 * 1024]).unwrap();
    let query =
        format!("SAMLRequest={}&SigAlg={}", encoded(&BASE64.encode(&bomb.finish().unwrap())), encoded(IDP_KEY.method));
    let signature = encoded(&BASE64.encode(&IDP_KEY.raw(query.as_bytes())));
    let fault = redirect(&format!("{query}&Signature={signature}")).unwrap_err();
    assert_eq!(fault.code, Code::LogoutUnreadable);
    let large = BASE64.encode(&vec![b' '; 200 * 1024]);
    assert_eq!(posted(Some(&large), None, &expecting(&connection())).unwrap_err().code, Code::LogoutUnreadable);
    for nonsense in ["", "%%%", "AAAA"] {
        assert!(posted(Some(nonsense), None, &expecting(&connection())).is_err());
    }
}

#[test]
fn h28_our_messages_are_signed_for_others_to_verify() {
    let name = SubjectName {
        value: " a&b<c>".into(),
        format: Some(PERSISTENT.into()),
        name_qualifier: Some("https://idp.example.com/?a&b".into()),
        sp_name_qualifier: Some(SP.into()),
    };
    let indexes = ["s<1>".to_owned(), "s-2".to_owned()];
    let ask = LogoutRequest {
        id: "_1",
        issued: NOW.parse().unwrap(),
        destination: "https://idp.example.com/slo?x=1",
        issuer: SP,
        name: &name,
        session_indexes: &indexes,
        signing_key: &OURS,
    };
    let answer = LogoutResponse {
        id: "_2",
        issued: NOW.parse().unwrap(),
        destination: "https://idp.example.com/slo?x=1",
        issuer: SP,
        in_response_to: "_logout",
        outcome: LogoutOutcome::Partial,
        signing_key: &OURS,
    };
    // SAML Core §3.7.1: the name is the one that the IdP gave, byte for byte.
    let xml = ask.xml();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let said = document.descendants().find(|node| node.has_tag_name((SAML_NS, "NameID"))).unwrap();
    assert_eq!((said.text(), said.attribute("Format")), (Some(" a&b<c>"), Some(PERSISTENT)));
    assert_eq!(said.attribute("NameQualifier"), name.name_qualifier.as_deref());
    assert_eq!(said.attribute("SPNameQualifier"), Some(SP));
    let order: Vec<_> = document.root_element().children().map(|child| child.tag_name().name()).collect();
    assert_eq!(order, ["Issuer", "NameID", "SessionIndex", "SessionIndex"]);

    for (url, parameter) in
        [(ask.redirect_url("r/1").unwrap(), "SAMLRequest"), (answer.redirect_url("r/1").unwrap(), "SAMLResponse")]
    {
        let query = url.strip_prefix("https://idp.example.com/slo?x=1&").unwrap();
        assert!(query.starts_with(&format!("{parameter}=")) && query.contains("&RelayState=r%2F1&SigAlg="));
        let (signed, signature) = query.split_once("&Signature=").unwrap();
        let signature = percent_decode_str(signature).decode_utf8().unwrap();
        let signature = BASE64.decode(signature.as_bytes()).unwrap();
        let certificate = x509_cert::Certificate::from_der(&OURS.certificate().der).unwrap();
        let spki = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki).verify(signed.as_bytes(), &signature).unwrap();
    }
    for (value, id) in [(ask.post_value().unwrap(), "#_1"), (answer.post_value().unwrap(), "#_2")] {
        let xml = String::from_utf8(BASE64.decode(value.as_bytes()).unwrap()).unwrap();
        let mut known = KeysManager::new();
        known.add_key(load_x509_cert_der(&OURS.certificate().der).unwrap());
        let verdict = bergshamra::verify(&DsigContext::new(known), &xml).unwrap();
        let VerifyResult::Valid { references, .. } = verdict else { panic!("{xml}") };
        assert_eq!((references.len(), references[0].uri.as_str()), (1, id));
    }
}

const SAML_NS: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

#[test]
fn h28_the_name_to_log_out_by_is_the_one_of_the_assertion() {
    let qualified = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" NameQualifier=\"n\" SPNameQualifier=\"s\">";
    let plain = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">";
    let verified = check(&assertion_signed(plain, qualified)).unwrap();
    let name = SubjectName {
        value: "p-1".into(),
        format: Some(PERSISTENT.into()),
        name_qualifier: Some("n".into()),
        sp_name_qualifier: Some("s".into()),
    };
    assert_eq!(verified.subject_name(), Some(&name));
    let unnamed = check(&assertion_signed(&format!("{plain}p-1</saml:NameID>"), "")).unwrap();
    assert_eq!(unnamed.subject_name(), None);
}
