//! A page of values to copy.

use maud::{Markup, html};

use super::layout::page;

/// One value and what it is.
pub struct Entry {
    name: String,
    value: String,
    is_link: bool,
}

impl Entry {
    /// A value.
    pub fn text(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), is_link: false }
    }
    /// An address of ours.
    pub fn link(name: &str, url: &str) -> Self {
        Self { name: name.to_owned(), value: url.to_owned(), is_link: true }
    }
}

/// Names and values, one below the other.
pub fn entries(title: &str, entries: &[Entry]) -> Markup {
    page(
        title,
        html! {
            dl {
                @for entry in entries {
                    dt { (entry.name) }
                    dd { @if entry.is_link { a href=(entry.value) { (entry.value) } } @else { code { (entry.value) } } }
                }
            }
        },
    )
}
