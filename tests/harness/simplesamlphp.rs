//! SimpleSAMLphp as a customer's identity provider, on PHP's own server. Its configuration is in `tests/simplesamlphp`.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// A running identity provider, whose only user is `alice`.
#[derive(Debug)]
pub struct SimpleSamlPhp {
    _running: Running,
    /// Where its metadata is published. (There it calls itself localhost.)
    pub metadata_url: String,
}

impl SimpleSamlPhp {
    /// The name and the password of its user.
    pub const USER: (&str, &str) = ("alice", "wonderland");

    /// Starts one with a key of its own that trusts the Postern at this public URL.
    pub async fn start(postern: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=idp.example.com", "-days", "2"])
            .args(["-keyout", "idp.key", "-out", "idp.crt"])
            .current_dir(folder.path())
            .output()
            .expect("openssl runs");
        assert!(key.status.success(), "openssl: {}", String::from_utf8_lossy(&key.stderr));
        let code = tools::installed("simplesamlphp");
        let running = Running::start(
            "simplesamlphp",
            Command::new("php")
                // Its code is older than this PHP: mere deprecations are not for its pages.
                .args(["-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_reporting=E_ALL & ~E_DEPRECATED"])
                .args(["-S", &format!("127.0.0.1:{port}"), "-t"])
                .arg(code.join("www"))
                .env("SIMPLESAMLPHP_CONFIG_DIR", tools::ours("simplesamlphp"))
                .env("IDP_ORIGIN", format!("http://localhost:{port}"))
                .env("IDP_STATE", folder.path())
                .env("SP_METADATA_URL", format!("{postern}/.well-known/sp-metadata")),
            folder,
        );
        let metadata_url = format!("http://127.0.0.1:{port}/saml2/idp/metadata.php");
        Self { _running: running.ready_at(&metadata_url).await, metadata_url }
    }
}
