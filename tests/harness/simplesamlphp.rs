//! SimpleSAMLphp as a customer's identity provider, on PHP's own server. Its configuration is in `tests/simplesamlphp`.

use std::process::Command;

use crate::process::{Running, free_port};
use crate::tools;

/// A running identity provider, whose only user is `alice`.
#[derive(Debug)]
pub struct SimpleSamlPhp {
    running: Running,
    /// Where its metadata is published. (There it calls itself localhost.)
    pub metadata_url: String,
}

/// What its administrator has set.
#[derive(Debug, Clone, Copy)]
pub struct SimpleSamlPhpSettings {
    /// How assertions are encrypted, if at all: `aes128-cbc`, which it chooses by itself, or `aes256-gcm`.
    pub encryption: Option<&'static str>,
    /// Whether the response is signed, beside the assertion.
    pub signs_response: bool,
    /// Whether a request has to be signed.
    pub demands_signed_requests: bool,
    /// Whether logout messages are signed, those that it sends and those that it takes.
    pub signs_logout: bool,
}

impl Default for SimpleSamlPhpSettings {
    fn default() -> Self {
        Self { encryption: None, signs_response: true, demands_signed_requests: false, signs_logout: true }
    }
}

impl SimpleSamlPhp {
    /// The name and the password of its user.
    pub const USER: (&str, &str) = ("alice", "wonderland");

    /// Starts one with a key of its own that trusts the Postern at this public URL.
    pub async fn start(postern: &str, settings: SimpleSamlPhpSettings) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        tools::idp_key(folder.path());
        let code = tools::installed("simplesamlphp");
        let yes = |is: bool| if is { "yes" } else { "no" };
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
                .env("SP_METADATA_URL", format!("{postern}/.well-known/sp-metadata"))
                .env("ENCRYPTION", settings.encryption.unwrap_or_default())
                .env("SIGNS_RESPONSE", yes(settings.signs_response))
                .env("DEMANDS_SIGNED_REQUESTS", yes(settings.demands_signed_requests))
                .env("SIGNS_LOGOUT", yes(settings.signs_logout)),
            folder,
        );
        let metadata_url = format!("http://127.0.0.1:{port}/saml2/idp/metadata.php");
        Self { running: running.ready_at(&metadata_url).await, metadata_url }
    }

    /// Where its own people begin, for example from its list of apps: to sign in to the Postern of this name.
    pub fn start_url(&self, entity_id: &str) -> String {
        let query = [("spentityid", entity_id)];
        let address = self.metadata_url.replace("metadata.php", "SSOService.php").replace("127.0.0.1", "localhost");
        reqwest::Url::parse_with_params(&address, query).expect("a URL").into()
    }

    /// Where its own people sign out, from everything that they signed in to by it.
    pub fn sign_out_url(&self) -> String {
        let query = [("ReturnTo", self.signed_out_url())];
        let address =
            self.metadata_url.replace("metadata.php", "SingleLogoutService.php").replace("127.0.0.1", "localhost");
        reqwest::Url::parse_with_params(&address, query).expect("a URL").into()
    }

    /// Where they are then.
    pub fn signed_out_url(&self) -> String {
        self.metadata_url.replace("saml2/idp/metadata.php", "logout.php").replace("127.0.0.1", "localhost")
    }

    /// Its administrator saves this copy of Postern's metadata, and from now on it reads the copy.
    pub fn save_metadata(&self, xml: &str) {
        std::fs::write(self.running.file("sp.xml"), xml).expect("a file in its folder");
    }
}
