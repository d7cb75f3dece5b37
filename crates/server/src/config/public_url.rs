//! Where browsers and apps reach Postern. Every link, the issuer and the SAML addresses are made from it, never from the
//! headers of a request, which any client can write.

use std::fmt;

use url::{Host, Url};

/// An https URL, or an http URL of this machine, without query, fragment, credentials or trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    text: String,
}

/// Why a URL cannot be the public one, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong with it.
    pub fault: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

impl PublicUrl {
    /// Reads and checks a URL.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        let unfit = |fault, instead| Err(Unfit { fault, instead });
        let Ok(mut url) = Url::parse(text) else {
            return unfit("is not a URL", "Write the whole address, such as https://sso.example.com.");
        };
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return unfit("is not an https URL", "Write the whole address, such as https://sso.example.com.");
        }
        // The cookie that binds a login to its browser has to be Secure and SameSite=None, because identity providers post
        // across sites. Browsers keep such a cookie from http only on loopback.
        if url.scheme() == "http" && !is_loopback(&url) {
            return unfit(
                "is plain http: browsers would drop the cookie that binds a login to its browser",
                "Write an https URL; plain http works only for localhost, *.localhost, 127.0.0.0/8 and [::1].",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return unfit("has a query or a fragment", "Write scheme, host and, if there is one, the path.");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return unfit("has a user name or password", "Write the URL without them.");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.split('/').skip(1).all(is_plain_segment) {
            return unfit(
                "has a path that proxies may rewrite",
                "Use letters, digits, '-', '_', '.' and '~' between single slashes.",
            );
        }
        url.set_path(&path);
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    /// The address of a Postern that nobody configured.
    pub(super) fn of_this_machine() -> Self {
        Self::parse("http://localhost:5225").unwrap_or_else(|_| unreachable!("localhost is loopback"))
    }
    /// The URL without a trailing slash: the issuer.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The URL of a path below it; `path` begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
    /// The path under which everything lives: empty, or `/sso`.
    pub fn prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
    /// The URL, for those who need its parts.
    pub fn url(&self) -> &Url {
        &self.url
    }
    /// Whether it is this machine by plain http.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn is_plain_segment(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_are_fit() {
        for (written, issuer, prefix) in [
            ("https://sso.example.com", "https://sso.example.com", ""),
            ("https://SSO.example.com:443/", "https://sso.example.com", ""),
            ("https://app.example.com/sso/", "https://app.example.com/sso", "/sso"),
            ("http://localhost:5225", "http://localhost:5225", ""),
            ("http://app.localhost/a/b", "http://app.localhost/a/b", "/a/b"),
            ("http://127.9.9.9:1", "http://127.9.9.9:1", ""),
            ("http://[::1]:5225", "http://[::1]:5225", ""),
        ] {
            let url = PublicUrl::parse(written).unwrap();
            assert_eq!((url.as_str(), url.prefix()), (issuer, prefix));
            assert_eq!(url.at("/error"), format!("{issuer}/error"));
        }
    }

    #[test]
    fn everything_else_is_unfit() {
        for (written, word) in [
            ("sso.example.com", "not a URL"),
            ("ftp://sso.example.com", "not an https URL"),
            ("http://sso.example.com", "plain http"),
            ("http://localhost.example.com", "plain http"),
            ("http://notlocalhost", "plain http"),
            ("http://10.0.0.1", "plain http"),
            ("https://sso.example.com?x=1", "query"),
            ("https://sso.example.com/#top", "fragment"),
            ("https://admin:secret@sso.example.com", "user name"),
            ("https://sso.example.com/a//b", "path"),
            ("https://sso.example.com/a%2Fb", "path"),
        ] {
            assert!(PublicUrl::parse(written).unwrap_err().fault.contains(word), "{written}");
        }
    }
}
