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
