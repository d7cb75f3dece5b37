//! Canonical XML: the one way of writing an element down of which a digest is taken.
//!
//! Exclusive XML Canonicalization 1.0 and Canonical XML 1.0, both without comments, over one element and all below it. A
//! signature's own element is left out (the enveloped-signature transform). Nothing here can fail, and the result is never
//! empty: it begins with `<` (X5, void canonicalisation).

use roxmltree::Node;

use crate::document::qualified_name;

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Which of the two canonical forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// Writes the namespaces that a name at hand uses, and those of the listed prefixes (`""` is the default namespace).
    Exclusive(Vec<&'a str>),
    /// Writes every namespace in scope, and `xml:` attributes of the ancestors.
    Inclusive,
}

/// Writes `apex` in canonical form, without the element `left_out`.
pub(crate) fn canonical(apex: Node<'_, '_>, left_out: Option<Node<'_, '_>>, form: &Form<'_>) -> String {
    let mut writer = Writer { form, left_out, rendered: Vec::with_capacity(16), out: String::with_capacity(8 * 1024) };
    writer.element(apex, true);
    writer.out
}

struct Writer<'w, 'a, 'i> {
    form: &'w Form<'w>,
    left_out: Option<Node<'a, 'i>>,
    /// The namespaces that the output has in scope: prefix and URI, inner ones last.
    rendered: Vec<(&'a str, &'a str)>,
    out: String,
}

/// An attribute with what it is sorted by and what is written.
struct Attribute<'a> {
    namespace: &'a str,
    local: &'a str,
    written: &'a str,
    value: &'a str,
}

impl<'a, 'i: 'a> Writer<'_, 'a, 'i> {
    fn element(&mut self, element: Node<'a, 'i>, apex: bool) {
        let name: &'a str = qualified_name(element);
        let attributes = self.attributes(element, apex);
        let outer = self.rendered.len();
        self.namespaces(element, name, &attributes);

        self.out.push('<');
        self.out.push_str(name);
        // Canonical XML §2.2: namespace declarations sorted by prefix, the default one first.
        self.rendered[outer..].sort_unstable_by_key(|&(prefix, _)| prefix);
        for at in outer..self.rendered.len() {
            let (prefix, uri) = self.rendered[at];
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.value(uri);
        }
        for attribute in attributes {
            self.out.push(' ');
            self.out.push_str(attribute.written);
            self.value(attribute.value);
        }
        self.out.push('>');

        for child in element.children() {
            if child.is_element() {
                if self.left_out.is_none_or(|left_out| left_out.id() != child.id()) {
                    self.element(child, false);
                }
            } else if child.is_text() {
                self.text(child.text().unwrap_or(""));
            }
            // The gate lets no comment and no processing instruction through.
        }

        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self.rendered.truncate(outer);
    }

    /// Canonical XML §2.2: attributes sorted by namespace URI, then by local name; those without a namespace first.
    fn attributes(&self, element: Node<'a, 'i>, apex: bool) -> Vec<Attribute<'a>> {
        let mut attributes: Vec<_> = element.attributes().map(|attribute| read(element, attribute)).collect();
        if apex && *self.form == Form::Inclusive {
            // Canonical XML §2.4: the apex takes over the attributes in the xml namespace of the elements that are not
            // written, the nearest first.
            for ancestor in element.ancestors().skip(1) {
                for attribute in ancestor.attributes().filter(|attribute| attribute.namespace() == Some(XML)) {
                    if !attributes.iter().any(|own| own.namespace == XML && own.local == attribute.name()) {
                        attributes.push(read(ancestor, attribute));
                    }
                }
            }
        }
        attributes.sort_unstable_by_key(|attribute| (attribute.namespace, attribute.local));
        attributes
    }

    /// Adds the namespaces that have to be declared on `element` to `rendered`.
    fn namespaces(&mut self, element: Node<'a, 'i>, name: &'a str, attributes: &[Attribute<'a>]) {
        match self.form {
            // Exclusive C14N §2.1: visibly utilised prefixes, and those of the InclusiveNamespaces PrefixList.
            Form::Exclusive(prefixes) => {
                self.declare(element, prefix_of(name));
                for attribute in attributes {
                    // An attribute without a prefix has no namespace: it does not use the default one.
                    if let Some((prefix, _)) = attribute.written.split_once(':') {
                        self.declare(element, prefix);
                    }
                }
                for &listed in prefixes {
                    // A listed prefix that is not in scope is not written. The default namespace is always in scope.
                    let in_scope = element.namespaces().find(|namespace| namespace.name() == Some(listed));
                    if let Some(prefix) = in_scope.and_then(|namespace| namespace.name()) {
                        self.declare(element, prefix);
                    } else if listed.is_empty() {
                        self.declare(element, "");
                    }
                }
            }
            Form::Inclusive => {
                for namespace in element.namespaces() {
                    self.declare(element, namespace.name().unwrap_or(""));
                }
                // `xmlns=""`, where an ancestor's default namespace no longer holds.
                self.declare(element, "");
            }
        }
    }

    /// Declares a prefix, unless the output already says the same of it.
    fn declare(&mut self, element: Node<'a, 'i>, prefix: &'a str) {
        if prefix == "xml" {
            return;
        }
        let uri = element.lookup_namespace_uri((!prefix.is_empty()).then_some(prefix)).unwrap_or("");
        let said = self.rendered.iter().rev().find(|(known, _)| *known == prefix).map_or("", |&(_, uri)| uri);
        if said != uri {
            self.rendered.push((prefix, uri));
        }
    }

    /// `="…"`, Canonical XML §2.3, attribute nodes.
    fn value(&mut self, value: &str) {
        self.out.push_str("=\"");
        escape(&mut self.out, value, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'"' => Some("&quot;"),
            b'\t' => Some("&#x9;"),
            b'\n' => Some("&#xA;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
        self.out.push('"');
    }

    /// Canonical XML §2.3, text nodes.
    fn text(&mut self, text: &str) {
        escape(&mut self.out, text, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }
}

fn read<'a, 'i: 'a>(element: Node<'a, 'i>, attribute: roxmltree::Attribute<'a, 'i>) -> Attribute<'a> {
    Attribute {
        namespace: attribute.namespace().unwrap_or(""),
        local: attribute.name(),
        written: &element.document().input_text()[attribute.range_qname()],
        value: attribute.value(),
    }
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// Appends `text`, in runs, with some ASCII bytes replaced.
fn escape(out: &mut String, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replacement(byte) {
            out.push_str(&text[done..at]);
            out.push_str(replacement);
            done = at + 1;
        }
    }
    out.push_str(&text[done..]);
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    /// The canonical form of the element with the local name `x`, without its child `y`.
    fn of(text: &str, form: &Form<'_>) -> String {
        let document = Document::parse(text).unwrap();
        let find = |name| document.descendants().find(|node| node.is_element() && node.tag_name().name() == name);
        canonical(find("x").unwrap(), find("y"), form)
    }

    fn exclusive(text: &str) -> String {
        of(text, &Form::Exclusive(vec![]))
    }

    #[test]
    fn exclusive_form_writes_a_namespace_where_it_is_first_used() {
        let text = r#"<a:r xmlns:a="urn:a" xmlns:b="urn:b" xmlns:c="urn:c"><a:x><a:p/><b:q c:k="1"/></a:x></a:r>"#;
        assert_eq!(
            exclusive(text),
            r#"<a:x xmlns:a="urn:a"><a:p></a:p><b:q xmlns:b="urn:b" xmlns:c="urn:c" c:k="1"></b:q></a:x>"#
        );
    }

    #[test]
    fn exclusive_form_undeclares_the_default_namespace_where_it_has_to() {
        assert_eq!(exclusive(r#"<x xmlns="urn:a"><p xmlns=""/></x>"#), r#"<x xmlns="urn:a"><p xmlns=""></p></x>"#);
        assert_eq!(exclusive(r#"<b:x xmlns:b="urn:b"><p xmlns=""/></b:x>"#), r#"<b:x xmlns:b="urn:b"><p></p></b:x>"#);
    }

    #[test]
    fn exclusive_form_writes_listed_prefixes_where_they_come_into_scope() {
        let text = r#"<a:r xmlns:a="urn:a" xmlns:b="urn:b" xmlns="urn:d"><a:x><c:q xmlns:c="urn:c"/></a:x></a:r>"#;
        let listed = |prefixes: &[&'static str]| of(text, &Form::Exclusive(prefixes.to_vec()));
        assert_eq!(
            listed(&["b", "c", "z"]),
            r#"<a:x xmlns:a="urn:a" xmlns:b="urn:b"><c:q xmlns:c="urn:c"></c:q></a:x>"#
        );
        // `#default`, which the gate hands on as the empty prefix.
        assert_eq!(listed(&[""]), r#"<a:x xmlns="urn:d" xmlns:a="urn:a"><c:q xmlns:c="urn:c"></c:q></a:x>"#);
        let none = r#"<a:x xmlns:a="urn:a" xmlns="urn:d"><a:q xmlns=""/></a:x>"#;
        assert_eq!(
            of(none, &Form::Exclusive(vec![""])),
            r#"<a:x xmlns="urn:d" xmlns:a="urn:a"><a:q xmlns=""></a:q></a:x>"#
        );
    }

    #[test]
    fn inclusive_form_takes_over_what_is_in_scope() {
        let text = r#"<r xmlns="urn:d" xmlns:b="urn:b" xml:lang="de"><m xml:lang="en" xml:space="preserve"><x k="1"><p xmlns=""/></x></m></r>"#;
        assert_eq!(
            of(text, &Form::Inclusive),
            r#"<x xmlns="urn:d" xmlns:b="urn:b" k="1" xml:lang="en" xml:space="preserve"><p xmlns=""></p></x>"#
        );
    }

    #[test]
    fn attributes_are_sorted_by_namespace_then_name() {
        assert_eq!(
            exclusive(r#"<x b:a="1" a:b="2" z="3" a="4" xmlns:a="urn:2" xmlns:b="urn:1"/>"#),
            r#"<x xmlns:a="urn:2" xmlns:b="urn:1" a="4" z="3" b:a="1" a:b="2"></x>"#
        );
    }

    #[test]
    fn characters_are_written_one_way() {
        assert_eq!(
            exclusive("<x k='&lt;>&quot;&apos;&amp;&#9;&#10;&#13; \n\té'>&gt;\"'&amp;&#13;\n<![CDATA[<&>]]>é</x>"),
            "<x k=\"&lt;>&quot;'&amp;&#x9;&#xA;&#xD;   é\">&gt;\"'&amp;&#xD;\n&lt;&amp;&gt;é</x>"
        );
    }

    #[test]
    fn the_signature_is_left_out_and_nothing_around_it() {
        assert_eq!(exclusive("<x> <a/><y><z/></y> <b/></x>"), "<x> <a></a> <b></b></x>");
    }
}
