//! Whatever is done to a genuine response: if it is accepted, it is about the person that the identity provider signed.

use std::sync::LazyLock;

use postern_core::fault::Code;
use postern_core::identity::Identity;

use crate::Judge;

static JUDGE: LazyLock<Judge> =
    LazyLock::new(|| Judge::new(include_str!("../../keys/idp.xml"), &[include_str!("../../keys/sp.pem")]));

/// What the seeds say. One of them gives an attribute a second name.
static SIGNED: LazyLock<[Identity; 2]> = LazyLock::new(|| {
    let seeds: [&[u8]; 2] = [
        include_bytes!("../../corpus/response/the_assertion_is_signed"),
        include_bytes!("../../corpus/response/white_space_in_attributes_is_no_plain_space"),
    ];
    seeds.map(|seed| JUDGE.verify(seed).expect("the seed is genuine").into_identity())
});

/// Has to hold for any input.
pub fn check(xml: &[u8]) {
    match JUDGE.verify(xml) {
        Ok(assertion) => assert!(SIGNED.contains(assertion.identity())),
        Err(fault) => assert_ne!(fault.code, Code::SamlVerifiersDisagree, "{:?}", fault.received),
    }
}
