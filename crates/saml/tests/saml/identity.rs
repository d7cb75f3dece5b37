//! H22, H24, X6: what is read of the person, and that it is read whole.

use postern_core::fault::Code;
use postern_core::identity::{Attribute, NameFormat, NameId};

use crate::support::*;

const MAIL: &str = "<saml:AttributeValue>anna@example.com</saml:AttributeValue>";

fn attribute(values: &str) -> (Attribute, Vec<String>) {
    let verified = check(&assertion_signed(MAIL, values)).unwrap();
    let notes = verified.notes().to_vec();
    (verified.into_identity().attributes.remove(0), notes)
}

#[test]
fn everything_the_idp_said_is_there() {
    let ends = "\"s-1\" SessionNotOnOrAfter=\"2026-01-31T20:00:00.5Z\"";
    let verified = check(&assertion_signed("\"s-1\"", ends)).unwrap();
    let identity = verified.identity();
    assert_eq!(identity.issuer, IDP);
    assert_eq!(identity.name_id, Some(NameId { value: "p-1".into(), format: NameFormat::Persistent }));
    assert_eq!(identity.authenticated_at, Some("2026-01-31T11:59:00Z".parse().unwrap()));
    assert_eq!(identity.session_ends, Some("2026-01-31T20:00:00.5Z".parse().unwrap()));
    assert_eq!(identity.session_index.as_deref(), Some("s-1"));
    assert_eq!(identity.context.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"));
    assert_eq!(identity.attributes.len(), 1);
    assert_eq!(
        (&*identity.attributes[0].name, &*identity.attributes[0].values),
        ("mail", &["anna@example.com".to_owned()][..])
    );
    assert!(verified.notes().is_empty());
}

#[test]
fn h22_no_name_id_is_no_fault_here() {
    let name_id = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">p-1</saml:NameID>";
    assert_eq!(check(&assertion_signed(name_id, "")).unwrap().identity().name_id, None);
    assert_eq!(code(&assertion_signed(name_id, &format!("{name_id}{name_id}"))), Code::SamlValueMalformed);
}

#[test]
fn h22_formats_of_a_name_id() {
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    for (urn, format) in [
        (persistent, NameFormat::Persistent),
        ("urn:oasis:names:tc:SAML:2.0:nameid-format:transient", NameFormat::Transient),
        ("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", NameFormat::Email),
        ("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", NameFormat::Other),
        ("PERSISTENT", NameFormat::Other),
    ] {
        let verified = check(&assertion_signed(persistent, urn)).unwrap();
        assert_eq!(verified.into_identity().name_id.unwrap().format, format, "{urn}");
    }
}

#[test]
fn a_name_id_is_an_exact_value() {
    for value in ["", " \n", "<saml:X></saml:X>p-1", "p<saml:X></saml:X>-1"] {
        assert_eq!(code(&assertion_signed(">p-1<", &format!(">{value}<"))), Code::SamlValueMalformed, "{value}");
    }
}

#[test]
fn h24_order_and_duplicates_stay() {
    let value = |text: &str| format!("<saml:AttributeValue>{text}</saml:AttributeValue>");
    let (read, _) = attribute(&format!("{}{}{}{}", value("b"), value("a"), value("b"), value("")));
    assert_eq!(read.values, ["b", "a", "b", ""]);
    let twice = format!("{MAIL}</saml:Attribute><saml:Attribute FriendlyName=\"m\" Name=\"mail\">{}", value("c"));
    let identity = check(&assertion_signed(MAIL, &twice)).unwrap().into_identity();
    let names: Vec<_> = identity.attributes.iter().map(|a| (&*a.name, a.friendly_name.as_deref())).collect();
    assert_eq!(names, [("mail", None), ("mail", Some("m"))]);
}

#[test]
fn nothing_is_a_value_of_its_own() {
    assert!(attribute("").0.values.is_empty());
    let nil = "<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"></saml:AttributeValue>";
    assert!(attribute(nil).0.values.is_empty());
}

#[test]
fn x6_text_is_read_whole() {
    let (read, _) = attribute("<saml:AttributeValue>a&amp;b&lt;c&gt;&#xD;\nä€</saml:AttributeValue>");
    assert_eq!(read.values, ["a&b<c>\r\nä€"]);
    // CDATA is text, and canonical form writes it as such.
    let cdata = changed(&good(), ">anna@example.com<", "><![CDATA[anna]]>@example<![CDATA[.com]]><");
    assert_eq!(check(&cdata).unwrap().identity().attributes[0].values, ["anna@example.com"]);
}

#[test]
fn a_persistent_id_may_be_the_value_of_an_attribute() {
    let (read, notes) = attribute(
        "<saml:AttributeValue><saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">t-1</saml:NameID></saml:AttributeValue>",
    );
    assert_eq!((read.persistent_id.as_deref(), &*read.values), (Some("t-1"), &["t-1".to_owned()][..]));
    assert!(notes.is_empty());
    let (read, _) = attribute("<saml:AttributeValue><saml:NameID>t-1</saml:NameID></saml:AttributeValue>");
    assert_eq!((read.persistent_id, &*read.values), (None, &["t-1".to_owned()][..]));
}

#[test]
fn white_space_around_a_name_id_is_no_part_of_it() {
    for value in [" p-1", "p-1\n", "\n      p-1\n    "] {
        let verified = check(&assertion_signed(">p-1<", &format!(">{value}<"))).unwrap();
        assert_eq!(verified.into_identity().name_id.unwrap().value, "p-1");
    }
}

#[test]
fn structured_values_are_left_out_and_noted_by_name() {
    let (read, notes) = attribute("<saml:AttributeValue><x:a xmlns:x=\"urn:x\">secret</x:a></saml:AttributeValue>");
    assert!(read.values.is_empty());
    assert_eq!(notes, ["left out: a structured value of attribute mail"]);
}

#[test]
fn h21_an_attribute_that_is_encrypted_by_itself_is_refused() {
    let encrypted = "<saml:EncryptedAttribute></saml:EncryptedAttribute><saml:Attribute Name=\"mail\">";
    assert_eq!(code(&assertion_signed("<saml:Attribute Name=\"mail\">", encrypted)), Code::SamlEncryptedAttribute);
}
