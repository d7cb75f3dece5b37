//! From a verified assertion to what `core` calls an identity. From here on nobody knows that it was SAML.

use roxmltree::Node;

use postern_core::fault::{Code, Fault};
use postern_core::identity::{Attribute, Identity, NameFormat, NameId, SubjectName};

use crate::document::{self, RESPONSE};
use crate::element::{SAML, XSI, all, attribute, children, is, only, required, text};
use crate::response::Expectation;
use crate::{opened, time};

/// Reads the person out of an assertion, and what to log them out by. `notes` gets what was left out, by name.
pub(crate) fn read(
    assertion: Node<'_, '_>,
    expected: &Expectation<'_>,
    notes: &mut Vec<String>,
) -> Result<(Identity, Option<SubjectName>), Fault> {
    let name = match only(assertion, SAML, "Subject")? {
        Some(subject) => subject_name(subject, expected)?,
        None => None,
    };
    let mut attributes = Vec::new();
    for statement in all(assertion, SAML, "AttributeStatement") {
        for child in children(statement) {
            if is(child, SAML, "Attribute") {
                attributes.push(read_attribute(child, notes)?);
            } else if is(child, SAML, "EncryptedAttribute") {
                return Err(Code::SamlEncryptedAttribute.fault().expected("Attribute").received("EncryptedAttribute"));
            } else {
                notes.push(format!("left out: {} in an AttributeStatement", child.tag_name().name()));
            }
        }
    }
    let mut identity = Identity {
        issuer: expected.idp.entity_id.clone(),
        name_id: name.as_ref().map(name_id),
        attributes,
        authenticated_at: None,
        session_ends: None,
        session_index: None,
        context: None,
        methods: Vec::new(),
        email_verified: None,
        raw: None,
    };
    // Several statements are one person authenticated several times: the first describes the login, the earliest end binds.
    for statement in all(assertion, SAML, "AuthnStatement") {
        if identity.authenticated_at.is_none() {
            identity.authenticated_at = time::optional(statement, "AuthnInstant")?;
            identity.session_index = attribute(statement, "SessionIndex").map(str::to_owned);
            identity.context = context(statement)?;
        }
        if let Some(end) = time::optional(statement, "SessionNotOnOrAfter")? {
            identity.session_ends = Some(identity.session_ends.map_or(end, |known| known.min(end)));
        }
    }
    Ok((identity, name))
}

/// SAML Core §2.4.1. A NameID is not demanded (H22, SDP-SP13): `core` decides what identifies the person.
fn subject_name(subject: Node<'_, '_>, expected: &Expectation<'_>) -> Result<Option<SubjectName>, Fault> {
    match (only(subject, SAML, "NameID")?, only(subject, SAML, "EncryptedID")?) {
        (Some(_), Some(_)) => Err(Code::SamlValueMalformed.fault().expected("NameID or EncryptedID").received("both")),
        (Some(name_id), None) => read_name(name_id).map(Some),
        (None, Some(encrypted)) => {
            let name_id = opened::name_id(encrypted, expected)?;
            read_name(document::parse(&name_id, RESPONSE)?.root_element()).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// Reads a NameID as it stands, of an assertion or of a logout request.
pub(crate) fn read_name(name_id: Node<'_, '_>) -> Result<SubjectName, Fault> {
    // White space around an identifier makes two identifiers out of one, depending on who trims. Pretty-printed messages
    // have it, so here it is always trimmed.
    let value = text(name_id)?.trim_matches([' ', '\t', '\r', '\n']);
    if value.is_empty() {
        return Err(Code::SamlValueMalformed.fault().expected("a NameID").received("an empty one"));
    }
    let said = |name| attribute(name_id, name).map(str::to_owned);
    Ok(SubjectName {
        value: value.to_owned(),
        format: said("Format"),
        name_qualifier: said("NameQualifier"),
        sp_name_qualifier: said("SPNameQualifier"),
    })
}

fn name_id(name: &SubjectName) -> NameId {
    NameId { value: name.value.clone(), format: format(name.format.as_deref()) }
}

/// SAML Core §8.3.
fn format(urn: Option<&str>) -> NameFormat {
    match urn {
        Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent") => NameFormat::Persistent,
        Some("urn:oasis:names:tc:SAML:2.0:nameid-format:transient") => NameFormat::Transient,
        Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress") => NameFormat::Email,
        _ => NameFormat::Other,
    }
}

/// SAML Core §2.7.3.1. Order and duplicates stay as they are (H24, SDP-SP19).
fn read_attribute(element: Node<'_, '_>, notes: &mut Vec<String>) -> Result<Attribute, Fault> {
    let mut read = Attribute {
        name: required(element, "Name")?.to_owned(),
        friendly_name: attribute(element, "FriendlyName").map(str::to_owned),
        values: Vec::new(),
        persistent_id: None,
    };
    for value in all(element, SAML, "AttributeValue") {
        // SAML Core §2.7.3.1.1: a null value is marked by xsi:nil.
        let nil = value.attributes().find(|a| a.namespace() == Some(XSI) && a.name() == "nil").map(|a| a.value());
        if matches!(nil, Some("true" | "1")) {
            continue;
        }
        let mut inside = children(value);
        match (inside.next(), inside.next()) {
            (None, _) => read.values.push(text(value)?.to_owned()),
            // eduPersonTargetedID: the value is a NameID element.
            (Some(name_id), None) if is(name_id, SAML, "NameID") => {
                let name_id = self::name_id(&read_name(name_id)?);
                if name_id.format == NameFormat::Persistent && read.persistent_id.is_none() {
                    read.persistent_id = Some(name_id.value.clone());
                }
                read.values.push(name_id.value);
            }
            _ => notes.push(format!("left out: a structured value of attribute {}", read.name)),
        }
    }
    Ok(read)
}

/// SAML Core §2.7.2.2.
fn context(statement: Node<'_, '_>) -> Result<Option<String>, Fault> {
    let Some(context) = only(statement, SAML, "AuthnContext")? else { return Ok(None) };
    only(context, SAML, "AuthnContextClassRef")?.map(|class| text(class).map(str::to_owned)).transpose()
}
