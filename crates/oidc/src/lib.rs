//! OpenID Connect towards customers' identity providers: we are the relying party. What comes out is the same
//! [`Identity`](postern_core::identity::Identity) as from SAML.
//!
//! | step | file | refuses |
//! |---|---|---|
//! | what a provider says of itself | [`metadata`] | another issuer than the configured one, addresses that are not https, no usable key |
//! | ask | [`request`] | |
//! | its answer | [`callback`] | another issuer, an address that is not this connection's, the provider's own refusals |
//! | redeem the code | [`redeem`] | what the token endpoint refuses, no ID token |
//! | verify | [`id_token`] over [`jwk`] | unsigned, foreign, stale or altered ID tokens; every rule has a fault of its own |
//! | more claims | [`userinfo`] | another person's |
//! | the person | [`identity`] | nothing more: what the provider said becomes an `Identity` |
//! | our own keys | [`client_keys`] | |
//!
//! The crates `oauth2` and `openidconnect` speak the protocol; this crate gives them the time, chance, the way out
//! ([`postern_fetch`]) and a key type on aws-lc-rs, and adds the checks that they leave to their callers: `azp`, `iat`, `nbf`,
//! `at_hash`, the issuer parameter, Microsoft's issuer templates. `docs/adr/0010-openidconnect.md` says why.

pub mod callback;
pub mod client_keys;
pub mod id_token;
pub mod identity;
pub mod jwk;
pub mod metadata;
mod provider_error;
pub mod redeem;
pub mod request;
pub mod userinfo;
