//! A third opinion, for tests: `samael` over libxml2 and xmlsec (cargo feature `samael`).
//!
//! It shares nothing with the other two, not even the language, and shows the very bytes that it digested: they have to be
//! ours. It opens addresses and files that a Reference names, so it never sees what the gate has not passed, and it is not
//! in any image: it needs C libraries that fit no static binary.

use samael::crypto::{CertificateDer, Crypto, CryptoProvider, ReduceMode};

use postern_core::fault::{Code, Fault};

use crate::gate::Gated;
use crate::verify::Signed;

/// Asks for an opinion on a document of which every signature was verified.
pub(crate) fn agrees(gated: &Gated<'_, '_>, signed: &Signed<'_>) -> Result<(), Fault> {
    if gated.signatures.iter().any(|signature| signature.method.is_pss()) {
        // xmlsec has RSA-PSS from version 1.3 on, which not every distribution has.
        return Ok(());
    }
    // Of two signatures it shows the bytes under the outer one, having verified both.
    let Some(outer) = signed.response.as_ref().or(signed.assertion.as_ref()) else { return Ok(()) };
    let certificates: Vec<_> = signed.proofs().map(|proof| CertificateDer::from(proof.by.der.clone())).collect();
    let text = gated.response.document().input_text();
    let disagree = |why: String| Code::SamlVerifiersDisagree.fault().received(format!("xmlsec: {why}"));
    match Crypto::reduce_xml_to_signed(text, &certificates, ReduceMode::PreDigest) {
        Ok(digested) if digested == outer.canonical => Ok(()),
        Ok(_) => Err(disagree("it digested other bytes".to_owned())),
        Err(error) => Err(disagree(error.to_string())),
    }
}
