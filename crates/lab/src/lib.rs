//! A make-believe world around Postern, for the demo, the tests and the load command: an identity provider for each protocol
//! ([`idp`], [`openid`]), an app that signs people in ([`app`]) and has keys of its own ([`signer`]), the keys and messages they
//! need ([`key`], [`response`], [`encryption`]), a name server ([`dns`]), and what
//! somebody with bad intentions would send instead ([`attack`]).
//!
//! Nothing here uses `postern-saml`. Messages are written and signed by code of this crate's own, so that a fault of the
//! reader cannot hide behind the same fault of the writer. Servers listen on loopback only: this identity provider tells
//! everyone its passwords.

pub mod app;
pub mod attack;
pub mod client;
pub mod dns;
pub mod encryption;
pub mod idp;
pub mod key;
pub mod logout;
pub mod metadata;
pub mod openid;
mod page;
pub mod response;
mod running;
mod sessions;
mod signature;
pub mod signer;
mod xml;

pub use crate::running::Running;
