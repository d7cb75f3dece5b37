//! What has to hold, a file for each kind of input.

pub mod address;
pub mod authorize;
pub mod canonical;
pub mod config;
pub mod decode;
pub mod logout;
pub mod metadata;
pub mod query;
pub mod response;
pub mod seal;
pub mod token;

/// One of them.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its file and of its folder in `corpus/`.
    pub name: &'static str,
    /// Panics where something does not hold that has to.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "address", check: address::check },
    Target { name: "authorize", check: authorize::check },
    Target { name: "canonical", check: canonical::check },
    Target { name: "config", check: config::check },
    Target { name: "decode", check: decode::check },
    Target { name: "logout", check: logout::check },
    Target { name: "metadata", check: metadata::check },
    Target { name: "query", check: query::check },
    Target { name: "response", check: response::check },
    Target { name: "seal", check: seal::check },
    Target { name: "token", check: token::check },
];
