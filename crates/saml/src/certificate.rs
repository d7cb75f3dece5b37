//! X.509 certificates as envelopes for a public key. Nothing else in them is trusted or needed: no issuer, no chain, no
//! usage, and no date (SAML Metadata Interoperability §2.6; requirement M8). Dates warn.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use postern_core::connection::{Certificate, SigningKeys};
use postern_core::ports::Timestamp;
use x509_cert::der::{Decode, Encode, Reader, SliceReader, asn1::ObjectIdentifier, asn1::UintRef};
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// What a public key can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Other,
}

/// A public key, in the form that `aws-lc-rs` reads (SubjectPublicKeyInfo, DER).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) spki: Vec<u8>,
    pub(crate) kind: KeyKind,
}

/// A key that a connection trusts, with the certificate that it came in.
#[derive(Debug)]
pub(crate) struct TrustedKey<'a> {
    pub(crate) key: PublicKey,
    pub(crate) certificate: &'a Certificate,
}

/// The certificate cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct CertificateError(#[source] x509_cert::der::Error);

/// Reads a certificate (DER).
pub fn read(der: &[u8]) -> Result<Certificate, CertificateError> {
    let parsed = x509_cert::Certificate::from_der(der).map_err(CertificateError)?;
    let seconds = parsed.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    let not_after = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX);
    Ok(Certificate { der: der.to_vec(), not_after })
}

/// The hash by which people compare certificates: SHA-256 of the DER, lower-case hex.
pub fn fingerprint(certificate: &Certificate) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, &certificate.der).as_ref())
}

/// How an admin recognises a certificate: whose it is, until when, and its fingerprint.
pub fn describe(certificate: &Certificate) -> String {
    const LONGEST: usize = 80;
    let subject = x509_cert::Certificate::from_der(&certificate.der)
        .map(|parsed| parsed.tbs_certificate().subject().to_string())
        .unwrap_or_default();
    let subject: String = subject.chars().take(LONGEST).collect();
    let until = certificate.not_after.strftime("%Y-%m-%d");
    format!("{subject} until {until}, SHA-256 {}", fingerprint(certificate))
}

/// A public key on its own (SubjectPublicKeyInfo, DER).
pub(crate) fn of_spki(spki: &[u8]) -> PublicKey {
    PublicKey { kind: kind(spki), spki: spki.to_vec() }
}

/// The public key in a certificate (DER).
pub(crate) fn public_key(der: &[u8]) -> Option<PublicKey> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let spki = certificate.tbs_certificate().subject_public_key_info().to_der().ok()?;
    let kind = kind(&spki);
    Some(PublicKey { spki, kind })
}

/// The keys of a connection. A stored certificate was readable when it was stored; one that no longer is verifies nothing.
pub(crate) fn trusted(keys: &SigningKeys) -> Vec<TrustedKey<'_>> {
    keys.certificates()
        .iter()
        .filter_map(|certificate| Some(TrustedKey { key: public_key(&certificate.der)?, certificate }))
        .collect()
}

fn kind(spki: &[u8]) -> KeyKind {
    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
    let Ok(spki) = SubjectPublicKeyInfoRef::from_der(spki) else { return KeyKind::Other };
    match (spki.algorithm.oid, spki.algorithm.parameters_oid()) {
        (RSA, _) => KeyKind::Rsa,
        (EC, Ok(P256)) => KeyKind::P256,
        (EC, Ok(P384)) => KeyKind::P384,
        (EC, Ok(P521)) => KeyKind::P521,
        _ => KeyKind::Other,
    }
}

impl PublicKey {
    /// The size of an RSA modulus in bits.
    pub(crate) fn rsa_bits(&self) -> Option<usize> {
        let modulus = self.rsa_modulus()?;
        Some(modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize))
    }

    /// An RSA modulus, without zeros in front.
    pub(crate) fn rsa_modulus(&self) -> Option<Vec<u8>> {
        if self.kind != KeyKind::Rsa {
            return None;
        }
        let spki = SubjectPublicKeyInfoRef::from_der(&self.spki).ok()?;
        // RFC 8017 §A.1.1: RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
        let mut reader = SliceReader::new(spki.subject_public_key.as_bytes()?).ok()?;
        reader
            .sequence(|inner| -> x509_cert::der::Result<Vec<u8>> {
                let modulus = UintRef::decode(inner)?;
                UintRef::decode(inner)?;
                Ok(modulus.as_bytes().to_vec())
            })
            .ok()
    }

    /// Whether it is an RSA key below 2048 bits.
    pub(crate) fn is_small_rsa(&self) -> bool {
        self.rsa_bits().is_some_and(|bits| bits < 2048)
    }

    /// How an admin would call it.
    pub(crate) fn name(&self) -> String {
        match (self.kind, self.rsa_bits()) {
            (KeyKind::Rsa, Some(bits)) => format!("RSA {bits}"),
            (KeyKind::Rsa, None) => "RSA".into(),
            (KeyKind::P256, _) => "EC P-256".into(),
            (KeyKind::P384, _) => "EC P-384".into(),
            (KeyKind::P521, _) => "EC P-521".into(),
            (KeyKind::Other, _) => "a kind that is not supported".into(),
        }
    }
}
