//! The page on which a refusal is shown: what happened, who can mend it, and the reference to tell them.

use maud::{Markup, html};
use postern_core::fault::{Code, Mender};
use postern_core::products::Product;
use postern_core::providers::words;

use super::layout::page;

/// A way on from a page: an address that the app registered, never one out of a request.
#[derive(Debug)]
pub struct Onward {
    /// Where it leads.
    pub url: String,
    /// What can be said there.
    pub what: &'static str,
}

impl Onward {
    /// The login did not end, and another can begin.
    pub const START_AGAIN: &str = "To the application";
    /// The session here is over, though the IdP's may not be.
    pub const AFTER_LOGOUT: &str = "You are signed out here. Continue to the application.";
}

/// One code of each section that is about signing out.
const LOGOUT: [Code; 2] = [Code::LogoutHintInvalid, Code::LogoutNotMessage];

/// Explains a fault. The values that differed are in the trace, not here: whoever sees this page may be anybody.
pub fn error(code: Code, reference: Option<&str>, product: Option<&Product>, onward: Option<&Onward>) -> Markup {
    let title = match code.mender() {
        Mender::User => "Please start again",
        _ if LOGOUT.iter().any(|code_of_logout| code_of_logout.section() == code.section()) => {
            "Signing out did not work"
        }
        _ => "Signing in did not work",
    };
    page(
        title,
        html! {
            p { (code.sentence()) }
            p { (code.hint()) }
            @if let Some(Onward { url, what }) = onward { p { a href=(url) rel="noreferrer" { (what) } } }
            dl {
                dt { "Who can mend this" } dd { (code.mender().name()) }
                dt { "Code" } dd { code { (code) } }
                @if let Some(reference) = reference { dt { "Reference" } dd { code { (reference) } } }
                @if let Some(product) = product { (support(product)) }
            }
            @let words = words(code);
            @if !words.is_empty() {
                details {
                    summary { "Where this is mended" }
                    dl { @for (provider, place) in words { dt { (provider) } dd { (place) } } }
                }
            }
        },
    )
}

fn support(product: &Product) -> Markup {
    html! {
        @if product.support_url.is_some() || product.support_email.is_some() {
            dt { "Help" }
            @if let Some(url) = &product.support_url { dd { a href=(url) rel="noreferrer" { (url) } } }
            @if let Some(address) = &product.support_email { dd { a href=(format!("mailto:{address}")) { (address) } } }
        }
    }
}
