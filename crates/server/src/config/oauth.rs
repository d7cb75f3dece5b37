//! How long what Postern hands to apps lives, and the one secret that apps may share.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use postern_core::secret::{Secret, SecretHash};

use super::reading::{DAY, HOUR, MINUTE, Reading};
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
        /// How many wrong secrets of one client, and how many wrong API keys, may come from one address on the Internet (of IPv6:
        /// one /64) in a minute: 1 to 100000, or 0 for as many as it likes. After those, everything that it sends for that client
        /// gets 429 for a while, the right secret too. Each replica counts for itself. Behind a proxy, list that in
        /// `trusted_proxies`: or a stranger who guesses keeps those out who come by the same proxy.
        wrong_secrets_per_minute: u64 = "20",
        /// How long an authorization code can be redeemed, in seconds: 1 to 60.
        code_seconds: u64 = "60",
        /// How long an access token is valid, in seconds: 1 to 3600. Apps use it to read the claims at once after the
        /// login; longer only helps whoever steals one.
        access_token_seconds: u64 = "300",
        /// How long a session lives after the login, in hours: 1 to 720. A product may have a limit of its own. When it is
        /// over, its refresh tokens are worthless, and the app sends the person through a login again.
        session_hours: u64 = "24",
        /// How long a tenant's policy may let its sessions last (`session_duration_hours`), in hours: 24 to 720.
        longest_session_hours: u64 = "24",
        /// How long an app may leave a session unused, in minutes: 30 to 480, or 0 for as long as it likes. It uses it by
        /// refreshing, by userinfo and by introspection. A product may have a limit of its own.
        idle_minutes: u64 = "120",
        /// How long after the login the refresh tokens end that an app gets for `offline_access`, in days: 1 to 90. They
        /// outlive the session. A product may have a limit of its own.
        refresh_days: u64 = "30",
        /// How long such a refresh token lives that nobody uses, in days: 1 to 90.
        refresh_idle_days: u64 = "14",
        /// Whether proofs of possession (DPoP) have to repeat a nonce of ours. It bounds for how long a
        /// proof can be made ahead, and costs clients a request now and then, which is answered with `use_dpop_nonce`.
        dpop_nonce: bool = "false",
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
    /// How many wrong secrets may come from one address, for one client.
    pub wrong_secrets_per_minute: Option<NonZeroU32>,
    /// How long a code can be redeemed.
    pub code_lifetime: Duration,
    /// How long an access token is valid.
    pub access_token_lifetime: Duration,
    /// How long a session lives.
    pub session_lifetime: Duration,
    /// How long a tenant may let its sessions last.
    pub longest_session: Duration,
    /// How long it may be left unused.
    pub session_idle: Option<Duration>,
    /// How long after the login offline tokens end.
    pub refresh_lifetime: Duration,
    /// How long an offline token lives that nobody uses.
    pub refresh_idle: Duration,
    /// Whether proofs of possession have to repeat a nonce.
    pub dpop_nonce: bool,
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
            wrong_secrets_per_minute: reading
                .per_minute("oauth.wrong_secrets_per_minute", written.wrong_secrets_per_minute),
            code_lifetime: reading.seconds("oauth.code_seconds", written.code_seconds, 1..=60),
            access_token_lifetime: reading.seconds(
                "oauth.access_token_seconds",
                written.access_token_seconds,
                1..=3600,
            ),
            session_lifetime: reading.span("oauth.session_hours", written.session_hours, 1..=720, HOUR),
            longest_session: reading.span("oauth.longest_session_hours", written.longest_session_hours, 24..=720, HOUR),
            session_idle: match written.idle_minutes {
                0 => None,
                minutes => Some(reading.span("oauth.idle_minutes", minutes, 30..=480, MINUTE)),
            },
            refresh_lifetime: reading.span("oauth.refresh_days", written.refresh_days, 1..=90, DAY),
            refresh_idle: reading.span("oauth.refresh_idle_days", written.refresh_idle_days, 1..=90, DAY),
            dpop_nonce: written.dpop_nonce,
            login_lifetime: reading.seconds("oauth.login_seconds", written.login_seconds, 60..=3600),
        }
    }
}

/// This refuses `dummy` too, which is what SAML Jackson takes when nobody says otherwise.
fn is_guessable(verifier: &str) -> bool {
    verifier.chars().count() < 16
}
