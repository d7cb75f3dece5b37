//! A make-believe world around Postern, for the demo, the tests and the load command: an identity provider, an app that
//! signs people in, and the keys and messages they need.
//!
//! Nothing here uses `postern-saml`. Messages are written and signed by code of this crate's own, so that a fault of the
//! reader cannot hide behind the same fault of the writer.

pub mod key;
pub mod metadata;
pub mod response;
mod xml;
