//! Another implementation signs an assertion with anything in it, as it would be written canonically. Ours has to come to the
//! same bytes, or refuse the document for its form.

use std::sync::LazyLock;

use bergshamra::dsig::sign::sign;
use bergshamra::keys::loader::load_pem_auto;
use bergshamra::{DsigContext, KeysManager};
use postern_core::fault::Code;
use postern_lab::key::Key;
use postern_lab::metadata::metadata;
use postern_lab::response::{IDP, Response};

use crate::{Judge, REQUEST, now, parts};

struct World {
    judge: Judge,
    signer: DsigContext,
    unsigned: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = Key::generate().expect("a key");
    let mut keys = KeysManager::new();
    keys.add_key(load_pem_auto(key.to_pem().as_bytes(), None).expect("a key in PEM"));
    World {
        judge: Judge::new(&metadata(IDP, "https://idp.example.com/sso", &key), &[]),
        signer: DsigContext::new(keys),
        unsigned: Response::at(now()).answering(REQUEST).unsigned(),
    }
});

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

/// Has to hold for any input.
pub fn check(input: &[u8]) {
    let Some(([choice], rest)) = input.split_first_chunk() else { return };
    let Some([attributes, content]) = parts(rest) else { return };
    // The other implementation leaves white space in attributes as it is, against XML 1.0 §3.3.3; ours makes spaces of it.
    let spaces = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let attributes = spaces(attributes);
    let content = if content.contains('<') { spaces(content) } else { content.to_owned() };
    let form = if choice & 1 == 0 { EXCLUSIVE } else { INCLUSIVE };
    let prefixes = match choice & 6 {
        2 => format!(r#"<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="a b saml #default"/>"#),
        _ => String::new(),
    };
    let prefixes = if form == EXCLUSIVE { prefixes.as_str() } else { "" };
    let template = format!(
        r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{form}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#_assertion"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="{form}">{prefixes}</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue></ds:SignatureValue></ds:Signature>"##
    );
    let unsigned = WORLD
        .unsigned
        .replacen("<samlp:Response ", r#"<samlp:Response xmlns:a="urn:example:a" xmlns:b="urn:example:b" "#, 1)
        .replacen("</saml:Issuer><saml:Subject>", &format!("</saml:Issuer>{template}<saml:Subject>"), 1)
        .replacen("<saml:AttributeValue>", &format!("<saml:AttributeValue {attributes}>{content}"), 1);
    let Ok(signed) = sign(&WORLD.signer, &unsigned) else { return };
    if let Err(fault) = WORLD.judge.verify(signed.as_bytes()) {
        let disagree = [Code::SamlDigestMismatch, Code::SamlSignatureInvalid, Code::SamlVerifiersDisagree];
        assert!(!disagree.contains(&fault.code), "{} {:?}\n{signed}", fault.code, fault.received);
    }
}
