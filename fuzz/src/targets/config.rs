//! What an operator writes. Mistakes are told, and secrets in them are not.

use postern::config::Config;
use postern_core::redirect::is_loopback;
use postern_store::StoreUrl;
use url::Url;

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(store) = text.parse::<StoreUrl>() {
        let url = Url::parse(text).ok();
        let password = url.as_ref().and_then(|url| Some((url.password()?, url.as_str())));
        // Short ones are a part of many words, and one that is a part of the host too cannot be told from it.
        if let Some((password, _)) =
            password.filter(|(password, url)| password.len() >= 12 && url.matches(password).count() == 1)
        {
            assert!(!format!("{store:?}").contains(password));
        }
    }
    // Files are not to be read here.
    if text.contains("file") {
        return;
    }
    if let Ok(config) = Config::of_toml(text) {
        let url = Url::parse(config.public_url.as_str()).expect("a public URL is one");
        assert!(url.scheme() == "https" || is_loopback(&url), "{url}");
    }
}
