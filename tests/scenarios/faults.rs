//! Every fault of the table can be met, over HTTP, and shows the face that the table promises: its code, its status or its
//! OAuth error, on a page, to the app, or as JSON.

use std::collections::BTreeSet;

use postern_core::fault::Code;

use crate::tour::Tour;

/// Faults that nobody can provoke from outside at will.
const OUT_OF_REACH: &[(Code, &str)] = &[
    (Code::ChangedMeanwhile, "needs two writers in the same instant; crates/core has them"),
    (Code::TenantDeleting, "needs a deletion that breaks off; crates/server has it"),
    (Code::MetadataEntityUnknown, "needs a caller that names an entity ID, which no route does"),
    (Code::AuthenticationTimeMissing, "a SAML assertion always has the time; crates/core has it"),
    (Code::DpopNonceMissing, "needs oauth.dpop_nonce; crates/server has it"),
    (Code::FetchNameUnresolved, "depends on the resolver of this machine; crates/fetch brings its own"),
    (Code::UnsolicitedBeforeStart, "needs a Redis that takes the place of another; crates/server has it"),
    (Code::LoginLostInFailover, "needs the same; crates/server has it"),
    (Code::CodeLostInFailover, "needs the same; crates/server has it"),
    (Code::SamlEncryptionUnsupported, "a running Postern always has a key; crates/saml has it"),
    (Code::RefreshTokenExpired, "takes half an hour; crates/server has it"),
    (Code::RefreshPersonBlocked, "needs a store that fails half-way; crates/server has it"),
    (Code::RefreshNeedsProof, "takes five minutes; crates/server has it"),
    (Code::SamlVerifiersDisagree, "we know of no response that would"),
    (Code::RegionUnknown, "needs a configuration out of which a region was taken; crates/server has it"),
    (Code::LogoutNotEverywhere, "is told in a trace alone: the person goes on to the app; crates/server has it"),
    (Code::Defect, "we know of none"),
];

#[tokio::test]
async fn every_fault_shows_its_face() {
    let tour = Tour::take().await;
    let out_of_reach = OUT_OF_REACH.iter().map(|(code, _)| *code);
    let met: BTreeSet<_> = tour.met.iter().copied().chain(out_of_reach).collect();
    let missed: Vec<_> = Code::ALL.iter().filter(|code| !met.contains(code)).collect();
    assert!(
        missed.is_empty(),
        "never met: {missed:?}; let the tour meet them (tests/scenarios/tour), or say here why it cannot"
    );
}
