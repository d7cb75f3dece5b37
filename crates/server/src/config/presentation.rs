//! What the metadata show of us to administrators and people at identity providers (M2).

use postern_saml::metadata::{Contact, Logo, Presentation};
use url::Url;

use super::reading::Reading;

/// What people see of us at the identity provider, and whom its administrator asks.
#[derive(Debug, Clone, Default)]
pub struct Appearance {
    /// Our name.
    pub display_name: Option<String>,
    /// A picture: at an `https:` address, or a `data:` URL.
    pub logo_url: Option<String>,
    /// Its width and height, in pixels.
    pub logo_size: (u32, u32),
    /// What we are for.
    pub information_url: Option<String>,
    /// What becomes of people's data.
    pub privacy_url: Option<String>,
    /// Whom to ask.
    pub contact_name: Option<String>,
    /// Where to ask.
    pub contact_email: Option<String>,
}

impl Appearance {
    /// As the metadata show it.
    pub fn presentation(&self) -> Presentation<'_> {
        let (width, height) = self.logo_size;
        Presentation {
            display_name: self.display_name.as_deref(),
            logo: self.logo_url.as_deref().map(|url| Logo { url, width, height }),
            information_url: self.information_url.as_deref(),
            privacy_statement_url: self.privacy_url.as_deref(),
        }
    }

    /// Whom to ask, if it is said where.
    pub fn technical_contact(&self) -> Option<Contact<'_>> {
        self.contact_email.as_deref().map(|email| Contact { name: self.contact_name.as_deref(), email })
    }

    /// Notes what identity providers would not take.
    pub(super) fn check(&self, reading: &mut Reading) {
        let short = "Write 1 to 256 characters in one line.";
        for (key, text) in [("saml.display_name", &self.display_name), ("saml.contact_name", &self.contact_name)] {
            if text
                .as_ref()
                .is_some_and(|text| text.trim().is_empty() || is_long(text) || text.contains(char::is_control))
            {
                reading.refuse(key, "is no name", short);
            }
        }
        for (key, url) in [("saml.information_url", &self.information_url), ("saml.privacy_url", &self.privacy_url)] {
            if url.as_ref().is_some_and(|url| !is_https(url)) {
                reading.refuse(key, "is not an https URL", "Write an https URL of at most 256 characters.");
            }
        }
        if self.logo_url.as_ref().is_some_and(|url| !is_https(url) && !is_picture(url)) {
            let instead = "Write an https URL of at most 256 characters, or data:image/png;base64, and a picture of at most 20 KiB.";
            reading.refuse("saml.logo_url", "is neither an https URL nor a data URL of a picture", instead);
        }
        let (width, height) = self.logo_size;
        for (key, pixels) in [("saml.logo_width", width), ("saml.logo_height", height)] {
            if !(1..=4096).contains(&pixels) {
                reading.refuse(key, "is no size of a picture", "Write 1 to 4096 (pixels).");
            }
        }
        if self.contact_email.as_ref().is_some_and(|email| !is_address(email)) {
            let instead = "Write an address such as operations@example.com, without mailto:.";
            reading.refuse("saml.contact_email", "is not an e-mail address", instead);
        }
        if self.contact_name.is_some() && self.contact_email.is_none() {
            reading.refuse("saml.contact_name", "is given without saml.contact_email", "Write that too.");
        }
    }
}

/// SDP-G02: strings in messages and metadata have at most 256 characters.
fn is_long(text: &str) -> bool {
    text.chars().count() > 256
}

fn is_https(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host()) && is_line(url) && !is_long(url)
}

/// SDP-MD10 allows a picture inside the metadata.
fn is_picture(url: &str) -> bool {
    url.starts_with("data:image/") && is_line(url) && url.len() <= 20 * 1024
}

fn is_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_address(email: &str) -> bool {
    let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && domain.contains('.'));
    parts.is_some() && is_line(email) && !is_long(email) && !email.contains(':')
}
