//! What all pages share.

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto 2rem;padding:0 1.25rem}\
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.1rem}\
code{font:.9rem ui-monospace,monospace;overflow-wrap:anywhere}\
dl{border-top:1px solid #8886;padding-top:1rem}\
dt{font-weight:600}dd{margin:0 0 .75rem}\
ul{list-style:none;padding:0}\
label{font-weight:600}\
li a,button,input:not([type=hidden]){display:block;width:100%;box-sizing:border-box;margin:.6rem 0;padding:.8rem 1rem;border:1px solid #8888;border-radius:.5rem;\
font:inherit;text-align:left;text-decoration:none;color:inherit;background:transparent}\
li a,button{cursor:pointer}\
form button{background:CanvasText;color:Canvas;text-align:center;font-weight:600}\
li a:hover,li a:focus,button:hover,button:focus,input:focus{border-color:currentColor}";

/// A page with a title, which is also its heading.
pub(super) fn page(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    }
}
