//! The whole of Postern in one process, with a clock that stands still until it is moved, driven by HTTP. The files are named
//! like the routes; the tests after the rows of the requirements that they show.

mod acs;
mod api;
mod asking;
mod attacks;
mod authorize;
mod backchannel;
mod budget;
mod client_assertions;
mod connection_keys;
mod direct;
mod discovery;
mod dpop;
mod federation;
mod form_post;
mod id_token;
mod introspect;
mod issuer;
mod login_loop;
mod logout;
mod metrics;
mod par;
mod refresh;
mod refresh_tokens;
mod registered;
mod revoke;
mod scopes;
mod sessions;
mod sp_keys;
mod sp_metadata;
mod token;
mod token_keys;
mod unsolicited;
mod userinfo;
mod wishes;
mod world;
