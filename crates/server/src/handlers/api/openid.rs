//! What a request says of an OpenID Provider: its address or its metadata, who we are to it, and what is asked of it.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use postern_core::connection::Connection;
use postern_core::fault::{Code, Fault};
use postern_core::openid::{AssertionAudience, Callback, ClientAuthentication, OidcIdp, Provider, TENANT_ID};
use postern_core::providers::{self, Template};
use postern_core::secret::Secret;
use postern_oidc::client_keys;
use postern_oidc::metadata::{self, Metadata, discovery_url};
use postern_oidc::request::RESERVED;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::describe::OpenidMetadata;
use super::{ApiCall, describe, list, text};
use crate::fields::Fields;
use crate::openid;
use crate::reply::no_store;

const WHICH: [&str; 3] = ["oidcDiscoveryUrl", "oidcMetadata", "oidcIssuer"];
const FURTHER: [&str; 9] = [
    "oidcClientId",
    "oidcClientSecret",
    "oidcClientAuthMethod",
    "oidcAssertionAudience",
    "oidcScopes",
    "oidcParameters",
    "oidcRequiredClaims",
    "oidcAudiences",
    "oidcCallback",
];

/// Whether a request speaks of an OpenID Provider.
pub(super) fn is_meant(body: &Fields) -> bool {
    says(body, &WHICH) || says(body, &FURTHER) || body.all("isOIDC").any(|value| value == "true")
}

fn says(body: &Fields, names: &[&str]) -> bool {
    names.iter().any(|name| body.all(name).any(|value| !value.is_empty()))
}

/// What the documents say, and where they are.
struct Found {
    metadata: Metadata,
    discovery_url: Option<String>,
}

/// Reads the metadata that a request names: as it stands there, or from an address.
async fn find(call: &ApiCall) -> Result<Option<Found>, Fault> {
    let body = &call.body;
    let issuer = body.one("oidcIssuer")?;
    if let Some(document) = body.one("oidcMetadata")? {
        let metadata = metadata::read(document.as_bytes(), issuer, None)?;
        return Ok(Some(Found { metadata, discovery_url: None }));
    }
    let Some(address) = body.one("oidcDiscoveryUrl")?.or(issuer) else { return Ok(None) };
    let url = discovery_url(address);
    let metadata = openid::metadata(&call.app, &url, issuer).await?;
    Ok(Some(Found { metadata, discovery_url: Some(url) }))
}

/// The OpenID Provider of a request; `present` is the one that is changed.
pub(super) async fn read(call: &ApiCall, present: Option<&OidcIdp>) -> Result<OidcIdp, Fault> {
    let body = &call.body;
    let missing = |what: &str| Code::FieldMissing.fault().expected(format!("the {what} from OpenID Provider"));
    let client_id = match (body.one("oidcClientId")?, present) {
        (Some(id), _) => plain("oidcClientId", id, 512)?.to_owned(),
        (None, Some(present)) => present.client_id.clone(),
        (None, None) => return Err(missing("clientId")),
    };
    let found = find(call).await?;
    let authentication = authentication(call, found.as_ref().map(|found| &found.metadata), present)?;
    let authentication = authentication.ok_or_else(|| missing("clientSecret"))?;
    let usual_scopes = match &found {
        Some(found) => {
            let chosen = body.one("provider")?.and_then(providers::named);
            providers::scopes(chosen.or_else(|| recognised(&found.metadata)), &found.metadata.scopes)
        }
        None => Vec::new(),
    };
    let (issuer, discovery_url, provider) = match (found, present) {
        (Some(found), _) => {
            let issuer = found.metadata.issuer.clone();
            (issuer, found.discovery_url, openid::with_keys(&call.app, found.metadata).await?)
        }
        (None, Some(present)) => (present.issuer.clone(), present.discovery_url.clone(), present.provider.clone()),
        (None, None) => return Err(Code::FieldMissing.fault().expected("the discoveryUrl for the OpenID Provider")),
    };
    let mut idp = OidcIdp {
        callback: present.map_or_else(|| usual_callback(&provider), |present| present.callback),
        scopes: present.map_or(usual_scopes, |present| present.scopes.clone()),
        parameters: present.map(|present| present.parameters.clone()).unwrap_or_default(),
        required_claims: present.map(|present| present.required_claims.clone()).unwrap_or_default(),
        audiences: present.map(|present| present.audiences.clone()).unwrap_or_default(),
        assertion_audience: present.map(|present| present.assertion_audience).unwrap_or_default(),
        issuer,
        discovery_url,
        client_id,
        authentication,
        provider,
    };
    settle(&mut idp, body)?;
    Ok(idp)
}

/// Where a provider does not name itself in its answers, the address has to tell whose answer it is (RFC 9700 §4.4.2.2).
fn usual_callback(provider: &Provider) -> Callback {
    if provider.names_itself { Callback::Shared } else { Callback::Own }
}

/// The provider that its addresses tell.
fn recognised(metadata: &Metadata) -> Option<&'static Template> {
    providers::recognised([metadata.issuer.as_str(), metadata.authorization_endpoint.as_str()])
}

/// How we authenticate: as the request says, as before, or in the first way that the provider takes.
fn authentication(
    call: &ApiCall,
    metadata: Option<&Metadata>,
    present: Option<&OidcIdp>,
) -> Result<Option<ClientAuthentication>, Fault> {
    let body = &call.body;
    let present = present.map(|present| &present.authentication);
    let secret = match body.one("oidcClientSecret")? {
        Some(secret) if secret.len() > 2048 => return Err(invalid("oidcClientSecret is longer than 2048 bytes")),
        Some(secret) => Some(Secret::new(secret)),
        None => present.and_then(|present| present.secret().cloned()),
    };
    let offered = metadata.map(|metadata| metadata.authentication_methods.as_slice()).unwrap_or_default();
    let takes = |method: &str| offered.iter().any(|offered| offered == method);
    let usual = if takes("client_secret_post") && !takes("client_secret_basic") {
        "client_secret_post"
    } else {
        "client_secret_basic"
    };
    let method = body.one("oidcClientAuthMethod")?.or(present.map(|present| present.name())).unwrap_or(usual);
    Ok(match (method, secret) {
        ("client_secret_basic", secret) => secret.map(|secret| ClientAuthentication::ClientSecretBasic { secret }),
        ("client_secret_post", secret) => secret.map(|secret| ClientAuthentication::ClientSecretPost { secret }),
        ("private_key_jwt", _) => {
            let kept = present.map(|present| present.keys().to_vec()).filter(|keys| !keys.is_empty());
            let keys = match kept {
                Some(keys) => keys,
                None => {
                    let algorithms = metadata.map(|metadata| metadata.assertion_algorithms.as_slice());
                    vec![client_keys::make(client_keys::algorithm(algorithms.unwrap_or_default()), call.app.now())?]
                }
            };
            Some(ClientAuthentication::PrivateKeyJwt { keys })
        }
        _ => {
            return Err(invalid(
                "oidcClientAuthMethod is not client_secret_basic, client_secret_post or private_key_jwt",
            ));
        }
    })
}

/// What an operator settles about a provider, whatever its metadata says.
fn settle(idp: &mut OidcIdp, body: &Fields) -> Result<(), Fault> {
    if let Some(scopes) = list(body, "oidcScopes")? {
        // RFC 6749 §3.3. OIDC Core §3.1.2.1: "OpenID Connect requests MUST contain the openid scope value".
        let asked = scopes.iter().flat_map(|scopes| scopes.split_ascii_whitespace()).filter(|scope| *scope != "openid");
        let asked =
            asked.map(|scope| plain("oidcScopes", scope, 256).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        idp.scopes = std::iter::once("openid".to_owned()).chain(few("oidcScopes", asked)?).collect();
    }
    if let Some(audiences) = list(body, "oidcAudiences")? {
        idp.audiences = few("oidcAudiences", audiences)?;
    }
    if let Some(parameters) = texts(body, "oidcParameters")? {
        if let Some(name) = parameters.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(invalid(format!("oidcParameters cannot set {name}")));
        }
        idp.parameters = parameters;
    }
    if let Some(claims) = texts(body, "oidcRequiredClaims")? {
        idp.required_claims = claims;
    }
    if let Some(audience) = body.one("oidcAssertionAudience")? {
        idp.assertion_audience = AssertionAudience::named(audience)
            .ok_or_else(|| invalid("oidcAssertionAudience is not issuer or token_endpoint"))?;
    }
    if let Some(callback) = body.one("oidcCallback")? {
        idp.callback = Callback::named(callback).ok_or_else(|| invalid("oidcCallback is not shared or own"))?;
    }
    Ok(())
}

/// A JSON object of texts. An empty one takes away what was there.
fn texts(body: &Fields, name: &str) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let Some(written) = text(body, name)? else { return Ok(None) };
    if written.is_empty() {
        return Ok(Some(BTreeMap::new()));
    }
    let malformed = || invalid(format!("{name} is not an object of texts"));
    let read: BTreeMap<String, String> = serde_json::from_str(&written).map_err(|_| malformed())?;
    let fit = |(name, value): (&String, &String)| !name.is_empty() && name.len() <= 256 && value.len() <= 1024;
    match read.len() <= MOST && read.iter().all(fit) {
        true => Ok(Some(read)),
        false => Err(malformed()),
    }
}

/// How many scopes, audiences, parameters or claims may be settled.
const MOST: usize = 20;

fn few(name: &str, values: Vec<String>) -> Result<Vec<String>, Fault> {
    match values.len() <= MOST && values.iter().all(|value| (1..=256).contains(&value.len())) {
        true => Ok(values),
        false => Err(invalid(format!("{name} takes at most {MOST} values of at most 256 bytes"))),
    }
}

/// Printable ASCII without spaces and quotes (RFC 6749 §A.1, §A.4).
fn plain<'a>(name: &str, value: &'a str, longest: usize) -> Result<&'a str, Fault> {
    match value.len() <= longest && value.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        true => Ok(value),
        false => Err(invalid(format!("{name} has a character that is not allowed, or is too long"))),
    }
}

/// `POST …/inspect`: what was recognised, what is missing, what to mind.
pub(super) async fn inspect(call: &ApiCall) -> Result<HttpResponse, Fault> {
    let body = &call.body;
    let found = find(call).await?;
    let needs = [
        ("oidcDiscoveryUrl", found.is_none()),
        ("oidcClientId", body.one("oidcClientId")?.is_none()),
        ("oidcClientSecret", authentication(call, found.as_ref().map(|found| &found.metadata), None)?.is_none()),
    ];
    let missing: Vec<_> = needs.into_iter().filter_map(|(name, missing)| missing.then_some(name)).collect();
    let Some(found) = found else {
        return Ok(no_store(&mut HttpResponse::Ok()).json(OidcInspected { missing, ..OidcInspected::default() }));
    };
    let required = texts(body, "oidcRequiredClaims")?.unwrap_or_default();
    let notes = notes(&found.metadata.issuer, found.metadata.names_itself, &required);
    let (metadata, methods) = (found.metadata.clone(), found.metadata.authentication_methods.clone());
    let template = recognised(&metadata);
    let provider = openid::with_keys(&call.app, found.metadata).await?;
    let keys = provider.keys.jwks().iter().map(|jwk| {
        let shown = jwk.iter().filter(|(name, _)| ["kid", "kty", "alg"].contains(&name.as_str()));
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    });
    let answer = OidcInspected {
        provider: template.map(|template| template.id.as_str()),
        friendly_provider_name: template.map(|template| template.short_name()),
        discovery_url: found.discovery_url,
        metadata: Some(describe::openid_metadata(&metadata.issuer, &provider)),
        client_auth_methods: Some(methods),
        scopes: Some(metadata.scopes),
        names_itself: Some(provider.names_itself),
        callback: Some(usual_callback(&provider).name()),
        keys: Some(keys.collect()),
        issuer: Some(metadata.issuer),
        missing,
        notes,
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(answer))
}

/// What was understood of an OpenID Provider.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcInspected {
    /// Its name.
    #[schema(required = true)]
    issuer: Option<String>,
    /// The template that is recognised.
    provider: Option<&'static str>,
    /// What people call it.
    friendly_provider_name: Option<&'static str>,
    /// Where its metadata are.
    discovery_url: Option<String>,
    /// Its metadata.
    metadata: Option<OpenidMetadata>,
    /// How clients may authenticate.
    client_auth_methods: Option<Vec<String>>,
    /// The scopes that it knows.
    scopes: Option<Vec<String>>,
    /// Whether it names itself in its answers.
    names_itself: Option<bool>,
    /// The callback that it gets.
    callback: Option<&'static str>,
    /// Its keys.
    #[schema(value_type = Option<Vec<Object>>)]
    keys: Option<Vec<Map<String, Value>>>,
    /// The members that are still needed.
    missing: Vec<&'static str>,
    /// What to mind.
    notes: Vec<String>,
}

/// What to mind about a provider.
pub(super) fn notes(issuer: &str, names_itself: bool, required: &BTreeMap<String, String>) -> Vec<String> {
    let mut notes = Vec::new();
    if !names_itself {
        notes.push(
            "it does not name itself in its answers (RFC 9207), so it gets a callback address of its own".to_owned(),
        );
    }
    if issuer.contains(TENANT_ID) && !required.contains_key("tid") {
        notes.push(
            "it signs in people of every organisation: set oidcRequiredClaims to {\"tid\": the organisation's id}"
                .to_owned(),
        );
    }
    if issuer == "https://accounts.google.com" && !required.contains_key("hd") {
        notes.push(
            "it signs in people of every organisation: set oidcRequiredClaims to {\"hd\": the organisation's domain}"
                .to_owned(),
        );
    }
    notes
}

/// What the administrator of an OpenID Provider has to enter there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcCounterpart {
    /// Where people are sent back to.
    callback_url: String,
    /// Who we are.
    client_id: String,
    /// What we ask for.
    response_type: &'static str,
    /// How PKCE is made.
    code_challenge_method: &'static str,
    /// The scopes that we ask for.
    scopes: Vec<String>,
    /// How we authenticate.
    client_auth_method: &'static str,
    /// Where our keys are, if we sign.
    jwks_url: Option<String>,
}

/// What the administrator of the OpenID Provider has to enter there: `GET …/{id}/sp`.
pub(super) fn counterpart(call: &ApiCall, connection: &Connection, idp: &OidcIdp) -> Result<OidcCounterpart, Fault> {
    let region = call.app.region_of(connection)?;
    let has_keys = !idp.authentication.keys().is_empty();
    Ok(OidcCounterpart {
        callback_url: region.oidc_callback_of(connection, idp.callback),
        client_id: idp.client_id.clone(),
        response_type: "code",
        code_challenge_method: "S256",
        scopes: idp.scopes.clone(),
        client_auth_method: idp.authentication.name(),
        jwks_url: has_keys.then(|| region.oidc_jwks_of(connection)),
    })
}

fn invalid(why: impl Into<String>) -> Fault {
    Code::FieldInvalid.fault().expected(why)
}
