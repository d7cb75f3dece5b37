//! Metadata: what an IdP says about itself ([`read`]) and what we say about ourselves ([`SpMetadata`]).

mod idp;
mod sp;

pub use idp::{IdpMetadata, certificate_notes, read};
pub use sp::{Contact, Logo, Presentation, SpMetadata};
