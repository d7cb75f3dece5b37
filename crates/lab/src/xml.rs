//! Text inside XML. Everything this crate writes is in canonical form already (Canonical XML 1.0 §1.1), so that the bytes
//! written are the bytes that get hashed. Characters that XML 1.0 cannot hold are not looked for.

use std::borrow::Cow;

/// Text between tags.
pub(crate) fn text(value: &str) -> Cow<'_, str> {
    escape(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// Text in a double-quoted attribute.
pub(crate) fn attribute(value: &str) -> Cow<'_, str> {
    escape(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// ` name="value"`, or nothing where there is no value.
pub(crate) fn optional(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name}=\"{}\"", attribute(value))).unwrap_or_default()
}

fn escape(value: &str, entity: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    if !value.chars().any(|character| entity(character).is_some()) {
        return Cow::Borrowed(value);
    }
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        match entity(character) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}
