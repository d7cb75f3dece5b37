//! What is asked of an identity provider by the Redirect binding: whatever is configured and whatever the login is called, it
//! reads what was meant, and the signature covers the octets that arrive (SAML Bindings §3.4.4.1).

use std::sync::LazyLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use data_encoding::BASE64;
use postern_lab::idp::AuthnRequest as Received;
use postern_saml::keys::SigningKey;
use postern_saml::request::{AuthnRequest, NameIdPolicy, Wishes};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use url::Url;

use crate::{now, parts};

/// A key of ours, and what an identity provider knows of it.
struct Signer {
    key: SigningKey,
    method: &'static str,
    public: UnparsedPublicKey<Vec<u8>>,
}

impl Signer {
    fn new(
        kind: &'static SignatureAlgorithm,
        method: &'static str,
        verification: &'static dyn VerificationAlgorithm,
    ) -> Signer {
        let pair = KeyPair::generate_for(kind).expect("a key");
        let certificate = CertificateParams::default().self_signed(&pair).expect("a certificate");
        let key =
            SigningKey::from_pem(&(pair.serialize_pem() + &certificate.pem())).expect("a key with its certificate");
        Signer { key, method, public: UnparsedPublicKey::new(verification, pair.der_bytes().to_vec()) }
    }
}

static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    Signer::new(&PKCS_RSA_SHA256, method, &RSA_PKCS1_2048_8192_SHA256)
});
static EC: LazyLock<Signer> = LazyLock::new(|| {
    let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    Signer::new(&PKCS_ECDSA_P256_SHA256, method, &ECDSA_P256_SHA256_FIXED)
});

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Some(([choice], rest)) = input.split_first_chunk() else { return };
    let Some([relay_state, issuer, query, text]) = parts(rest) else { return };
    // RSA takes long, and differs in nothing but the name of the method.
    let signer = if choice % 16 == 0 { &*RSA } else { &*EC };
    // What is configured is an address of moderate length, and XML can say it.
    let fits = |text: &str| text.len() <= 1000 && text.chars().all(is_xml);
    if issuer.is_empty() || issuer.trim() != issuer || ![relay_state, issuer, query, text].into_iter().all(fits) {
        return;
    }
    let separator = if choice & 1 == 0 { "" } else { "?" };
    let Ok(destination) = Url::parse(&format!("https://idp.example.com/sso{separator}{query}")) else { return };
    if destination.fragment().is_some() || named_already(&destination) {
        return;
    }
    let contexts = [text.to_owned()];
    let request = AuthnRequest {
        id: "_request",
        issued: now(),
        destination: destination.as_str(),
        acs_url: text,
        issuer,
        wishes: Wishes {
            force_authn: choice & 2 != 0,
            is_passive: choice & 4 != 0,
            name_id: NameIdPolicy::Format(text),
            authn_contexts: &contexts,
            provider_name: Some(text),
            idps: &contexts,
        },
        signing_key: Some(&signer.key),
    };
    let url = request.redirect_url(relay_state).expect("every request can be written");

    // As it arrives: the octets of the query, of which the first three are signed as they are.
    let arrived = Url::parse(&url).expect("a URL");
    assert_eq!(arrived.as_str(), url, "a browser sends other octets than were signed");
    let (_, query) = url.split_once("SAMLRequest=").expect("a request");
    let (signed, signature) = query.rsplit_once("&Signature=").expect("a signature");
    let signed = format!("SAMLRequest={signed}");
    let signature = percent_decoded(signature);
    let signature = BASE64.decode(signature.as_bytes()).expect("base64");
    signer.public.verify(signed.as_bytes(), &signature).expect("a good signature");

    let values = |name: &str| -> Vec<String> {
        arrived.query_pairs().filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(values("SigAlg"), [signer.method]);
    assert_eq!(values("RelayState").concat(), relay_state);
    let received = Received::deflated(&values("SAMLRequest").concat()).expect("another reader reads it");
    assert_eq!((&*received.id, &*received.issuer), (request.id, issuer));
    assert_eq!(received.acs_url.as_deref(), Some(text));
    assert_eq!((received.force_authn, received.is_passive), (request.wishes.force_authn, request.wishes.is_passive));
}

/// XML 1.0 §2.2.
fn is_xml(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// An address that brings our parameters along is a mistake of whoever configured it.
fn named_already(address: &Url) -> bool {
    let ours = ["SAMLRequest", "RelayState", "SigAlg", "Signature"];
    address.query_pairs().any(|(name, _)| ours.contains(&&*name)) || address.as_str().contains("SAMLRequest=")
}

fn percent_decoded(value: &str) -> String {
    url::form_urlencoded::parse(format!("x={value}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}
