//! The SAML 2.0 service provider: pure, synchronous functions of bytes, keys and the time, ending in an
//! [`Identity`](postern_core::identity::Identity). No HTTP, no storage, no clock.
//!
//! [`response`] tells what happens when a response arrives; start there. [`request`] asks for one, [`metadata`] is how two
//! sides get to know each other.
//!
//! The rules, and where each is kept and tested (rows of the conformance table):
//!
//! | rule | kept in | tested in |
//! |---|---|---|
//! | H1–H6, H29 the request | `request`, `sign`, `keys` | there, `tests/saml/requests.rs` |
//! | two verifiers agree, three in tests | `second`, `third` | `tests/saml/second.rs`, and all of it with feature `samael` |
//! | H9 signed by a key of this connection; X11, X12 | `verify`, `certificate` | `tests/saml/signatures.rs` |
//! | H10 algorithms, H11 signature form; X9 | `algorithm`, `signature` | `tests/saml/signatures.rs` |
//! | H12 destination, H18 issuers, H19 status | `envelope`, `status` | `tests/saml/rules.rs` |
//! | H13, H14 confirmation, H26 unsolicited | `confirmation`, `envelope` | `tests/saml/rules.rs` |
//! | X13 nothing but a verified assertion | `response` | there |
//! | H15 audience and conditions, H16 clock skew | `conditions`, `time` | `tests/saml/rules.rs` |
//! | H21 encrypted assertions; X15 | `encryption`, `decrypt`, `opened`, `keys` | `tests/saml/encrypted.rs` |
//! | H22, H24 what is read of the person | `identity` | `tests/saml/identity.rs` |
//! | H28 logout; X10, X17 | `logout`, `query`, `front_channel` | `tests/saml/logout.rs` |
//! | M1–M3 our metadata | `metadata::sp` | there |
//! | M4, M6–M8 an IdP's metadata | `metadata::idp` | `tests/saml/metadata.rs` |
//! | X1–X5, X8, X16, X20 wrapping, two readers, two IDs | `gate`, `document` | `tests/saml/wrapping.rs` |
//! | X6, X7, X18, X19 comments, DOCTYPE, bombs | `document` | `tests/saml/bounds.rs` |
//! | X22 what cannot be true | `anomaly` | there |
//! | any one byte changed | all of it | `tests/saml/flipped_bytes.rs` |

mod algorithm;
mod anomaly;
mod assertion;
mod c14n;
pub mod certificate;
mod conditions;
mod confirmation;
mod decrypt;
mod diagnose;
mod document;
mod element;
mod encryption;
mod envelope;
mod escape;
mod front_channel;
mod gate;
mod identity;
pub mod keys;
pub mod logout;
pub mod metadata;
mod opened;
mod query;
pub mod request;
pub mod response;
mod second;
mod sign;
mod signature;
mod status;
#[cfg(feature = "samael")]
mod third;
mod time;
mod verify;
