//! Where a person may be sent to, said by whoever made the link: nowhere but to the registered app.

use postern::fields::Fields;
use postern_core::login::door::ClientName;
use postern_core::login::request::{AuthorizeRequest, Parameters};
use postern_core::redirect::{check_registered, is_allowed, is_loopback, lies_within, with_parameters};
use url::Url;

use crate::parts;

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Some([registered, query]) = parts(input) else { return };
    let Ok(parameters) = Parameters::read(Fields::urlencoded(query.as_bytes()).0) else { return };
    let request = AuthorizeRequest::read(parameters);
    ClientName::read(request.client_id.as_deref().unwrap_or_default());
    let Some(named) = request.redirect_uri else { return };

    let own = registered.to_owned();
    let registered = [own, "https://app.example/callback".to_owned(), "https://app.example/below/*".to_owned()];
    let registered = if check_registered(&registered[0]).is_ok() { &registered[..] } else { &registered[1..] };
    if lies_within(registered, &named) && !named.ends_with("/*") {
        assert!(is_allowed(registered, &named), "{named}");
    }
    if !is_allowed(registered, &named) {
        return;
    }
    let answer = Url::parse(&with_parameters(&named, [("code", "secret"), ("state", "&=#?")])).expect("a URL");
    assert!(answer.username().is_empty() && answer.password().is_none(), "{answer}");
    assert!(answer.fragment().is_none(), "{answer}");
    assert!(answer.query_pairs().any(|(name, value)| name == "code" && value == "secret"), "{answer}");
    let leads_there = |pattern: &String| {
        let expected = Url::parse(pattern.trim_end_matches('*')).expect("a registered URL is one");
        let origin = expected.scheme() == answer.scheme() && expected.host() == answer.host();
        let port = expected.port_or_known_default() == answer.port_or_known_default()
            || (expected.scheme() == "http" && is_loopback(&expected));
        let path = match pattern.ends_with("/*") {
            true => answer.path().starts_with(expected.path()) && answer.path().len() > expected.path().len(),
            false => answer.path() == expected.path(),
        };
        origin && port && path
    };
    assert!(registered.iter().any(leads_there), "{answer} is not among {registered:?}");
}
