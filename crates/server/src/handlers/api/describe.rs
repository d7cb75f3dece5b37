//! How the API shows a connection.

use std::collections::BTreeMap;

use postern_core::connection::{Certificate, Connection, Delivery, Endpoints, Idp, NameIdWish, SamlIdp};
use postern_core::connection_status::ConnectionStatus;
use postern_core::login::finish::provider;
use postern_core::mapping::Mapping;
use postern_core::openid::{OidcIdp, Provider};
use postern_core::ports::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha1::Digest as _;
use utoipa::ToSchema;

use super::ApiCall;
use super::domains::DomainRecord;
use super::requests::{PolicyOverrides, PolicyRecord};
use super::test_logins::LastTestRecord;

/// A connection as Jackson shows it, and what Postern adds. What is not set is left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRecord {
    /// Its name here.
    id: String,
    /// Jackson's name for it.
    #[serde(rename = "clientID")]
    client_id: String,
    /// Its secret, for keys that may see secrets.
    client_secret: Option<String>,
    /// When the secrets end that it had before and that are still accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    former_secret_ends_at: Option<Timestamp>,
    /// Whose it is.
    tenant: String,
    /// For which app.
    product: String,
    name: Option<String>,
    label: Option<String>,
    description: Option<String>,
    /// Redirect URIs that apps may name.
    redirect_url: Vec<String>,
    /// Where an IdP-initiated login ends that is delivered directly.
    default_redirect_url: String,
    /// How the app gets a login that began at the IdP.
    unsolicited_delivery: Option<&'static str>,
    /// Higher comes first.
    sort_order: Option<u32>,
    /// The region under whose addresses its IdP knows us; none: the deployment's own.
    region: Option<String>,
    /// `true`: people are sent to it who choose nothing.
    default: Option<bool>,
    /// The provider that was set or is recognised.
    provider: &'static str,
    /// `draft`, `active` or `deactivated`: people sign in by it while it is active.
    status: &'static str,
    /// Whether it is deactivated, in answers to GET.
    deactivated: Option<bool>,
    /// `false`: people who sign out here stay signed in at the IdP.
    single_logout: Option<bool>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Where claims come from.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Mapping>,
    /// What it overrides of its scope's policy.
    #[schema(value_type = Option<PolicyOverrides>)]
    policy: Option<Map<String, Value>>,
    /// The domains that came along with it, in the answer to POST.
    domains: Option<Vec<DomainRecord>>,
    /// The scope's policy as it is now, where something of it came along, in the answer to POST.
    scope_policy: Option<PolicyRecord>,
    /// How its last test login ended: in answers to GET.
    last_test: Option<LastTestRecord>,
    /// What to mind about what was sent.
    notes: Option<Vec<String>>,
    #[serde(flatten)]
    idp: IdpRecord,
}

/// The other side.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum IdpRecord {
    /// A SAML identity provider.
    Saml(Box<SamlRecord>),
    /// An OpenID Provider.
    Oidc(Box<OidcRecord>),
}

/// What is settled about a SAML identity provider, and what is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SamlRecord {
    force_authn: bool,
    is_passive: Option<bool>,
    #[schema(value_type = Option<String>)]
    identifier_format: NameIdWish,
    scoping: Option<Vec<String>>,
    ask_for_subject_id: Option<bool>,
    metadata_url: Option<String>,
    strict_federation: Option<bool>,
    scopes: Option<Vec<String>>,
    sign_requests: Option<bool>,
    authn_contexts: Option<Vec<String>>,
    provider_name: Option<String>,
    allow: Vec<&'static str>,
    /// Where its responses are posted; nowhere while its region is not configured.
    acs_url: Option<String>,
    idp_metadata: IdpMetadata,
}

/// What a SAML identity provider says of itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdpMetadata {
    #[serde(rename = "entityID")]
    entity_id: String,
    /// `idp`, as in Jackson.
    login_type: &'static str,
    /// The host of its name, as in Jackson.
    provider: String,
    /// What people call it: in answers to GET.
    friendly_provider_name: Option<String>,
    sso: EndpointRecord,
    slo: EndpointRecord,
    /// Its certificates in base64, with commas between.
    public_key: String,
    /// Their SHA-1, with commas between.
    thumbprint: String,
    certificates: Vec<CertificateRecord>,
    /// Until when they were meant to be used, with commas between.
    valid_to: String,
    /// Until when its metadata hold.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// The scopes that its metadata name.
    scopes: Option<Vec<String>>,
    /// How often its metadata ask to be read.
    cache_seconds: Option<u64>,
}

/// What is settled about an OpenID Provider, and what is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcRecord {
    oidc_provider: OidcProvider,
    oidc_issuer: String,
    oidc_client_auth_method: &'static str,
    /// Whom our assertions are for, if we sign.
    oidc_assertion_audience: Option<&'static str>,
    oidc_scopes: Vec<String>,
    oidc_parameters: Option<BTreeMap<String, String>>,
    oidc_audiences: Option<Vec<String>>,
    oidc_required_claims: Option<BTreeMap<String, String>>,
    oidc_callback: &'static str,
    /// Where it sends people back to; nowhere while its region is not configured.
    callback_url: Option<String>,
    /// Where our keys are, if we sign.
    client_jwks_url: Option<String>,
}

/// An OpenID Provider as Jackson shows it: the metadata where it was given by hand, and the address where it has one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// The host of its name.
    provider: String,
    /// What people call it: in answers to GET.
    friendly_provider_name: Option<String>,
    discovery_url: Option<String>,
    metadata: Option<OpenidMetadata>,
    client_id: String,
    /// Our secret, for keys that may see secrets.
    client_secret: Option<String>,
}

/// An OpenID Provider's metadata, by the names of OIDC Discovery §3.
#[derive(Serialize, ToSchema)]
pub struct OpenidMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    end_session_endpoint: Option<String>,
}

/// The addresses of one service, by binding.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRecord {
    redirect_url: Option<String>,
    post_url: Option<String>,
}

/// A certificate, by the hashes under which people know it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRecord {
    /// SHA-256.
    fingerprint: String,
    /// SHA-1.
    thumbprint: String,
    /// Until when it was meant to be used.
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
}

/// A connection as it is shown.
pub(super) fn connection(connection: &Connection, call: &ApiCall) -> Value {
    let record = ConnectionRecord {
        id: connection.id.0.clone(),
        client_id: connection.client_id.clone(),
        client_secret: call.sees_secrets().then(|| connection.client_secret.expose().to_owned()),
        former_secret_ends_at: connection.former_secrets.end(call.app.now()),
        tenant: connection.scope.tenant.clone(),
        product: connection.scope.product.clone(),
        name: connection.name.clone(),
        label: connection.label.clone(),
        description: connection.description.clone(),
        redirect_url: connection.redirect_urls.clone(),
        default_redirect_url: connection.default_redirect_url.clone(),
        unsolicited_delivery: set(connection.unsolicited_delivery).map(Delivery::name),
        sort_order: connection.sort_order,
        region: connection.region.clone(),
        default: None,
        provider: &connection.template().id,
        status: connection.status.name(),
        deactivated: Some(connection.status == ConnectionStatus::Deactivated),
        single_logout: (!connection.single_logout).then_some(false),
        created_at: connection.created,
        mapping: set(connection.mapping.clone()),
        policy: connection.overrides(),
        domains: None,
        scope_policy: None,
        last_test: None,
        notes: None,
        idp: match &connection.idp {
            Idp::Saml(idp) => IdpRecord::Saml(Box::new(saml(connection, idp, call))),
            Idp::Oidc(idp) => IdpRecord::Oidc(Box::new(oidc(connection, idp, call))),
        },
    };
    without_nulls(json!(record))
}

/// What is not as it is usually.
fn set<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn saml(connection: &Connection, idp: &SamlIdp, call: &ApiCall) -> SamlRecord {
    let certificates = idp.signing_keys.certificates();
    let joined = |each: fn(&Certificate) -> String| certificates.iter().map(each).collect::<Vec<_>>().join(",");
    SamlRecord {
        force_authn: idp.force_authn,
        is_passive: set(idp.is_passive),
        identifier_format: idp.name_id_format.clone(),
        scoping: set(idp.idps_behind.clone()),
        ask_for_subject_id: set(idp.asks_for_subject_id),
        metadata_url: idp.metadata_url.clone(),
        strict_federation: set(idp.strict_federation),
        scopes: set(idp.scopes.clone()),
        sign_requests: idp.sign_requests,
        authn_contexts: set(idp.authn_contexts.clone()),
        provider_name: idp.provider_name.clone(),
        allow: idp.allow.iter().map(|allowance| allowance.name()).collect(),
        acs_url: call.app.region_of(connection).ok().map(|region| region.acs_url_of(connection)),
        idp_metadata: IdpMetadata {
            entity_id: idp.entity_id.clone(),
            login_type: "idp",
            provider: provider(&idp.entity_id),
            friendly_provider_name: None,
            sso: endpoints(&idp.sso),
            slo: endpoints(&idp.slo),
            public_key: joined(|certificate| data_encoding::BASE64.encode(&certificate.der)),
            thumbprint: joined(thumbprint),
            certificates: certificates.iter().map(certificate).collect(),
            valid_to: joined(|certificate| certificate.not_after.to_string()),
            valid_until: idp.lifetime.valid_until,
            scopes: set(idp.metadata_scopes.clone()),
            cache_seconds: idp.lifetime.cache_seconds,
        },
    }
}

/// Jackson shows the metadata where it was given by hand, and the address where it has one.
fn oidc(connection: &Connection, idp: &OidcIdp, call: &ApiCall) -> OidcRecord {
    let (authentication, region) = (&idp.authentication, call.app.region_of(connection).ok());
    let secret = authentication.secret().filter(|_| call.sees_secrets());
    OidcRecord {
        oidc_provider: OidcProvider {
            provider: provider(&idp.issuer),
            friendly_provider_name: None,
            discovery_url: idp.discovery_url.clone(),
            metadata: idp.discovery_url.is_none().then(|| openid_metadata(&idp.issuer, &idp.provider)),
            client_id: idp.client_id.clone(),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
        },
        oidc_issuer: idp.issuer.clone(),
        oidc_client_auth_method: authentication.name(),
        oidc_assertion_audience: (!authentication.keys().is_empty()).then(|| idp.assertion_audience.name()),
        oidc_scopes: idp.scopes.clone(),
        oidc_parameters: set(idp.parameters.clone()),
        oidc_audiences: set(idp.audiences.clone()),
        oidc_required_claims: set(idp.required_claims.clone()),
        oidc_callback: idp.callback.name(),
        callback_url: region.map(|region| region.oidc_callback_of(connection, idp.callback)),
        client_jwks_url: region.filter(|_| !authentication.keys().is_empty()).map(|r| r.oidc_jwks_of(connection)),
    }
}

/// An OpenID Provider's metadata as it is shown.
pub(super) fn openid_metadata(issuer: &str, provider: &Provider) -> OpenidMetadata {
    OpenidMetadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: provider.authorization_endpoint.clone(),
        token_endpoint: provider.token_endpoint.clone(),
        userinfo_endpoint: provider.userinfo_endpoint.clone(),
        jwks_uri: provider.jwks_uri.clone(),
        end_session_endpoint: provider.end_session_endpoint.clone(),
    }
}

/// The same with the friendly name of its provider, as Jackson's GET has it.
pub(super) fn with_provider(connection: &Connection, call: &ApiCall) -> Value {
    let mut record = self::connection(connection, call);
    let place = match &connection.idp {
        Idp::Saml(_) => "idpMetadata",
        Idp::Oidc(_) => "oidcProvider",
    };
    let template = connection.template();
    record[place]["friendlyProviderName"] = json!((!template.is_generic()).then(|| template.short_name()));
    record
}

/// Jackson leaves out what is not set.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// The addresses of one service, by binding.
pub(super) fn endpoints(endpoints: &Endpoints) -> EndpointRecord {
    EndpointRecord { redirect_url: endpoints.redirect.clone(), post_url: endpoints.post.clone() }
}

/// A certificate, by the hashes under which people know it.
pub(super) fn certificate(certificate: &Certificate) -> CertificateRecord {
    CertificateRecord {
        fingerprint: postern_saml::certificate::fingerprint(certificate),
        thumbprint: thumbprint(certificate),
        valid_to: certificate.not_after,
    }
}

/// A certificate as providers take it: PEM, in lines of 64 characters (RFC 7468 §2).
pub(in crate::handlers) fn pem(certificate: &Certificate) -> String {
    let base64 = data_encoding::BASE64.encode(&certificate.der);
    let lines: Vec<&str> = (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// SHA-1 of the DER, as Jackson shows it: a name, not a protection.
fn thumbprint(certificate: &Certificate) -> String {
    data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(&certificate.der))
}
