//! What was encrypted, put back in its place and judged like everything else (H21; X15: encryption must not be a way around
//! signatures).
//!
//! Decryption yields text from nobody in particular: our public key is public. So it stands in the response where it stood
//! encrypted, passes the gate once more, and somebody has to have signed it, inside or around the encryption.

use std::hint::black_box;

use roxmltree::Node;

use postern_core::connection::Allowance;
use postern_core::fault::{Code, Fault};

use crate::c14n::{self, Form};
use crate::decrypt::decrypt;
use crate::document::{self, RESPONSE};
use crate::element::{SAML, is};
use crate::encryption::Encrypted;
use crate::escape::xml;
use crate::gate::{self, Content};
use crate::response::{self, Expectation};
use crate::verify::{self, Signed, Trust};

/// An assertion that was encrypted, from verified bytes.
#[derive(Debug)]
pub(crate) struct Opened<'k> {
    pub(crate) assertion: String,
    /// What the signatures inside prove.
    pub(crate) inside: Signed<'k>,
    /// Whether it was opened only because `aes-cbc` is allowed.
    pub(crate) thanks_to_cbc: bool,
}

/// Opens the `EncryptedAssertion` of a response. `signed`: the response is read from verified bytes.
pub(crate) fn assertion<'k>(
    encrypted: Node<'_, '_>,
    signed: bool,
    trust: &Trust<'k>,
    expected: &Expectation<'_>,
) -> Result<Opened<'k>, Fault> {
    let read = readable(encrypted, expected)?;
    if signed || read.cipher.is_authenticated() {
        return inside(encrypted, &read, signed, trust, expected);
    }
    // H21: CBC lets through what somebody changed on the way, so nobody may learn what became of it.
    if !trust.allowed.contains(&Allowance::AesCbc) {
        return Err(Code::SamlEncryptionCbc.fault().expected("aes256-gcm, or a signed response").received("CBC"));
    }
    match inside(encrypted, &read, signed, &Trust { explains: false, ..*trust }, expected) {
        Ok(opened) => Ok(Opened { thanks_to_cbc: true, ..opened }),
        Err(_) => Err(Code::SamlDecryptionFailed.fault()),
    }
}

/// Opens an `EncryptedID` (SAML Core §2.2.4) in verified bytes. Returns its NameID element as a text of its own.
pub(crate) fn name_id(encrypted: Node<'_, '_>, expected: &Expectation<'_>) -> Result<String, Fault> {
    let read = readable(encrypted, expected)?;
    plain(encrypted, &read, "NameID", expected)
}

fn readable(encrypted: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Encrypted, Fault> {
    if expected.decryption_keys.is_empty() {
        return Err(Code::SamlEncryptionUnsupported.fault().received(encrypted.tag_name().name()));
    }
    Encrypted::read(encrypted, expected.sp_entity_id)
}

fn inside<'k>(
    encrypted: Node<'_, '_>,
    read: &Encrypted,
    response_signed: bool,
    trust: &Trust<'k>,
    expected: &Expectation<'_>,
) -> Result<Opened<'k>, Fault> {
    // Where nobody may learn why, a failure takes as long as finding out, with a text as long, that the signature is wrong.
    let around = encrypted.document().input_text();
    let spent = |fault: Fault| {
        if !trust.explains {
            spend(around, trust);
        }
        fault
    };
    let assertion = plain(encrypted, read, "Assertion", expected).map_err(spent)?;
    // The response with the plain assertion in its place. Where the response is signed these are its canonical bytes, from
    // which its own signature is gone already.
    let place = encrypted.range();
    let whole = format!("{}{assertion}{}", &around[..place.start], &around[place.end..]);
    let whole = document::text(whole.as_bytes(), RESPONSE).map_err(Fault::from).map_err(spent)?;
    let document = document::parse(&whole, RESPONSE).map_err(Fault::from).map_err(spent)?;
    let gated = gate::response(&document).and_then(|response| gate::pass(response, trust.allowed)).map_err(spent)?;
    let Content::Plain(_) = gated.content else {
        return Err(Code::SamlAssertionCount.fault().expected("an Assertion").received("another EncryptedAssertion"));
    };
    let signed = verify::every_signature(&gated, trust)?;
    let assertion = match &signed.assertion {
        Some(proof) => proof.canonical.clone(),
        None if response_signed => assertion,
        None => return Err(response::unsigned("the encrypted Assertion")),
    };
    Ok(Opened { assertion, inside: signed, thanks_to_cbc: false })
}

/// The work of the steps that a failure leaves out, on the response as it arrived, which is about as long.
fn spend(around: &str, trust: &Trust<'_>) {
    if let Ok(document) = document::parse(around, RESPONSE) {
        let written = c14n::canonical(document.root_element(), None, &Form::Inclusive);
        black_box(document::parse(&written, RESPONSE).is_ok());
        trust.spend(written.as_bytes());
    }
}

/// XML Encryption 1.1 §4.4: the octets are parsed in the context of the element that they replace. Written canonically with
/// every namespace in scope, the element then says the same wherever it stands.
fn plain(encrypted: Node<'_, '_>, read: &Encrypted, name: &str, expected: &Expectation<'_>) -> Result<String, Fault> {
    let guess = decrypt(read, expected.decryption_keys);
    element(encrypted, &guess.text, name).filter(|_| guess.holds).ok_or_else(|| Code::SamlDecryptionFailed.fault())
}

fn element(context: Node<'_, '_>, plain: &[u8], name: &str) -> Option<String> {
    let plain = document::text(plain, RESPONSE).ok()?;
    let mut around = String::with_capacity(plain.len() + 512);
    around.push_str("<context");
    for namespace in context.namespaces().filter(|namespace| namespace.name() != Some("xml")) {
        let colon = if namespace.name().is_some() { ":" } else { "" };
        around.push_str(&format!(" xmlns{colon}{}=\"{}\"", namespace.name().unwrap_or(""), xml(namespace.uri())));
    }
    around.push('>');
    around.push_str(&plain);
    around.push_str("</context>");
    let document = document::parse(&around, RESPONSE).ok()?;
    let is_space = |node: &Node<'_, '_>| node.is_text() && node.text().is_none_or(|text| text.trim().is_empty());
    let mut inside = document.root_element().children().filter(|node| !is_space(node));
    match (inside.next(), inside.next()) {
        (Some(element), None) if is(element, SAML, name) => Some(c14n::canonical(element, None, &Form::Inclusive)),
        _ => None,
    }
}
