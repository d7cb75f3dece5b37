//! Signing out: the question whether to, and that it is done.

use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{Markup, html};

use super::layout::page;
use super::with_form;

/// The answer that asks, with a form that posts `hidden` to `action`.
pub fn ask_logout(response: &mut HttpResponseBuilder, action: &str, hidden: &[(&str, &str)]) -> HttpResponse {
    let page = page(
        "Sign out?",
        html! {
            p { "You will be signed out of the applications that you signed in to here." }
            form method="post" action=(action) {
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                button type="submit" { "Sign out" }
            }
        },
    );
    with_form(response, page)
}

/// It is done.
pub fn signed_out() -> Markup {
    page("You are signed out", html! { p { "You can close this page." } })
}
