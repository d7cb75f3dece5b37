//! The look of the make-believe world: small pages that load nothing, work without JavaScript and read well aloud.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::xml::text;

/// An HTML page.
pub(crate) struct Page {
    title: String,
    body: String,
    status: StatusCode,
    cookie: Option<String>,
    sends_itself: bool,
}

impl Page {
    /// A page with a heading and, below it, `body`, which is HTML.
    pub(crate) fn new(title: impl Into<String>, body: impl Into<String>) -> Page {
        Page { title: title.into(), body: body.into(), status: StatusCode::OK, cookie: None, sends_itself: false }
    }

    /// A page that says what went wrong.
    pub(crate) fn refusal(sentence: &str) -> Page {
        let page = Page::new("That did not work", format!("<p>{}</p>", text(sentence)));
        Page { status: StatusCode::BAD_REQUEST, ..page }
    }

    /// With a `Set-Cookie` header.
    pub(crate) fn with_cookie(self, cookie: String) -> Page {
        Page { cookie: Some(cookie), ..self }
    }

    /// Whose first form is sent by a script, to wherever it likes. Without scripts its button is pressed.
    pub(crate) fn sending_itself(self) -> Page {
        Page { sends_itself: true, ..self }
    }
}

impl From<Page> for HttpResponse {
    fn from(page: Page) -> HttpResponse {
        let title = text(&page.title);
        let script = if page.sends_itself { format!("<script>{SEND}</script>") } else { String::new() };
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>{title}</h1>\n{}\n</main>\n{script}\n</body>\n</html>\n",
            page.body
        );
        let mut response = HttpResponse::build(page.status);
        // Browsers apply form-action to the redirects that follow a form as well, and whoever takes a self-sending form
        // redirects to places that are not known here.
        let forms = if page.sends_itself { "" } else { "; form-action 'self'" };
        response
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, format!("{}{forms}", *POLICY)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(cookie) = page.cookie {
            response.insert_header((SET_COOKIE, cookie));
        }
        response.body(html)
    }
}

const SEND: &str = "document.forms[0].submit()";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: light-dark(#1d2433, #e8eaf0); --soft: light-dark(#566074, #a8b0c0);
  --paper: light-dark(#ffffff, #1c212b); --ground: light-dark(#eef1f6, #12151c); --line: light-dark(#d3d9e4, #363d4b);
  --strong: light-dark(#2a4fb8, #9db5ff); --on-strong: light-dark(#ffffff, #10162a) }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
main { width: 100%; max-width: 38rem; padding: 2rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: .75rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25 }
p, form, ul, details { margin: 0 0 1rem }
main > :last-child { margin-bottom: 0 }
.soft { color: var(--soft) }
.wrong { padding: .75rem 1rem; border-left: .25rem solid #c0392b }
label { display: block; margin: 0 0 .25rem; font-weight: 600 }
input { width: 100%; margin: 0 0 1rem; padding: .6rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--soft); border-radius: .4rem }
button, .button { display: inline-block; padding: .6rem 1.25rem; font: inherit; font-weight: 600; text-decoration: none;
  color: var(--on-strong); background: var(--strong); border: 0; border-radius: .4rem; cursor: pointer }
a { color: var(--strong) }
a.button { color: var(--on-strong) }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px }
table { width: 100%; margin: 0 0 1rem; border-collapse: collapse }
th, td { padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap }
pre { margin: .5rem 0 1rem; padding: 1rem; overflow-x: auto; font-size: .85rem; background: var(--ground);
  border-radius: .4rem }
";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |source: &str| BASE64.encode(&Sha256::digest(source.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SEND)
    )
});
