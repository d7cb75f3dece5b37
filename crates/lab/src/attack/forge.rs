//! Scissors and paste for XML that this crate wrote itself.

use crate::key::Key;
use crate::signature::{self, Signature};

/// `text` with one thing changed, which has to be in it: an attack that changes nothing would be no attack.
pub(super) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// The piece of `text` from the first `from` to the last `to`, which have to be in it.
pub(super) fn piece<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (start, end) = (text.find(from), text.rfind(to));
    let (start, end) = start.zip(end).unwrap_or_else(|| panic!("{from} is not in {text}"));
    &text[start..end + to.len()]
}

/// The assertion in a response.
pub(super) fn assertion_in(response: &str) -> &str {
    piece(response, "<saml:Assertion ", "</saml:Assertion>")
}

/// The signature in an element that has one.
pub(super) fn signature_in(element: &str) -> &str {
    piece(element, "<ds:Signature ", "</ds:Signature>")
}

/// The element without its signature.
pub(super) fn bare(element: &str) -> String {
    changed(element, signature_in(element), "")
}

/// With something where a signature belongs.
pub(super) fn behind_issuer(element: &str, what: &str) -> String {
    changed(element, "</saml:Issuer>", &format!("</saml:Issuer>{what}"))
}

/// With something at the end of an element.
pub(super) fn before_end(element: &str, what: &str) -> String {
    let end = element.rfind("</").unwrap_or_else(|| panic!("{element} does not end"));
    [&element[..end], what, &element[end..]].concat()
}

/// A signature with something in a `ds:Object`.
pub(super) fn with_object(signature: &str, content: &str) -> String {
    changed(signature, "</ds:Signature>", &format!("<ds:Object>{content}</ds:Object></ds:Signature>"))
}

/// Signs an element in exclusive canonical form, as it should be.
pub(super) fn sign(element: &str, key: &Key) -> String {
    behind_issuer(element, &Signature::over(element, id(element)).by(key))
}

/// Signs an element with some piece of the signature replaced beforehand.
pub(super) fn sign_as(element: &str, key: &Key, change: impl FnOnce(&mut Signature)) -> String {
    let mut signature = Signature::over(element, id(element));
    change(&mut signature);
    behind_issuer(element, &signature.by(key))
}

/// Signs an element with `ds:SignedInfo` rewritten beforehand.
pub(super) fn sign_text(element: &str, key: &Key, from: &str, to: &str) -> String {
    let signed_info = changed(&Signature::over(element, id(element)).signed_info(), from, to);
    let value = key.sign(signature::signable(&signed_info).as_bytes());
    behind_issuer(element, &signature::whole(&signed_info, &value, &signature::certificate(key)))
}

/// The ID of an element.
pub(super) fn id(element: &str) -> &str {
    element.split(" ID=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
}
