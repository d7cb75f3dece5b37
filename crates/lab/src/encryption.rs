//! Encrypted assertions, as an identity provider writes them (SAML Core §2.3.4, XML Encryption 1.1): a content key for one
//! message, wrapped for the service provider. Weak and forbidden algorithms are here too, for tests that try them.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use data_encoding::BASE64;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::signature::DS;

/// How the assertion is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-192-GCM.
    Aes192Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// AES-128-CBC, which anybody can change unnoticed.
    Aes128Cbc,
    /// AES-256-CBC, likewise.
    Aes256Cbc,
}

/// How the content key is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// RSA-OAEP with SHA-1 and MGF1-SHA-1, as XML Encryption 1.0 has it.
    OaepSha1,
    /// RSA-OAEP with SHA-256 and MGF1-SHA-256, from XML Encryption 1.1.
    OaepSha256,
    /// RSAES-PKCS1-v1_5, which leaks what it decrypts.
    Pkcs1,
}

/// For whom, and how. [`Encryption::to`] is what a careful identity provider does.
#[derive(Debug, Clone, Copy)]
pub struct Encryption<'a> {
    /// The recipient's `SubjectPublicKeyInfo`, DER.
    pub public_key: &'a [u8],
    /// For the assertion.
    pub cipher: Cipher,
    /// For the content key.
    pub wrapping: Wrapping,
}

impl<'a> Encryption<'a> {
    /// AES-256-GCM and RSA-OAEP, for the owner of this key (`SubjectPublicKeyInfo`, DER).
    pub fn to(public_key: &'a [u8]) -> Encryption<'a> {
        Encryption { public_key, cipher: Cipher::Aes256Gcm, wrapping: Wrapping::OaepSha1 }
    }

    /// The key that a certificate (DER) is for, as an identity provider finds it in the recipient's metadata.
    ///
    /// # Panics
    /// If it is not a certificate.
    pub fn key_of(certificate: &[u8]) -> Vec<u8> {
        let read = Certificate::from_der(certificate).expect("a test knows its recipient's certificate");
        read.tbs_certificate().subject_public_key_info().to_der().expect("what was read can be written")
    }

    /// A `saml:EncryptedAssertion` around an element.
    ///
    /// # Panics
    /// If the key is not an RSA key of 2048 bits or more: tests know theirs.
    pub fn encrypt(&self, element: &str) -> String {
        let key = random(self.cipher.key_bytes());
        self.write(&self.cipher.encrypt(&key, element.as_bytes()), &self.wrap(&key))
    }

    /// The same with a change made to the encrypted octets before they are written.
    pub fn encrypt_and(&self, element: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let key = random(self.cipher.key_bytes());
        let mut octets = self.cipher.encrypt(&key, element.as_bytes());
        change(&mut octets);
        self.write(&octets, &self.wrap(&key))
    }

    fn write(&self, octets: &[u8], wrapped: &[u8]) -> String {
        let (cipher, (wrapping, digest)) = (self.cipher.identifier(), self.wrapping.identifiers());
        let (octets, wrapped) = (BASE64.encode(octets), BASE64.encode(wrapped));
        format!(
            r#"<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{cipher}"></xenc:EncryptionMethod><ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{wrapping}">{digest}</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{octets}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"#
        )
    }

    fn wrap(&self, key: &[u8]) -> Vec<u8> {
        let recipient = PublicEncryptingKey::from_der(self.public_key).expect("a test knows its recipient's RSA key");
        let mut wrapped = vec![0; recipient.key_size_bytes()];
        let oaep = |algorithm, wrapped: &mut [u8]| {
            OaepPublicEncryptingKey::new(recipient.clone())
                .and_then(|recipient| recipient.encrypt(algorithm, key, wrapped, None).map(|_| ()))
        };
        match self.wrapping {
            Wrapping::OaepSha1 => oaep(&OAEP_SHA1_MGF1SHA1, &mut wrapped),
            Wrapping::OaepSha256 => oaep(&OAEP_SHA256_MGF1SHA256, &mut wrapped),
            Wrapping::Pkcs1 => Pkcs1PublicEncryptingKey::new(recipient.clone())
                .and_then(|recipient| recipient.encrypt(key, &mut wrapped).map(|_| ())),
        }
        .expect("32 bytes fit into an RSA block, and the buffer has the modulus' length");
        wrapped
    }
}

impl Cipher {
    /// XML Encryption 1.1 §5.2.
    fn identifier(self) -> &'static str {
        match self {
            Cipher::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            Cipher::Aes192Gcm => "http://www.w3.org/2009/xmlenc11#aes192-gcm",
            Cipher::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Cipher::Aes128Cbc => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Cipher::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        }
    }

    fn key_bytes(self) -> usize {
        match self {
            Cipher::Aes128Gcm | Cipher::Aes128Cbc => 16,
            Cipher::Aes192Gcm => 24,
            Cipher::Aes256Gcm | Cipher::Aes256Cbc => 32,
        }
    }

    /// XML Encryption 1.1 §5.2.2 (CBC: IV, then blocks) and §5.2.4 (GCM: IV, ciphertext, tag).
    fn encrypt(self, key: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut octets = plain.to_vec();
        match self {
            Cipher::Aes128Gcm => gcm(&aead::AES_128_GCM, key, octets),
            Cipher::Aes192Gcm => gcm(&aead::AES_192_GCM, key, octets),
            Cipher::Aes256Gcm => gcm(&aead::AES_256_GCM, key, octets),
            Cipher::Aes128Cbc | Cipher::Aes256Cbc => {
                let algorithm = if self == Cipher::Aes128Cbc { &cipher::AES_128 } else { &cipher::AES_256 };
                // The padding of XML Encryption says its length in the last byte only; PKCS#7's says it in all of them.
                let used = UnboundCipherKey::new(algorithm, key)
                    .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
                    .and_then(|key| key.encrypt(&mut octets));
                let Ok(DecryptionContext::Iv128(iv)) = used else {
                    unreachable!("CBC has an IV, and the key its length")
                };
                let iv: &[u8] = iv.as_ref();
                [iv, &octets].concat()
            }
        }
    }
}

fn gcm(algorithm: &'static aead::Algorithm, key: &[u8], mut octets: Vec<u8>) -> Vec<u8> {
    let iv = random(12);
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).expect("the key has the algorithm's length"));
    let nonce = Nonce::try_assume_unique_for_key(&iv).expect("twelve bytes are a nonce");
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut octets).expect("a message of this size can be sealed");
    [iv, octets].concat()
}

impl Wrapping {
    /// XML Encryption 1.1 §5.5: the algorithm, and the digests it is told.
    fn identifiers(self) -> (&'static str, &'static str) {
        match self {
            Wrapping::OaepSha1 => (
                "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
                r#"<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"></ds:DigestMethod>"#,
            ),
            Wrapping::OaepSha256 => (
                "http://www.w3.org/2009/xmlenc11#rsa-oaep",
                r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"></xenc11:MGF>"#,
            ),
            Wrapping::Pkcs1 => ("http://www.w3.org/2001/04/xmlenc#rsa-1_5", ""),
        }
    }
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
