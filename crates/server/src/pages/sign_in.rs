//! The page on which people say whose they are.

use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{Markup, html};
use postern_core::fault::Code;

use super::layout::page;
use super::{Choice, with_form};

/// What is known of somebody who signs in.
pub struct SignIn {
    /// Where the form goes.
    pub action: String,
    /// What goes along with it: the app's question.
    pub hidden: Vec<(String, String)>,
    /// Their address, as far as it is known.
    pub email: String,
    /// The identity providers of their organisation, the usual one first.
    pub choices: Vec<Choice>,
    /// The domain of their organisation, where their address told it.
    pub organisation: Option<String>,
    /// Where they sign in with a password, where they may.
    pub password: Option<String>,
    /// What was wrong with the address that they wrote.
    pub mistake: Option<Code>,
}

/// The page as an answer.
pub fn sign_in(response: &mut HttpResponseBuilder, known: &SignIn) -> HttpResponse {
    let page = page(
        "Sign in",
        html! {
            @if let [usual, ..] = &known.choices[..] {
                @match &known.organisation {
                    Some(domain) => p { strong { (domain) } " signs in with " strong { (usual.name) } "." },
                    None => p { "Your organisation signs in with " strong { (usual.name) } "." },
                }
                ul { @for choice in &known.choices { li { a href=(choice.url) { "Continue with " (choice.name) } } } }
            }
            @if let Some(url) = &known.password {
                ul { li { a href=(url) rel="noreferrer" { "Sign in with a password" } } }
            }
            @if known.organisation.is_none() { (form(known)) }
        },
    );
    with_form(response, page)
}

fn form(known: &SignIn) -> Markup {
    let (is_first, mistake) = (known.choices.is_empty(), known.mistake);
    html! {
        form method="post" action=(known.action) {
            @for (name, value) in &known.hidden { input type="hidden" name=(name) value=(value); }
            label for="email" { @if is_first { "Your e-mail address at work" } @else { "Or your e-mail address" } }
            input type="email" id="email" name="email" value=(known.email) autocomplete="email" required
                aria-invalid=[mistake.map(|_| "true")] aria-describedby=[mistake.map(|_| "mistake")]
                autofocus[is_first];
            @if let Some(mistake) = mistake { p id="mistake" role="alert" { (mistake.sentence()) " " (mistake.hint()) } }
            button type="submit" { "Continue" }
        }
    }
}
