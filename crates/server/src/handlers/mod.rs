//! One file for each address, named like it. A handler extracts, calls, replies; the rules live in `postern_core` and
//! `postern_saml`.

pub mod acs;
mod answered;
pub mod api;
pub mod authorize;
pub mod discover;
pub mod discovery;
pub mod error;
pub mod health;
pub mod introspect;
pub mod jwks;
mod leave;
pub mod login;
pub mod logout;
pub mod metrics;
pub mod oidc_callback;
pub mod oidc_configuration;
pub mod oidc_jwks;
pub mod par;
pub mod revoke;
pub mod root;
pub mod saml_cer;
pub mod saml_configuration;
pub mod select;
pub mod slo;
pub mod sp_metadata;
mod start_again;
pub mod test_login;
pub mod token;
pub mod unsolicited;
pub mod userinfo;
