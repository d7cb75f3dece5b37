//! Whatever is done to a genuine response: if it is accepted, it is about the person that the identity provider signed.

use std::sync::LazyLock;

use postern_core::fault::Code;
use postern_core::identity::Identity;

use crate::Judge;

static JUDGE: LazyLock<Judge> =
    LazyLock::new(|| Judge::new(include_str!("../../keys/idp.xml"), &[include_str!("../../keys/sp.pem")]));

static ALICE: LazyLock<Identity> = LazyLock::new(|| {
    let seed = include_bytes!("../../corpus/response/the_assertion_is_signed");
    JUDGE.verify(seed).expect("the seed is genuine").into_identity()
});

/// Has to hold for any input.
pub fn check(xml: &[u8]) {
    match JUDGE.verify(xml) {
        Ok(assertion) => assert_eq!(assertion.identity(), &*ALICE),
        Err(fault) => assert_ne!(fault.code, Code::SamlVerifiersDisagree, "{:?}", fault.received),
    }
}
