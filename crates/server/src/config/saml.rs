//! How Postern presents itself to SAML identity providers.

use std::time::Duration;

use postern_saml::response::SecondVerifier;
use url::Url;

use super::PublicUrl;
use super::presentation::Appearance;
use super::reading::Reading;
use super::settings::settings;

settings! {
    /// Towards SAML identity providers.
    struct Written in "saml." {
        /// Postern's entity ID: the audience that every assertion has to name, up to 1024 characters, a URI. Default: the
        /// public URL. Identity providers compare it character by character, so changing it later means new settings at
        /// every one of them.
        entity_id: Option<String>,
        /// By how much the clock of an identity provider may differ from ours, in seconds: 0 to 300. It governs the ID tokens
        /// of OpenID Providers as well as SAML messages. A longer time lets expired ones in for longer.
        clock_skew_seconds: u64 = "180",
        /// Whether a second, independent verifier has to agree with ours before anybody gets in: `require`, or `observe`, which
        /// only notes a disagreement in the trace. The second one refuses a few genuine documents of unusual form; then
        /// choose `observe`.
        second_verifier: String = "require",
        /// What identity providers call Postern, or the app behind it, before people: up to 256 characters, in the metadata.
        /// Default: none.
        display_name: Option<String>,
        /// A picture for the metadata: an https URL of up to 256 characters, or a data URL of a picture of up to 20 KiB.
        logo_url: Option<String>,
        /// The width of the picture, in pixels: 1 to 4096.
        logo_width: u64 = "64",
        /// The height of the picture, in pixels: 1 to 4096.
        logo_height: u64 = "64",
        /// Where people read what they sign in to: an https URL, in the metadata.
        information_url: Option<String>,
        /// Where people read what becomes of their data: an https URL, in the metadata.
        privacy_url: Option<String>,
        /// Whom administrators of identity providers ask when something does not work: an e-mail address, in the metadata,
        /// which anybody may read.
        contact_email: Option<String>,
        /// The name that goes with that address.
        contact_name: Option<String>,
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
    /// What our metadata show of us.
    pub appearance: Appearance,
}

impl Saml {
    pub(super) const SECTION: super::settings::Section = Written::SECTION;

    pub(super) fn read(reading: &mut Reading, public_url: &PublicUrl) -> Self {
        let written = Written::take(reading);
        let entity_id = written.entity_id.unwrap_or_else(|| public_url.as_str().to_owned());
        check_entity_id(reading, "saml.entity_id", &entity_id);
        let second_verifier = match written.second_verifier.as_str() {
            "require" => SecondVerifier::Require,
            "observe" => SecondVerifier::Observe,
            other => {
                reading.refuse("saml.second_verifier", format!("is '{other}'"), "Write require or observe.");
                SecondVerifier::Require
            }
        };
        let pixels = |number: u64| u32::try_from(number).unwrap_or_default();
        let appearance = Appearance {
            display_name: written.display_name,
            logo_url: written.logo_url,
            logo_size: (pixels(written.logo_width), pixels(written.logo_height)),
            information_url: written.information_url,
            privacy_url: written.privacy_url,
            contact_name: written.contact_name,
            contact_email: written.contact_email,
        };
        appearance.check(reading);
        Self {
            appearance,
            second_verifier,
            entity_id,
            clock_skew: reading.seconds("saml.clock_skew_seconds", written.clock_skew_seconds, 0..=300),
        }
    }
}

/// Refuses what cannot be our name (SAML Core §8.3.6: an entity identifier is a URI of not more than 1024 characters).
pub(super) fn check_entity_id(reading: &mut Reading, key: &str, entity_id: &str) {
    if Url::parse(entity_id).is_err() || entity_id.len() > 1024 || entity_id.contains(char::is_whitespace) {
        let instead = "Write a URI such as https://sso.example.com or urn:example:sso, up to 1024 characters.";
        reading.refuse(key, "is not a URI", instead);
    }
}
