//! Why did no key fit? An admin who reads "invalid signature" knows nothing; one who reads that the certificate was
//! replaced knows what to do. Runs only after verification failed, and can only choose between refusals.

use aws_lc_rs::signature::UnparsedPublicKey;

use postern_core::fault::{Code, Fault};

use crate::certificate::{self, KeyKind};
use crate::signature::{Signature, shown_certificate};
use crate::verify::{Trust, fits};

/// The fault of a signature that no trusted key made.
pub(crate) fn why(signature: &Signature<'_, '_>, signed_info: &str, trust: &Trust<'_>) -> Fault {
    if !trust.explains {
        return Code::SamlSignatureInvalid.fault();
    }
    let keys = trust.keys;
    // A trusted key made it, and is too small to be relied on.
    for trusted in keys.iter().filter(|trusted| trusted.key.kind == KeyKind::Rsa) {
        let small = signature.method.with_small_rsa().is_some_and(|algorithm| {
            let key = UnparsedPublicKey::new(algorithm, &trusted.key.spki);
            key.verify(signed_info.as_bytes(), &signature.value).is_ok()
        });
        if small {
            return Code::SamlKeyTooWeak.fault().expected("RSA 2048 or more").received(trusted.key.name());
        }
    }
    let known: Vec<_> = keys.iter().map(|trusted| certificate::describe(trusted.certificate)).collect();
    let expected = known.join("; ");
    let shown = signature.key_info.and_then(shown_certificate).and_then(|der| certificate::read(&der).ok());
    let Some(shown) = shown else {
        return Code::SamlSignatureOtherKey.fault().expected(expected).received("no certificate");
    };
    let received = certificate::describe(&shown);
    let Some(key) = certificate::public_key(&shown.der) else {
        return Code::SamlSignatureOtherKey.fault().expected(expected).received(received);
    };
    if keys.iter().any(|trusted| trusted.key == key) {
        // It names a key that we trust, which did not make it.
        let unfit = signature.method.with(key.kind).is_none();
        return if unfit {
            Code::SamlSignatureAlgorithm.fault().expected("an algorithm for the key").received(key.name())
        } else {
            Code::SamlSignatureInvalid.fault().received(received)
        };
    }
    if fits(signature, signed_info, &key, trust.allowed) || key.is_small_rsa() {
        return Code::SamlSignatureOtherKey.fault().expected(expected).received(received);
    }
    Code::SamlSignatureInvalid.fault().expected(expected).received(received)
}
