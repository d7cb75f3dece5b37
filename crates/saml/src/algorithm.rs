//! Every algorithm that a signature may be made with, by name. What is not named here does not exist: no HMAC, no `none`
//! (H10). Two weak things exist for connections that allow them by name, and for no other: SHA-1, and RSA keys below 2048
//! bits.
//!
//! SDP-ALG01; XML Signature 1.1 §6; RFC 6931 for the identifiers.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, VerificationAlgorithm};
use postern_core::connection::Allowance;

use crate::certificate::KeyKind;

/// What a connection loosened.
pub(crate) type Allowed = BTreeSet<Allowance>;

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
}

/// The digest that is no longer one.
pub(crate) const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// What an admin is told to choose instead of something else.
pub(crate) const METHODS: &str =
    "rsa-sha256, rsa-sha384, rsa-sha512, ecdsa-sha256, ecdsa-sha384, ecdsa-sha512 or RSA-PSS";
/// The same for digests.
pub(crate) const DIGESTS: &str = "sha256, sha384 or sha512";

impl Method {
    /// The method with this identifier, where the connection accepts it.
    pub(crate) fn named(uri: &str, allowed: &Allowed) -> Option<Method> {
        Some(match uri {
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1" if allowed.contains(&Allowance::Sha1) => Method::RsaSha1,
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Method::RsaSha256,
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Method::RsaSha384,
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Method::RsaSha512,
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1" => Method::RsaPssSha256,
            "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1" => Method::RsaPssSha384,
            "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1" => Method::RsaPssSha512,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Method::EcdsaSha256,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Method::EcdsaSha384,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => Method::EcdsaSha512,
            _ => return None,
        })
    }

    /// Whether it is one of RSA-PSS.
    #[cfg(feature = "samael")]
    pub(crate) fn is_pss(self) -> bool {
        matches!(self, Method::RsaPssSha256 | Method::RsaPssSha384 | Method::RsaPssSha512)
    }

    /// How to verify it with a key of that kind; `None` where the two do not belong together. The key decides the family,
    /// never the message alone, and RSA keys below 2048 bits fit nothing.
    pub(crate) fn with(self, key: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, key) {
            (Method::RsaSha1, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Method::RsaSha256, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Method::RsaSha384, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Method::RsaSha512, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Method::RsaPssSha256, KeyKind::Rsa) => &signature::RSA_PSS_2048_8192_SHA256,
            (Method::RsaPssSha384, KeyKind::Rsa) => &signature::RSA_PSS_2048_8192_SHA384,
            (Method::RsaPssSha512, KeyKind::Rsa) => &signature::RSA_PSS_2048_8192_SHA512,
            (Method::EcdsaSha256, KeyKind::P256) => &signature::ECDSA_P256_SHA256_FIXED,
            (Method::EcdsaSha384, KeyKind::P384) => &signature::ECDSA_P384_SHA384_FIXED,
            (Method::EcdsaSha256, KeyKind::P521) => &signature::ECDSA_P521_SHA256_FIXED,
            (Method::EcdsaSha384, KeyKind::P521) => &signature::ECDSA_P521_SHA384_FIXED,
            (Method::EcdsaSha512, KeyKind::P521) => &signature::ECDSA_P521_SHA512_FIXED,
            _ => return None,
        })
    }

    /// The same for RSA keys from 1024 bits: for connections that allow `rsa1024`, and for all others to tell an admin that
    /// the signature is genuine and the key is not good enough. The library has no such verifier for SHA-384 and RSA-PSS.
    pub(crate) fn with_small_rsa(self) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match self {
            Method::RsaSha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Method::RsaSha256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            Method::RsaSha512 => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            _ => return None,
        })
    }
}

/// The digest with this identifier, where the connection accepts it.
pub(crate) fn digest(uri: &str, allowed: &Allowed) -> Option<&'static digest::Algorithm> {
    Some(match uri {
        SHA1 if allowed.contains(&Allowance::Sha1) => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
        _ => return None,
    })
}
