//! From what the IdP said to what the app is told: [`Identity`] → [`Claims`].
//!
//! The claims are SAML Jackson's (`id`, `email`, `firstName`, `lastName`, `roles`, `groups`, `raw`, `idHash`) and `name`,
//! `username`, `department`. Each comes from the first of several attributes that arrived, by a table that a connection may
//! change row by row. `id` and `sub` are the same keyed hash: two tenants whose IdPs both say `alice` never share one.

use std::collections::BTreeMap;

use ripemd::{Digest, Ripemd160};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::identity::{Attribute, Identity, NameFormat};

/// What the app is told about a person.
pub type Claims = Map<String, Value>;

const NAME_IDENTIFIER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
/// eduPersonTargetedID.
const TARGETED_ID: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10";
/// SAML V2.0 Subject Identifier Attributes Profile §3.
const SUBJECT_IDS: [&str; 2] =
    ["urn:oasis:names:tc:SAML:attribute:pairwise-id", "urn:oasis:names:tc:SAML:attribute:subject-id"];

/// The source that stands for the NameID in a [`Rule`].
pub const NAME_ID: &str = "NameID";

/// Where each claim comes from unless a connection says otherwise: attributes by `Name` or `FriendlyName`, in this order.
/// Jackson's own sources come first, so that its clients see what they saw. A `NameFormat` never matters.
#[rustfmt::skip]
const USUAL: &[(&str, &[&str])] = &[
    ("email", &["email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "mail", "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:1.2.840.113549.1.9.1"]),
    ("firstName", &["firstName", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "given_name", "givenName", "urn:oid:2.5.4.42"]),
    ("lastName", &["lastName", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "family_name", "sn", "surname", "urn:oid:2.5.4.4"]),
    ("name", &["name", "displayName", "http://schemas.microsoft.com/identity/claims/displayname", "urn:oid:2.16.840.1.113730.3.1.241", "cn", "urn:oid:2.5.4.3"]),
    ("username", &["username", "preferred_username", "uid", "urn:oid:0.9.2342.19200300.100.1.1", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"]),
    ("department", &["department", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/department", "departmentNumber", "urn:oid:2.16.840.1.113730.3.1.2", "ou", "urn:oid:2.5.4.11"]),
    ("roles", &["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"]),
    ("groups", &["groups", "http://schemas.xmlsoap.org/claims/Group", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", "memberOf", "isMemberOf", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"]),
];

/// The claims that are lists.
const LISTS: [&str; 2] = ["roles", "groups"];

/// The claims that a connection may not set: they say who and what for, and only Postern says that.
#[rustfmt::skip]
const RESERVED: [&str; 14] =
    ["id", "sub", "idHash", "raw", "requested", "email_verified", "tenant", "session_expires_at", "role", "role_source", "team", "provisioning", "acr", "amr"];

/// What a connection changes about the mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Rules by claim. They stand instead of the usual row, or add a claim.
    pub rules: BTreeMap<String, Rule>,
    /// Claims that have to arrive, where the connection's `required_claims` does not say so; `None`: those of the scope.
    pub required: Option<Vec<String>>,
}

/// Where one claim comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Attributes by `Name` or `FriendlyName`, or [`NAME_ID`]. The first that has a value counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// All sources that have a value, joined by this text, instead of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    /// All values as a list, instead of the first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// This value, whatever arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
}

impl Mapping {
    /// Refuses what cannot work: more than 50 rules, a reserved claim, a rule without a source.
    pub fn check(&self) -> Result<(), String> {
        if self.rules.len() > 50 || self.required.as_ref().is_some_and(|required| required.len() > 50) {
            return Err("has more than 50 rules".to_owned());
        }
        for (claim, rule) in &self.rules {
            if claim.is_empty() || claim.len() > 64 || is_reserved(claim) {
                return Err(format!("cannot set the claim {claim}"));
            }
            if rule.from.is_empty() == rule.constant.is_none() || rule.from.len() > 20 {
                return Err(format!("needs either 1 to 20 sources or a constant for {claim}"));
            }
        }
        Ok(())
    }
}

impl Rule {
    /// The sources that the claim's value is made of.
    fn used(&self, identity: &Identity) -> Vec<String> {
        let used = self.from.iter().filter(|source| !values(identity, source).is_empty()).cloned();
        used.take(if self.join.is_some() { usize::MAX } else { 1 }).collect()
    }

    /// The claim's value, if there is one.
    fn apply(&self, identity: &Identity) -> Option<Value> {
        if let Some(constant) = &self.constant {
            return Some(json!(constant));
        }
        let mut found = self.from.iter().map(|source| values(identity, source)).filter(|values| !values.is_empty());
        match &self.join {
            Some(between) => {
                let firsts: Vec<_> = found.filter_map(|values| values.first().copied()).collect();
                (!firsts.is_empty()).then(|| json!(firsts.join(between)))
            }
            None if self.list => found.next().map(|values| json!(values)),
            None => found.next().and_then(|values| values.first().map(|value| json!(value))),
        }
    }
}

/// The values of a source that are more than white space.
fn values<'a>(identity: &'a Identity, source: &str) -> Vec<&'a str> {
    if source == NAME_ID {
        return identity.name_id.iter().map(|name| name.value.as_str()).collect();
    }
    let by_name = identity.attributes.iter().find(|attribute| attribute.name == source);
    let found = by_name.or_else(|| identity.attributes.iter().find(|a| a.friendly_name.as_deref() == Some(source)));
    let values = found.map(|attribute| attribute.values.as_slice()).unwrap_or_default();
    values.iter().map(String::as_str).filter(|value| !value.trim().is_empty()).collect()
}

/// The identifier by which the IdP will know this person next time, which `id` and `sub` are made from.
///
/// In this order: pairwise-id, subject-id, a persistent NameID (as subject or as eduPersonTargetedID), an attribute that is
/// made to identify (`id`, nameidentifier, objectidentifier), any other NameID that is not transient. The `email` claim is
/// never one: addresses are given to other people. A NameID in the e-mail format is taken where the IdP sends nothing
/// better, because it is then the IdP's own name for the person; `None` where there is nothing at all.
pub fn stable_id(identity: &Identity) -> Option<&str> {
    let attribute = |name: &str| values(identity, name).first().copied();
    let name_id = |format: NameFormat| {
        let name = identity.name_id.as_ref().filter(|name| name.format == format && !name.value.trim().is_empty())?;
        Some(name.value.as_str())
    };
    SUBJECT_IDS
        .iter()
        .find_map(|name| attribute(name))
        .or_else(|| name_id(NameFormat::Persistent))
        .or_else(|| targeted_id(&identity.attributes))
        .or_else(|| ["id", NAME_IDENTIFIER, OBJECT_ID].iter().find_map(|name| attribute(name)))
        .or_else(|| name_id(NameFormat::Other))
        .or_else(|| name_id(NameFormat::Email))
}

fn targeted_id(attributes: &[Attribute]) -> Option<&str> {
    attributes.iter().find(|a| a.name == TARGETED_ID).and_then(|a| a.persistent_id.as_deref())
}

/// The claims of a person whose keyed subject is `subject`.
pub fn claims(identity: &Identity, subject: &str, mapping: &Mapping) -> Claims {
    let mut claims = Claims::new();
    claims.insert("id".into(), json!(subject));
    claims.insert("sub".into(), json!(subject));
    claims.insert("idHash".into(), json!(hex_ripemd160(subject)));
    for (claim, sources) in USUAL.iter().filter(|(claim, _)| !mapping.rules.contains_key(*claim)) {
        let mut found = sources.iter().map(|source| values(identity, source)).filter(|values| !values.is_empty());
        match (found.next(), LISTS.contains(claim)) {
            (Some(values), true) => claims.insert((*claim).into(), json!(values)),
            (Some(values), false) => claims.insert((*claim).into(), json!(values[0])),
            (None, _) => None,
        };
    }
    for (claim, rule) in &mapping.rules {
        if let Some(value) = rule.apply(identity) {
            claims.insert(claim.clone(), value);
        }
    }
    // The NameID is an address in the e-mail format only; in any other it is one for connections that map it.
    if let Some(name) = identity.name_id.as_ref().filter(|name| name.format == NameFormat::Email)
        && !mapping.rules.contains_key("email")
    {
        claims.entry("email").or_insert_with(|| json!(name.value));
    }
    // An IdP may doubt the address that it sent. Its word that an address is somebody's is no proof to an app, which knows
    // nothing of whose IdP it was (F16), so only the doubt is passed on; and about no address that a rule made the claim.
    let sent = identity.attributes.iter().find(|attribute| attribute.name == "email").and_then(|a| a.values.first());
    if identity.email_verified == Some(false)
        && sent.is_some_and(|sent| claims.get("email").is_some_and(|email| email == sent))
    {
        claims.insert("email_verified".into(), json!(false));
    }
    claims.insert("raw".into(), Value::Object(identity.raw.clone().unwrap_or_else(|| raw(identity))));
    claims
}

/// The e-mail addresses that a person is known by: one, or those of a list, where a connection maps it so.
pub fn addresses(claims: &Claims) -> Vec<&str> {
    match claims.get("email") {
        Some(Value::String(address)) => vec![address],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether only Postern sets a claim.
pub fn is_reserved(claim: &str) -> bool {
    RESERVED.contains(&claim)
}

/// The claims of [`claims`] that come from what the IdP sent, each with the attributes that it is made of; a constant is made of none.
pub fn sources(identity: &Identity, mapping: &Mapping) -> BTreeMap<String, Vec<String>> {
    let usual = USUAL.iter().filter(|(claim, _)| !mapping.rules.contains_key(*claim));
    let usual = usual.filter_map(|(claim, sources)| {
        let used = sources.iter().find(|source| !values(identity, source).is_empty())?;
        Some(((*claim).to_owned(), vec![(*used).to_owned()]))
    });
    let ruled = mapping.rules.iter().filter(|(_, rule)| rule.apply(identity).is_some());
    let mut found: BTreeMap<_, _> =
        usual.chain(ruled.map(|(claim, rule)| (claim.clone(), rule.used(identity)))).collect();
    if identity.name_id.as_ref().is_some_and(|name| name.format == NameFormat::Email)
        && !mapping.rules.contains_key("email")
    {
        found.entry("email".to_owned()).or_insert_with(|| vec![NAME_ID.to_owned()]);
    }
    found
}

/// Whether something is missing so far that this connection maps or requires, that the tenant's policy reads, or that everybody
/// wants: an address and a name. Then it is worth asking the IdP for more, where it has a place to ask at.
pub fn is_wanting(identity: &Identity, mapping: &Mapping, read: &[&str]) -> bool {
    let has = |claim: &str| match (mapping.rules.get(claim), USUAL.iter().find(|(name, _)| *name == claim)) {
        (Some(rule), _) => rule.apply(identity).is_some(),
        (None, Some((_, sources))) => sources.iter().any(|source| !values(identity, source).is_empty()),
        (None, None) => false,
    };
    let mapped = mapping.rules.keys().chain(mapping.required.iter().flatten());
    let mut wanted = mapped.map(String::as_str).chain(read.iter().copied());
    !has("email") || !(has("name") || has("firstName")) || wanted.any(|claim| !has(claim))
}

/// Says what Jackson's names say in the names of OIDC Core §5.1 too, where a connection's mapping did not set them. Apps that
/// know these alone show `name`, so a person who has none is called by the parts of it.
pub fn add_standard_names(claims: &mut Claims) {
    for (ours, standard) in
        [("firstName", "given_name"), ("lastName", "family_name"), ("username", "preferred_username")]
    {
        if let Some(value) = claims.get(ours).cloned() {
            claims.entry(standard).or_insert(value);
        }
    }
    let parts: Vec<_> = ["firstName", "lastName"].iter().filter_map(|part| claims.get(*part)?.as_str()).collect();
    if !parts.is_empty() {
        let whole = json!(parts.join(" "));
        claims.entry("name").or_insert(whole);
    }
}

/// The names of the attributes that arrived, for the trace.
pub fn names(identity: &Identity) -> Vec<String> {
    identity.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

/// Jackson's `idHash` and `clientID` hash: RIPEMD-160 in hex. A name, not a protection.
pub fn hex_ripemd160(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Ripemd160::digest(text.as_bytes()))
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
        raw.entry(NAME_IDENTIFIER).or_insert_with(|| json!(name.value));
    }
    raw
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::NameId;

    const WS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

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
            methods: Vec::new(),
            email_verified: None,
            raw: None,
        }
    }

    fn usual(identity: &Identity) -> Claims {
        claims(identity, "subject", &Mapping::default())
    }

    fn mapped(identity: &Identity, mapping: Value) -> Claims {
        let mapping: Mapping = serde_json::from_value(mapping).unwrap();
        mapping.check().unwrap();
        claims(identity, "subject", &mapping)
    }

    #[test]
    fn a_person_without_a_name_is_called_by_its_parts() {
        let told = |value: Value| {
            let mut claims = value.as_object().unwrap().clone();
            add_standard_names(&mut claims);
            claims["name"].as_str().map(str::to_owned)
        };
        assert_eq!(told(json!({ "firstName": "Alice", "lastName": "Liddell" })).unwrap(), "Alice Liddell");
        assert_eq!(told(json!({ "lastName": "Liddell" })).unwrap(), "Liddell");
        assert_eq!(told(json!({ "firstName": "Alice", "name": "A. P. Liddell" })).unwrap(), "A. P. Liddell");
        let mut nobody = Claims::new();
        add_standard_names(&mut nobody);
        assert!(nobody.is_empty());
    }

    #[test]
    fn jackson_names_and_schema_uris_feed_the_claims() {
        let attributes = vec![
            attribute(&format!("{WS}emailaddress"), &["alice@example.com"]),
            attribute("firstName", &["Alice"]),
            attribute(&format!("{WS}surname"), &["Example"]),
            attribute("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", &["admin"]),
            attribute("groups", &["a", "b", "a"]),
        ];
        let claims = usual(&person(Some(("u1", NameFormat::Other)), attributes));
        assert_eq!(claims["email"], "alice@example.com");
        assert_eq!((&claims["firstName"], &claims["lastName"]), (&json!("Alice"), &json!("Example")));
        assert_eq!(claims["roles"], json!(["admin"]));
        assert_eq!(claims["groups"], json!(["a", "b", "a"]), "H24: order and duplicates stay");
        assert_eq!(claims["raw"]["groups"], json!(["a", "b", "a"]));
        assert_eq!(claims["raw"][NAME_IDENTIFIER], "u1");
        assert_eq!((&claims["id"], &claims["sub"]), (&json!("subject"), &json!("subject")));
    }

    #[test]
    fn every_claim_that_comes_from_the_idp_has_its_sources() {
        let attributes = || {
            vec![attribute("mail", &["alice@example.com"]), attribute("givenName", &["Alice"]), attribute("sn", &["L"])]
        };
        let alice = person(None, attributes());
        let expected = [("email", vec!["mail"]), ("firstName", vec!["givenName"]), ("lastName", vec!["sn"])];
        let owned = |pairs: &[(&str, Vec<&str>)]| -> BTreeMap<String, Vec<String>> {
            let texts = |list: &Vec<&str>| list.iter().map(|text| (*text).to_owned()).collect();
            pairs.iter().map(|(claim, list)| ((*claim).to_owned(), texts(list))).collect()
        };
        assert_eq!(sources(&alice, &Mapping::default()), owned(&expected));
        let rules: Mapping = serde_json::from_value(json!({ "rules": {
            "name": { "from": ["givenName", "middle", "sn"], "join": " " }, "lastName": { "from": ["absent"] },
            "firstName": { "from": ["absent", "givenName"] }, "kind": { "constant": "staff" },
        } }))
        .unwrap();
        let expected = [
            ("email", vec!["mail"]),
            ("firstName", vec!["givenName"]),
            ("kind", vec![]),
            ("name", vec!["givenName", "sn"]),
        ];
        assert_eq!(sources(&alice, &rules), owned(&expected));
        let named = person(Some(("alice@example.com", NameFormat::Email)), Vec::new());
        assert_eq!(sources(&named, &Mapping::default()), owned(&[("email", vec![NAME_ID])]));
        for (identity, mapping) in [(&alice, &rules), (&named, &Mapping::default())] {
            let told = claims(identity, "subject", mapping);
            let told = told.keys().filter(|claim| !RESERVED.contains(&claim.as_str()));
            assert!(told.eq(sources(identity, mapping).keys()), "the claims that are told");
        }
    }

    #[test]
    fn names_of_other_vendors_oids_and_friendly_names_feed_them_too() {
        let friendly = Attribute { friendly_name: Some("givenName".into()), ..attribute("urn:x-custom:7", &["Alice"]) };
        let attributes = vec![
            attribute("urn:oid:0.9.2342.19200300.100.1.3", &["alice@example.com"]),
            friendly,
            attribute("family_name", &["Example"]),
            attribute("displayName", &["Alice Example"]),
            attribute("uid", &["alice"]),
            attribute("department", &["Research"]),
            attribute("memberOf", &["staff"]),
        ];
        let claims = usual(&person(None, attributes));
        for (claim, value) in [
            ("email", "alice@example.com"),
            ("firstName", "Alice"),
            ("lastName", "Example"),
            ("name", "Alice Example"),
            ("username", "alice"),
            ("department", "Research"),
        ] {
            assert_eq!(claims[claim], value, "{claim}");
        }
        assert_eq!(claims["groups"], json!(["staff"]));
    }

    #[test]
    fn a_connection_says_where_its_claims_come_from() {
        let attributes = vec![
            attribute("eMailAddr", &["alice@example.com"]),
            attribute("first", &["Alice"]),
            attribute("last", &["Example"]),
            attribute("team", &["a", "b"]),
            attribute("email", &["not this one"]),
        ];
        let person = person(Some(("alice", NameFormat::Other)), attributes);
        let claims = mapped(
            &person,
            json!({ "rules": {
            "email": { "from": ["missing", "eMailAddr"] },
            "name": { "from": ["first", "last"], "join": " " },
            "teams": { "from": ["team"], "list": true },
            "username": { "from": [NAME_ID] },
            "plan": { "constant": "gold" },
        } }),
        );
        assert_eq!((&claims["email"], &claims["name"]), (&json!("alice@example.com"), &json!("Alice Example")));
        assert_eq!((&claims["teams"], &claims["plan"]), (&json!(["a", "b"]), &json!("gold")));
        assert_eq!(claims["username"], "alice");
    }

    #[test]
    fn rules_that_cannot_work_or_would_forge_the_subject_are_refused() {
        for rules in [
            json!({ "id": { "constant": "x" } }),
            json!({ "sub": { "from": ["x"] } }),
            json!({ "requested": { "constant": "x" } }),
            json!({ "tenant": { "from": ["company"] } }),
            json!({ "session_expires_at": { "constant": "4102444800" } }),
            json!({ "email": {} }),
            json!({ "email": { "from": ["x"], "constant": "y" } }),
        ] {
            let mapping: Mapping = serde_json::from_value(json!({ "rules": rules })).unwrap();
            assert!(mapping.check().is_err(), "{rules}");
        }
    }

    #[test]
    fn the_name_id_is_an_address_only_in_the_email_format() {
        let email = person(Some(("a@example.com", NameFormat::Email)), vec![]);
        assert_eq!(usual(&email)["email"], "a@example.com");
        let other = person(Some(("a@example.com", NameFormat::Other)), vec![]);
        assert!(!usual(&other).contains_key("email"));
        let mapped = mapped(&other, json!({ "rules": { "email": { "from": [NAME_ID] } } }));
        assert_eq!(mapped["email"], "a@example.com");
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
        let targeted = Attribute { persistent_id: Some("pairwise".into()), ..attribute(TARGETED_ID, &["pairwise"]) };
        assert_eq!(stable_id(&person(Some(("t", NameFormat::Transient)), vec![targeted])), Some("pairwise"));
    }

    #[test]
    fn the_idp_is_asked_for_more_where_something_mapped_or_usual_is_missing() {
        let some = person(None, vec![attribute("email", &["a@example.com"]), attribute("name", &["Alice"])]);
        let wanting = |rule: &str, required: &[&str]| {
            let rules = match rule {
                "" => BTreeMap::new(),
                source => {
                    BTreeMap::from([("team".to_owned(), Rule { from: vec![source.to_owned()], ..Rule::default() })])
                }
            };
            let required = required.iter().map(|claim| (*claim).to_owned()).collect();
            is_wanting(&some, &Mapping { rules, required: Some(required) }, &[])
        };
        assert!(!is_wanting(&some, &Mapping::default(), &["email"]));
        assert!(is_wanting(&some, &Mapping::default(), &["groups"]));
        assert!(!wanting("name", &["email"]));
        assert!(wanting("squad", &["email"]));
        assert!(wanting("", &["groups"]));
        assert!(is_wanting(&person(None, vec![attribute("email", &["a@example.com"])]), &Mapping::default(), &[]));
        assert!(is_wanting(&person(None, vec![attribute("name", &["Alice"])]), &Mapping::default(), &[]));
    }

    #[test]
    fn f16_no_idp_makes_an_address_a_verified_one_and_its_doubt_is_told_of_no_other() {
        let said = |verified, rules: &[(&str, &str)]| {
            let attributes = vec![attribute("email", &["a@example.com"]), attribute("other", &["b@example.com"])];
            let identity =
                Identity { email_verified: verified, ..person(Some(("n", NameFormat::Persistent)), attributes) };
            let rules = rules
                .iter()
                .map(|(claim, from)| ((*claim).to_owned(), Rule { from: vec![(*from).to_owned()], ..Rule::default() }));
            let mapping = Mapping { rules: rules.collect(), required: None };
            claims(&identity, "subject", &mapping).get("email_verified").cloned()
        };
        assert_eq!(said(Some(true), &[]), None);
        assert_eq!(said(Some(false), &[]), Some(json!(false)));
        assert_eq!(said(None, &[]), None);
        assert_eq!(said(Some(false), &[("email", "other")]), None);
        let rule = Rule { from: vec!["other".to_owned()], ..Rule::default() };
        let set = |claim: &str| Mapping { rules: [(claim.to_owned(), rule.clone())].into(), required: None }.check();
        assert!(set("email").is_ok() && set("email_verified").is_err());
    }

    proptest! {
        #[test]
        fn mapping_never_invents_a_value(values in proptest::collection::vec(("[a-z]{1,8}", "[a-zA-Z0-9@.]{1,12}"), 0..8)) {
            let attributes: Vec<_> = values.iter().map(|(name, value)| attribute(name, &[value])).collect();
            let identity = person(Some(("n@example.com", NameFormat::Email)), attributes);
            let claims = usual(&identity);
            for claim in claims.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())).flat_map(|(_, value)| match value {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            }) {
                let sent = identity.attributes.iter().flat_map(|a| &a.values).any(|value| claim == *value);
                prop_assert!(sent || claim == "n@example.com");
            }
        }
    }
}
