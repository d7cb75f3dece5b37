//! Scoped values: `alice@example.edu` says not only who somebody is but whose (H23, SDP-SP17).
//!
//! An IdP of a federation speaks for the scopes that it is registered with, and for no others: else every IdP could name
//! everybody's people. A connection that knows its scopes drops the values of others before anything is read from them. Where
//! the person's stable identifier was among them, the login is refused: falling back on the next identifier would make another
//! person of the same one.

use crate::fault::{Code, Fault};
use crate::identity::{Attribute, Identity};
use crate::mapping::stable_id;

/// How many scopes a connection may have.
pub const MOST: usize = 100;

/// The attributes whose values have a scope, by `Name` and `FriendlyName`: eduPerson §2.2.8 and §2.2.9, SAML Subject Identifier
/// Attributes §3.
const SCOPED: [&str; 6] = [
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonPrincipalName",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonScopedAffiliation",
    "urn:oasis:names:tc:SAML:attribute:subject-id",
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
];

/// Whether this can be a scope: a domain name, or what looks like one.
pub fn is_scope(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Takes out of an identity what does not belong to one of these scopes, and tells from which attributes. Without scopes
/// everything stays.
pub fn restrict(identity: &mut Identity, scopes: &[String]) -> Result<Vec<String>, Fault> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let meant = stable_id(identity).map(str::to_owned);
    let mut dropped = Vec::new();
    for attribute in identity.attributes.iter_mut().filter(|attribute| is_scoped(attribute)) {
        let before = attribute.values.len();
        attribute.values.retain(|value| belongs(value, scopes));
        if attribute.values.len() < before {
            dropped.push(attribute.name.clone());
        }
    }
    match stable_id(identity) == meant.as_deref() {
        true => Ok(dropped),
        false => Err(Code::SubjectScopeForeign.fault().expected(scopes.join(", ")).received(dropped.join(", "))),
    }
}

fn is_scoped(attribute: &Attribute) -> bool {
    let friendly = attribute.friendly_name.as_deref();
    SCOPED.iter().any(|name| attribute.name == *name || friendly == Some(name))
}

/// SAML Subject Identifier Attributes §3.3: one `@`, and scopes are compared without regard to case. A value with another number
/// of them belongs to nobody, because readers would disagree to whom.
fn belongs(value: &str, scopes: &[String]) -> bool {
    let mut parts = value.trim().split('@');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(scope), None) => {
            !name.is_empty() && scopes.iter().any(|known| known.eq_ignore_ascii_case(scope))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{NameFormat, NameId};

    const SUBJECT_ID: &str = "urn:oasis:names:tc:SAML:attribute:subject-id";

    fn attribute(name: &str, friendly: Option<&str>, values: &[&str]) -> Attribute {
        Attribute {
            name: name.to_owned(),
            friendly_name: friendly.map(str::to_owned),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            persistent_id: None,
        }
    }

    fn person(attributes: Vec<Attribute>) -> Identity {
        Identity {
            issuer: "https://idp.example.edu".into(),
            name_id: Some(NameId { value: "n".into(), format: NameFormat::Persistent }),
            attributes,
            authenticated_at: None,
            session_ends: None,
            session_index: None,
            context: None,
            methods: Vec::new(),
            email_verified: None,
            raw: None,
        }
    }

    fn scopes() -> Vec<String> {
        vec!["example.edu".into(), "lab.example.edu".into()]
    }

    #[test]
    fn h23_values_of_foreign_scopes_are_dropped_and_the_others_stay_in_order() {
        let sent = [
            "staff@example.edu",
            "member@evil.example",
            "staff@EXAMPLE.edu",
            "a@b@example.edu",
            "no-scope",
            "@example.edu",
            "x@example.edu.evil.example",
            "x@sub.example.edu",
            "student@lab.example.edu",
        ];
        let mut identity = person(vec![
            attribute("eduPersonScopedAffiliation", None, &sent),
            attribute("urn:x:1", Some("eduPersonPrincipalName"), &["root@evil.example"]),
            attribute("mail", None, &["alice@elsewhere.example"]),
        ]);
        let dropped = restrict(&mut identity, &scopes()).unwrap();
        assert_eq!(dropped, ["eduPersonScopedAffiliation", "urn:x:1"]);
        let left = ["staff@example.edu", "staff@EXAMPLE.edu", "student@lab.example.edu"];
        assert_eq!(identity.attributes[0].values, left);
        assert!(identity.attributes[1].values.is_empty());
        assert_eq!(identity.attributes[2].values, ["alice@elsewhere.example"], "that is no scoped attribute");
    }

    #[test]
    fn h23_a_foreign_subject_id_is_no_reason_to_take_the_next_best() {
        let mut identity = person(vec![attribute(SUBJECT_ID, None, &["alice@evil.example"])]);
        assert_eq!(restrict(&mut identity, &scopes()).unwrap_err().code, Code::SubjectScopeForeign);
        // Not even one of the same connection's.
        let mut identity = person(vec![attribute(SUBJECT_ID, None, &["alice@evil.example", "alice@example.edu"])]);
        assert_eq!(restrict(&mut identity, &scopes()).unwrap_err().code, Code::SubjectScopeForeign);
        let mut identity = person(vec![attribute(SUBJECT_ID, None, &["alice@example.edu", "alice@evil.example"])]);
        assert_eq!(restrict(&mut identity, &scopes()).unwrap(), [SUBJECT_ID]);
    }

    #[test]
    fn h23_a_connection_without_scopes_owns_no_fewer() {
        let sent = person(vec![attribute(SUBJECT_ID, None, &["alice@anywhere.example"])]);
        let mut identity = sent.clone();
        assert!(restrict(&mut identity, &[]).unwrap().is_empty());
        assert_eq!(identity, sent);
    }

    #[test]
    fn a_scope_looks_like_a_domain() {
        assert!(is_scope("example.edu") && is_scope("x_y-z.example"));
        for other in ["", "a b", "a@b", "*.example.edu", "^.+$", &"a".repeat(254)] {
            assert!(!is_scope(other), "{other}");
        }
    }
}
