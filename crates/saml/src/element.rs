//! Reading elements by their full names. A name without its namespace means nothing here (X20: namespace-blind readers
//! took `<evil:NameID>` for the real one), and "the" child is one that stands there exactly once.

use roxmltree::Node;

use postern_core::fault::{Code, Fault};

/// SAML Core: assertions.
pub(crate) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// SAML Core: protocol messages.
pub(crate) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// SAML Metadata.
pub(crate) const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// SAML Metadata: what people see.
pub(crate) const MDUI: &str = "urn:oasis:names:tc:SAML:metadata:ui";
/// Shibboleth metadata extensions: scopes.
pub(crate) const SHIBMD: &str = "urn:mace:shibboleth:metadata:1.0";
/// XML Signature.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// XML Encryption 1.0: most of it.
pub(crate) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// XML Encryption 1.1: what it added.
pub(crate) const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// XML Schema instances: `xsi:nil`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Whether this is an element of that name in that namespace.
pub(crate) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == Some(namespace)
}

/// The child elements.
pub(crate) fn children<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// The child elements of one name.
pub(crate) fn all<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    children(node).filter(move |&child| is(child, namespace, name))
}

/// The one child element of a name, if there is one. Two of them are refused: another reader could take the other.
pub(crate) fn only<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<Node<'a, 'i>>, Fault> {
    let mut found = all(node, namespace, name);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Code::SamlValueMalformed.fault().expected(format!("one {name}")).received("several")),
    }
}

/// An attribute without a namespace, which is how SAML and XML Signature write theirs.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes()
        .find(|attribute| attribute.namespace().is_none() && attribute.name() == name)
        .map(|attribute| attribute.value())
}

/// An attribute that has to be there.
pub(crate) fn required<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, Fault> {
    attribute(node, name).ok_or_else(|| {
        Code::SamlValueMalformed.fault().expected(format!("{name} on {}", node.tag_name().name())).received("none")
    })
}

/// The whole text of an element that holds nothing but text: never a part of it (X6).
pub(crate) fn text<'a>(node: Node<'a, '_>) -> Result<&'a str, Fault> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (None, _) => Ok(""),
        (Some(child), None) if child.is_text() => Ok(child.text().unwrap_or("")),
        _ => Err(Code::SamlValueMalformed
            .fault()
            .expected(format!("text in {}", node.tag_name().name()))
            .received("other content")),
    }
}

/// Base64 as XML Signature writes it: the text, with line breaks anywhere.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    data_encoding::BASE64.decode(&packed).ok()
}
