//! Tokens of ours, read by another library; tokens of others, good and bad.

mod client_assertion;
mod dpop;
mod id_token_hint;
mod signatures;
mod support;
