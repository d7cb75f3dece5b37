//! Signed tokens (RFC 7515, RFC 7519): ours, which apps verify, and theirs, which we verify. Functions of bytes, keys and
//! `now`; nothing here knows HTTP, storage or the clock.
//!
//! | what | file |
//! |---|---|
//! | our keys, and what they sign | [`signing`] |
//! | public keys, by the set | [`jwks`] |
//! | a signature of somebody else | [`jws`] |
//! | a client that proves itself by a key (RFC 7523) | [`client_assertion`] |
//! | whoever holds a token proves that it is theirs (RFC 9449) | [`dpop`] |
//! | our own ID token, shown to us again | [`id_token_hint`] |
//!
//! Foreign signatures are verified by the crate `jsonwebtoken`, over `aws-lc-rs`; around it stand the rules that it leaves to
//! its callers: lengths, critical headers, the type, where a key may come from, and every claim, judged by `now`. Ours are made
//! by `aws-lc-rs` itself, because `jsonwebtoken` parses a private key again for every signature
//! (`docs/adr/0009-tokens-and-their-signatures.md`).
//!
//! A key is never taken from where a token says that it is: `jku`, `x5u`, `x5c` are not read, and `jwk` only in a DPoP proof,
//! which is about just that key (OIDC Core §2, RFC 8725 §3.10).

pub mod client_assertion;
pub mod dpop;
pub mod id_token_hint;
pub mod jwks;
pub mod jws;
pub mod signing;
mod times;
