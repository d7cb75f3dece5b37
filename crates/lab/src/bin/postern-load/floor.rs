//! The least that a SAML login can cost: one RSA-2048 verification and one SHA-256 of the response, on this machine, now.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use postern_lab::key::Key;

use crate::system::Stopwatch;

/// Seconds for one verification and one hash of `response`: the best of several rounds, because whatever else the machine
/// does can only make a round slower.
pub(crate) fn measure(key: &Key, response: &str) -> f64 {
    const ROUNDS: u32 = 20;
    const TIMES: u32 = 500;
    // What is signed in a SAML message is not the response but a SignedInfo of about this length.
    let signed_info = [b'x'; 600];
    let signature = key.sign(&signed_info);
    let public_key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    let round = || {
        let watch = Stopwatch::start();
        for _ in 0..TIMES {
            std::hint::black_box(digest(&SHA256, std::hint::black_box(response.as_bytes())));
            let verified = public_key.verify(std::hint::black_box(&signed_info), &signature);
            assert!(verified.is_ok(), "the key verifies what it signed");
        }
        watch.seconds() / f64::from(TIMES)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}
