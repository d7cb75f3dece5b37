//! How long what Postern hands to apps lives, and the one secret that apps may share.

use std::path::PathBuf;
use std::time::Duration;

use postern_core::secret::{Secret, SecretHash};

use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Towards the apps.
    struct Written in "oauth." {
        /// One `client_secret` for all apps that name their connection by tenant and product (`client_id=dummy` or
        /// `client_id=tenant=…&product=…`), of at least 16 characters. It never opens a product that is registered with a
        /// secret of its own. Default: none, and such apps bring their product's or their connection's secret.
        client_secret_verifier: Option<Secret>,
        /// The same from a file.
        client_secret_verifier_file: Option<PathBuf>,
        /// How long an authorization code can be redeemed, in seconds: 1 to 60.
        code_seconds: u64 = "60",
        /// How long an access token is valid, in seconds: 1 to 3600. Apps use it to read the claims at once after the
        /// login; longer only helps whoever steals one.
        access_token_seconds: u64 = "300",
        /// How long a person may take to sign in at the identity provider, in seconds: 60 to 3600. After that the login
        /// has to be started again.
        login_seconds: u64 = "600",
    }
}

/// Lifetimes, and the secret that apps may share.
#[derive(Debug, Clone)]
pub struct Oauth {
    /// Recognises the shared secret of apps that name tenant and product.
    pub client_secret_verifier: Option<SecretHash>,
    /// How long a code can be redeemed.
    pub code_lifetime: Duration,
    /// How long an access token is valid.
    pub access_token_lifetime: Duration,
    /// How long a login may take.
    pub login_lifetime: Duration,
}

impl Oauth {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading) -> Self {
        let written = Written::take(reading);
        let verifier = reading.secret(
            ("oauth.client_secret_verifier", written.client_secret_verifier),
            ("oauth.client_secret_verifier_file", written.client_secret_verifier_file),
        );
        if verifier.as_ref().is_some_and(|verifier| is_guessable(verifier.expose())) && !reading.demo {
            let instead =
                "Write at least 16 random characters, such as the output of: openssl rand -hex 32; or leave it out.";
            reading.refuse(
                "oauth.client_secret_verifier",
                "is shorter than 16 characters, so it can be guessed",
                instead,
            );
        }
        Self {
            client_secret_verifier: verifier.map(|verifier| SecretHash::of(verifier.expose())),
            code_lifetime: reading.seconds("oauth.code_seconds", written.code_seconds, 1..=60),
            access_token_lifetime: reading.seconds(
                "oauth.access_token_seconds",
                written.access_token_seconds,
                1..=3600,
            ),
            login_lifetime: reading.seconds("oauth.login_seconds", written.login_seconds, 60..=3600),
        }
    }
}

/// This refuses `dummy` too, which is what SAML Jackson takes when nobody says otherwise.
fn is_guessable(verifier: &str) -> bool {
    verifier.chars().count() < 16
}
