//! From what the IdP said to what the app is told: [`Identity`] → [`Claims`].
//!
//! The claims are SAML Jackson's (`id`, `email`, `firstName`, `lastName`, `roles`, `groups`, `raw`, `idHash`), so that its
//! clients read ours. `id` and `sub` are the same keyed hash: two tenants whose IdPs both say `alice` never share one.

use ripemd::{Digest, Ripemd160};
use serde_json::{Map, Value, json};

use crate::fault::{Code, Fault};
use crate::identity::{Attribute, Identity, NameFormat};

/// What the app is told about a person.
pub type Claims = Map<String, Value>;

const WS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
const GROUP: &str = "http://schemas.xmlsoap.org/claims/Group";
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
/// eduPersonTargetedID.
const TARGETED_ID: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10";
/// SAML V2.0 Subject Identifier Attributes Profile §3.
const SUBJECT_IDS: [&str; 2] =
    ["urn:oasis:names:tc:SAML:attribute:pairwise-id", "urn:oasis:names:tc:SAML:attribute:subject-id"];

/// The identifier by which the IdP will know this person next time, which `id` and `sub` are made from.
///
/// In this order: pairwise-id, subject-id, a persistent NameID (as subject or as eduPersonTargetedID), an attribute that is
/// made to identify (`id`, nameidentifier, objectidentifier), any other NameID that is not transient. The `email` claim is
/// never one: addresses are given to other people. A NameID in the e-mail format is taken where the IdP sends nothing
/// better, because it is then the IdP's own name for the person; `None` where there is nothing at all.
pub fn stable_id(identity: &Identity) -> Option<&str> {
    let attribute = |name: &str| {
        let found = identity.attributes.iter().find(|a| a.name == name || a.friendly_name.as_deref() == Some(name))?;
        found.values.first().map(String::as_str).filter(|value| !value.trim().is_empty())
    };
    let name_id = |wanted: &[NameFormat]| {
        identity
            .name_id
            .as_ref()
            .filter(|name| wanted.contains(&name.format) && !name.value.trim().is_empty())
            .map(|name| name.value.as_str())
    };
    SUBJECT_IDS
        .iter()
        .find_map(|name| attribute(name))
        .or_else(|| name_id(&[NameFormat::Persistent]))
        .or_else(|| targeted_id(&identity.attributes))
        .or_else(|| attribute("id"))
        .or_else(|| attribute(&format!("{WS}nameidentifier")))
        .or_else(|| attribute(OBJECT_ID))
        .or_else(|| name_id(&[NameFormat::Other]))
        .or_else(|| name_id(&[NameFormat::Email]))
}

fn targeted_id(attributes: &[Attribute]) -> Option<&str> {
    attributes.iter().find(|a| a.name == TARGETED_ID).and_then(|a| a.persistent_id.as_deref())
}

/// The claims of a person whose keyed subject is `subject`. Without an e-mail address: [`Code::AttributeMissing`].
pub fn claims(identity: &Identity, subject: &str) -> Result<Claims, Fault> {
    let email = first(identity, &["email", &format!("{WS}emailaddress")], &["email", "mail"]).or_else(|| {
        let name = identity.name_id.as_ref().filter(|name| name.format == NameFormat::Email)?;
        Some(name.value.clone())
    });
    let Some(email) = email else {
        return Err(Code::AttributeMissing.fault().expected("email").received(names(identity).join(", ")));
    };

    let mut claims = Claims::new();
    claims.insert("id".into(), json!(subject));
    claims.insert("sub".into(), json!(subject));
    claims.insert("idHash".into(), json!(hex_ripemd160(subject)));
    claims.insert("email".into(), json!(email));
    if let Some(name) = first(identity, &["firstName", &format!("{WS}givenname")], &["givenName"]) {
        claims.insert("firstName".into(), json!(name));
    }
    if let Some(name) = first(identity, &["lastName", &format!("{WS}surname")], &["sn"]) {
        claims.insert("lastName".into(), json!(name));
    }
    for (claim, uri) in [("roles", ROLE), ("groups", GROUP)] {
        if let Some(values) = values(identity, &[claim, uri], &[]) {
            claims.insert(claim.into(), json!(values));
        }
    }
    claims.insert("raw".into(), Value::Object(raw(identity)));
    Ok(claims)
}

/// The names of the attributes that arrived, for the trace.
pub fn names(identity: &Identity) -> Vec<String> {
    identity.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

/// Jackson's `idHash` and `clientID` hash: RIPEMD-160 in hex. A name, not a protection.
pub fn hex_ripemd160(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Ripemd160::digest(text.as_bytes()))
}

/// The values of the first attribute that has one of these names, or else one of these friendly names.
fn values<'a>(identity: &'a Identity, names: &[&str], friendly: &[&str]) -> Option<&'a [String]> {
    let by_name = |name: &&str| identity.attributes.iter().find(|attribute| attribute.name == *name);
    let by_friendly_name = |name: &&str| identity.attributes.iter().find(|a| a.friendly_name.as_deref() == Some(*name));
    let found = names.iter().find_map(by_name).or_else(|| friendly.iter().find_map(by_friendly_name))?;
    (!found.values.is_empty()).then_some(&found.values)
}

fn first(identity: &Identity, names: &[&str], friendly: &[&str]) -> Option<String> {
    values(identity, names, friendly)?.iter().find(|value| !value.trim().is_empty()).cloned()
}

/// Everything that arrived, by name; several values as a list. The NameID stands under the name Jackson gives it.
fn raw(identity: &Identity) -> Map<String, Value> {
    let mut raw = Map::new();
    for attribute in &identity.attributes {
        let value = match attribute.values.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        raw.insert(attribute.name.clone(), value);
    }
    if let Some(name) = &identity.name_id {
        raw.entry(format!("{WS}nameidentifier")).or_insert_with(|| json!(name.value));
    }
    raw
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::NameId;

    fn attribute(name: &str, values: &[&str]) -> Attribute {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Attribute { name: name.to_owned(), friendly_name: None, values, persistent_id: None }
    }

    fn person(name_id: Option<(&str, NameFormat)>, attributes: Vec<Attribute>) -> Identity {
        Identity {
            issuer: "https://idp.example.com".into(),
            name_id: name_id.map(|(value, format)| NameId { value: value.into(), format }),
            attributes,
            authenticated_at: None,
            session_ends: None,
            session_index: None,
            context: None,
        }
    }

    #[test]
    fn jackson_names_and_schema_uris_feed_the_claims() {
        let attributes = vec![
            attribute(&format!("{WS}emailaddress"), &["alice@example.com"]),
            attribute("firstName", &["Alice"]),
            attribute(&format!("{WS}surname"), &["Example"]),
            attribute(ROLE, &["admin"]),
            attribute("groups", &["a", "b", "a"]),
        ];
        let claims = claims(&person(Some(("u1", NameFormat::Other)), attributes), "subject").unwrap();
        assert_eq!(claims["email"], "alice@example.com");
        assert_eq!((&claims["firstName"], &claims["lastName"]), (&json!("Alice"), &json!("Example")));
        assert_eq!(claims["roles"], json!(["admin"]));
        assert_eq!(claims["groups"], json!(["a", "b", "a"]), "H24: order and duplicates stay");
        assert_eq!(claims["raw"]["groups"], json!(["a", "b", "a"]));
        assert_eq!(claims["raw"][format!("{WS}nameidentifier")], "u1");
        assert_eq!((&claims["id"], &claims["sub"]), (&json!("subject"), &json!("subject")));
    }

    #[test]
    fn h20_a_missing_address_is_named_with_what_did_arrive() {
        let fault = claims(&person(Some(("u1", NameFormat::Other)), vec![attribute("uid", &["secret-value"])]), "s")
            .unwrap_err();
        assert_eq!(fault.code, Code::AttributeMissing);
        assert_eq!((fault.expected.as_deref(), fault.received.as_deref()), (Some("email"), Some("uid")));
    }

    #[test]
    fn the_name_id_is_an_address_only_in_the_email_format() {
        assert_eq!(
            claims(&person(Some(("a@example.com", NameFormat::Email)), vec![]), "s").unwrap()["email"],
            "a@example.com"
        );
        assert!(claims(&person(Some(("a@example.com", NameFormat::Other)), vec![]), "s").is_err());
    }

    #[test]
    fn h22_the_best_identifier_is_chosen_and_email_never_is() {
        let subject_id = attribute(SUBJECT_IDS[1], &["alice@scope.example"]);
        assert_eq!(
            stable_id(&person(Some(("t", NameFormat::Transient)), vec![subject_id])),
            Some("alice@scope.example")
        );
        assert_eq!(stable_id(&person(Some(("p", NameFormat::Persistent)), vec![attribute("id", &["i"])])), Some("p"));
        assert_eq!(
            stable_id(&person(Some(("a@example.com", NameFormat::Email)), vec![attribute("id", &["i"])])),
            Some("i")
        );
        assert_eq!(
            stable_id(&person(Some(("t", NameFormat::Transient)), vec![attribute("email", &["a@example.com"])])),
            None
        );
        assert_eq!(stable_id(&person(None, vec![])), None);
    }

    proptest! {
        #[test]
        fn mapping_never_invents_a_value(values in proptest::collection::vec(("[a-z]{1,8}", "[a-zA-Z0-9@.]{1,12}"), 0..8)) {
            let attributes: Vec<_> = values.iter().map(|(name, value)| attribute(name, &[value])).collect();
            let identity = person(Some(("n@example.com", NameFormat::Email)), attributes);
            let claims = claims(&identity, "subject").unwrap();
            for name in ["email", "firstName", "lastName"] {
                if let Some(Value::String(claim)) = claims.get(name) {
                    let sent = identity.attributes.iter().flat_map(|a| &a.values).any(|value| value == claim);
                    prop_assert!(sent || (name == "email" && claim == "n@example.com"));
                }
            }
        }
    }
}
