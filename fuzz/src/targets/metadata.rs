//! Metadata come from anybody who runs an identity provider, or a web server that a connection names.

use postern_saml::metadata;
use url::Url;

/// Has to hold for any input.
pub fn check(xml: &[u8]) {
    let Ok(read) = metadata::read(xml, None) else { return };
    assert!(!read.entity_id.is_empty());
    assert!(!read.signing_keys.certificates().is_empty(), "a connection without a key could trust nobody");
    let addresses = [&read.sso.redirect, &read.sso.post, &read.slo.redirect, &read.slo.post];
    for address in addresses.into_iter().flatten().chain(&read.error_url) {
        let scheme = Url::parse(address).expect("an address is a URL").scheme().to_owned();
        assert!(matches!(scheme.as_str(), "https" | "http"), "{address}");
    }
    // The entity that was found is found by its name, and says the same.
    let again = metadata::read(xml, Some(&read.entity_id)).expect("it is still there");
    assert_eq!(again.signing_keys, read.signing_keys);
}
