//! A second opinion on signatures that hold.
//!
//! Whoever finds a difference between what one implementation verifies and what it reads has a forgery (X4). Here two have
//! to be fooled alike: `bergshamra`, with a parser, canonicaliser and verifier that share no code with ours but the
//! arithmetic below, must find every signature genuine, with the key that we found, covering the very element that we read.
//! It never decides alone: by itself it understands more of XML Signature than SAML has, and the gate stands in front of it.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bergshamra::dsig::verify::verify_all_document_with_source;
use bergshamra::keys::loader::load_spki_der;
use bergshamra::xml::{Document, NodeId, uppsala};
use bergshamra::{DsigContext, KeysManager, VerifyResult};
use roxmltree::Node;

use postern_core::connection::Allowance;
use postern_core::fault::{Code, Fault};

use crate::algorithm::Allowed;
use crate::certificate::PublicKey;
use crate::signature::Signature;

/// What the second verifier's word is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondVerifier {
    /// What it does not accept is refused.
    #[default]
    Require,
    /// What it does not accept is noted.
    Observe,
}

impl SecondVerifier {
    /// Asks for an opinion on a document of which every signature was verified with one of `keys`. Returns what is worth
    /// knowing about it.
    pub(crate) fn agrees(
        self,
        signatures: &[Signature<'_, '_>],
        keys: &[&PublicKey],
        allowed: &Allowed,
    ) -> Result<Option<String>, Fault> {
        let Some(first) = signatures.first() else { return Ok(None) };
        if allowed.contains(&Allowance::Rsa1024) {
            // It knows no RSA key below 2048 bits.
            return Ok(Some("verified once only, because rsa1024 is allowed".to_owned()));
        }
        // A panic of a library is one more way not to agree.
        let opinion = catch_unwind(AssertUnwindSafe(|| accepts(first.node.document(), signatures, keys)));
        match (opinion.unwrap_or_else(|_| Err("it panicked".to_owned())), self) {
            (Ok(()), _) => Ok(None),
            (Err(why), SecondVerifier::Observe) => Ok(Some(format!("the second verifier does not agree: {why}"))),
            (Err(why), SecondVerifier::Require) => Err(Code::SamlVerifiersDisagree.fault().received(why)),
        }
    }
}

fn accepts(
    document: &roxmltree::Document<'_>,
    signatures: &[Signature<'_, '_>],
    keys: &[&PublicKey],
) -> Result<(), String> {
    let mut known = KeysManager::new();
    for key in keys {
        known.add_key(load_spki_der(&key.spki).map_err(|error| error.to_string())?);
    }
    // Only these keys, and only targets around or beside their signature.
    let context = DsigContext::new(known);
    let text = normalised(document);
    let document = uppsala::parse(&text).map_err(|error| error.to_string())?;
    let opinions =
        verify_all_document_with_source(&context, &document, Some(&text)).map_err(|error| error.to_string())?;
    if opinions.len() != signatures.len() {
        return Err(format!("it sees {} signatures instead of {}", opinions.len(), signatures.len()));
    }
    for (ours, opinion) in signatures.iter().zip(&opinions) {
        let (signature, references) = match opinion {
            VerifyResult::Valid { signature_node, references, .. } => (*signature_node, references),
            VerifyResult::Invalid { reason } => return Err(reason.clone()),
        };
        let [reference] = &references[..] else { return Err("it sees another number of references".to_owned()) };
        let covered = reference.resolved_node.filter(|_| reference.digest_verified).map(|node| place(&document, node));
        if place(&document, signature) != place_of(ours.node) || covered != Some(place_of(ours.covers)) {
            return Err("it sees another element covered".to_owned());
        }
    }
    Ok(())
}

/// The document with a space for every tab and line break that stands in an attribute as such. XML 1.0 §3.3.3 (behind §2.11,
/// which makes one line break of two characters) has every parser read it so; `uppsala` leaves it to whoever asks.
fn normalised<'i>(document: &roxmltree::Document<'i>) -> Cow<'i, str> {
    let text = document.input_text();
    let mut clean = String::new();
    let mut done = 0;
    let attributes = document.descendants().flat_map(|element| element.attributes());
    for range in attributes.map(|attribute| attribute.range()) {
        if text[range.clone()].contains(['\t', '\r', '\n']) {
            clean.push_str(&text[done..range.start]);
            clean.push_str(&text[range.clone()].replace("\r\n", " ").replace(['\t', '\r', '\n'], " "));
            done = range.end;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// Where an element stands: how many elements before it, on each level. So two parsers can be compared.
fn place_of(element: Node<'_, '_>) -> Vec<usize> {
    let before = |element: &Node<'_, '_>| element.prev_siblings().skip(1).filter(Node::is_element).count();
    element.ancestors().filter(Node::is_element).map(|element| before(&element)).collect()
}

fn place(document: &Document<'_>, element: NodeId) -> Vec<usize> {
    let mut place = Vec::new();
    let mut at = Some(element);
    while let Some(element) = at.filter(|&at| document.element(at).is_some()) {
        let parent = document.parent(element);
        let siblings = parent.into_iter().flat_map(|parent| document.children_iter(parent));
        let before = siblings.take_while(|&sibling| sibling != element);
        place.push(before.filter(|&sibling| document.element(sibling).is_some()).count());
        at = parent;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_in_attributes_is_read_as_xml_says() {
        let text = "<a b='1\t2\r\n3\r4\n5&#10;6'>\n<c\n\td = \"\n\"/>\t<![CDATA[<e f='\n'>]]></a>";
        let document = roxmltree::Document::parse(text).unwrap();
        let clean = normalised(&document);
        assert_eq!(clean, "<a b='1 2 3 4 5&#10;6'>\n<c\n\td = \" \"/>\t<![CDATA[<e f='\n'>]]></a>");
        let value = document.root_element().attribute("b").unwrap();
        assert_eq!(value, "1 2 3 4 5\n6");
        let theirs = uppsala::parse(&clean).unwrap();
        let root = theirs.document_element().unwrap();
        assert_eq!(theirs.element(root).unwrap().get_attribute("b"), Some(value));
        assert!(matches!(normalised(&roxmltree::Document::parse("<a\nb=' '/>").unwrap()), Cow::Borrowed(_)));
    }

    #[test]
    fn two_parsers_name_places_alike() {
        let text = "<a> <b/>text<b><c/> <d>e</d></b><!-- --><f/></a>";
        let (ours, theirs) = (roxmltree::Document::parse(text).unwrap(), uppsala::parse(text).unwrap());
        let mut elements = vec![theirs.document_element().unwrap()];
        let mut next = 0;
        while let Some(&element) = elements.get(next) {
            next += 1;
            elements.extend(theirs.children_iter(element).filter(|&child| theirs.element(child).is_some()));
        }
        let mut theirs: Vec<_> = elements.into_iter().map(|element| place(&theirs, element)).collect();
        let mut ours: Vec<_> = ours.descendants().filter(Node::is_element).map(place_of).collect();
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs);
        ours.dedup();
        assert_eq!(ours.len(), 6);
    }
}
