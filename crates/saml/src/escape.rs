//! Values in the XML that we write: everything that could end a value or be normalised away becomes a reference.

/// `value`, fit for an attribute in double quotes and for text. What XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn xml(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn what_was_written_is_read_back() {
        let value = "a&b<c>\"d'\t\n\rä€";
        let document = format!("<x y=\"{0}\">{0}</x>", xml(value));
        let document = roxmltree::Document::parse(&document).unwrap();
        assert_eq!(document.root_element().text(), Some(value));
        assert_eq!(document.root_element().attribute("y"), Some(value));
        assert_eq!(xml("\u{0}\u{1b}"), "\u{fffd}\u{fffd}");
    }
}
