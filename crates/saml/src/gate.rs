//! The gate: which documents may reach the verifier at all.
//!
//! Signature wrapping (X1, X2, X3) works by giving a document more than one thing that could be meant: a second assertion,
//! a signature elsewhere, an ID twice, a name from another namespace. Behind this gate there is one assertion in one place,
//! and every signature stands in what it covers, so that "what was verified" and "what is read" cannot part ways.

use std::collections::HashSet;

use roxmltree::{Document, Node};

use postern_core::fault::{Code, Fault};

use crate::algorithm::Allowed;
use crate::element::{DS, SAML, SAMLP, XENC, all, children, is};
use crate::signature::Signature;

/// A response of the one permitted shape. Nothing in it is verified yet.
#[derive(Debug)]
pub(crate) struct Gated<'a, 'i> {
    pub(crate) response: Node<'a, 'i>,
    pub(crate) content: Content<'a, 'i>,
    /// Two at most: on the response, on the assertion. An encrypted assertion may have one inside.
    pub(crate) signatures: Vec<Signature<'a, 'i>>,
}

/// The one assertion of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a, 'i> {
    /// `saml:Assertion`.
    Plain(Node<'a, 'i>),
    /// `saml:EncryptedAssertion`.
    Encrypted(Node<'a, 'i>),
}

/// The root, if it is a SAML 2.0 response.
pub(crate) fn response<'a, 'i>(document: &'a Document<'i>) -> Result<Node<'a, 'i>, Fault> {
    let root = document.root_element();
    if !is(root, SAMLP, "Response") {
        return Err(Code::SamlNotResponse.fault().expected("samlp:Response").received(root.tag_name().name()));
    }
    Ok(root)
}

/// The assertion of a response, plain or encrypted: one, a child of it.
pub(crate) fn content<'a, 'i>(response: Node<'a, 'i>) -> Result<Content<'a, 'i>, Fault> {
    let plain = all(response, SAML, "Assertion").map(Content::Plain);
    let encrypted = all(response, SAML, "EncryptedAssertion").map(Content::Encrypted);
    let contents: Vec<_> = plain.chain(encrypted).collect();
    match contents[..] {
        [content] => Ok(content),
        _ => Err(Code::SamlAssertionCount.fault().expected("1").received(contents.len().to_string())),
    }
}

/// Lets a response of the permitted shape through. An encrypted assertion is opened later, and the response with the plain
/// one in its place passes once more.
pub(crate) fn pass<'a, 'i>(response: Node<'a, 'i>, allowed: &Allowed) -> Result<Gated<'a, 'i>, Fault> {
    let signatures = places(response)?;
    let content = content(response)?;
    let signatures = signatures
        .into_iter()
        .map(|signature| {
            let covers = covered(signature, response, content)?;
            Signature::read(signature, covers, allowed)
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Gated { response, content, signatures })
}

/// Lets a message through that holds no assertion. Returns its signature, if it has one.
pub(crate) fn message<'a, 'i>(message: Node<'a, 'i>, allowed: &Allowed) -> Result<Option<Signature<'a, 'i>>, Fault> {
    match places(message)?[..] {
        [] => Ok(None),
        [signature] if signature.parent_element() == Some(message) => {
            in_place(signature, message)?;
            Signature::read(signature, message, allowed).map(Some)
        }
        _ => Err(forbidden(PLACE, "elsewhere")),
    }
}

fn forbidden(expected: impl Into<String>, received: impl Into<String>) -> Fault {
    Code::SamlStructureForbidden.fault().expected(expected).received(received)
}

/// Walks over all elements: names and identifiers only where they may be. Returns the signatures.
fn places<'a, 'i>(response: Node<'a, 'i>) -> Result<Vec<Node<'a, 'i>>, Fault> {
    let mut ids = HashSet::new();
    let mut signatures = Vec::new();
    for element in response.descendants().filter(Node::is_element) {
        let name = element.tag_name().name();
        let namespace = element.tag_name().namespace();
        match name {
            // In Extensions, Advice, StatusDetail or ds:Object a reader that searches by name would find it (X2).
            "Assertion" | "EncryptedAssertion"
                if namespace != Some(SAML) || element.parent_element() != Some(response) =>
            {
                return Err(forbidden(format!("saml:{name} in the Response only"), "elsewhere"));
            }
            "Response" | "AuthnRequest" | "LogoutRequest" | "LogoutResponse" if element != response => {
                return Err(forbidden("one message", "one inside another"));
            }
            "Signature" => {
                if namespace != Some(DS) {
                    return Err(forbidden("ds:Signature", "a Signature of another namespace"));
                }
                signatures.push(element);
            }
            // X20: the words that a verifier looks for exist in its namespace only.
            "SignedInfo" | "SignatureValue" | "Reference" | "Transform" | "DigestValue" if namespace != Some(DS) => {
                return Err(forbidden(format!("ds:{name}"), "the same name in another namespace"));
            }
            "EncryptedData" | "EncryptedKey" | "CipherData" | "CipherValue" if namespace != Some(XENC) => {
                return Err(forbidden(format!("xenc:{name}"), "the same name in another namespace"));
            }
            "NameID" | "Issuer" | "Subject" | "Conditions" | "AttributeStatement" | "AuthnStatement"
                if namespace != Some(SAML) =>
            {
                return Err(forbidden(format!("saml:{name}"), "the same name in another namespace"));
            }
            _ => {}
        }
        identifiers(element, &mut ids)?;
    }
    Ok(signatures)
}

/// XML Signature finds what it covers by ID, so an ID is said once, and by the attribute that everybody takes for an ID
/// (X8). SAML Core §1.3.4: `ID`; XML Signature §4.2: `Id`; `xml:id` and lookalikes would be IDs for some readers only.
fn identifiers<'a>(element: Node<'a, '_>, ids: &mut HashSet<&'a str>) -> Result<(), Fault> {
    for attribute in element.attributes() {
        if !(attribute.name().eq_ignore_ascii_case("id") || attribute.name() == "AssertionID") {
            continue;
        }
        if attribute.namespace().is_some() {
            return Err(forbidden("ID without a namespace", "an ID attribute in a namespace"));
        }
        if matches!(element.tag_name().namespace(), Some(SAML | SAMLP)) && attribute.name() != "ID" {
            return Err(forbidden("ID", attribute.name()));
        }
        if attribute.value().is_empty() || !ids.insert(attribute.value()) {
            return Err(forbidden("every ID once", attribute.value()));
        }
    }
    Ok(())
}

/// What a signature covers: the response or the assertion, whose child it is, right after the Issuer or at the very end.
///
/// SAML Core §2.3.3 and §3.2.2 put `ds:Signature` second, and SAML Profiles §4.1.4.2 requires an Issuer in what is signed.
/// Auth0 puts it last. Both places are one each, and what is read is the element without it.
fn covered<'a, 'i>(
    signature: Node<'a, 'i>,
    response: Node<'a, 'i>,
    content: Content<'a, 'i>,
) -> Result<Node<'a, 'i>, Fault> {
    let may_be_signed = |parent: &Node<'a, 'i>| {
        *parent == response || matches!(content, Content::Plain(assertion) if assertion == *parent)
    };
    let parent = signature.parent_element().filter(may_be_signed);
    let Some(parent) = parent else { return Err(forbidden(PLACE, "elsewhere")) };
    in_place(signature, parent)?;
    Ok(parent)
}

const PLACE: &str = "ds:Signature right after the Issuer of what it covers, or last in it";

fn in_place(signature: Node<'_, '_>, parent: Node<'_, '_>) -> Result<(), Fault> {
    let mut order = children(parent);
    let issuer_first = order.next().is_some_and(|first| is(first, SAML, "Issuer"));
    let placed = order.next() == Some(signature) || parent.last_element_child() == Some(signature);
    if !issuer_first || !placed || all(parent, DS, "Signature").count() != 1 {
        return Err(forbidden(PLACE, "another order"));
    }
    Ok(())
}
