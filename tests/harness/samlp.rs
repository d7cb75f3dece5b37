//! Auth0's SAML identity provider as a customer's. It is in `tests/idps/samlp`.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// A running identity provider whose only user is `alice`. It encrypts by AES-256-GCM and takes signed requests alone.
#[derive(Debug)]
pub struct Samlp {
    running: Running,
    /// Where its metadata is published. (There it calls itself localhost.)
    pub metadata_url: String,
    /// Where it takes requests, on both bindings.
    pub sso_url: String,
}

/// What it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// The assertion, before it is encrypted.
    Assertion,
    /// The response, around an encrypted assertion without a signature.
    Response,
    /// Both.
    Both,
}

impl Samlp {
    /// The name and the password of its user.
    pub const USER: (&str, &str) = ("alice", "wonderland");

    /// Starts one with a key of its own that trusts the Postern at this public URL.
    pub async fn start(postern: &str, signs: Signs) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        tools::idp_key(folder.path());
        let running = Running::start(
            "samlp",
            Command::new(tools::installed("bin/node"))
                .arg("server.js")
                .current_dir(tools::ours("idps/samlp"))
                .env("PORT", port.to_string())
                .env("IDP_STATE", folder.path())
                .env("SP_METADATA_URL", format!("{postern}/.well-known/sp-metadata"))
                .env("SIGNS", signs.name()),
            folder,
        );
        let metadata_url = format!("http://127.0.0.1:{port}/metadata");
        let running = running.ready_at(&metadata_url).await;
        Self { running, metadata_url, sso_url: format!("http://localhost:{port}/sso") }
    }

    /// Its administrator saves this copy of Postern's metadata, and from now on it reads the copy.
    pub fn save_metadata(&self, xml: &str) {
        std::fs::write(self.running.file("sp.xml"), xml).expect("a file in its folder");
    }
}

impl Signs {
    /// Each of them.
    pub const ALL: [Signs; 3] = [Signs::Assertion, Signs::Response, Signs::Both];

    fn name(self) -> &'static str {
        match self {
            Signs::Assertion => "assertion",
            Signs::Response => "response",
            Signs::Both => "both",
        }
    }
}
