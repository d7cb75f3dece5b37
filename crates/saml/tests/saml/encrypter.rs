//! The encrypting half of the IdP for tests: XML Encryption as IdPs write it, and as attackers do.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
    PublicEncryptingKey,
};
use data_encoding::BASE64;
use postern_saml::keys::DecryptionKey;
use x509_cert::der::{Decode, Encode};

pub(crate) const GCM: [(&str, usize); 3] = [
    ("http://www.w3.org/2009/xmlenc11#aes128-gcm", 16),
    ("http://www.w3.org/2009/xmlenc11#aes192-gcm", 24),
    ("http://www.w3.org/2009/xmlenc11#aes256-gcm", 32),
];
pub(crate) const CBC: [(&str, usize); 3] = [
    ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", 16),
    ("http://www.w3.org/2001/04/xmlenc#aes192-cbc", 24),
    ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", 32),
];

/// The method elements of key transports that are accepted, and what they mean.
pub(crate) const TRANSPORTS: [(&str, &OaepAlgorithm); 5] = [
    (r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>"#, &OAEP_SHA1_MGF1SHA1),
    (
        r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/></xenc:EncryptionMethod>"#,
        &OAEP_SHA1_MGF1SHA1,
    ),
    (r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"/>"#, &OAEP_SHA1_MGF1SHA1),
    (
        r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha1"/></xenc:EncryptionMethod>"#,
        &OAEP_SHA1_MGF1SHA1,
    ),
    (
        r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/></xenc:EncryptionMethod>"#,
        &OAEP_SHA256_MGF1SHA256,
    ),
];

/// What goes into one encrypted element. Its parts are public, so that a test can spoil any of them.
pub(crate) struct Encrypted {
    pub(crate) cipher: &'static str,
    pub(crate) session_key: Vec<u8>,
    /// `xenc:EncryptedKey` elements.
    pub(crate) keys: Vec<String>,
    pub(crate) data: Vec<u8>,
}

impl Encrypted {
    /// Encrypts for the owner of `key` in the most usual way.
    pub(crate) fn new(plain: &str, (cipher, size): (&'static str, usize), key: &DecryptionKey) -> Encrypted {
        let session_key = vec![7; size];
        let (method, oaep) = TRANSPORTS[0];
        let wrapped = wrap(key, oaep, &session_key);
        let data = cipher_text(cipher, &session_key, plain.as_bytes());
        Encrypted { cipher, session_key, keys: vec![encrypted_key("", method, &wrapped)], data }
    }

    fn data_element(&self, key_info: &str) -> String {
        format!(
            concat!(
                r#"<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="_data" Type="http://www.w3.org/2001/04/xmlenc#Element">"#,
                r#"<xenc:EncryptionMethod Algorithm="{}"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{}</ds:KeyInfo>"#,
                r#"<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"#,
            ),
            self.cipher,
            key_info,
            BASE64.encode(&self.data)
        )
    }

    /// As `saml:EncryptedAssertion`, or what `name` says, with the keys inside the data.
    pub(crate) fn element(&self, name: &str) -> String {
        let data = self.data_element(&self.keys.concat());
        format!(r#"<saml:{name} xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{data}</saml:{name}>"#)
    }

    pub(crate) fn assertion(&self) -> String {
        self.element("EncryptedAssertion")
    }

    /// With the keys beside the data, and a RetrievalMethod that names the first.
    pub(crate) fn beside(&self, uri: &str) -> String {
        let method =
            format!(r#"<ds:RetrievalMethod Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey" URI="{uri}"/>"#);
        format!(
            r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{}{}</saml:EncryptedAssertion>"#,
            self.data_element(&method),
            self.keys.concat(),
        )
    }
}

pub(crate) fn encrypted_key(attributes: &str, method: &str, wrapped: &[u8]) -> String {
    format!(
        r#"<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" {attributes}>{method}<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"#,
        BASE64.encode(wrapped)
    )
}

fn public(key: &DecryptionKey) -> PublicEncryptingKey {
    let certificate = x509_cert::Certificate::from_der(&key.certificate().unwrap().der).unwrap();
    let spki = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
    PublicEncryptingKey::from_der(&spki).unwrap()
}

pub(crate) fn wrap(key: &DecryptionKey, oaep: &'static OaepAlgorithm, session_key: &[u8]) -> Vec<u8> {
    let key = OaepPublicEncryptingKey::new(public(key)).unwrap();
    let mut room = vec![0; key.ciphertext_size()];
    key.encrypt(oaep, session_key, &mut room, None).unwrap().to_vec()
}

pub(crate) fn wrap_rsa_1_5(key: &DecryptionKey, session_key: &[u8]) -> Vec<u8> {
    let key = Pkcs1PublicEncryptingKey::new(public(key)).unwrap();
    let mut room = vec![0; key.ciphertext_size()];
    key.encrypt(session_key, &mut room).unwrap().to_vec()
}

/// The octets of a CipherValue.
pub(crate) fn cipher_text(cipher: &str, key: &[u8], plain: &[u8]) -> Vec<u8> {
    if cipher.ends_with("-cbc") {
        // XML Encryption §5.2: arbitrary octets, then their number.
        let padding = 16 - plain.len() % 16;
        let mut padded = plain.to_vec();
        padded.resize(plain.len() + padding - 1, 0xa5);
        padded.push(u8::try_from(padding).unwrap());
        return cbc(key, padded);
    }
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        _ => &aead::AES_256_GCM,
    };
    let mut text = plain.to_vec();
    let nonce = [9; 12];
    LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap())
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
        .unwrap();
    [&nonce[..], &text].concat()
}

/// Whole blocks, whatever they end in.
pub(crate) fn cbc(key: &[u8], mut blocks: Vec<u8>) -> Vec<u8> {
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        _ => &cipher::AES_256,
    };
    let vector = [3; 16];
    EncryptingKey::cbc(UnboundCipherKey::new(algorithm, key).unwrap())
        .unwrap()
        .less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(FixedLength::from(vector)))
        .unwrap();
    [&vector[..], &blocks].concat()
}
