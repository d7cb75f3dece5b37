//! The page on which a person chooses among identity providers.

use maud::{Markup, html};

use super::layout::page;

/// One identity provider to choose.
pub struct Choice {
    /// What people call it.
    pub name: String,
    /// Where the login goes on with it.
    pub url: String,
}

/// A list of links: no form, no script, and the back button works.
pub fn choose(choices: &[Choice]) -> Markup {
    page(
        "Choose how to sign in",
        html! {
            p { "Your organisation has several identity providers." }
            ul { @for choice in choices { li { a href=(choice.url) { (choice.name) } } } }
        },
    )
}
