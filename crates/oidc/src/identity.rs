//! From claims to the [`Identity`] that SAML ends in too.

use postern_core::identity::{Attribute, Identity, NameFormat, NameId};
use postern_core::openid::TENANT_ID_HOST;
use postern_core::ports::Timestamp;
use serde_json::{Map, Value};

use crate::id_token::VerifiedIdToken;

/// What an admin should mind though it did not stop the login.
pub type Notes = Vec<String>;

/// Claims of the protocol, which say nothing about the person.
const OF_THE_PROTOCOL: [&str; 16] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "s_hash",
    "sid",
    "sub",
];

/// Claims that concern this one login only, and are told to nobody.
const SECRETS: [&str; 4] = ["at_hash", "c_hash", "nonce", "s_hash"];

/// How many attributes an identity has at most, and how deep they are looked for in objects.
const MOST: usize = 500;
const DEEPEST: usize = 4;

/// The person of a verified ID token, with what the userinfo endpoint said besides. What both say, the ID token decides: it is
/// signed.
pub fn identity(id_token: &VerifiedIdToken, userinfo: Map<String, Value>) -> (Identity, Notes) {
    let mut claims = userinfo;
    claims.extend(id_token.claims().clone());
    claims.retain(|name, value| !value.is_null() && !SECRETS.contains(&name.as_str()));
    let mut notes = Notes::new();
    let mut attributes = Vec::new();
    for (name, value) in claims.iter().filter(|(name, _)| !OF_THE_PROTOCOL.contains(&name.as_str())) {
        collect(name, value, DEEPEST, &mut attributes);
    }
    if let Some((source, address)) = address_of_microsoft(id_token.issuer(), &claims) {
        notes.push(format!("email: the provider sent none, so {source} is taken"));
        attributes.push(attribute("email", vec![address.to_owned()]));
    }
    if has_too_many_groups(&claims) {
        notes.push(
            "groups: the person is in so many that the provider left them out (groups overage). Let it send only the groups \
             that are assigned to the application, or application roles"
                .to_owned(),
        );
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let identity = Identity {
        issuer: id_token.issuer().to_owned(),
        name_id: Some(NameId { value: id_token.subject().to_owned(), format: NameFormat::Persistent }),
        attributes,
        authenticated_at: claims.get("auth_time").and_then(seconds),
        session_ends: None,
        session_index: text("sid"),
        context: text("acr"),
        methods: claims.get("amr").map(texts).unwrap_or_default(),
        email_verified: claims.get("email_verified").and_then(Value::as_bool),
        raw: Some(claims),
    };
    (identity, notes)
}

/// A claim as an attribute: its text, or the texts of its list; what stands in objects under `outer.inner`, so that a mapping
/// can name Keycloak's `realm_access.roles`.
fn collect(name: &str, value: &Value, depth: usize, attributes: &mut Vec<Attribute>) {
    if attributes.len() >= MOST {
        return;
    }
    match value {
        Value::Object(members) if depth > 0 => {
            for (inner, value) in members {
                collect(&format!("{name}.{inner}"), value, depth - 1, attributes);
            }
        }
        Value::Array(values) => attributes.push(attribute(name, values.iter().map(as_text).collect())),
        value => attributes.push(attribute(name, vec![as_text(value)])),
    }
}

/// The texts of a list, or the one text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn attribute(name: &str, values: Vec<String>) -> Attribute {
    Attribute { name: name.to_owned(), friendly_name: None, values, persistent_id: None }
}

fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    Timestamp::from_second(seconds).ok()
}

/// Microsoft sends `email` only for people with a mailbox, and names everybody in `upn` or `preferred_username`. Elsewhere a
/// user name is no address, whatever it looks like, unless the connection maps it.
fn address_of_microsoft<'a>(issuer: &str, claims: &'a Map<String, Value>) -> Option<(&'static str, &'a str)> {
    let hosts = [TENANT_ID_HOST, "sts.windows.net"];
    let microsoft = url::Url::parse(issuer).is_ok_and(|url| url.host_str().is_some_and(|host| hosts.contains(&host)));
    if !microsoft || claims.contains_key("email") {
        return None;
    }
    ["upn", "preferred_username"].into_iter().find_map(|source| {
        let address = claims.get(source)?.as_str()?;
        let (local, domain) = address.split_once('@')?;
        (!local.is_empty() && domain.contains('.') && !domain.contains('@')).then_some((source, address))
    })
}

/// Microsoft then refers to its Graph (`_claim_names`, OIDC Core §5.6.2), or says only that there are groups (`hasgroups`).
fn has_too_many_groups(claims: &Map<String, Value>) -> bool {
    let elsewhere = claims.get("_claim_names").and_then(|names| names.get("groups")).is_some();
    let hidden = claims.get("hasgroups").is_some_and(|has| *has == true || *has == "true");
    elsewhere || hidden
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id_token::tests::verified;

    const ISSUER: &str = "https://idp.example.com";

    fn read(issuer: &str, claims: Value, userinfo: Value) -> (Identity, Notes) {
        identity(&verified(issuer, claims), userinfo.as_object().unwrap().clone())
    }

    fn values<'a>(identity: &'a Identity, name: &str) -> Vec<&'a str> {
        let found = identity.attributes.iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.values.iter().map(String::as_str).collect()).unwrap_or_default()
    }

    #[test]
    fn claims_become_attributes_and_what_stands_in_objects_has_a_name() {
        let claims = json!({
            "email": "a@example.com", "groups": ["x", "y"], "level": 3, "realm_access": { "roles": ["admin"] },
            "acr": "gold", "amr": ["pwd", "otp"], "sid": "s", "auth_time": 1_799_999_999,
        });
        let (identity, notes) = read(ISSUER, claims, json!({}));
        assert_eq!(values(&identity, "groups"), ["x", "y"]);
        assert_eq!(values(&identity, "level"), ["3"]);
        assert_eq!(values(&identity, "realm_access.roles"), ["admin"]);
        assert_eq!((identity.context.as_deref(), identity.session_index.as_deref()), (Some("gold"), Some("s")));
        assert_eq!(identity.methods, ["pwd", "otp"]);
        assert_eq!(identity.authenticated_at.map(|at| at.as_second()), Some(1_799_999_999));
        assert_eq!(identity.name_id.unwrap().value, "p");
        assert!(notes.is_empty() && !identity.attributes.iter().any(|attribute| attribute.name == "iss"));
    }

    #[test]
    fn what_the_id_token_says_beats_the_userinfo() {
        let (identity, _) = read(
            ISSUER,
            json!({ "email": "signed@example.com" }),
            json!({ "sub": "p", "email": "other@example.com", "name": "A" }),
        );
        assert_eq!((values(&identity, "email"), values(&identity, "name")), (vec!["signed@example.com"], vec!["A"]));
    }

    #[test]
    fn a_user_name_is_an_address_at_microsoft_alone() {
        let user = json!({ "preferred_username": "alice@acme.example", "tid": "t" });
        let (identity, notes) = read("https://login.microsoftonline.com/t/v2.0", user.clone(), json!({}));
        assert_eq!((values(&identity, "email"), notes.len()), (vec!["alice@acme.example"], 1));
        let (identity, notes) = read(ISSUER, user, json!({}));
        assert!(values(&identity, "email").is_empty() && notes.is_empty());
        let strange = json!({ "preferred_username": "alice@x@acme.example", "upn": "alice" });
        assert!(values(&read("https://sts.windows.net/t/", strange, json!({})).0, "email").is_empty());
    }

    #[test]
    fn groups_that_the_provider_left_out_are_noted() {
        for claims in [json!({ "hasgroups": true }), json!({ "_claim_names": { "groups": "src1" } })] {
            assert!(read(ISSUER, claims, json!({})).1[0].starts_with("groups:"));
        }
    }
}
