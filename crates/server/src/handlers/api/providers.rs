//! `/api/v1/providers`: the templates of identity providers; and `/api/v1/sso/{id}/guide`, what the administrator of a
//! connection's provider has to do there, with the values of that connection.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::{Connection, Idp};
use postern_core::fault::{Code, Fault};
use postern_core::mapping::Mapping;
use postern_core::providers::{self, Protocol, Template, filled};
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::ConnectionName;
use super::{ApiCall, sso};
use crate::region::Region;
use crate::reply::{Refusal, no_store};

type Values = BTreeMap<&'static str, String>;

/// The providers that are known.
#[derive(Serialize, ToSchema)]
pub struct Providers {
    data: Vec<Summary>,
}

/// A provider in the list.
#[derive(Serialize, ToSchema)]
pub struct Summary {
    /// Its name in this API.
    id: &'static str,
    /// Its name.
    name: &'static str,
    /// What it offers: `saml`, `oidc`, `scim`.
    protocols: Vec<&'static str>,
    /// The protocol to choose where nothing speaks against it.
    recommended: &'static str,
}

/// A provider with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct Provider {
    #[serde(flatten)]
    summary: Summary,
    /// How it is connected by SAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    saml: Option<Way>,
    /// How it is connected by OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc: Option<Way>,
    /// What surprises people.
    #[schema(value_type = Vec<String>)]
    quirks: &'static [String],
    /// The manuals of its makers.
    #[schema(value_type = Vec<String>)]
    sources: &'static [String],
}

/// How a provider is connected by one protocol.
#[derive(Serialize, ToSchema)]
pub struct Way {
    /// The format of NameID that the steps set.
    #[serde(rename = "nameIdFormat", skip_serializing_if = "Option::is_none")]
    name_id_format: Option<&'static str>,
    /// The scopes to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<&'static [String]>,
    /// The mapping that a connection gets which is created with this `provider`; without one, the usual table.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    mapping: Option<&'static Mapping>,
    /// What to do at the provider.
    steps: Vec<Step>,
}

/// Something to do at the provider. What stands in single quotes are the words of its screens.
#[derive(Serialize, ToSchema)]
pub struct Step {
    /// In short.
    title: &'static str,
    /// What to do.
    text: String,
    /// What to enter.
    enter: Vec<Entry>,
    /// What comes out of it that the connection needs, by the names of `POST /api/v1/sso`.
    #[schema(value_type = Vec<String>)]
    brings: &'static [String],
}

/// A field of the provider and what to enter there.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    /// The name of the field.
    field: &'static str,
    /// Its value.
    value: String,
}

/// What to do at the provider of a connection.
#[derive(Serialize, ToSchema)]
pub struct Guide {
    /// The provider.
    provider: &'static str,
    /// Its name.
    name: &'static str,
    /// The protocol of the connection.
    protocol: &'static str,
    /// What to do there.
    steps: Vec<Step>,
    /// What surprises people.
    #[schema(value_type = Vec<String>)]
    quirks: &'static [String],
    /// The manuals of its makers.
    #[schema(value_type = Vec<String>)]
    sources: &'static [String],
}

/// `GET /api/v1/providers`: those that are known.
#[utoipa::path(get, path = "/api/v1/providers", responses((status = 200, body = Providers)))]
pub async fn list(_: ApiCall) -> HttpResponse {
    no_store(&mut HttpResponse::Ok()).json(Providers { data: providers::all().iter().map(summary).collect() })
}

/// `GET …/{id}`: one of them, for the deployment's own address or that of a region. What only a connection knows stays a
/// placeholder.
#[utoipa::path(
    get,
    path = "/api/v1/providers/{id}",
    params(("id" = String, Path, example = "okta"), ("region" = Option<String>, Query)),
    responses((status = 200, body = Provider), (status = 404)),
)]
pub async fn find(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let template = providers::named(&id).ok_or_else(|| Refusal::api(Code::ProviderNotFound))?;
    let region = asked(&call).map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(whole(template, &values(region))))
}

fn asked(call: &ApiCall) -> Result<&Region, Fault> {
    let name = call.query.one("region")?;
    name.map_or(Ok(()), |name| call.app.regions.check(name))?;
    call.app.regions.named(name)
}

/// `GET /api/v1/sso/{id}/guide`: what to do at the provider of a connection.
#[utoipa::path(
    get,
    path = "/api/v1/sso/{id}/guide",
    params(ConnectionName),
    responses((status = 200, body = Guide), (status = 404)),
)]
pub async fn guide(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let guide = try_guide(&call, &id).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(guide))
}

async fn try_guide(call: &ApiCall, id: &str) -> Result<Guide, Fault> {
    let connection = sso::named(call, id).await?.into_iter().next().ok_or(Code::ConnectionNotFound)?;
    let (template, protocol) = (connection.template(), connection.idp.spoken());
    let region = call.app.region_of(&connection)?;
    let values = values_of(region, &connection);
    Ok(Guide {
        provider: &template.id,
        name: &template.name,
        protocol: protocol.name(),
        steps: steps(template, protocol, &values),
        quirks: &template.quirks,
        sources: &template.sources,
    })
}

fn summary(template: &'static Template) -> Summary {
    let offers = [("saml", template.saml.is_some()), ("oidc", template.oidc.is_some()), ("scim", template.scim)];
    Summary {
        id: &template.id,
        name: &template.name,
        protocols: offers.into_iter().filter_map(|(name, offered)| offered.then_some(name)).collect(),
        recommended: template.recommended.name(),
    }
}

fn whole(template: &'static Template, values: &Values) -> Provider {
    let way = |protocol| Way {
        name_id_format: None,
        scopes: None,
        mapping: template.mapping(protocol).filter(|mapping| **mapping != Mapping::default()),
        steps: steps(template, protocol, values),
    };
    let saml = |saml: &'static providers::SamlTemplate| Way {
        name_id_format: Some(&saml.name_id_format),
        ..way(Protocol::Saml)
    };
    let oidc = |oidc: &'static providers::OidcTemplate| Way { scopes: Some(&oidc.scopes), ..way(Protocol::Oidc) };
    Provider {
        summary: summary(template),
        saml: template.saml.as_ref().map(saml),
        oidc: template.oidc.as_ref().map(oidc),
        quirks: &template.quirks,
        sources: &template.sources,
    }
}

fn steps(template: &'static Template, protocol: Protocol, values: &Values) -> Vec<Step> {
    let entry = |entry: &'static providers::Entry| Entry { field: &entry.field, value: filled(&entry.value, values) };
    let step = |step: &'static providers::Step| Step {
        title: &step.title,
        text: filled(&step.text, values),
        enter: step.enter.iter().map(entry).collect(),
        brings: &step.brings,
    };
    template.steps(protocol).unwrap_or_default().iter().map(step).collect()
}

/// What is the same for all connections of a region.
fn values(region: &Region) -> Values {
    let acs_url = region.acs_url();
    [
        ("acs_url_pattern", pattern(&acs_url)),
        ("acs_url", acs_url),
        ("entity_id", region.entity_id().to_owned()),
        ("logout_return_url", region.logout_return_url()),
        ("metadata_url", region.sp_metadata_url()),
        ("slo_url", region.slo_url(None)),
    ]
    .into()
}

/// The values of one connection.
fn values_of(region: &Region, connection: &Connection) -> Values {
    let mut values = values(region);
    values.insert("app_url", connection.default_redirect_url.clone());
    match &connection.idp {
        Idp::Saml(_) => {
            let acs_url = region.acs_url_of(connection);
            values.insert("acs_url_pattern", pattern(&acs_url));
            values.insert("acs_url", acs_url);
            values.insert("metadata_url", region.sp_metadata_url_of(connection));
            values.insert("slo_url", region.slo_url(Some(&connection.id)));
        }
        Idp::Oidc(idp) => {
            values.insert("callback_url", region.oidc_callback_of(connection, idp.callback));
        }
    }
    values
}

/// A regular expression that matches an address and nothing else.
fn pattern(url: &str) -> String {
    let mut pattern = String::from("^");
    for character in url.chars() {
        if !character.is_ascii_alphanumeric() && !"-_:".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('$');
    pattern
}
