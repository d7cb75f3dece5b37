//! The pages that people see: plain HTML from the server, one inline stylesheet allowed by its hash, no third-party
//! resource, working without JavaScript.

mod choose;
mod entries;
mod error;
mod layout;
mod logout;
mod post_form;
mod sign_in;
mod test_login;

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{Markup, html};
use sha2::{Digest, Sha256};

pub use choose::{Choice, choose};
pub use entries::{Entry, entries};
pub use error::{Onward, error};
pub use logout::{ask_logout, signed_out};
pub use post_form::post_form;
pub use sign_in::{SignIn, sign_in};
pub use test_login::{TestPage, test_login};

/// A page as an answer. Frames, scripts and everything else that it does not need are off (RFC 9700 §4.16).
pub fn html(response: &mut HttpResponseBuilder, page: Markup) -> HttpResponse {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(layout::STYLE)
        )
    });
    response
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(page.into_string())
}

/// The same for a page with a form that leads to another site. There is no `form-action` in its policy: browsers apply it to the
/// redirects that follow the post, too.
fn with_form(response: &mut HttpResponseBuilder, page: Markup) -> HttpResponse {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = hash(layout::STYLE);
        format!("default-src 'none'; style-src '{style}'; base-uri 'none'; frame-ancestors 'none'")
    });
    response
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .body(page.into_string())
}

/// How a Content-Security-Policy names an inline script or stylesheet.
fn hash(text: &str) -> String {
    format!("sha256-{}", data_encoding::BASE64.encode(&Sha256::digest(text.as_bytes())))
}

/// What this is.
pub fn root() -> Markup {
    layout::page(
        "Postern",
        html! {
            p { "This is a sign-in service. Start from the application that you want to use." }
        },
    )
}
