//! How Postern presents itself to SAML identity providers.

use std::time::Duration;

use postern_saml::response::SecondVerifier;
use url::Url;

use super::PublicUrl;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Towards SAML identity providers.
    struct Written in "saml." {
        /// Postern's entity ID: the audience that every assertion has to name, up to 1024 characters, a URI. Default: the
        /// public URL. Identity providers compare it character by character, so changing it later means new settings at
        /// every one of them.
        entity_id: Option<String>,
        /// By how much the clock of an identity provider may differ from ours, in seconds: 0 to 300. A longer time lets
        /// expired assertions in for longer.
        clock_skew_seconds: u64 = "180",
        /// Whether a second, independent verifier has to agree with ours before anybody gets in: `require`, or `observe`, which
        /// only notes a disagreement in the trace. The second one refuses a few genuine documents of unusual form; then
        /// choose `observe`.
        second_verifier: String = "require",
    }
}

/// How Postern presents itself to SAML identity providers.
#[derive(Debug, Clone)]
pub struct Saml {
    /// Our entity ID, the audience of every assertion.
    pub entity_id: String,
    /// How far clocks may be apart.
    pub clock_skew: Duration,
    /// What the second verifier's word is worth.
    pub second_verifier: SecondVerifier,
}

impl Saml {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading, public_url: &PublicUrl) -> Self {
        let written = Written::take(reading);
        let entity_id = written.entity_id.unwrap_or_else(|| public_url.as_str().to_owned());
        // SAML Core §8.3.6: an entity identifier is a URI of not more than 1024 characters.
        if Url::parse(&entity_id).is_err() || entity_id.len() > 1024 || entity_id.contains(char::is_whitespace) {
            let instead = "Write a URI such as https://sso.example.com or urn:example:sso, up to 1024 characters.";
            reading.refuse("saml.entity_id", "is not a URI", instead);
        }
        let second_verifier = match written.second_verifier.as_str() {
            "require" => SecondVerifier::Require,
            "observe" => SecondVerifier::Observe,
            other => {
                reading.refuse("saml.second_verifier", format!("is '{other}'"), "Write require or observe.");
                SecondVerifier::Require
            }
        };
        Self {
            second_verifier,
            entity_id,
            clock_skew: reading.seconds("saml.clock_skew_seconds", written.clock_skew_seconds, 0..=300),
        }
    }
}
