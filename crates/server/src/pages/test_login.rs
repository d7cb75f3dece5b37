//! The page of a test login: what will happen, and what came of it.

use actix_web::{HttpResponse, HttpResponseBuilder};
use maud::{Markup, html};
use postern_core::fault::Code;
use postern_core::login::test_login::{TestLogin, TestResult, TestState, TestValues};
use postern_core::providers::words;
use postern_core::trace::Outcome;
use postern_core::verdicts::in_note;
use serde_json::Value;

use super::layout::page;
use super::with_form;

/// What is shown of a test login.
pub struct TestPage<'a> {
    /// What people call the connection; `None`: it is gone.
    pub connection: Option<&'a str>,
    /// How far it came.
    pub test: &'a TestLogin,
    /// Whether the values can still be asked for.
    pub has_values: bool,
    /// The values, in the one answer that has them.
    pub values: Option<&'a TestValues>,
}

/// The page as an answer. Its form goes to the address that it stands at.
pub fn test_login(response: &mut HttpResponseBuilder, shown: &TestPage<'_>) -> HttpResponse {
    let markup = match &shown.test.state {
        TestState::Ready => ready(shown),
        TestState::Begun { at, .. } => begun(&at.to_string()),
        TestState::Ended(result) => ended(shown, result),
    };
    with_form(response, markup)
}

fn ready(shown: &TestPage<'_>) -> Markup {
    let scope = &shown.test.scope;
    page(
        "Test this sign-in",
        html! {
            p {
                "You will be sent to " strong { (shown.connection.unwrap_or("the identity provider")) } ", and come back here when you "
                "have signed in. Nobody is signed in to " strong { (scope.product) } " by this, and nothing is changed there."
            }
            p {
                "Then this page says whether it worked. What the identity provider tells of you is shown once, here or to whoever "
                "gave you this link, and is not kept."
            }
            form method="post" { button type="submit" autofocus { "Sign in" } }
            dl {
                dt { "Organisation" } dd { (scope.tenant) }
                dt { "Application" } dd { (scope.product) }
                dt { "Can be used once, until" } dd { (shown.test.expires) }
            }
        },
    )
}

fn begun(at: &str) -> Markup {
    page(
        "The identity provider has not answered",
        html! {
            p { "This test was begun, and the link can be used once. Whoever began it may still be signing in: look here again then." }
            p {
                "If the identity provider showed an error of its own, mend that first. Often the application is not assigned to the "
                "person, or its reply address or identifier there is another one. Then ask for a new link."
            }
            dl { dt { "Begun" } dd { (at) } }
        },
    )
}

fn ended(shown: &TestPage<'_>, result: &TestResult) -> Markup {
    let has_passed = matches!(result.outcome, Outcome::Succeeded);
    page(
        if has_passed { "The test has passed" } else { "The test has failed" },
        html! {
            @match &result.outcome {
                Outcome::Succeeded => p { "Somebody who signs in like this is let in." },
                Outcome::Failed { code, expected, received } => (failed(code, expected.as_deref(), received.as_deref())),
            }
            (notes(&result.notes))
            (list("What to look into", &result.anomalies))
            @if shown.has_values { form method="post" { button type="submit" { "Show what arrived, once" } } }
            @match shown.values {
                Some(values) => (arrived(values)),
                None => (names(result)),
            }
            dl {
                @if let Some(connection) = shown.connection { dt { "Connection" } dd { (connection) } }
                dt { "Tested" } dd { (result.at) }
                dt { "Reference" } dd { code { (result.trace) } }
            }
        },
    )
}

fn failed(code: &str, expected: Option<&str>, received: Option<&str>) -> Markup {
    let known = Code::named(code);
    html! {
        @if let Some(known) = known { p { (known.sentence()) } p { (known.hint()) } }
        dl {
            dt { "Code" } dd { code { (code) } }
            @if let Some(expected) = expected { dt { "Expected" } dd { code { (expected) } } }
            @if let Some(received) = received { dt { "Received" } dd { code { (received) } } }
            @if let Some(known) = known { dt { "Who can mend this" } dd { (known.mender().name()) } }
        }
        @let places = known.map(words).unwrap_or_default();
        @if !places.is_empty() {
            details {
                summary { "Where this is mended" }
                dl { @for (provider, place) in places { dt { (provider) } dd { (place) } } }
            }
        }
    }
}

/// What an admin should mind, and where a note names something that can be mended, how.
fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            h2 { "What to mind" }
            ul {
                @for note in notes {
                    li {
                        (note)
                        @if let Some(verdict) = in_note(note) {
                            br; (verdict.sentence) " " (verdict.hint) " Who can mend this: " (verdict.mender.name()) "."
                        }
                    }
                }
            }
        }
    }
}

fn list(title: &str, texts: &[String]) -> Markup {
    html! {
        @if !texts.is_empty() {
            h2 { (title) }
            ul { @for text in texts { li { (text) } } }
        }
    }
}

/// What is shown whenever the page is opened.
fn names(result: &TestResult) -> Markup {
    html! {
        @if !result.attributes.is_empty() {
            h2 { "What arrived" }
            dl {
                @for name in &result.attributes { dt { code { (name) } } dd { (becomes(result, name)) } }
            }
        }
    }
}

/// The claims that an attribute became.
fn becomes(result: &TestResult, attribute: &str) -> String {
    let of = result.mapping.iter().filter(|(_, sources)| sources.iter().any(|source| source == attribute));
    let claims: Vec<_> = of.map(|(claim, _)| claim.as_str()).collect();
    if claims.is_empty() { "no claim".to_owned() } else { format!("claim {}", claims.join(", ")) }
}

/// What is shown once.
fn arrived(values: &TestValues) -> Markup {
    html! {
        h2 { "What arrived" }
        dl {
            @for (name, values) in &values.attributes { dt { code { (name) } } @for value in values { dd { code { (value) } } } }
        }
        @if !values.claims.is_empty() {
            h2 { "What the application would be told" }
            dl {
                @for (name, value) in &values.claims { dt { code { (name) } } dd { code { (text(value)) } } }
            }
        }
    }
}

/// A claim as people read it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
