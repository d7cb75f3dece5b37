//! Starts the real things that the scenarios are made of, each on a free port of loopback with a folder of its own, and ends
//! them when they are dropped: [`Redis`], [`Postern`] or its whole [`Demo`], [`SimpleSamlPhp`], [`Samlp`] or [`OidcProvider`] as a
//! customer's identity provider, an [`App`] that signs people in with a library that many apps use, the [`Example`], and a [`browser`].
//!
//! Postern is on 127.0.0.1 and the SAML identity providers on localhost, because for a browser other ports are the same site:
//! only other names make their post a cross-site one, as it is in the world. (An OpenID Provider does not post.)
//!
//! What the programs are and where they come from is `scripts/install test`.

mod app;
pub mod browser;
mod cable;
mod demo;
mod example;
pub mod key_set;
pub mod login;
mod oidc_provider;
mod postern;
pub mod previous;
mod process;
mod redis;
mod samlp;
pub mod schema;
pub mod schemathesis;
mod simplesamlphp;
pub mod storm;
mod tools;
pub mod usage;

use std::time::Duration;

pub use app::{App, AppKind, Client, RunningApp};
pub use cable::Cable;
pub use demo::{Demo, RunningDemo};
pub use example::{Environment, Example, RunningExample, example_tests};
pub use oidc_provider::{OidcProvider, OidcProviderSettings};
pub use postern::{Postern, Settings};
pub use process::{Running, free_port};
pub use redis::Redis;
pub use samlp::{Samlp, Signs};
pub use simplesamlphp::{SimpleSamlPhp, SimpleSamlPhpSettings};

/// A client for plain requests: it follows no redirect and keeps no cookie, so that a test sees every step.
pub fn http() -> reqwest::Client {
    // The client wants to know how TLS is done, although every address here is plain http.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // Postern keeps idle connections for four seconds; whoever keeps theirs for longer asks now and then one that just ends.
        .pool_idle_timeout(Duration::from_secs(2))
        .no_proxy()
        .build()
        .expect("a plain client can be built")
}
