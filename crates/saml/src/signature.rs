//! The form that a signature must have before anybody looks at keys: SAML Core §5.4, XML Signature 1.1 §4 (H11).
//!
//! XML Signature is a language in which a signature can say what it covers: other documents, parts chosen by XPath, the
//! output of a program. SAML needs one sentence of it: *this signature covers its parent, without itself*. Only that
//! sentence is understood here, and everything else is refused by its shape.

use aws_lc_rs::digest;
use roxmltree::Node;

use postern_core::fault::{Code, Fault};

use crate::algorithm::{self, Allowed, Method};
use crate::c14n::Form;
use crate::element::{DS, all, attribute, base64, children, is, text};

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const MOST_PREFIXES: usize = 16;

/// A `<ds:Signature>` of the one form. Nothing in it is verified yet.
#[derive(Debug)]
pub(crate) struct Signature<'a, 'i> {
    /// The element itself, which its own digest leaves out.
    pub(crate) node: Node<'a, 'i>,
    /// What it covers: its parent.
    pub(crate) covers: Node<'a, 'i>,
    pub(crate) signed_info: Node<'a, 'i>,
    pub(crate) signed_info_form: Form<'a>,
    pub(crate) method: Method,
    pub(crate) reference_form: Form<'a>,
    pub(crate) digest: &'static digest::Algorithm,
    pub(crate) digest_value: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// What the sender says about its key: never trusted, only read to explain a failure.
    pub(crate) key_info: Option<Node<'a, 'i>>,
}

impl<'a, 'i> Signature<'a, 'i> {
    /// Reads a signature that stands in `covers`.
    pub(crate) fn read(node: Node<'a, 'i>, covers: Node<'a, 'i>, allowed: &Allowed) -> Result<Self, Fault> {
        // XML Signature §4.2: SignedInfo, SignatureValue, KeyInfo?, Object*. An Object could hold anything, a second
        // assertion for example (X2); SAML has no use for it.
        let [signed_info, value, key_info] = sequence(node, ["SignedInfo", "SignatureValue", "KeyInfo"], 2)?;
        let (signed_info, value) = (present(signed_info)?, present(value)?);

        // XML Signature §4.4; SAML Core §5.4.2: "Signatures MUST contain a single <ds:Reference>".
        let [form, method, reference] =
            sequence(signed_info, ["CanonicalizationMethod", "SignatureMethod", "Reference"], 3)?;
        let (form, method, reference) = (present(form)?, present(method)?, present(reference)?);
        let signed_info_form = canonicalization(form)?;
        let method = signature_method(method, allowed)?;

        // SAML Core §5.4.2: "containing a same-document reference to the ID attribute value of the root element of the
        // assertion or protocol message being signed". Not "", not another element, not another document.
        let id = attribute(covers, "ID").ok_or_else(|| form_of("an ID on the signed element", "none"))?;
        let uri = attribute(reference, "URI").unwrap_or("");
        if uri.strip_prefix('#') != Some(id) {
            return Err(form_of(format!("Reference URI #{id}"), uri));
        }
        let [transforms, digest_method, digest_value] =
            sequence(reference, ["Transforms", "DigestMethod", "DigestValue"], 3)?;
        let reference_form = reference_form(present(transforms)?)?;
        let digest = digest_method_of(present(digest_method)?, allowed)?;

        Ok(Signature {
            node,
            covers,
            signed_info,
            signed_info_form,
            method,
            reference_form,
            digest,
            digest_value: octets(present(digest_value)?)?,
            value: octets(value)?,
            key_info,
        })
    }
}

fn form_of(expected: impl Into<String>, received: impl Into<String>) -> Fault {
    Code::SamlSignatureForm.fault().expected(expected).received(received)
}

/// The children of `parent`, which have to be these elements in this order, each once, of which the first `needed` must be
/// there, and nothing else but white space.
fn sequence<'a, 'i>(
    parent: Node<'a, 'i>,
    names: [&'static str; 3],
    needed: usize,
) -> Result<[Option<Node<'a, 'i>>; 3], Fault> {
    let expected = || format!("{} in {}", names.join(", "), parent.tag_name().name());
    let mut found = [None; 3];
    let mut count = 0;
    for child in parent.children() {
        if child.is_text() && child.text().is_none_or(|text| text.trim().is_empty()) {
            continue;
        }
        match names.get(count) {
            Some(name) if is(child, DS, name) => found[count] = Some(child),
            _ => return Err(form_of(expected(), child.tag_name().name())),
        }
        count += 1;
    }
    if count < needed {
        return Err(form_of(expected(), format!("{count} of them")));
    }
    Ok(found)
}

fn present<'a, 'i>(element: Option<Node<'a, 'i>>) -> Result<Node<'a, 'i>, Fault> {
    element.ok_or_else(|| Code::SamlSignatureForm.fault())
}

/// XML Signature §4.4.3.4. SAML Core §5.4.4: "Signatures in SAML messages SHOULD NOT contain transforms other than the
/// enveloped signature transform or the exclusive canonicalization transforms". We take plain Canonical XML too, which
/// §4.4.3.2 applies where no canonicalisation is named, and nothing else, so stricter than SHOULD NOT.
fn reference_form<'a>(transforms: Node<'a, '_>) -> Result<Form<'a>, Fault> {
    let expected = "the enveloped-signature transform, then exclusive canonicalisation";
    let listed: Vec<_> = children(transforms).collect();
    let (first, second) = match listed[..] {
        [first] => (first, None),
        [first, second] => (first, Some(second)),
        _ => return Err(form_of(expected, format!("{} transforms", listed.len()))),
    };
    for transform in [Some(first), second].into_iter().flatten() {
        if !is(transform, DS, "Transform") {
            return Err(form_of(expected, transform.tag_name().name()));
        }
    }
    let algorithm = attribute(first, "Algorithm").unwrap_or("");
    if algorithm != ENVELOPED || children(first).next().is_some() {
        return Err(form_of(expected, algorithm));
    }
    second.map_or(Ok(Form::Inclusive), canonicalization)
}

/// A canonicalisation, named by `Algorithm`, with its prefix list.
fn canonicalization<'a>(method: Node<'a, '_>) -> Result<Form<'a>, Fault> {
    match attribute(method, "Algorithm").unwrap_or("") {
        EXCLUSIVE => {
            let mut parameters = children(method);
            let listed = match (parameters.next(), parameters.next()) {
                (None, _) => return Ok(Form::Exclusive(vec![])),
                (Some(list), None) if is(list, EXCLUSIVE, "InclusiveNamespaces") => attribute(list, "PrefixList"),
                _ => return Err(form_of("one InclusiveNamespaces at most", "other parameters")),
            };
            // Exclusive C14N §4: prefixes with white space between them, `#default` for the default namespace.
            let prefixes: Vec<_> = listed
                .unwrap_or("")
                .split_ascii_whitespace()
                .map(|prefix| if prefix == "#default" { "" } else { prefix })
                .collect();
            if prefixes.len() > MOST_PREFIXES {
                return Err(form_of(format!("at most {MOST_PREFIXES} prefixes"), prefixes.len().to_string()));
            }
            Ok(Form::Exclusive(prefixes))
        }
        INCLUSIVE if children(method).next().is_none() => Ok(Form::Inclusive),
        other => Err(form_of("exclusive canonicalisation", other)),
    }
}

fn signature_method(method: Node<'_, '_>, allowed: &Allowed) -> Result<Method, Fault> {
    let uri = attribute(method, "Algorithm").unwrap_or("");
    // Parameters (HMACOutputLength, RSAPSSParams) could weaken an algorithm; those on the list have none.
    if children(method).next().is_some() {
        return Err(form_of("a SignatureMethod without parameters", "parameters"));
    }
    Method::named(uri, allowed)
        .ok_or_else(|| Code::SamlSignatureAlgorithm.fault().expected(algorithm::METHODS).received(uri))
}

fn digest_method_of(method: Node<'_, '_>, allowed: &Allowed) -> Result<&'static digest::Algorithm, Fault> {
    let uri = attribute(method, "Algorithm").unwrap_or("");
    algorithm::digest(uri, allowed)
        .ok_or_else(|| Code::SamlSignatureAlgorithm.fault().expected(algorithm::DIGESTS).received(uri))
}

/// Base64 in an element that holds nothing else. Comments in a DigestValue once split what two readers saw (X9).
fn octets(element: Node<'_, '_>) -> Result<Vec<u8>, Fault> {
    let name = element.tag_name().name();
    text(element).ok().and_then(base64).ok_or_else(|| form_of(format!("base64 in {name}"), "something else"))
}

/// The first certificate that a KeyInfo shows.
pub(crate) fn shown_certificate(key_info: Node<'_, '_>) -> Option<Vec<u8>> {
    let data = all(key_info, DS, "X509Data").next()?;
    base64(text(all(data, DS, "X509Certificate").next()?).ok()?)
}
