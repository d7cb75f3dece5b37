//! What a request says of a SAML identity provider: by metadata, by hand, or both; and `POST /api/v1/sso/inspect`, which
//! tells what was understood and changes nothing.

use actix_web::HttpResponse;
use postern_core::connection::{Allowance, Certificate, Connection, Endpoints, SamlIdp, SigningKeys};
use postern_core::fault::{Code, Fault};
use postern_core::federation::{self, Lifetime};
use postern_core::ports::Timestamp;
use postern_core::providers::{self, Template};
use postern_core::redirect::is_loopback;
use postern_core::scoped;
use postern_saml::{certificate, metadata};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::describe::{CertificateRecord, EndpointRecord};
use super::requests::IdpRequest;
use super::{ApiCall, boolean, describe, list, openid, text};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

const METADATA: [&str; 3] = ["rawMetadata", "encodedRawMetadata", "metadataUrl"];
const BY_HAND: [&str; 4] = ["entityID", "ssoUrl", "sloUrl", "certificates"];

/// An identity provider as far as it is known.
#[derive(Default)]
pub(super) struct Draft {
    entity_id: Option<String>,
    sso: Endpoints,
    slo: Endpoints,
    slo_responses: Endpoints,
    certificates: Vec<Certificate>,
    wants_signed_requests: bool,
    metadata_url: Option<String>,
    lifetime: Lifetime,
    metadata_scopes: Vec<String>,
    display_name: Option<String>,
    error_url: Option<String>,
    /// Whether this request brings metadata.
    by_metadata: bool,
    notes: Vec<String>,
}

/// `POST …/inspect`: what was recognised, what is missing, what to mind.
#[utoipa::path(
    post,
    path = "/api/v1/sso/inspect",
    request_body(
        content = IdpRequest,
        example = json!({ "entityID": "https://idp.example.com/metadata", "ssoUrl": "https://idp.example.com/sso" }),
    ),
    responses((status = 200, body = Inspected)),
)]
pub async fn inspect(call: ApiCall) -> Result<HttpResponse, Refusal> {
    if openid::is_meant(&call.body) {
        return openid::inspect(&call).await.map_err(Refusal::api);
    }
    let draft = Draft::read(&call, None).await.map_err(Refusal::api)?.unwrap_or_default();
    let provider = draft.provider();
    let answer = SamlInspected {
        entity_id: draft.entity_id.clone(),
        provider: provider.map(|template| template.id.as_str()),
        friendly_provider_name: provider.map(|template| template.short_name()),
        display_name: draft.display_name.clone(),
        error_url: draft.error_url.clone(),
        sso: describe::endpoints(&draft.sso),
        slo: describe::endpoints(&draft.slo),
        wants_signed_requests: draft.wants_signed_requests,
        scopes: draft.metadata_scopes.clone(),
        valid_until: draft.lifetime.valid_until,
        certificates: draft.certificates.iter().map(describe::certificate).collect(),
        missing: draft.missing(),
        notes: draft.notes(call.app.now()),
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(answer))
}

/// What was understood of an identity provider.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Inspected {
    /// A SAML identity provider.
    Saml(SamlInspected),
    /// An OpenID Provider.
    Oidc(openid::OidcInspected),
}

/// What was understood of a SAML identity provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SamlInspected {
    /// Its name.
    #[serde(rename = "entityID")]
    #[schema(required = true)]
    entity_id: Option<String>,
    /// The template that is recognised.
    provider: Option<&'static str>,
    /// What people call it.
    friendly_provider_name: Option<&'static str>,
    /// What it calls itself.
    display_name: Option<String>,
    /// Where it helps people.
    error_url: Option<String>,
    /// Where AuthnRequests go.
    sso: EndpointRecord,
    /// Where LogoutRequests go.
    slo: EndpointRecord,
    /// Whether it asks for signed requests.
    wants_signed_requests: bool,
    /// The scopes that its metadata name.
    scopes: Vec<String>,
    /// Until when its metadata hold.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// The certificates that sign for it.
    certificates: Vec<CertificateRecord>,
    /// The members that are still needed.
    missing: Vec<&'static str>,
    /// What to mind.
    notes: Vec<String>,
}

impl Draft {
    /// Reads what a request says. By hand beats metadata, and both beat what was known before. `None`: it says nothing.
    pub(super) async fn read(call: &ApiCall, present: Option<&SamlIdp>) -> Result<Option<Self>, Fault> {
        let body = &call.body;
        let says = |names: &[&str]| names.iter().any(|name| body.all(name).any(|value| !value.is_empty()));
        if !says(&METADATA) && !says(&BY_HAND) {
            return Ok(None);
        }
        let mut draft = match (says(&METADATA), present) {
            (true, _) => Self::from_metadata(call).await?,
            (false, Some(present)) => Self::of(present),
            (false, None) => Self::default(),
        };
        draft.by_hand(body)?;
        Ok(Some(draft))
    }

    fn of(idp: &SamlIdp) -> Self {
        Self {
            entity_id: Some(idp.entity_id.clone()),
            sso: idp.sso.clone(),
            slo: idp.slo.clone(),
            slo_responses: idp.slo_responses.clone(),
            certificates: idp.signing_keys.certificates().to_vec(),
            wants_signed_requests: idp.wants_signed_requests,
            metadata_url: idp.metadata_url.clone(),
            lifetime: idp.lifetime,
            metadata_scopes: idp.metadata_scopes.clone(),
            ..Self::default()
        }
    }

    /// Metadata as it stands, in base64, or from an address. `entityID` chooses one identity provider of several.
    async fn from_metadata(call: &ApiCall) -> Result<Self, Fault> {
        let body = &call.body;
        let mut metadata_url = None;
        let document = if let Some(raw) = body.one("rawMetadata")? {
            raw.as_bytes().to_vec()
        } else if let Some(encoded) = body.one("encodedRawMetadata")? {
            base64(encoded).ok_or_else(|| invalid("encodedRawMetadata is not base64"))?
        } else {
            let url = body.one("metadataUrl")?.unwrap_or_default();
            if boolean(body, "strictFederation")? == Some(true) {
                federation::check_source(url)?; // before it is asked
            }
            metadata_url = Some(url.to_owned());
            call.app.fetch.get(url, crate::jobs::metadata::LARGEST).await.map_err(crate::fetched::fault)?.bytes
        };
        let read = metadata::read(&document, body.one("entityID")?)?;
        Ok(Self {
            lifetime: read.lifetime(),
            by_metadata: true,
            metadata_scopes: read.scopes,
            display_name: read.display_name,
            error_url: read.error_url,
            entity_id: Some(read.entity_id),
            sso: read.sso,
            slo: read.slo,
            slo_responses: read.slo_responses,
            certificates: read.signing_keys.certificates().to_vec(),
            wants_signed_requests: read.wants_signed_requests,
            metadata_url,
            notes: read.notes,
        })
    }

    fn by_hand(&mut self, body: &Fields) -> Result<(), Fault> {
        if let Some(entity_id) = body.one("entityID")? {
            // SAML Core §8.3.6: not more than 1024 characters.
            if entity_id.len() > 1024 || entity_id.contains(char::is_whitespace) {
                return Err(invalid("entityID is longer than 1024 characters or contains white space"));
            }
            self.entity_id = Some(entity_id.to_owned());
        }
        if let Some(endpoints) = endpoints(body, "ssoUrl", "ssoBinding")? {
            self.sso = endpoints;
        }
        if let Some(endpoints) = endpoints(body, "sloUrl", "sloBinding")? {
            (self.slo, self.slo_responses) = (endpoints, Endpoints::default());
        }
        let written = list(body, "certificates")?.unwrap_or_default();
        let certificates = written.iter().map(|text| certificates(text)).collect::<Result<Vec<_>, _>>()?.concat();
        if !certificates.is_empty() {
            self.certificates = certificates;
        }
        Ok(())
    }

    /// The provider that its addresses tell.
    fn provider(&self) -> Option<&'static Template> {
        let addresses = [&self.entity_id, &self.sso.redirect, &self.sso.post];
        providers::recognised(addresses.into_iter().flatten().map(String::as_str))
    }

    /// What to mind at `now`: in the document, about its end, about certificates.
    pub(super) fn notes(&self, now: Timestamp) -> Vec<String> {
        let end = self.by_metadata.then(|| self.lifetime.note(now)).flatten();
        self.notes.iter().cloned().chain(end).chain(metadata::certificate_notes(&self.certificates, now)).collect()
    }

    /// What is still needed, by the names of the fields.
    fn missing(&self) -> Vec<&'static str> {
        let needs = [
            ("entityID", self.entity_id.is_none()),
            ("ssoUrl", self.sso == Endpoints::default()),
            ("certificates", self.certificates.is_empty()),
        ];
        needs.into_iter().filter_map(|(name, missing)| missing.then_some(name)).collect()
    }

    /// The identity provider, if enough is known: with at least one key. What an operator settled about one of the `known`
    /// stays.
    pub(super) fn into_idp<'a>(self, known: impl IntoIterator<Item = &'a SamlIdp>) -> Result<SamlIdp, Fault> {
        let missing = |name: &str| Code::FieldMissing.fault().expected(name);
        if let Some(name) = self.missing().first() {
            return Err(missing(name));
        }
        let present = known.into_iter().find(|known| self.entity_id.as_ref() == Some(&known.entity_id));
        let signing_keys = SigningKeys::new(self.certificates).ok_or_else(|| missing("certificates"))?;
        let entity_id = self.entity_id.ok_or_else(|| missing("entityID"))?;
        let described = SamlIdp {
            sso: self.sso,
            slo: self.slo,
            slo_responses: self.slo_responses,
            wants_signed_requests: self.wants_signed_requests,
            metadata_url: self.metadata_url,
            lifetime: self.lifetime,
            metadata_scopes: self.metadata_scopes,
            ..SamlIdp::new(entity_id, signing_keys)
        };
        Ok(match present {
            Some(present) => present.described_by(described),
            None => described,
        })
    }
}

/// What an operator settles about an identity provider, whatever its metadata says.
pub(super) fn settle(idp: &mut SamlIdp, body: &Fields) -> Result<(), Fault> {
    if let Some(force_authn) = boolean(body, "forceAuthn")? {
        idp.force_authn = force_authn;
    }
    if let Some(is_passive) = boolean(body, "isPassive")? {
        idp.is_passive = is_passive;
    }
    if idp.is_passive && idp.force_authn {
        return Err(invalid("isPassive and forceAuthn exclude each other"));
    }
    if let Some(idps) = list(body, "scoping")? {
        // SAML Core §8.3.6: not more than 1024 characters.
        if idps.len() > 20 || idps.iter().any(|idp| idp.is_empty() || idp.len() > 1024) {
            return Err(invalid("scoping takes at most 20 entity IDs of at most 1024 characters"));
        }
        idp.idps_behind = idps;
    }
    if let Some(asks) = boolean(body, "askForSubjectId")? {
        idp.asks_for_subject_id = asks;
    }
    if let Some(sign) = text(body, "signRequests")? {
        idp.sign_requests = if sign.is_empty() { None } else { boolean(body, "signRequests")? };
    }
    if let Some(strict) = boolean(body, "strictFederation")? {
        idp.strict_federation = strict;
    }
    if let Some(scopes) = list(body, "scopes")? {
        if scopes.len() > scoped::MOST || !scopes.iter().all(|scope| scoped::is_scope(scope)) {
            return Err(invalid(format!("scopes takes at most {} domains such as example.edu", scoped::MOST)));
        }
        idp.scopes = scopes;
    }
    if let Some(contexts) = list(body, "authnContexts")? {
        if contexts.len() > 20 || contexts.iter().any(|context| context.is_empty() || context.len() > 256) {
            return Err(invalid("authnContexts takes at most 20 URIs of at most 256 characters"));
        }
        idp.authn_contexts = contexts;
    }
    if let Some(name) = text(body, "providerName")? {
        if name.len() > 256 {
            return Err(invalid("providerName is longer than 256 bytes"));
        }
        idp.provider_name = Some(name).filter(|name| !name.is_empty());
    }
    if let Some(format) = text(body, "identifierFormat")? {
        idp.name_id_format = Some(format).filter(|format| !format.is_empty()).into();
    }
    if let Some(names) = list(body, "allow")? {
        let allowance = |name: &String| {
            let known = || Allowance::ALL.iter().map(|allowance| allowance.name()).collect::<Vec<_>>().join(", ");
            Allowance::named(name).ok_or_else(|| invalid(format!("allow takes only: {}", known())))
        };
        idp.allow = names.iter().map(allowance).collect::<Result<_, _>>()?;
    }
    Ok(())
}

/// One address and its binding, `redirect` unless it says `post`.
fn endpoints(body: &Fields, url: &str, binding: &str) -> Result<Option<Endpoints>, Fault> {
    let Some(address) = body.one(url)?.map(str::to_owned) else { return Ok(None) };
    let fit = Url::parse(&address).is_ok_and(|parsed| {
        let secure = parsed.scheme() == "https" || (parsed.scheme() == "http" && is_loopback(&parsed));
        secure && parsed.has_host() && parsed.fragment().is_none() && parsed.username().is_empty()
    });
    if !fit {
        return Err(invalid(format!("{url} is not an https URL")));
    }
    match body.one(binding)? {
        None | Some("redirect") => Ok(Some(Endpoints { redirect: Some(address), post: None })),
        Some("post") => Ok(Some(Endpoints { redirect: None, post: Some(address) })),
        Some(_) => Err(invalid(format!("{binding} is not redirect or post"))),
    }
}

/// Certificates as people paste them: PEM, one or several, or base64 with commas between.
fn certificates(text: &str) -> Result<Vec<Certificate>, Fault> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let parts: Vec<&str> = match text.contains(BEGIN) {
        true => text.split(BEGIN).skip(1).map(|rest| rest.split(END).next().unwrap_or_default()).collect(),
        false => text.split(',').collect(),
    };
    let read = |part: &str| {
        let der =
            base64(part).filter(|der| !der.is_empty()).ok_or_else(|| invalid("certificates holds no certificate"))?;
        certificate::read(&der).map_err(|why| invalid(format!("certificates: {why}")))
    };
    parts.into_iter().map(read).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.split_ascii_whitespace().collect();
    data_encoding::BASE64.decode(packed.as_bytes()).ok()
}

fn invalid(why: impl Into<String>) -> Fault {
    Code::FieldInvalid.fault().expected(why)
}

/// What the administrator of a SAML identity provider has to enter there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SamlCounterpart {
    /// Our name.
    #[serde(rename = "entityID")]
    entity_id: String,
    /// Where responses are posted.
    acs_url: String,
    /// How.
    acs_binding: &'static str,
    /// Where logout messages are heard.
    slo_url: String,
    /// How.
    #[schema(value_type = Vec<String>)]
    slo_bindings: [&'static str; 2],
    /// The format of NameID that is asked for.
    name_id_format: Option<String>,
    /// All this in one document.
    metadata_url: String,
    /// How to sign.
    signature_algorithm: &'static str,
    /// What to sign.
    sign_assertion: bool,
    /// Whether we sign requests.
    signs_requests: bool,
    /// The certificates of our signatures, PEM.
    signing_certificates: Vec<String>,
    /// The certificates to encrypt for, PEM.
    encryption_certificates: Vec<String>,
}

/// What the administrator of the identity provider has to enter there: `GET …/{id}/sp`.
pub(super) fn counterpart(call: &ApiCall, connection: &Connection, idp: &SamlIdp) -> Result<SamlCounterpart, Fault> {
    let (keys, region) = (call.app.sp_keys_of(connection)?, call.app.region_of(connection)?);
    Ok(SamlCounterpart {
        entity_id: region.entity_id().to_owned(),
        acs_url: region.acs_url_of(connection),
        acs_binding: "HTTP-POST",
        slo_url: region.slo_url(Some(&connection.id)),
        slo_bindings: ["HTTP-Redirect", "HTTP-POST"],
        name_id_format: idp.name_id_format.format().map(str::to_owned),
        metadata_url: region.sp_metadata_url_of(connection),
        signature_algorithm: "RSA-SHA256",
        sign_assertion: true,
        signs_requests: idp.gets_signed_requests(),
        signing_certificates: keys.signing_certificates().iter().map(describe::pem).collect(),
        encryption_certificates: keys.encryption_certificates().iter().map(describe::pem).collect(),
    })
}
