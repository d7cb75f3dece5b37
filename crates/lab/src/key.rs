//! The signing key of a make-believe identity provider, with its certificate.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64;
use rcgen::{CertificateParams, DnType, PKCS_RSA_SHA256, date_time_ymd};

/// An RSA key of 2048 bits and a certificate that it signed for itself.
pub struct Key {
    pair: KeyPair,
    pkcs8: Vec<u8>,
    certificate: Vec<u8>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The library made none.
    #[error("no key could be generated")]
    Generation,
    /// What was read is not a PKCS#8 private RSA key in PEM.
    #[error("not a PKCS#8 private RSA key in PEM")]
    Unreadable,
    /// The key signs no certificate.
    #[error("no certificate could be made")]
    Certificate(#[source] rcgen::Error),
}

impl Key {
    /// A new key.
    pub fn generate() -> Result<Key, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generation)?;
        Self::from_pkcs8(pkcs8.as_ref().to_vec())
    }

    /// The key that [`Key::to_pem`] wrote. Its certificate is the same as before.
    pub fn from_pem(pem: &str) -> Result<Key, KeyError> {
        let body =
            pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(KeyError::Unreadable)?;
        let body: String = body.split_whitespace().collect();
        Self::from_pkcs8(BASE64.decode(body.as_bytes()).map_err(|_| KeyError::Unreadable)?)
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Key, KeyError> {
        let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::Unreadable)?;
        let certificate = certificate(&pkcs8).map_err(KeyError::Certificate)?;
        Ok(Key { pair, pkcs8, certificate })
    }

    /// The private key, PKCS#8 in PEM.
    pub fn to_pem(&self) -> String {
        let body = BASE64.encode(&self.pkcs8);
        let lines = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line));
        lines.fold(String::from(BEGIN), |pem, line| pem + "\n" + &line) + "\n" + END + "\n"
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in base64, as `ds:X509Certificate` holds it.
    pub fn certificate_base64(&self) -> String {
        BASE64.encode(&self.certificate)
    }

    /// The public key as `RSAPublicKey` of RFC 8017, DER.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The modulus of the public key, 256 bytes: what stands between the head of the DER and the exponent 65537.
    pub fn modulus(&self) -> &[u8] {
        let der = self.public_key();
        &der[der.len() - 5 - 256..der.len() - 5]
    }

    /// The public key as `SubjectPublicKeyInfo` of RFC 5280, DER.
    pub fn public_key_info(&self) -> Vec<u8> {
        let info: PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().expect("an RSA key that was made or read can be written");
        info.as_ref().to_vec()
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a key of 2048 bits signs a SHA-256 digest, and the buffer has the modulus' length");
        signature
    }
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Always the same certificate for a key: dates are fixed, the serial number is made from the key.
fn certificate(pkcs8: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Make-believe identity provider");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2050, 1, 1);
    Ok(params.self_signed(&pair)?.der().to_vec())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_survives_being_written_and_read() {
        let key = Key::generate().unwrap();
        let again = Key::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.certificate(), key.certificate());
        let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        verifier.verify(b"message", &again.sign(b"message")).unwrap();
        assert!(verifier.verify(b"massage", &again.sign(b"message")).is_err());
    }

    #[test]
    fn the_modulus_of_a_key_and_its_exponent_are_the_key() {
        let key = Key::generate().unwrap();
        let parts = aws_lc_rs::signature::RsaPublicKeyComponents { n: key.modulus(), e: &[1, 0, 1] };
        parts.verify(&RSA_PKCS1_2048_8192_SHA256, b"message", &key.sign(b"message")).unwrap();
    }

    #[test]
    fn other_text_is_no_key() {
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
        ] {
            assert!(matches!(Key::from_pem(text), Err(KeyError::Unreadable)), "{text}");
        }
    }
}
