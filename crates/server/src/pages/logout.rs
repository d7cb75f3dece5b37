//! Signing out: the question whether to, and that it is done.

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{Markup, html};

use super::layout::{self, page};

/// The answer that asks, with a form that posts `hidden` to `action`. There is no `form-action` in its policy: browsers apply
/// it to the redirect to the app that follows the post, too.
pub fn ask_logout(response: &mut HttpResponseBuilder, action: &str, hidden: &[(&str, &str)]) -> HttpResponse {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "default-src 'none'; style-src '{}'; base-uri 'none'; frame-ancestors 'none'",
            super::hash(layout::STYLE)
        )
    });
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
    response
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(page.into_string())
}

/// It is done.
pub fn signed_out() -> Markup {
    page("You are signed out", html! { p { "You can close this page." } })
}
