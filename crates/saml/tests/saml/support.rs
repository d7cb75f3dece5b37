//! An IdP for tests: writes responses that are canonical as they stand, so that signing them needs no canonicaliser, and
//! signs them.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::{digest, signature};
use data_encoding::BASE64;
use postern_core::connection::{Allowance, Certificate, SamlIdp, SigningKeys};
use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;
use postern_saml::certificate;
use postern_saml::keys::DecryptionKey;
use postern_saml::response::{Expectation, SecondVerifier, VerifiedAssertion, verify};

pub(crate) const IDP: &str = "https://idp.example.com";
pub(crate) const SP: &str = "https://sp.example.com";
pub(crate) const ACS: &str = "https://sp.example.com/acs";
pub(crate) const REQUEST: &str = "_request";
pub(crate) const NOW: &str = "2026-01-31T12:00:00Z";

/// The IdP that the connection trusts, and one that it does not.
pub(crate) static IDP_KEY: LazyLock<Key> = LazyLock::new(Key::rsa);
pub(crate) static OTHER_KEY: LazyLock<Key> = LazyLock::new(Key::rsa);

/// Our key, for which the IdP encrypts.
pub(crate) static SP_KEY: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate("sp.example.com", NOW.parse().unwrap(), NOW.parse().unwrap()).unwrap());

const ASSERTION: &str = concat!(
    r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" "#,
    r#"IssueInstant="2026-01-31T12:00:00Z" Version="2.0"><saml:Issuer>https://idp.example.com</saml:Issuer><saml:Subject>"#,
    r#"<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">p-1</saml:NameID>"#,
    r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData "#,
    r#"InResponseTo="_request" NotOnOrAfter="2026-01-31T12:05:00Z" Recipient="https://sp.example.com/acs">"#,
    r#"</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>"#,
    r#"<saml:Conditions NotBefore="2026-01-31T11:55:00Z" NotOnOrAfter="2026-01-31T12:10:00Z"><saml:AudienceRestriction>"#,
    r#"<saml:Audience>https://sp.example.com</saml:Audience></saml:AudienceRestriction></saml:Conditions>"#,
    r#"<saml:AuthnStatement AuthnInstant="2026-01-31T11:59:00Z" SessionIndex="s-1"><saml:AuthnContext>"#,
    r#"<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>"#,
    r#"</saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="mail">"#,
    r#"<saml:AttributeValue>anna@example.com</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#,
    r#"</saml:Assertion>"#,
);

const RESPONSE: &str = concat!(
    r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="https://sp.example.com/acs" "#,
    r#"ID="_response" InResponseTo="_request" IssueInstant="2026-01-31T12:00:00Z" Version="2.0">"#,
    r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example.com</saml:Issuer>"#,
    r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode>"#,
    r#"</samlp:Status>ASSERTION</samlp:Response>"#,
);

/// An assertion, not signed.
pub(crate) fn assertion() -> String {
    ASSERTION.to_owned()
}

/// A response around an assertion, not signed.
pub(crate) fn around(assertion: &str) -> String {
    RESPONSE.replace("ASSERTION", assertion)
}

/// `text` with one thing changed, which has to be in it.
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// The exclusive canonical form of an element that does not stand in it yet, from another canonicaliser than ours.
pub(crate) fn canonical(element: &str) -> String {
    use bergshamra::c14n::{C14nMode, canonicalize};
    String::from_utf8(canonicalize::<&str>(element, C14nMode::Exclusive, None, &[]).unwrap()).unwrap()
}

/// A response of which the assertion is signed, after one change of the assertion.
pub(crate) fn assertion_signed(from: &str, to: &str) -> String {
    around(&IDP_KEY.sign(&changed(ASSERTION, from, to)))
}

/// A response that is signed as a whole, after one change anywhere in it.
pub(crate) fn response_signed(from: &str, to: &str) -> String {
    IDP_KEY.sign(&changed(&around(ASSERTION), from, to))
}

/// A good response with a signed assertion.
pub(crate) fn good() -> String {
    assertion_signed("", "")
}

/// The connection.
pub(crate) fn idp(certificates: Vec<Certificate>) -> SamlIdp {
    SamlIdp::new(IDP, SigningKeys::new(certificates).unwrap())
}

/// Verifies at [`NOW`] against the trusted IdP.
pub(crate) fn check(xml: &str) -> Result<VerifiedAssertion, Fault> {
    check_at(xml, NOW)
}

/// A connection with the trusted key that allows some things.
pub(crate) fn allowing(allow: &[Allowance]) -> SamlIdp {
    SamlIdp { allow: allow.iter().copied().collect(), ..idp(vec![IDP_KEY.certificate.clone()]) }
}

/// Verifies at some other time.
pub(crate) fn check_at(xml: &str, now: &str) -> Result<VerifiedAssertion, Fault> {
    check_with(xml, &idp(vec![IDP_KEY.certificate.clone()]), Some(REQUEST), now)
}

/// Verifies a response that answers no request, at a connection that allows it.
pub(crate) fn check_unsolicited(xml: &str, now: &str) -> Result<VerifiedAssertion, Fault> {
    let mut idp = idp(vec![IDP_KEY.certificate.clone()]);
    idp.allow.insert(Allowance::Unsolicited);
    check_with(xml, &idp, None, now)
}

/// Verifies with everything given.
pub(crate) fn check_with(
    xml: &str,
    idp: &SamlIdp,
    request_id: Option<&str>,
    now: &str,
) -> Result<VerifiedAssertion, Fault> {
    check_with_keys(xml, idp, request_id, now, std::slice::from_ref(&*SP_KEY))
}

/// Verifies with decryption keys of our own.
pub(crate) fn check_with_keys(
    xml: &str,
    idp: &SamlIdp,
    request_id: Option<&str>,
    now: &str,
    decryption_keys: &[DecryptionKey],
) -> Result<VerifiedAssertion, Fault> {
    let now: Timestamp = now.parse().unwrap();
    verify(xml.as_bytes(), &Expectation { request_id, decryption_keys, now, ..expected(idp) })
}

/// What a response to [`REQUEST`] has to fit at [`NOW`].
pub(crate) fn expected(idp: &SamlIdp) -> Expectation<'_> {
    Expectation {
        idp,
        sp_entity_id: SP,
        acs_url: ACS,
        request_id: Some(REQUEST),
        decryption_keys: std::slice::from_ref(&*SP_KEY),
        second_verifier: SecondVerifier::Require,
        now: NOW.parse().unwrap(),
        skew: Duration::from_secs(180),
    }
}

/// The code with which a response is refused.
pub(crate) fn code(xml: &str) -> Code {
    refusal(check(xml))
}

pub(crate) fn refusal(outcome: Result<VerifiedAssertion, Fault>) -> Code {
    match outcome {
        Ok(verified) => panic!("accepted: {verified:?}"),
        Err(fault) => fault.code,
    }
}

/// A key pair with a certificate around it.
pub(crate) struct Key {
    pair: Pair,
    pub(crate) method: &'static str,
    pub(crate) certificate: Certificate,
}

enum Pair {
    Rsa(signature::RsaKeyPair, &'static dyn signature::RsaEncoding),
    Ec(signature::EcdsaKeyPair),
}

impl Key {
    pub(crate) fn rsa() -> Key {
        Key::rsa_with("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", &signature::RSA_PKCS1_SHA256)
    }

    pub(crate) fn rsa_with(method: &'static str, encoding: &'static dyn signature::RsaEncoding) -> Key {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let pair = Pair::Rsa(signature::RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap(), encoding);
        Key { pair, method, certificate: certify(&key) }
    }

    pub(crate) fn ec() -> Key {
        let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
        Key::ec_with(method, &rcgen::PKCS_ECDSA_P256_SHA256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(crate) fn ec_with(
        method: &'static str,
        kind: &'static rcgen::SignatureAlgorithm,
        signing: &'static signature::EcdsaSigningAlgorithm,
    ) -> Key {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let pair = Pair::Ec(signature::EcdsaKeyPair::from_pkcs8(signing, &key.serialize_der()).unwrap());
        Key { pair, method, certificate: certify(&key) }
    }

    /// Signs an element that is in exclusive canonical form, and puts the signature behind its Issuer.
    pub(crate) fn sign(&self, element: &str) -> String {
        self.sign_as(element, |signature| signature)
    }

    /// The same, with a change made to the `ds:SignedInfo` before it is signed.
    pub(crate) fn sign_as(&self, element: &str, change: impl Fn(String) -> String) -> String {
        let id = element.split_once(" ID=\"").unwrap().1.split('"').next().unwrap();
        let digest = BASE64.encode(digest::digest(&digest::SHA256, element.as_bytes()).as_ref());
        let signed_info = change(format!(
            concat!(
                r#"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"#,
                r#"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>"#,
                r#"<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod><ds:Reference URI="{hash}{id}">"#,
                r#"<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature">"#,
                r#"</ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>"#,
                r#"</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>"#,
                r#"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#,
            ),
            method = self.method,
            hash = "#",
            id = id,
            digest = digest,
        ));
        let value = BASE64.encode(&self.raw(signed_info.as_bytes()));
        let shown = BASE64.encode(&self.certificate.der);
        // Where it stands, `ds` is declared already.
        let in_place = changed(&signed_info, " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "");
        let signature = format!(
            concat!(
                r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{}<ds:SignatureValue>{}</ds:SignatureValue>"#,
                r#"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"#,
                r#"</ds:Signature>"#,
            ),
            in_place, value, shown
        );
        changed(element, "</saml:Issuer>", &format!("</saml:Issuer>{signature}"))
    }

    pub(crate) fn raw(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut value).unwrap();
                value
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

fn certify(key: &rcgen::KeyPair) -> Certificate {
    let parameters = rcgen::CertificateParams::new(vec!["idp.example.com".to_owned()]).unwrap();
    certificate::read(parameters.self_signed(key).unwrap().der()).unwrap()
}
