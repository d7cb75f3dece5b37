//! Do the signatures hold? Every one in the document has to (X3, X16), with a key of this connection (H9, X12).
//!
//! What comes out is not a yes but the bytes that were digested: whoever reads anything reads those (X4, X13).

use aws_lc_rs::digest;
use aws_lc_rs::signature::UnparsedPublicKey;

use postern_core::connection::Certificate;
use postern_core::fault::{Code, Fault};

use crate::c14n;
use crate::certificate::{PublicKey, TrustedKey};
use crate::diagnose;
use crate::gate::Gated;
use crate::signature::Signature;

/// The canonical text of what was signed.
#[derive(Debug)]
pub(crate) enum Signed<'k> {
    /// The whole response, the assertion with it.
    Response { canonical: String, by: &'k Certificate },
    /// The assertion alone.
    Assertion { canonical: String, by: &'k Certificate },
}

/// Verifies every signature. Both canonical texts are proven if there are two; the outer one contains the inner.
pub(crate) fn every_signature<'k>(gated: &Gated<'_, '_>, keys: &[TrustedKey<'k>]) -> Result<Signed<'k>, Fault> {
    let mut response = None;
    let mut assertion = None;
    for signature in &gated.signatures {
        let (canonical, by) = one(signature, keys)?;
        if signature.covers == gated.response {
            response = Some(Signed::Response { canonical, by });
        } else {
            assertion = Some(Signed::Assertion { canonical, by });
        }
    }
    response.or(assertion).ok_or_else(|| Code::SamlUnsigned.fault())
}

/// XML Signature §3.2, core validation: the signature over SignedInfo, then the digest in it over the document.
fn one<'k>(signature: &Signature<'_, '_>, keys: &[TrustedKey<'k>]) -> Result<(String, &'k Certificate), Fault> {
    let signed_info = c14n::canonical(signature.signed_info, None, &signature.signed_info_form);
    let by = keys
        .iter()
        .find(|trusted| fits(signature, &signed_info, &trusted.key))
        .ok_or_else(|| diagnose::why(signature, &signed_info, keys))?;
    let canonical = c14n::canonical(signature.covers, Some(signature.node), &signature.reference_form);
    if digest::digest(signature.digest, canonical.as_bytes()).as_ref() != signature.digest_value {
        return Err(Code::SamlDigestMismatch.fault());
    }
    Ok((canonical, by.certificate))
}

/// Whether this key made the signature.
pub(crate) fn fits(signature: &Signature<'_, '_>, signed_info: &str, key: &PublicKey) -> bool {
    signature.method.with(key.kind).is_some_and(|algorithm| {
        UnparsedPublicKey::new(algorithm, &key.spki).verify(signed_info.as_bytes(), &signature.value).is_ok()
    })
}
