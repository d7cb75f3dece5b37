//! Our own signatures: enveloped, as SAML Core §5.4 wants them from everybody, over messages that we wrote.

use aws_lc_rs::digest;
use data_encoding::BASE64;
use roxmltree::{Document, Node};

use postern_core::fault::{Code, Fault};

use crate::c14n::{self, Form};
use crate::element::{SAML, is};
use crate::escape::xml;
use crate::keys::SigningKey;

/// Signs a message of ours, of which the root has the ID `id`: the signature goes where the schema has it, behind the Issuer.
pub(crate) fn enveloped(message: &str, id: &str, key: &SigningKey) -> Result<String, Fault> {
    let defect = || Code::Defect.fault();
    let parsed = Document::parse(message).map_err(|error| defect().because(error))?;
    let issuer = parsed.root_element().children().find(|child| is(*child, SAML, "Issuer")).ok_or_else(defect)?;
    let digest = digest::digest(&digest::SHA256, canonical(parsed.root_element()).as_bytes());
    let signed_info = format!(
        concat!(
            r#"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">"#,
            r#"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#,
            r#"<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="{hash}{id}"><ds:Transforms>"#,
            r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#,
            r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>"#,
            r#"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>"#,
            r#"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#,
        ),
        method = key.method(),
        hash = "#",
        id = xml(id),
        digest = BASE64.encode(digest.as_ref()),
    );
    // It declares its one namespace itself, so its canonical form is the same here and in the message.
    let signed_info = canonical(Document::parse(&signed_info).map_err(|error| defect().because(error))?.root_element());
    let value = key.sign(signed_info.as_bytes()).ok_or_else(defect)?;
    let signature = format!(
        concat!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{}<ds:SignatureValue>{}</ds:SignatureValue>"#,
            r#"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"#,
            r#"</ds:Signature>"#,
        ),
        signed_info,
        BASE64.encode(&value),
        BASE64.encode(&key.certificate().der),
    );
    let (before, after) = message.split_at(issuer.range().end);
    Ok(format!("{before}{signature}{after}"))
}

fn canonical(element: Node<'_, '_>) -> String {
    c14n::canonical(element, None, &Form::Exclusive(vec![]))
}
