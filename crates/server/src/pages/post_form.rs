//! A form that posts itself, or by a button where scripts are off: to the identity provider (SAML Bindings §3.5), or to the
//! app (OAuth 2.0 Form Post Response Mode).

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{PreEscaped, html};

use super::layout::{self, page};

const SCRIPT: &str = "document.forms[0].submit()";

/// The answer that lets the browser post `fields` to `destination`, which people know as `whom`. There is no `form-action` in its policy: browsers apply
/// it to the redirects that follow the post too, and where an IdP or an app redirects is its own affair.
pub fn post_form(
    response: &mut HttpResponseBuilder,
    whom: &str,
    destination: &str,
    fields: &[(&str, String)],
) -> HttpResponse {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let (style, script) = (super::hash(layout::STYLE), super::hash(SCRIPT));
        format!(
            "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; frame-ancestors 'none'"
        )
    });
    let page = page(
        "One moment",
        html! {
            form method="post" action=(destination) {
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                noscript { p { "Continue to " (whom) "." } }
                button type="submit" { "Continue" }
            }
            script { (PreEscaped(SCRIPT)) }
        },
    );
    response
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(page.into_string())
}
