//! Redirect URIs: what may be registered, and what a request may name.
//!
//! RFC 9700 §2.1: "authorization servers MUST utilize exact string matching except for port numbers in localhost redirection
//! URIs of native apps". We offer one registered wildcard besides: a URL that ends in `/*` stands for everything below it,
//! in whole path segments, without dot segments and without a query.

use url::{Host, Url};

/// Why a URL is not accepted as a redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Not an absolute URL.
    #[error("is not an absolute URL")]
    NotAbsolute,
    /// RFC 9700 §2.6: no `http` but for native apps on the loopback interface (A4).
    #[error("must use https, or http on loopback")]
    Insecure,
    /// It has a fragment, user information, a control character or a backslash.
    #[error("must not contain a fragment, user information, white space or backslashes")]
    Form,
    /// A `*` that is not the whole last path segment of a URL with a host.
    #[error("may contain * only as its whole last path segment, as in https://app.example/callback/*")]
    Wildcard,
    /// Longer than 2048 bytes.
    #[error("is longer than 2048 bytes")]
    Long,
}

/// Checks a URL that is to be registered. It may end in `/*`.
pub fn check_registered(url: &str) -> Result<(), RedirectError> {
    let plain = url.strip_suffix("/*").map(|below| format!("{below}/")).unwrap_or_else(|| url.to_owned());
    check_named(&plain)?;
    if plain.contains('*') || (url.ends_with("/*") && (plain.contains('?') || !plain.contains("://"))) {
        return Err(RedirectError::Wildcard);
    }
    Ok(())
}

/// Checks a URL that a person is to be sent to: absolute, secure, and without anything that two readers read differently.
pub fn check_named(url: &str) -> Result<(), RedirectError> {
    if url.len() > 2048 {
        return Err(RedirectError::Long);
    }
    if url.contains(['#', '\\']) || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(RedirectError::Form);
    }
    let parsed = Url::parse(url).map_err(|_| RedirectError::NotAbsolute)?;
    if !parsed.username().is_empty() || parsed.password().is_some() || authority(url).contains('@') {
        return Err(RedirectError::Form);
    }
    match parsed.scheme() {
        "https" if parsed.has_host() => Ok(()),
        "http" if is_loopback(&parsed) => Ok(()),
        // RFC 8252 §7.1: private-use schemes of native apps are reversed domain names, so they contain a dot.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(RedirectError::Insecure),
    }
}

/// Whether `named` is one of the `registered`.
pub fn is_allowed(registered: &[String], named: &str) -> bool {
    check_named(named).is_ok() && registered.iter().any(|pattern| matches(pattern, named))
}

/// Whether everything that `inner` stands for is also one of the `outer`.
pub fn lies_within(outer: &[String], inner: &str) -> bool {
    outer.iter().any(|pattern| pattern == inner)
        || match inner.strip_suffix("/*") {
            // What lies below `inner/` lies below `outer/` when the first page of it does.
            Some(below) => outer.iter().any(|o| o.ends_with("/*") && matches(o, &format!("{below}/x"))),
            None => is_allowed(outer, inner),
        }
}

fn matches(pattern: &str, named: &str) -> bool {
    let (pattern, named) = match (without_loopback_port(pattern), without_loopback_port(named)) {
        (Some(pattern), Some(named)) => (pattern, named),
        _ => (pattern.to_owned(), named.to_owned()),
    };
    match pattern.strip_suffix('*').filter(|prefix| prefix.ends_with('/')) {
        None => pattern == named,
        Some(prefix) => named.strip_prefix(prefix).is_some_and(is_path_below),
    }
}

/// One or more whole path segments, none of them empty or a dot segment in any spelling.
fn is_path_below(rest: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,;=:@%/".contains(c);
    rest.chars().all(plain)
        && rest.split('/').all(|segment| {
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            !segment.is_empty()
                && decoded != "."
                && decoded != ".."
                && !decoded.contains("%2f")
                && !decoded.contains("%5c")
        })
}

/// RFC 8252 §7.3: the port of a loopback redirect URI may vary. `None` where the URL is not one.
fn without_loopback_port(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let parsed = Url::parse(url).ok().filter(is_loopback)?;
    let authority = authority(url);
    let host = match parsed.port() {
        Some(port) => authority.strip_suffix(&format!(":{port}"))?,
        None => authority,
    };
    Some(format!("http://{host}{}", &rest[authority.len()..]))
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// Whether the URL names this machine: a loopback address, `localhost` or a name below it (RFC 6761 §6.3).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// `url` with parameters added to its query. What the query already holds stays as it is.
pub fn with_parameters<'a>(url: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() {
        return url.to_owned();
    }
    let joint = match url.find('?') {
        None => "?",
        Some(at) if at + 1 == url.len() => "",
        Some(_) => "&",
    };
    format!("{url}{joint}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(registered: &str, named: &str) -> bool {
        is_allowed(&[registered.to_owned()], named)
    }

    #[test]
    fn a1_only_the_registered_url_itself_is_allowed() {
        let registered = "https://app.example/cb";
        assert!(allowed(registered, registered));
        for other in [
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example/%63b",
            "https://app.example/a/../cb",
            "https://app.example/./cb",
            "https://app.example@evil.example/cb",
            "https://user@app.example/cb",
            "https://app.example/cb#x",
            "https://app.example/cb%00",
            "https://evil.example/cb",
            "https://app.example.evil.example/cb",
            "https://sub.app.example/cb",
            "http://app.example/cb",
            "https:/app.example/cb",
            "//app.example/cb",
            "/cb",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!allowed(registered, other), "{other}");
        }
    }

    #[test]
    fn a3_ports_vary_on_loopback_only() {
        assert!(allowed("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"));
        assert!(allowed("http://127.0.0.1:3000/cb", "http://127.0.0.1:51004/cb"));
        assert!(allowed("http://[::1]/cb", "http://[::1]:9/cb"));
        assert!(allowed("http://localhost:3000/cb", "http://localhost:3001/cb"));
        assert!(!allowed("http://127.0.0.1/cb", "http://127.0.0.1:51004/other"));
        assert!(!allowed("http://localhost/cb", "http://localhost.evil/cb"));
        assert!(!allowed("http://127.0.0.1/cb", "http://localhost/cb"));
        assert!(!allowed("https://app.example/cb", "https://app.example:8443/cb"));
    }

    #[test]
    fn a4_http_is_for_loopback() {
        assert_eq!(check_registered("http://app.example/cb"), Err(RedirectError::Insecure));
        assert_eq!(check_registered("ftp://app.example/cb"), Err(RedirectError::Insecure));
        assert_eq!(check_registered("http://localhost:3000/cb"), Ok(()));
        assert_eq!(check_registered("com.example.app:/cb"), Ok(()));
    }

    #[test]
    fn the_wildcard_stands_for_whole_segments_below() {
        let registered = "https://app.example/cb/*";
        for named in ["https://app.example/cb/a", "https://app.example/cb/a/b-c.d"] {
            assert!(allowed(registered, named), "{named}");
        }
        for named in [
            "https://app.example/cb/",
            "https://app.example/cb",
            "https://app.example/cbx/a",
            "https://app.example/cb/../a",
            "https://app.example/cb/%2E%2e/a",
            "https://app.example/cb/a%2fb",
            "https://app.example/cb/a?next=//evil.example",
            "https://app.example/cb//evil.example",
            "https://app.example/cb/a b",
            "https://evil.example/cb/a",
        ] {
            assert!(!allowed(registered, named), "{named}");
        }
    }

    #[test]
    fn wildcards_elsewhere_cannot_be_registered() {
        for url in [
            "https://*.app.example/cb",
            "https://app.example/*/cb",
            "https://app.example/cb*",
            "https://app.example/?x=/*",
            "com.example.app:/*",
        ] {
            assert_eq!(check_registered(url), Err(RedirectError::Wildcard), "{url}");
        }
    }

    #[test]
    fn a_connection_stays_within_its_product() {
        let outer = ["https://app.example/sso/*".to_owned(), "https://app.example/cb".to_owned()];
        for inner in [
            "https://app.example/cb",
            "https://app.example/sso/a",
            "https://app.example/sso/*",
            "https://app.example/sso/a/*",
        ] {
            assert!(lies_within(&outer, inner), "{inner}");
        }
        for inner in ["https://app.example/*", "https://app.example/cb/*", "https://evil.example/cb"] {
            assert!(!lies_within(&outer, inner), "{inner}");
        }
    }

    #[test]
    fn parameters_join_the_query_that_is_there() {
        assert_eq!(with_parameters("https://a.example/cb", [("code", "x y")]), "https://a.example/cb?code=x+y");
        assert_eq!(with_parameters("https://a.example/cb?a=1", [("b", "2")]), "https://a.example/cb?a=1&b=2");
        assert_eq!(with_parameters("https://a.example/cb?", [("b", "2")]), "https://a.example/cb?b=2");
    }
}
