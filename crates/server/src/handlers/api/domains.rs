//! `/api/v1/domains`: the e-mail domains of tenants.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::ConnectionId;
use postern_core::domain_name::DomainName;
use postern_core::domains::life::{Attempt, State};
use postern_core::domains::{Domain, DomainId, DomainSettings, proof};
use postern_core::fault::{Code, Fault};
use serde_json::{Value, json};

use super::{ApiCall, boolean, required, text};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// `POST`: claims a domain. 201; 200 with the claim that is there already. With `proof=operator` it is proven at once.
pub async fn claim(call: ApiCall) -> Result<HttpResponse, Refusal> {
    let claim = async {
        let asserted = is_asserted(&call)?;
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
pub async fn verify(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let verify = async {
        let asserted = is_asserted(&call)?;
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
    let data: Vec<_> = found.iter().map(|domain| describe(&call, domain)).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(json!({ "data": data })))
}

/// `GET …/{id}`: one claim, with the last attempts to prove it.
pub async fn get(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let domain = named(&call, &id).await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&call, &domain)))
}

/// `PATCH …/{id}`: links it to a connection, and says whether the names below it are meant too.
pub async fn update(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let update = async {
        let domain = named(&call, &id).await?;
        call.app.domains.update(&domain.id, settings(&call.body)?).await
    };
    let domain = update.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(describe(&call, &domain)))
}

/// `DELETE …/{id}`: gives the domain up. 204.
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

fn name(text: &str) -> Result<DomainName, Fault> {
    DomainName::parse(text.trim()).map_err(|why| Code::DomainMalformed.fault().because(why))
}

/// Whether the operator vouches for the domain. That takes a domain from all other tenants, so a key for one product is not enough.
fn is_asserted(call: &ApiCall) -> Result<bool, Fault> {
    match call.body.one("proof")? {
        None | Some("dns") => Ok(false),
        Some("operator") => call.check_everything().map(|()| true),
        Some(_) => Err(Code::FieldInvalid.fault().expected("proof is not dns or operator")),
    }
}

fn settings(body: &Fields) -> Result<DomainSettings, Fault> {
    let connection = text(body, "connection")?.map(|id| Some(ConnectionId(id)).filter(|id| !id.0.is_empty()));
    Ok(DomainSettings { include_subdomains: boolean(body, "include_subdomains")?, connection })
}

fn describe(call: &ApiCall, domain: &Domain) -> Value {
    let mut described = json!({
        "id": domain.id,
        "tenant": domain.scope.tenant,
        "product": domain.scope.product,
        "domain": domain.name,
        "display": domain.name.to_unicode(),
        "include_subdomains": domain.include_subdomains,
        "connection": domain.connection,
        "status": domain.state.name(),
        "claimed_at": domain.claimed,
        "record": {
            "type": "TXT",
            "name": proof::record_name(&domain.name),
            "value": proof::record_value(&domain.challenge),
        },
        "attempts": domain.attempts.iter().map(attempt).collect::<Vec<_>>(),
    });
    match domain.state {
        State::Claimed => {}
        State::Verified { by, since } => {
            described["proof"] = json!(by);
            described["verified_at"] = json!(since);
        }
        State::Failing { verified, since } => {
            described["proof"] = json!("dns");
            described["verified_at"] = json!(verified);
            described["failing_since"] = json!(since);
            described["lapses_at"] = json!(call.app.domains.lapses(since));
        }
        State::Lapsed { since } => described["lapsed_at"] = json!(since),
    }
    described
}

fn attempt(attempt: &Attempt) -> Value {
    let mut described = json!({ "at": attempt.at });
    if let Some(code) = &attempt.code {
        described["code"] = json!(code);
        // A code that a later release wrote has no words here.
        if let Some(code) = Code::named(code) {
            described["message"] = json!(code.sentence());
            described["hint"] = json!(code.hint());
        }
        for (name, value) in [("expected", &attempt.expected), ("received", &attempt.received)] {
            if let Some(value) = value {
                described[name] = json!(value);
            }
        }
    }
    described
}
