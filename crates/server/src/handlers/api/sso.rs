//! `/api/v1/sso`: the connections of a scope (Jackson's connection API).

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use postern_core::connection::{Allowance, Connection, Idp, SamlIdp};
use postern_core::connections::{ConnectionSettings, Which};
use postern_core::fault::{Code, Fault};
use postern_core::login::finish::provider;
use postern_core::mapping::Mapping;
use postern_core::scope::Scope;
use postern_saml::metadata::{self, IdpMetadata};
use serde_json::{Value, json};
use sha1::Digest as _;

use super::{ApiCall, boolean, list, required, text};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// A metadata document may have 1 MiB.
const LARGEST_METADATA: usize = 1024 * 1024;

/// `POST`: creates a connection, or overwrites the scope's connection to the same IdP.
pub async fn create(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let connection = try_create(&call).await.map_err(Refusal::api)?;
    let mut record = describe(&connection, &call);
    if let Value::Object(record) = &mut record {
        record.remove("deactivated");
    }
    Ok(no_store(&mut HttpResponse::Ok()).json(record))
}

async fn try_create(call: &ApiCall) -> Result<Arc<Connection>, Fault> {
    let body = &call.body;
    check_strategy(body)?;
    let has_metadata = METADATA_FIELDS.iter().any(|name| body.all(name).any(|value| !value.is_empty()));
    if !has_metadata && boolean(body, "isSAML")?.is_none() {
        return Err(Code::FieldInvalid.fault().expected("Missing SSO connection params"));
    }
    if !has_metadata {
        return Err(Code::FieldMissing.fault().expected("rawMetadata or encodedRawMetadata or metadataUrl"));
    }
    body.one("defaultRedirectUrl")?.ok_or_else(|| Code::FieldMissing.fault().expected("a defaultRedirectUrl"))?;
    if list(body, "redirectUrl")?.is_none_or(|urls| urls.is_empty()) {
        return Err(Code::FieldMissing.fault().expected("redirectUrl"));
    }
    let scope = call.scope(body)?;
    let metadata = read_metadata(call).await?.ok_or_else(|| Code::FieldMissing.fault().expected("rawMetadata"))?;
    let mut idp = SamlIdp {
        entity_id: metadata.entity_id,
        sso: metadata.sso,
        slo: metadata.slo,
        signing_keys: metadata.signing_keys,
        wants_signed_requests: metadata.wants_signed_requests,
        metadata_url: body.one("metadataUrl")?.map(str::to_owned),
        force_authn: false,
        name_id_format: None,
        allow: BTreeSet::new(),
    };
    apply(&mut idp, body)?;
    call.app.connections.create(scope, idp, settings(body)?).await
}

/// `PATCH`: changes a connection. 204.
pub async fn update(call: ApiCall) -> Result<HttpResponse, Refusal> {
    try_update(&call).await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn try_update(call: &ApiCall) -> Result<(), Fault> {
    let body = &call.body;
    check_strategy(body)?;
    let secret = required(body, "clientSecret")?;
    let found = match body.one("clientID")? {
        Some(client_id) => named(call, client_id).await?,
        None => call.app.connections.find(&Which::Scopes(vec![call.scope(body)?])).await?,
    };
    if found.is_empty() {
        return Err(Code::ConnectionNotFound.into());
    }
    let connection = found.iter().find(|connection| connection.client_secret.matches(secret));
    let connection = connection.ok_or(Code::ConnectionSecretMismatch)?;
    let Idp::Saml(present) = &connection.idp;
    let mut idp = present.clone();
    if let Some(metadata) = read_metadata(call).await? {
        let IdpMetadata { entity_id, sso, slo, signing_keys, wants_signed_requests, .. } = metadata;
        let metadata_url = body.one("metadataUrl")?.map(str::to_owned);
        idp = SamlIdp { entity_id, sso, slo, signing_keys, wants_signed_requests, metadata_url, ..idp };
    }
    apply(&mut idp, body)?;
    call.app.connections.update(&connection.id, Some(idp), settings(body)?).await?;
    Ok(())
}

/// `GET`: the connections of scopes, of a client id or of an IdP, as a list.
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let found = search(&call).await.map_err(Refusal::api)?;
    let records: Vec<_> = found.iter().map(|connection| describe_with_provider(connection, &call)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(records))
}

/// `GET …/exists`: 204, or 404 with an empty object.
pub async fn exists(call: ApiCall) -> Result<HttpResponse, Refusal> {
    match search(&call).await.map_err(Refusal::api)?.is_empty() {
        false => Ok(HttpResponse::NoContent().finish()),
        true => Ok(HttpResponse::NotFound().json(json!({}))),
    }
}

/// `GET …/product`: the connections of a product, page by page.
pub async fn of_product(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let find = async {
        let name = required(&call.query, "product")?;
        call.check_product(name)?;
        let (offset, limit) = call.page()?;
        call.app.connections.find(&Which::Product { name: name.to_owned(), offset, limit }).await
    };
    let found = find.await.map_err(Refusal::api)?;
    let records: Vec<_> = found.iter().map(|connection| describe_with_provider(connection, &call)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(records))
}

/// `DELETE`: removes a connection by its client id and secret, or all of a scope. 204, also where there was none.
pub async fn delete(call: ApiCall) -> Result<HttpResponse, Refusal> {
    try_delete(&call).await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn try_delete(call: &ApiCall) -> Result<(), Fault> {
    let query = &call.query;
    let doomed = match query.one("clientID")? {
        Some(client_id) => {
            let secret =
                query.one("clientSecret")?.ok_or_else(|| Code::FieldMissing.fault().expected("clientSecret"))?;
            let found = named(call, client_id).await?;
            match found.iter().any(|connection| !connection.client_secret.matches(secret)) {
                true => return Err(Code::ConnectionSecretMismatch.into()),
                false => found,
            }
        }
        None => of_strategy(query, call.app.connections.find(&Which::Scopes(vec![call.scope(query)?])).await?)?,
    };
    for connection in doomed {
        call.app.connections.delete(&connection).await?;
    }
    Ok(())
}

/// The connections that a query means; those of products that the key is not good for are not there.
pub(super) async fn search(call: &ApiCall) -> Result<Vec<Arc<Connection>>, Fault> {
    let query = &call.query;
    let missing = || Code::FieldMissing.fault().expected("`clientID` or `tenant` and `product`.");
    let found = if let Some(client_id) = query.one("clientID")? {
        named(call, client_id).await?
    } else if let Some(entity_id) = query.one("entityId")? {
        call.app.connections.find(&Which::Entity(entity_id.to_owned())).await?
    } else {
        let product = query.one("product")?.ok_or_else(missing)?;
        call.check_product(product)?;
        let scopes: Vec<_> = query.all("tenant").filter_map(|tenant| Scope::new(tenant, product).ok()).collect();
        if scopes.is_empty() {
            return Err(missing());
        }
        call.app.connections.find(&Which::Scopes(scopes)).await?
    };
    let found = found.into_iter().filter(|connection| call.permits(&connection.scope.product)).collect();
    of_strategy(query, found)
}

async fn named(call: &ApiCall, client_id: &str) -> Result<Vec<Arc<Connection>>, Fault> {
    let mut found = call.app.connections.find(&Which::Client(client_id.to_owned())).await?;
    found.retain(|connection| call.permits(&connection.scope.product));
    Ok(found)
}

/// Jackson's `strategy`: only connections of one protocol.
fn of_strategy(query: &Fields, mut found: Vec<Arc<Connection>>) -> Result<Vec<Arc<Connection>>, Fault> {
    match query.one("strategy")? {
        None => {}
        Some("saml") => found.retain(|connection| matches!(connection.idp, Idp::Saml(_))),
        Some("oidc") => found.clear(),
        Some(_) => return Err(Code::FieldInvalid.fault().expected("strategy is not saml or oidc")),
    }
    Ok(found)
}

const METADATA_FIELDS: [&str; 3] = ["rawMetadata", "encodedRawMetadata", "metadataUrl"];

/// OIDC connections are told that they are not offered yet, rather than that SAML metadata is missing.
fn check_strategy(body: &Fields) -> Result<(), Fault> {
    let oidc = ["oidcDiscoveryUrl", "oidcMetadata", "isOIDC"];
    match oidc.iter().any(|name| body.all(name).any(|value| !value.is_empty() && value != "false")) {
        true => Err(Code::FieldInvalid.fault().expected("This release takes SAML connections only")),
        false => Ok(()),
    }
}

/// The metadata of a request: as it stands, in base64, or from an address.
async fn read_metadata(call: &ApiCall) -> Result<Option<IdpMetadata>, Fault> {
    let body = &call.body;
    let document = if let Some(raw) = body.one("rawMetadata")? {
        raw.as_bytes().to_vec()
    } else if let Some(encoded) = body.one("encodedRawMetadata")? {
        let packed: String = encoded.split_ascii_whitespace().collect();
        let decoded = data_encoding::BASE64.decode(packed.as_bytes());
        decoded.map_err(|_| Code::FieldInvalid.fault().expected("encodedRawMetadata is not base64"))?
    } else if let Some(url) = body.one("metadataUrl")? {
        call.app.fetch.get(url, LARGEST_METADATA).await.map_err(crate::fetched::fault)?.bytes
    } else {
        return Ok(None);
    };
    metadata::read(&document, None).map(Some)
}

/// What a request says about the IdP besides its metadata.
fn apply(idp: &mut SamlIdp, body: &Fields) -> Result<(), Fault> {
    if let Some(force_authn) = boolean(body, "forceAuthn")? {
        idp.force_authn = force_authn;
    }
    if let Some(format) = text(body, "identifierFormat")? {
        idp.name_id_format = Some(format).filter(|format| !format.is_empty());
    }
    if let Some(names) = list(body, "allow")? {
        let allowance = |name: &String| {
            let known = || Allowance::ALL.iter().map(|allowance| allowance.name()).collect::<Vec<_>>().join(", ");
            Allowance::named(name)
                .ok_or_else(|| Code::FieldInvalid.fault().expected(format!("allow takes only: {}", known())))
        };
        idp.allow = names.iter().map(allowance).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn settings(body: &Fields) -> Result<ConnectionSettings, Fault> {
    let sort_order = match text(body, "sortOrder")?.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(number) => {
            let number = number
                .parse()
                .map_err(|_| Code::FieldInvalid.fault().expected("sortOrder is not a number of 0 or more"))?;
            Some(Some(number))
        }
    };
    Ok(ConnectionSettings {
        name: text(body, "name")?,
        label: text(body, "label")?,
        description: text(body, "description")?,
        redirect_urls: list(body, "redirectUrl")?,
        default_redirect_url: body.one("defaultRedirectUrl")?.map(str::to_owned),
        sort_order,
        mapping: text(body, "mapping")?.map(|text| mapping(&text)).transpose()?,
        deactivated: boolean(body, "deactivated")?,
    })
}

/// Rules as a JSON object. An empty one goes back to the usual table.
fn mapping(text: &str) -> Result<Mapping, Fault> {
    let malformed =
        |why: serde_json::Error| Code::FieldInvalid.fault().expected(format!("mapping is malformed: {why}"));
    if text.is_empty() { Ok(Mapping::default()) } else { serde_json::from_str(text).map_err(malformed) }
}

/// A connection as Jackson shows it, and what Postern adds.
fn describe(connection: &Connection, call: &ApiCall) -> Value {
    let Idp::Saml(idp) = &connection.idp;
    let certificates = idp.signing_keys.certificates();
    let joined = |each: fn(&postern_core::connection::Certificate) -> String| {
        certificates.iter().map(each).collect::<Vec<_>>().join(",")
    };
    let mut record = json!({
        "id": connection.id,
        "clientID": connection.client_id,
        "tenant": connection.scope.tenant,
        "product": connection.scope.product,
        "name": connection.name,
        "label": connection.label,
        "description": connection.description,
        "redirectUrl": connection.redirect_urls,
        "defaultRedirectUrl": connection.default_redirect_url,
        "sortOrder": connection.sort_order,
        "deactivated": connection.deactivated,
        "createdAt": connection.created,
        "mapping": (connection.mapping != Mapping::default()).then_some(&connection.mapping),
        "forceAuthn": idp.force_authn,
        "identifierFormat": idp.name_id_format,
        "metadataUrl": idp.metadata_url,
        "allow": idp.allow,
        "acsUrl": match idp.allow.contains(&Allowance::Unsolicited) {
            true => json!([call.app.acs_url(), call.app.unsolicited_acs_url(connection)]),
            false => json!([call.app.acs_url()]),
        },
        "idpMetadata": {
            "entityID": idp.entity_id,
            "loginType": "idp",
            "provider": provider(&idp.entity_id),
            "sso": { "redirectUrl": idp.sso.redirect, "postUrl": idp.sso.post },
            "slo": { "redirectUrl": idp.slo.redirect, "postUrl": idp.slo.post },
            "publicKey": joined(|certificate| data_encoding::BASE64.encode(&certificate.der)),
            "thumbprint": joined(|certificate| data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(&certificate.der))),
            "validTo": joined(|certificate| certificate.not_after.to_string()),
        },
    });
    if call.sees_secrets() {
        record["clientSecret"] = json!(connection.client_secret.expose());
    }
    without_nulls(record)
}

pub(super) fn describe_with_provider(connection: &Connection, call: &ApiCall) -> Value {
    let Idp::Saml(idp) = &connection.idp;
    let mut record = describe(connection, call);
    record["idpMetadata"]["friendlyProviderName"] = json!(friendly_name(&idp.entity_id));
    record
}

/// Jackson's names for well-known providers.
fn friendly_name(entity_id: &str) -> Option<&'static str> {
    const NAMES: &[(&str, &str)] = &[
        ("okta.com", "Okta"),
        ("sts.windows.net", "Entra ID"),
        ("mocksaml.com", "MockSAML"),
        ("onelogin.com", "OneLogin"),
        ("keycloak.com", "Keycloak"),
        ("jumpcloud.com", "JumpCloud"),
        ("google.com", "Google"),
        ("auth0.com", "Auth0"),
        ("pingone.com", "PingOne"),
    ];
    NAMES.iter().find(|(part, _)| entity_id.contains(part)).map(|(_, name)| *name)
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
