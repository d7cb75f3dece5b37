//! Do the signatures hold? Every one in the document has to (X3, X16), with a key of this connection (H9, X12).
//!
//! What comes out is not a yes but the bytes that were digested: whoever reads anything reads those (X4, X13).

use aws_lc_rs::digest;
use aws_lc_rs::signature::UnparsedPublicKey;

use postern_core::connection::{Allowance, Certificate};
use postern_core::fault::{Code, Fault};

use crate::algorithm::{Allowed, Method};
use crate::c14n;
use crate::certificate::{PublicKey, TrustedKey};
use crate::diagnose;
use crate::gate::Gated;
use crate::second::SecondVerifier;
use crate::signature::Signature;

/// Whose signatures count, and how they may be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust<'k> {
    pub(crate) keys: &'k [TrustedKey<'k>],
    pub(crate) allowed: &'k Allowed,
    /// Who else has to agree.
    pub(crate) second: SecondVerifier,
    /// Whether a failure is looked into. Where not, nobody may learn why, neither by words nor by time.
    pub(crate) explains: bool,
}

impl Trust<'_> {
    /// As much work as finding out that no key made a signature, for nothing: see `decrypt`.
    pub(crate) fn spend(&self, message: &[u8]) {
        for trusted in self.keys {
            let bytes = trusted.key.rsa_bits().map_or(64, |bits| bits.div_ceil(8));
            let mut value = vec![0x55; bytes];
            value[0] = 0;
            let algorithm = Method::RsaSha256.with(trusted.key.kind).or(Method::EcdsaSha256.with(trusted.key.kind));
            if let Some(algorithm) = algorithm {
                // It does not verify, and nobody asks.
                let _ = UnparsedPublicKey::new(algorithm, &trusted.key.spki).verify(message, &value);
            }
        }
    }
}

/// What the signatures of a document prove: nothing, where there are none.
#[derive(Debug, Default)]
pub(crate) struct Signed<'k> {
    /// The whole response.
    pub(crate) response: Option<Proof<'k>>,
    /// The assertion in it.
    pub(crate) assertion: Option<Proof<'k>>,
    /// What the second verifier had to say.
    pub(crate) second: Option<String>,
}

impl<'k> Signed<'k> {
    /// All of them.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Proof<'k>> {
        self.response.iter().chain(&self.assertion)
    }
}

/// What one signature proves.
#[derive(Debug)]
pub(crate) struct Proof<'k> {
    /// The canonical text of what was signed.
    pub(crate) canonical: String,
    /// The certificate whose key made the signature.
    pub(crate) by: &'k Certificate,
    /// Without which allowances it would prove nothing.
    pub(crate) thanks_to: Vec<Allowance>,
}

/// Verifies every signature, twice by independent means. Both canonical texts are proven if there are two; the outer one contains the inner.
pub(crate) fn every_signature<'k>(gated: &Gated<'_, '_>, trust: &Trust<'k>) -> Result<Signed<'k>, Fault> {
    let mut signed = Signed::default();
    let mut keys = Vec::with_capacity(2);
    for signature in &gated.signatures {
        let (proof, key) = one(signature, trust)?;
        keys.push(key);
        if signature.covers == gated.response {
            signed.response = Some(proof);
        } else {
            signed.assertion = Some(proof);
        }
    }
    signed.second = trust.second.agrees(&gated.signatures, &keys, trust.allowed)?;
    #[cfg(feature = "samael")]
    crate::third::agrees(gated, &signed)?;
    Ok(signed)
}

/// Verifies the signature of a message that has no assertion, twice too.
pub(crate) fn message<'k>(signature: &Signature<'_, '_>, trust: &Trust<'k>) -> Result<Proof<'k>, Fault> {
    let (proof, key) = one(signature, trust)?;
    trust.second.agrees(std::slice::from_ref(signature), &[key], trust.allowed)?;
    Ok(proof)
}

/// XML Signature §3.2, core validation: the signature over SignedInfo, then the digest in it over the document.
fn one<'k>(signature: &Signature<'_, '_>, trust: &Trust<'k>) -> Result<(Proof<'k>, &'k PublicKey), Fault> {
    let signed_info = c14n::canonical(signature.signed_info, None, &signature.signed_info_form);
    let by = trust
        .keys
        .iter()
        .find(|trusted| fits(signature, &signed_info, &trusted.key, trust.allowed))
        .ok_or_else(|| diagnose::why(signature, &signed_info, trust))?;
    let canonical = c14n::canonical(signature.covers, Some(signature.node), &signature.reference_form);
    if digest::digest(signature.digest, canonical.as_bytes()).as_ref() != signature.digest_value {
        return Err(Code::SamlDigestMismatch.fault());
    }
    Ok((Proof { canonical, by: by.certificate, thanks_to: thanks_to(signature, &by.key) }, &by.key))
}

/// Whether this key made the signature, in a way that the connection accepts.
pub(crate) fn fits(signature: &Signature<'_, '_>, signed_info: &str, key: &PublicKey, allowed: &Allowed) -> bool {
    made(signature.method, &signature.value, signed_info.as_bytes(), key, allowed)
}

/// The same for any octets.
pub(crate) fn made(method: Method, value: &[u8], message: &[u8], key: &PublicKey, allowed: &Allowed) -> bool {
    let small = allowed.contains(&Allowance::Rsa1024) && key.is_small_rsa();
    let algorithm = if small { method.with_small_rsa() } else { method.with(key.kind) };
    algorithm.is_some_and(|algorithm| UnparsedPublicKey::new(algorithm, &key.spki).verify(message, value).is_ok())
}

fn thanks_to(signature: &Signature<'_, '_>, key: &PublicKey) -> Vec<Allowance> {
    let sha1 = signature.method == Method::RsaSha1 || *signature.digest == digest::SHA1_FOR_LEGACY_USE_ONLY;
    let small = key.is_small_rsa();
    [(sha1, Allowance::Sha1), (small, Allowance::Rsa1024)].into_iter().filter_map(|(so, it)| so.then_some(it)).collect()
}
