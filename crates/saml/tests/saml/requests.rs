//! H6: requests that we sign, judged by other verifiers than ours: the bare algorithms, and the second verifier's XML
//! Signature.

use std::sync::LazyLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::{DsigContext, KeysManager, VerifyResult};
use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use postern_saml::keys::SigningKey;
use postern_saml::request::{AuthnRequest, Wishes};
use x509_cert::der::{Decode, Encode};

use crate::support::*;

static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("sp.example.com", NOW.parse().unwrap(), NOW.parse().unwrap()).unwrap());

static EC: LazyLock<SigningKey> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let block =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der));
    let pem = format!("{}{}", block("CERTIFICATE", certificate.der()), block("PRIVATE KEY", &key.serialize_der()));
    SigningKey::from_pem(&pem).unwrap()
});

fn keys() -> [(&'static SigningKey, &'static str, &'static dyn VerificationAlgorithm); 2] {
    [
        (&*RSA, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", &RSA_PKCS1_2048_8192_SHA256),
        (&*EC, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", &ECDSA_P256_SHA256_FIXED),
    ]
}

fn request(signing_key: Option<&SigningKey>) -> AuthnRequest<'_> {
    AuthnRequest {
        id: "_request",
        issued: NOW.parse().unwrap(),
        destination: "https://idp.example.com/sso?tenant=a%20b",
        acs_url: "https://sp.example.com/acs?a=1&b='2'",
        issuer: "https://sp.example.com/?a&b<c>\"'",
        wishes: Wishes { force_authn: true, provider_name: Some("Ä \"quoted\"\n<name>"), ..Wishes::default() },
        signing_key,
    }
}

fn public(key: &SigningKey) -> Vec<u8> {
    let certificate = x509_cert::Certificate::from_der(&key.certificate().der).unwrap();
    certificate.tbs_certificate().subject_public_key_info().to_der().unwrap()
}

#[test]
fn h6_the_query_is_signed_as_it_stands() {
    for (key, method, algorithm) in keys() {
        for (relay_state, names) in
            [("login/1+2", &["SAMLRequest", "RelayState", "SigAlg"][..]), ("", &["SAMLRequest", "SigAlg"][..])]
        {
            let url = request(Some(key)).redirect_url(relay_state).unwrap();
            let query = url.strip_prefix("https://idp.example.com/sso?tenant=a%20b&").unwrap();
            let (signed, signature) = query.split_once("&Signature=").unwrap();
            let found: Vec<_> = signed.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
            assert_eq!(found, names);
            let decoded = |value: &str| percent_decode_str(value).decode_utf8().unwrap().into_owned();
            assert_eq!(decoded(signed.rsplit_once('=').unwrap().1), method);
            let signature = BASE64.decode(decoded(signature).as_bytes()).unwrap();
            let public = UnparsedPublicKey::new(algorithm, public(key));
            public.verify(signed.as_bytes(), &signature).unwrap();
            assert!(public.verify(format!("{signed}&").as_bytes(), &signature).is_err());
        }
    }
    let unsigned = request(None).redirect_url("").unwrap();
    assert!(!unsigned.contains("SigAlg") && !unsigned.contains("Signature"));
}

fn accepted(xml: &str, key: &SigningKey) -> bool {
    let mut known = KeysManager::new();
    known.add_key(load_x509_cert_der(&key.certificate().der).unwrap());
    match bergshamra::verify(&DsigContext::new(known), xml) {
        Ok(VerifyResult::Valid { references, .. }) => references.len() == 1 && references[0].uri == "#_request",
        _ => false,
    }
}

#[test]
fn h6_a_posted_message_has_its_signature_behind_the_issuer() {
    for (key, ..) in keys() {
        let value = request(Some(key)).post_value().unwrap();
        let xml = String::from_utf8(BASE64.decode(value.as_bytes()).unwrap()).unwrap();
        assert!(accepted(&xml, key), "{xml}");
        let document = roxmltree::Document::parse(&xml).unwrap();
        let children: Vec<_> = document.root_element().children().map(|child| child.tag_name().name()).collect();
        assert_eq!(children, ["Issuer", "Signature", "NameIDPolicy"]);
        // It is the message that would be sent unsigned, and it covers all of it.
        let start = xml.find("<ds:Signature ").unwrap();
        let end = xml.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        assert_eq!(format!("{}{}", &xml[..start], &xml[end..]), request(None).xml());
        for (from, to) in
            [("/sso?", "/ssO?"), ("ForceAuthn=\"true\"", "ForceAuthn=\"false\""), ("AllowCreate", "X=\"\" AllowCreate")]
        {
            assert!(!accepted(&changed(&xml, from, to), key), "{to}");
        }
        let other = if std::ptr::eq(key, &*RSA) { &*EC } else { &*RSA };
        assert!(!accepted(&xml, other));
    }
}
