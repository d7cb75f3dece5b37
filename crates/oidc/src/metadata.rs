//! What a provider says of itself: its metadata (OIDC Discovery §3) and its keys (RFC 7517). Read from bytes; whoever calls
//! fetched them.

use postern_core::fault::{Code, Fault};
use postern_core::openid::{Provider, TENANT_ID, TENANT_ID_HOST, VerificationKeys};
use postern_core::redirect::is_loopback;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::jwk::Key;

/// A metadata document or a key set may have 256 KiB.
pub const LARGEST: usize = 256 * 1024;

/// Of a key set, at most this many keys are kept: those that may sign.
const MOST_KEYS: usize = 50;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// A provider's metadata, before its keys are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its name, byte for byte.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where more claims are.
    pub userinfo_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: Option<String>,
    /// Its keys, where they stand in metadata that was given by hand.
    pub jwks: Option<VerificationKeys>,
    /// Where people sign out.
    pub end_session_endpoint: Option<String>,
    /// Whether it names itself in its answers (RFC 9207 §3).
    pub names_itself: bool,
    /// How clients may authenticate; nothing said means `client_secret_basic` (OIDC Discovery §3).
    pub authentication_methods: Vec<String>,
    /// By what clients may sign their assertions.
    pub assertion_algorithms: Vec<String>,
    /// The scopes that it knows; empty: it does not say.
    pub scopes: Vec<String>,
}

impl Metadata {
    /// The provider with its keys: those that were fetched, else those of the document.
    pub fn with_keys(self, fetched: Option<VerificationKeys>) -> Result<Provider, Fault> {
        Ok(Provider {
            authorization_endpoint: self.authorization_endpoint,
            token_endpoint: self.token_endpoint,
            userinfo_endpoint: self.userinfo_endpoint,
            jwks_uri: self.jwks_uri,
            end_session_endpoint: self.end_session_endpoint,
            names_itself: self.names_itself,
            keys: fetched.or(self.jwks).ok_or(Code::OidcMetadataKeyMissing)?,
        })
    }
}

/// Where the metadata of an issuer, or of the provider behind a discovery address, is (OIDC Discovery §4.1: "Using the Issuer
/// location", "any terminating / MUST be removed before appending").
pub fn discovery_url(issuer_or_url: &str) -> String {
    match issuer_or_url.contains("/.well-known/") {
        true => issuer_or_url.to_owned(),
        false => format!("{}{WELL_KNOWN}", issuer_or_url.strip_suffix('/').unwrap_or(issuer_or_url)),
    }
}

#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    jwks: Option<Value>,
    end_session_endpoint: Option<String>,
    authorization_response_iss_parameter_supported: Option<bool>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
}

/// Reads a metadata document.
///
/// OIDC Discovery §4.3: "The issuer value returned MUST be identical to the Issuer URL that was used as the prefix to
/// /.well-known/openid-configuration". `configured` is that issuer where it is known, to the last slash; else the document has
/// to name an issuer whose metadata is at `url`.
pub fn read(document: &[u8], configured: Option<&str>, url: Option<&str>) -> Result<Metadata, Fault> {
    // The reader's error may quote what it read, so it goes nowhere.
    let read: Document = serde_json::from_slice(document).map_err(|_| Code::OidcMetadataUnreadable)?;
    let missing = |member: &str| Code::OidcMetadataIncomplete.fault().expected(member);
    let issuer = read.issuer.ok_or_else(|| missing("issuer"))?;
    check_issuer(&issuer, configured, url)?;
    let keys = read.jwks.as_ref().map(keys_of).transpose()?;
    if read.jwks_uri.is_none() && keys.is_none() {
        return Err(missing("jwks_uri"));
    }
    if let Some(algorithms) = &read.id_token_signing_alg_values_supported
        && !algorithms.iter().any(|algorithm| asymmetric(algorithm))
    {
        return Err(Code::OidcMetadataAlgorithms.fault().received(algorithms.join(", ")));
    }
    let endpoint = |name: &str, value: Option<String>| value.map(|value| endpoint(name, value)).transpose();
    Ok(Metadata {
        issuer,
        authorization_endpoint: endpoint("authorization_endpoint", read.authorization_endpoint)?
            .ok_or_else(|| missing("authorization_endpoint"))?,
        token_endpoint: endpoint("token_endpoint", read.token_endpoint)?.ok_or_else(|| missing("token_endpoint"))?,
        userinfo_endpoint: endpoint("userinfo_endpoint", read.userinfo_endpoint)?,
        jwks_uri: endpoint("jwks_uri", read.jwks_uri)?,
        jwks: keys,
        end_session_endpoint: endpoint("end_session_endpoint", read.end_session_endpoint)?,
        names_itself: read.authorization_response_iss_parameter_supported.unwrap_or(false),
        authentication_methods: read.token_endpoint_auth_methods_supported.unwrap_or_default(),
        assertion_algorithms: read.token_endpoint_auth_signing_alg_values_supported.unwrap_or_default(),
        scopes: read.scopes_supported.unwrap_or_default(),
    })
}

fn asymmetric(algorithm: &str) -> bool {
    algorithm != "none" && !algorithm.starts_with("HS")
}

/// G1: exact, also to a slash at the end.
fn check_issuer(issuer: &str, configured: Option<&str>, url: Option<&str>) -> Result<(), Fault> {
    let mismatch = |expected: &str| Err(Code::OidcMetadataIssuerMismatch.fault().expected(expected).received(issuer));
    if issuer.contains(TENANT_ID) && !is_template(issuer) {
        return mismatch("an issuer without {tenantid}");
    }
    match (configured, url) {
        (Some(configured), _) if configured == issuer => Ok(()),
        (Some(configured), _) => mismatch(configured),
        (None, Some(url)) if discovery_url(issuer) == url || is_template_of(issuer, url) => Ok(()),
        (None, Some(url)) => mismatch(url.strip_suffix(WELL_KNOWN).unwrap_or(url)),
        (None, None) if Url::parse(issuer).is_ok_and(|url| url.has_host()) => Ok(()),
        (None, None) => mismatch("a URL"),
    }
}

/// Microsoft's metadata for several organisations names `https://login.microsoftonline.com/{tenantid}/v2.0`, which each token
/// fills with its own `tid`. Nobody else's may.
fn is_template(issuer: &str) -> bool {
    let path = issuer.strip_prefix("https://").and_then(|rest| rest.strip_prefix(TENANT_ID_HOST));
    path.is_some_and(|path| path.strip_prefix('/').is_some_and(|path| path.starts_with(TENANT_ID)))
        && issuer.matches(TENANT_ID).count() == 1
}

/// Whether `url` is where such an issuer's metadata is: at `common` or `organizations` instead of an organisation.
fn is_template_of(issuer: &str, url: &str) -> bool {
    is_template(issuer)
        && ["common", "organizations"].iter().any(|all| discovery_url(&issuer.replace(TENANT_ID, all)) == url)
}

/// The issuer that the tokens of an organisation name.
pub fn issuer_of(issuer: &str, tenant: &str) -> String {
    issuer.replace(TENANT_ID, tenant)
}

/// An address that browsers or we are sent to. What it leads to is judged when it is fetched.
fn endpoint(name: &str, value: String) -> Result<String, Fault> {
    let fit = value.len() <= 2048
        && Url::parse(&value).is_ok_and(|url| {
            let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
            secure
                && url.has_host()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
    match fit {
        true => Ok(value),
        false => Err(Code::OidcMetadataEndpointInvalid.fault().expected(name).received(value)),
    }
}

/// Reads a key set: the keys that may sign ID tokens, as they stand there.
pub fn keys(document: &[u8]) -> Result<VerificationKeys, Fault> {
    let document: Value = serde_json::from_slice(document).map_err(|_| Code::OidcKeysUnreadable)?;
    keys_of(&document)
}

fn keys_of(document: &Value) -> Result<VerificationKeys, Fault> {
    let listed = document.get("keys").and_then(Value::as_array).ok_or(Code::OidcKeysUnreadable)?;
    let fit = listed.iter().filter_map(Value::as_object).filter(|jwk| Key::read(jwk).is_ok_and(|key| key.may_sign()));
    let kept: Vec<Map<String, Value>> = fit.take(MOST_KEYS).map(without_certificates).collect();
    VerificationKeys::new(kept).ok_or_else(|| Code::OidcMetadataKeyMissing.into())
}

/// Certificates beside a key say nothing that would be trusted, and take most of the room.
fn without_certificates(jwk: &Map<String, Value>) -> Map<String, Value> {
    let kept = jwk.iter().filter(|(name, _)| !name.starts_with("x5"));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://idp.example.com";

    fn document(changes: Value) -> Vec<u8> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://idp.example.com/authorize",
            "token_endpoint": "https://idp.example.com/token",
            "jwks_uri": "https://idp.example.com/jwks",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        serde_json::to_vec(&document).unwrap()
    }

    fn outcome(changes: Value, configured: Option<&str>, url: Option<&str>) -> Result<Metadata, Code> {
        read(&document(changes), configured, url).map_err(|fault| fault.code)
    }

    #[test]
    fn g1_the_issuer_is_the_configured_one_to_the_last_slash() {
        let url = "https://idp.example.com/.well-known/openid-configuration";
        assert_eq!(discovery_url(ISSUER), url);
        assert_eq!(discovery_url("https://idp.example.com/"), url);
        assert!(outcome(json!({}), Some(ISSUER), Some(url)).is_ok());
        assert!(outcome(json!({}), None, Some(url)).is_ok());
        assert!(outcome(json!({}), None, None).is_ok());
        for other in
            ["https://idp.example.com/", "https://IDP.example.com", "https://evil.example", "http://idp.example.com"]
        {
            let refused = outcome(json!({ "issuer": other }), Some(ISSUER), Some(url));
            assert_eq!(refused.unwrap_err(), Code::OidcMetadataIssuerMismatch, "{other}");
        }
        // Without a configured issuer the address decides; the rule of OIDC Discovery §4.1 takes one slash off.
        assert!(outcome(json!({ "issuer": "https://idp.example.com/" }), None, Some(url)).is_ok());
        for other in ["https://evil.example", "https://idp.example.com/other", "https://idp.example.com//"] {
            let refused = outcome(json!({ "issuer": other }), None, Some(url));
            assert_eq!(refused.unwrap_err(), Code::OidcMetadataIssuerMismatch, "{other}");
        }
    }

    #[test]
    fn g1_only_microsoft_may_leave_the_organisation_open() {
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let at =
            |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration");
        for (issuer, url, fits) in [
            (template, at("common"), true),
            (template, at("organizations"), true),
            (template, at("consumers"), false),
            (template, "https://evil.example/.well-known/openid-configuration".to_owned(), false),
            (
                "https://evil.example/{tenantid}",
                "https://evil.example/common/.well-known/openid-configuration".to_owned(),
                false,
            ),
            ("https://login.microsoftonline.com.evil.example/{tenantid}/v2.0", at("common"), false),
            ("https://login.microsoftonline.com/{tenantid}{tenantid}/v2.0", at("commoncommon"), false),
        ] {
            let read = outcome(json!({ "issuer": issuer }), None, Some(&url));
            assert_eq!(read.is_ok(), fits, "{issuer} {url}");
        }
        let configured = outcome(
            json!({ "issuer": "https://evil.example/{tenantid}" }),
            Some("https://evil.example/{tenantid}"),
            None,
        );
        assert_eq!(configured.unwrap_err(), Code::OidcMetadataIssuerMismatch);
    }

    #[test]
    fn what_is_incomplete_or_leads_nowhere_safe_is_refused() {
        for (changes, code) in [
            (json!({ "issuer": null }), Code::OidcMetadataIncomplete),
            (json!({ "authorization_endpoint": null }), Code::OidcMetadataIncomplete),
            (json!({ "token_endpoint": null }), Code::OidcMetadataIncomplete),
            (json!({ "jwks_uri": null }), Code::OidcMetadataIncomplete),
            (json!({ "authorization_endpoint": "javascript:alert(1)" }), Code::OidcMetadataEndpointInvalid),
            (json!({ "token_endpoint": "http://idp.example.com/token" }), Code::OidcMetadataEndpointInvalid),
            (json!({ "jwks_uri": "file:///etc/passwd" }), Code::OidcMetadataEndpointInvalid),
            (json!({ "userinfo_endpoint": "https://user:pw@idp.example.com/" }), Code::OidcMetadataEndpointInvalid),
            (json!({ "id_token_signing_alg_values_supported": ["HS256", "none"] }), Code::OidcMetadataAlgorithms),
            (json!({ "jwks": { "keys": [] } }), Code::OidcMetadataKeyMissing),
            (json!({ "issuer": 7 }), Code::OidcMetadataUnreadable),
        ] {
            assert_eq!(outcome(changes.clone(), None, None).unwrap_err(), code, "{changes}");
        }
        assert_eq!(read(b"<html>", None, None).unwrap_err().code, Code::OidcMetadataUnreadable);
    }

    #[test]
    fn of_a_key_set_the_keys_that_may_sign_are_kept() {
        let n = data_encoding::BASE64URL_NOPAD.encode(&[0xC3; 256]);
        let set = json!({ "keys": [
            { "kty": "RSA", "use": "enc", "kid": "e", "n": n, "e": "AQAB" },
            { "kty": "RSA", "use": "sig", "kid": "s", "n": n, "e": "AQAB", "x5c": ["…"] },
            { "kty": "future" },
            "nonsense",
        ] });
        let kept = keys(&serde_json::to_vec(&set).unwrap()).unwrap();
        assert_eq!(kept.jwks().len(), 1);
        assert_eq!((&kept.jwks()[0]["kid"], kept.jwks()[0].get("x5c")), (&json!("s"), None));
        assert_eq!(keys(b"{}").unwrap_err().code, Code::OidcKeysUnreadable);
        assert_eq!(keys(br#"{"keys":[]}"#).unwrap_err().code, Code::OidcMetadataKeyMissing);
    }
}
