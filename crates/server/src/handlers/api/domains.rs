//! `/api/v1/domains`: the e-mail domains of tenants.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::ConnectionId;
use postern_core::domain_name::DomainName;
use postern_core::domains::life::{Attempt, Proof, State};
use postern_core::domains::{Domain, DomainId, DomainSettings, proof};
use postern_core::fault::{Code, Fault};
use postern_core::ports::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::{ChangedDomain, DomainProof, NewDomain, Page};
use super::{ApiCall, boolean, required, text};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// `POST`: claims a domain. 201; 200 with the claim that is there already. With `proof=operator` it is proven at once.
#[utoipa::path(
    post,
    path = "/api/v1/domains",
    request_body(
        content = NewDomain,
        example = json!({ "tenant": "acme.example.com", "product": "crm", "domain": "acme.example.com" }),
    ),
    responses(
        (status = 200, body = DomainRecord),
        (status = 201, body = DomainRecord),
        (status = 404),
        (status = 409),
    ),
)]
pub async fn claim(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let claim = async {
        let asserted = is_asserted(&call, call.body.one("proof")?)?;
        let name = name(required(&call.body, "domain")?)?;
        let (domain, new) = call.app.domains.claim(call.scope(&call.body)?, name, settings(&call.body)?).await?;
        let domain = if asserted { call.app.domains.assert(&domain.id).await? } else { domain };
        Ok::<_, Fault>((domain, new))
    };
    let (domain, new) = claim.await.map_err(Refusal::api)?;
    let mut response = if new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(no_store(&mut response).json(describe(&call, &domain)))
}

/// `POST …/{id}/verify`: looks at DNS now, or takes the operator's word (`proof=operator`). 200, or what is wrong with the record.
#[utoipa::path(
    post,
    path = "/api/v1/domains/{id}/verify",
    params(("id" = String, Path)),
    request_body = DomainProof,
    responses((status = 200, body = DomainRecord), (status = 404), (status = 409)),
)]
pub async fn verify(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let verify = async {
        let asserted = is_asserted(&call, call.body.one("proof")?)?;
        let domain = named(&call, &id).await?;
        if asserted {
            return call.app.domains.assert(&domain.id).await;
        }
        let found = proof::look(&*call.app.dns, &domain.name, &domain.challenge).await;
        let domain = call.app.domains.looked(&domain.id, &found).await?;
        found.map(|()| domain)
    };
    let domain = verify.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&call, &domain)))
}

/// `GET`: the claims of a tenant in a product, in the order in which they were made, or all of a product, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/domains",
    params(
        ("tenant" = Option<String>, Query, example = "acme.example.com"),
        ("product" = String, Query, example = "crm"),
        Page,
    ),
    responses((status = 200, body = DomainsFound)),
)]
pub async fn find(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let find = async {
        let (offset, limit) = call.page()?;
        if call.query.one("tenant")?.is_some() {
            return call.app.domains.of_scope(&call.scope(&call.query)?, offset, limit).await;
        }
        let product = required(&call.query, "product")?;
        call.check_product(product)?;
        call.app.domains.of_product(product, offset, limit).await
    };
    let found = find.await.map_err(Refusal::api)?;
    let data = found.iter().map(|domain| describe(&call, domain)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(DomainsFound { data }))
}

/// `GET …/{id}`: one claim, with the last attempts to prove it.
#[utoipa::path(
    get,
    path = "/api/v1/domains/{id}",
    params(("id" = String, Path)),
    responses((status = 200, body = DomainRecord), (status = 404)),
)]
pub async fn get(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let domain = named(&call, &id).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&call, &domain)))
}

/// `PATCH …/{id}`: links it to a connection, and says whether the names below it are meant too.
#[utoipa::path(
    patch,
    path = "/api/v1/domains/{id}",
    params(("id" = String, Path)),
    request_body = ChangedDomain,
    responses((status = 200, body = DomainRecord), (status = 404), (status = 409)),
)]
pub async fn update(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let update = async {
        let domain = named(&call, &id).await?;
        call.app.domains.update(&domain.id, settings(&call.body)?).await
    };
    let domain = update.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&call, &domain)))
}

/// `DELETE …/{id}`: gives the domain up. 204.
#[utoipa::path(
    delete,
    path = "/api/v1/domains/{id}",
    params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409)),
)]
pub async fn delete(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let delete = async { call.app.domains.delete(&*named(&call, &id).await?).await };
    delete.await.map_err(Refusal::api)?;
    Ok(HttpResponse::NoContent().finish())
}

/// A claim by its id. Those of products that the key is not good for are not there.
async fn named(call: &ApiCall, id: &str) -> Result<Arc<Domain>, Fault> {
    let domain = call.app.domains.find(&DomainId(id.to_owned())).await?;
    if call.permits(&domain.scope.product) { Ok(domain) } else { Err(Code::DomainNotFound.into()) }
}

/// The name of a domain, as people write it.
pub(super) fn name(text: &str) -> Result<DomainName, Fault> {
    DomainName::parse(text.trim()).map_err(|why| Code::DomainMalformed.fault().because(why))
}

/// Whether the operator vouches for the domain. That takes a domain from all other tenants, so a key for one product is not enough.
pub(super) fn is_asserted(call: &ApiCall, proof: Option<&str>) -> Result<bool, Fault> {
    match proof {
        None | Some("dns") => Ok(false),
        Some("operator") => call.check_everything().map(|()| true),
        Some(_) => Err(Code::FieldInvalid.fault().expected("proof is not dns or operator")),
    }
}

fn settings(body: &Fields) -> Result<DomainSettings, Fault> {
    let connection = text(body, "connection")?.map(|id| Some(ConnectionId(id)).filter(|id| !id.0.is_empty()));
    Ok(DomainSettings { include_subdomains: boolean(body, "include_subdomains")?, connection })
}

/// Claims of domains.
#[derive(Serialize, ToSchema)]
pub struct DomainsFound {
    data: Vec<DomainRecord>,
}

/// A claim of a domain, and how it stands.
#[derive(Serialize, ToSchema)]
pub struct DomainRecord {
    /// Its name here.
    id: String,
    /// Who claims it.
    tenant: String,
    /// For which app.
    product: String,
    /// The domain, as DNS has it.
    #[schema(value_type = String)]
    domain: DomainName,
    /// The domain, as people write it.
    display: String,
    /// Whether the names below it are meant too.
    include_subdomains: bool,
    /// The connection that its people sign in by.
    connection: Option<String>,
    /// `claimed`, `verified`, `failing` or `lapsed`.
    status: &'static str,
    /// When it was claimed.
    #[schema(value_type = String, format = DateTime)]
    claimed_at: Timestamp,
    /// What proves it.
    record: RecordWanted,
    /// The last attempts to prove it.
    attempts: Vec<AttemptRecord>,
    /// What proved it: `dns` or `operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    proof: Option<Proof>,
    /// Since when it is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    verified_at: Option<Timestamp>,
    /// Since when its record is not found any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it is lost unless the record is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    lapses_at: Option<Timestamp>,
    /// When it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    lapsed_at: Option<Timestamp>,
}

/// A record in DNS.
#[derive(Serialize, ToSchema)]
pub struct RecordWanted {
    /// `TXT`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Where it stands.
    name: String,
    /// What it holds.
    value: String,
}

/// An attempt to prove a domain; without a code it succeeded.
#[derive(Serialize, ToSchema)]
pub struct AttemptRecord {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<String>,
}

/// A claim as it is shown.
pub(super) fn describe(call: &ApiCall, domain: &Domain) -> DomainRecord {
    let described = DomainRecord {
        id: domain.id.0.clone(),
        tenant: domain.scope.tenant.clone(),
        product: domain.scope.product.clone(),
        domain: domain.name.clone(),
        display: domain.name.to_unicode().into_owned(),
        include_subdomains: domain.include_subdomains,
        connection: domain.connection.as_ref().map(|connection| connection.0.clone()),
        status: domain.state.name(),
        claimed_at: domain.claimed,
        record: RecordWanted {
            kind: "TXT",
            name: proof::record_name(&domain.name),
            value: proof::record_value(&domain.challenge),
        },
        attempts: domain.attempts.iter().map(attempt).collect(),
        proof: None,
        verified_at: None,
        failing_since: None,
        lapses_at: None,
        lapsed_at: None,
    };
    match domain.state {
        State::Claimed => described,
        State::Verified { by, since } => DomainRecord { proof: Some(by), verified_at: Some(since), ..described },
        State::Failing { verified, since } => DomainRecord {
            proof: Some(Proof::Dns),
            verified_at: Some(verified),
            failing_since: Some(since),
            lapses_at: Some(call.app.domains.lapses(since)),
            ..described
        },
        State::Lapsed { since } => DomainRecord { lapsed_at: Some(since), ..described },
    }
}

fn attempt(attempt: &Attempt) -> AttemptRecord {
    // A code that a later release wrote has no words here.
    let known = attempt.code.as_deref().and_then(Code::named);
    AttemptRecord {
        at: attempt.at,
        code: attempt.code.clone(),
        message: known.map(|code| code.sentence()),
        hint: known.map(|code| code.hint()),
        expected: attempt.expected.clone(),
        received: attempt.received.clone(),
    }
}
