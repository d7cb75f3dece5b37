//! Our own keys: [`SigningKey`] makes the signatures of our requests, [`DecryptionKey`] opens what IdPs encrypt for us.
//!
//! A key travels with its certificate, as PEM: that is how operators bring keys along and how ours are kept, sealed, in the
//! store. The certificate is only an envelope for the public key that IdPs ask for; nobody but its key vouches for it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use data_encoding::BASE64;
use jiff::tz::Offset;
use postern_core::connection::Certificate;
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::certificate;

/// Why a text is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or PEM without the block.
    #[error("the text has no PEM block {0}")]
    Missing(&'static str),
    /// Two of what there has to be one of.
    #[error("the text has more than one {0}")]
    Several(&'static str),
    /// Encrypted, of another kind, too small.
    #[error("the private key is not {0}")]
    Unfit(&'static str),
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
    /// The certificate is another key's.
    #[error("the certificate is not that of the private key")]
    OtherCertificate,
    /// The library did not make one.
    #[error("no key could be made")]
    Generate,
}

const DECRYPTING: &str = "an RSA key of 2048 to 8192 bits";
const SIGNING: &str = "an RSA key of 2048 to 8192 bits or an EC key on P-256";

/// A private RSA key of at least 2048 bits, for which IdPs encrypt assertions. A clone is the same key.
#[derive(Clone)]
pub struct DecryptionKey {
    oaep: Arc<OaepPrivateDecryptingKey>,
    modulus: Vec<u8>,
    pem: Secret,
    certificate: Option<Certificate>,
}

/// How an IdP may wrap a key for us: RSA-OAEP with these hashes, and with no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oaep {
    /// SHA-1 with MGF1-SHA-1: `rsa-oaep-mgf1p`. SHA-1's collisions are of no use against OAEP.
    Sha1,
    /// SHA-256 with MGF1-SHA-256.
    Sha256,
}

impl DecryptionKey {
    /// Reads a key, PKCS#8 or PKCS#1, with its certificate if the text has one.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let found = Found::read(pem)?;
        let pkcs8 = match found.key {
            (SectionKind::RsaPrivateKey, der) => {
                pkcs8(&RsaKeyPair::from_der(&der).map_err(|_| KeyError::Unfit(DECRYPTING))?)?
            }
            (_, der) => der,
        };
        let key = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| KeyError::Unfit(DECRYPTING))?;
        let public: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| KeyError::Unfit(DECRYPTING))?;
        if let Some(certificate) = &found.certificate {
            belongs(certificate, public.as_ref())?;
        }
        let modulus = certificate::of_spki(public.as_ref()).rsa_modulus().ok_or(KeyError::Unfit(DECRYPTING))?;
        let oaep = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Unfit(DECRYPTING))?;
        Ok(DecryptionKey { oaep: Arc::new(oaep), modulus, pem: Secret::new(pem), certificate: found.certificate })
    }

    /// Makes a key of RSA 2048, and a certificate for it.
    pub fn generate(name: &str, from: Timestamp, until: Timestamp) -> Result<Self, KeyError> {
        Self::from_pem(generate(name, from, until)?.expose())
    }

    /// The key and its certificate, as they are kept.
    pub fn to_pem(&self) -> &Secret {
        &self.pem
    }

    /// What goes into our metadata.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Unwraps a key. `None` for every reason alike, after as much work: what cannot be a ciphertext of this key, because
    /// it was made for another, is replaced by something that can.
    pub(crate) fn unwrap(&self, how: Oaep, label: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let algorithm = match how {
            Oaep::Sha1 => &OAEP_SHA1_MGF1SHA1,
            Oaep::Sha256 => &OAEP_SHA256_MGF1SHA256,
        };
        // RFC 8017 §5.1.2: the ciphertext representative is below the modulus.
        let possible = wrapped.len() == self.modulus.len() && wrapped < &self.modulus[..];
        let decoy;
        let wrapped = if possible {
            wrapped
        } else {
            decoy = [&[0], &vec![0x5a; self.modulus.len() - 1][..]].concat();
            &decoy
        };
        let mut room = Zeroizing::new(vec![0; self.oaep.min_output_size()]);
        let length = self.oaep.decrypt(algorithm, wrapped, &mut room, Some(label)).ok().filter(|_| possible)?.len();
        room.truncate(length);
        Some(room)
    }
}

/// A private key that signs our requests, with its certificate. A clone is the same key.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    pem: Secret,
    certificate: Certificate,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// Reads a key (PKCS#8, PKCS#1 or SEC1) and its certificate, in any order.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let found = Found::read(pem)?;
        let unfit = |_| KeyError::Unfit(SIGNING);
        let p256 = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = match found.key {
            (SectionKind::RsaPrivateKey, der) => Pair::Rsa(RsaKeyPair::from_der(&der).map_err(unfit)?),
            (SectionKind::EcPrivateKey, der) => {
                Pair::P256(EcdsaKeyPair::from_private_key_der(p256, &der).map_err(unfit)?)
            }
            (_, der) => match RsaKeyPair::from_pkcs8(&der) {
                Ok(pair) => Pair::Rsa(pair),
                Err(_) => Pair::P256(EcdsaKeyPair::from_pkcs8(p256, &der).map_err(unfit)?),
            },
        };
        let certificate = found.certificate.ok_or(KeyError::Missing("CERTIFICATE"))?;
        let public: PublicKeyX509Der<'_> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::P256(pair) => pair.public_key().as_der(),
        }
        .map_err(|_| KeyError::Unfit(SIGNING))?;
        belongs(&certificate, public.as_ref())?;
        Ok(SigningKey { pair: Arc::new(pair), pem: Secret::new(pem), certificate })
    }

    /// Makes a key of RSA 2048, and a certificate for it: what every IdP takes.
    pub fn generate(name: &str, from: Timestamp, until: Timestamp) -> Result<Self, KeyError> {
        Self::from_pem(generate(name, from, until)?.expose())
    }

    /// The key and its certificate, as they are kept.
    pub fn to_pem(&self) -> &Secret {
        &self.pem
    }

    /// What goes into our metadata.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The identifier of the signatures that it makes.
    pub(crate) fn method(&self) -> &'static str {
        match &*self.pair {
            Pair::Rsa(_) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Pair::P256(_) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        }
    }

    /// Signs. `None` if the library does not.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut value).ok()?;
                Some(value)
            }
            // XML Signature 1.1 §6.4.3: the two integers, one behind the other.
            Pair::P256(pair) => pair.sign(&random, message).ok().map(|value| value.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// What a PEM text holds: one private key, one certificate at most, and nothing else that matters.
struct Found {
    key: (SectionKind, Zeroizing<Vec<u8>>),
    certificate: Option<Certificate>,
}

impl Found {
    fn read(pem: &str) -> Result<Found, KeyError> {
        const KEYS: [SectionKind; 3] = [SectionKind::PrivateKey, SectionKind::RsaPrivateKey, SectionKind::EcPrivateKey];
        let (mut key, mut certificate) = (None, None);
        for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, der) = block.map_err(|_| KeyError::Missing("PRIVATE KEY"))?;
            if KEYS.contains(&kind) {
                if key.replace((kind, Zeroizing::new(der))).is_some() {
                    return Err(KeyError::Several("private key"));
                }
            } else if kind == SectionKind::Certificate {
                let read = certificate::read(&der).map_err(|_| KeyError::Certificate)?;
                if certificate.replace(read).is_some() {
                    return Err(KeyError::Several("certificate"));
                }
            }
        }
        Ok(Found { key: key.ok_or(KeyError::Missing("PRIVATE KEY"))?, certificate })
    }
}

fn belongs(certificate: &Certificate, spki: &[u8]) -> Result<(), KeyError> {
    let certified = certificate::public_key(&certificate.der).ok_or(KeyError::Certificate)?;
    if certified.spki == spki { Ok(()) } else { Err(KeyError::OtherCertificate) }
}

fn pkcs8(pair: &RsaKeyPair) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Unfit(DECRYPTING))?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

/// A new key and a certificate that it signs itself, as PEM. Both dates are whole days, in UTC.
fn generate(name: &str, from: Timestamp, until: Timestamp) -> Result<Secret, KeyError> {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
        .map_err(|_| KeyError::Generate)?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    for (date, instant) in [(&mut parameters.not_before, from), (&mut parameters.not_after, until)] {
        let day = Offset::UTC.to_datetime(instant).date();
        *date = rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs());
    }
    let certificate = parameters.self_signed(&key).map_err(|_| KeyError::Generate)?;
    let private = Zeroizing::new(key.serialize_der());
    Ok(Secret::new(format!("{}{}", &*block("PRIVATE KEY", &private), &*block("CERTIFICATE", certificate.der()))))
}

/// RFC 7468: base64 in lines of 64.
fn block(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(BASE64.encode(der));
    let mut text = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for line in base64.as_bytes().chunks(64) {
        // Base64 is ASCII, and so is every piece of it.
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "2026-01-31T12:00:00Z";
    const UNTIL: &str = "2036-01-31T12:00:00Z";

    fn pem(key: &rcgen::KeyPair, certified: &rcgen::KeyPair) -> String {
        let certificate = rcgen::CertificateParams::default().self_signed(certified).unwrap();
        format!("{}{}", &*block("PRIVATE KEY", &key.serialize_der()), &*block("CERTIFICATE", certificate.der()))
    }

    #[test]
    fn a_generated_key_is_read_back_with_its_certificate() {
        let made = SigningKey::generate("Postern", FROM.parse().unwrap(), UNTIL.parse().unwrap()).unwrap();
        assert_eq!(made.certificate().not_after, "2036-01-31T00:00:00Z".parse().unwrap());
        let read = SigningKey::from_pem(made.to_pem().expose()).unwrap();
        assert_eq!(read.certificate(), made.certificate());
        let decrypting = DecryptionKey::from_pem(made.to_pem().expose()).unwrap();
        assert_eq!(decrypting.certificate(), Some(made.certificate()));
        assert!(!format!("{made:?}{decrypting:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_no_key_says_why() {
        let [rsa, other, p384] =
            [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384]
                .map(|algorithm| rcgen::KeyPair::generate_for(algorithm).unwrap());
        for (text, error) in [
            (String::new(), KeyError::Missing("PRIVATE KEY")),
            (block("PRIVATE KEY", &rsa.serialize_der()).to_string(), KeyError::Missing("CERTIFICATE")),
            (pem(&rsa, &other), KeyError::OtherCertificate),
            (pem(&p384, &p384), KeyError::Unfit(SIGNING)),
            (format!("{}{}", pem(&rsa, &rsa), pem(&rsa, &rsa)), KeyError::Several("private key")),
        ] {
            assert_eq!(SigningKey::from_pem(&text).err(), Some(error));
        }
        assert!(SigningKey::from_pem(&pem(&other, &other)).is_ok());
        assert_eq!(DecryptionKey::from_pem(&pem(&other, &other)).err(), Some(KeyError::Unfit(DECRYPTING)));
        assert_eq!(DecryptionKey::from_pem(&pem(&rsa, &other)).err(), Some(KeyError::OtherCertificate));
    }
}
