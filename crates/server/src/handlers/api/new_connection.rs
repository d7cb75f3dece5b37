//! `POST /api/v1/sso`: what a request says of a new connection, and of the domains and the policy that come along with it.

use postern_core::connection::Idp;
use postern_core::connections::Which;
use postern_core::fault::{Code, Fault};
use postern_core::new_connection::{Made, Maker, NewConnection, NewDomain};
use postern_core::scope::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

use super::idp::{Draft, settle};
use super::policy::Sent;
use super::{ApiCall, boolean, describe, domains, list, openid, policy, sso, text};
use crate::fields::Fields;

/// Makes the connection, and answers its record with what came along.
pub(super) async fn create(call: &ApiCall) -> Result<Value, Fault> {
    let body = &call.body;
    let (scope, idp, notes) = if openid::is_meant(body) { openid_provider(call).await? } else { saml(call).await? };
    let (settings, domains) = (sso::settings(call)?, domains(call)?);
    let policy = text(body, "scopePolicy")?.map(|text| scope_policy(&text)).transpose()?;
    let policy = policy.as_ref().map(Sent::merging);
    let app = &call.app;
    let maker = Maker { connections: &app.connections, domains: &app.domains, policies: &app.policies };
    let made = maker.create(NewConnection { scope, idp, settings, domains, policy }).await?;
    answer(call, made, notes).await
}

async fn answer(call: &ApiCall, made: Made, notes: Vec<String>) -> Result<Value, Fault> {
    let Made { connection, domains, policy } = made;
    let mut record = describe::connection(&connection, call);
    if call.app.connections.defaults(std::slice::from_ref(&connection)).await?.contains(&connection.id) {
        record["default"] = json!(true);
    }
    if let Value::Object(record) = &mut record {
        record.remove("deactivated"); // as in Jackson
    }
    if !domains.is_empty() {
        record["domains"] = domains.iter().map(|domain| json!(domains::describe(call, domain))).collect();
    }
    if let Some((policy, product)) = policy {
        record["scopePolicy"] = Value::Object(policy::shown(&policy, product.as_deref()));
    }
    if !notes.is_empty() {
        record["notes"] = json!(notes);
    }
    Ok(record)
}

/// The scope, the identity provider, and what to mind about what was sent.
type Described = (Scope, Idp, Vec<String>);

async fn saml(call: &ApiCall) -> Result<Described, Fault> {
    let body = &call.body;
    let draft = Draft::read(call, None).await?;
    let Some(draft) = draft else {
        return Err(match boolean(body, "isSAML")? {
            None => Code::FieldInvalid.fault().expected("Missing SSO connection params"),
            Some(_) => Code::FieldMissing.fault().expected("rawMetadata or encodedRawMetadata or metadataUrl"),
        });
    };
    check_redirects(body)?;
    let scope = call.scope(body)?;
    // The scope's connection to the same IdP keeps what an operator settled about it.
    let present = call.app.connections.find(&Which::Scopes(vec![scope.clone()])).await?;
    let present = present.iter().filter_map(|connection| connection.idp.saml().ok());
    let notes = draft.notes(call.app.now());
    let mut idp = draft.into_idp(present)?;
    settle(&mut idp, body)?;
    Ok((scope, Idp::Saml(idp), notes))
}

async fn openid_provider(call: &ApiCall) -> Result<Described, Fault> {
    let body = &call.body;
    check_redirects(body)?;
    let scope = call.scope(body)?;
    let client_id = body.one("oidcClientId")?;
    let present = call.app.connections.find(&Which::Scopes(vec![scope.clone()])).await?;
    let mut known = present.iter().filter_map(|connection| connection.idp.oidc().ok());
    let same = known.find(|idp| Some(idp.client_id.as_str()) == client_id);
    let idp = openid::read(call, same).await?;
    let notes = openid::notes(&idp.issuer, idp.provider.names_itself, &idp.required_claims);
    Ok((scope, Idp::Oidc(idp), notes))
}

/// What every new connection needs, in Jackson's words.
fn check_redirects(body: &Fields) -> Result<(), Fault> {
    body.one("defaultRedirectUrl")?.ok_or_else(|| Code::FieldMissing.fault().expected("a defaultRedirectUrl"))?;
    match list(body, "redirectUrl")?.is_none_or(|urls| urls.is_empty()) {
        true => Err(Code::FieldMissing.fault().expected("redirectUrl")),
        false => Ok(()),
    }
}

/// The domains to claim: each its name, or an object as `POST /api/v1/domains` takes it.
fn domains(call: &ApiCall) -> Result<Vec<NewDomain>, Fault> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Claim {
        Name(String),
        More(More),
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct More {
        domain: String,
        include_subdomains: Option<bool>,
        proof: Option<String>,
    }
    let Some(sent) = text(&call.body, "domains")?.filter(|sent| !sent.is_empty()) else { return Ok(Vec::new()) };
    let malformed = |_| {
        Code::FieldInvalid
            .fault()
            .expected("domains is not a list of names, or of objects with domain, include_subdomains and proof")
    };
    let claims: Vec<Claim> = serde_json::from_str(&sent).map_err(malformed)?;
    let read = |claim| {
        let More { domain, include_subdomains, proof } = match claim {
            Claim::Name(domain) => More { domain, include_subdomains: None, proof: None },
            Claim::More(more) => more,
        };
        let asserted = domains::is_asserted(call, proof.as_deref())?;
        Ok(NewDomain { name: domains::name(&domain)?, include_subdomains, asserted })
    };
    claims.into_iter().map(read).collect()
}

/// Settings of the scope's policy, as a JSON object. Without a revision they are the first that the scope has.
fn scope_policy(text: &str) -> Result<Sent, Fault> {
    let malformed = |_| Code::FieldInvalid.fault().expected("scopePolicy is not a JSON object");
    let fields = Fields::json(text.as_bytes()).map_err(malformed)?;
    let mut sent = Sent::read(&fields, None)?;
    sent.revision.get_or_insert(0);
    Ok(sent)
}
