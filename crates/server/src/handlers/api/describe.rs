//! How the API shows a connection.

use postern_core::connection::{Certificate, Connection, Delivery, Endpoints, Idp, SamlIdp};
use postern_core::login::finish::provider;
use postern_core::mapping::Mapping;
use postern_core::openid::{OidcIdp, Provider};
use serde_json::{Value, json};
use sha1::Digest as _;

use super::ApiCall;

/// A connection as Jackson shows it, and what Postern adds.
pub(super) fn connection(connection: &Connection, call: &ApiCall) -> Value {
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
        "unsolicitedDelivery": (connection.unsolicited_delivery != Delivery::default())
            .then(|| connection.unsolicited_delivery.name()),
        "sortOrder": connection.sort_order,
        "provider": connection.template().id,
        "deactivated": connection.deactivated,
        "singleLogout": (!connection.single_logout).then_some(false),
        "createdAt": connection.created,
        "mapping": (connection.mapping != Mapping::default()).then_some(&connection.mapping),
    });
    let of_protocol = match &connection.idp {
        Idp::Saml(idp) => saml(connection, idp, call),
        Idp::Oidc(idp) => oidc(connection, idp, call),
    };
    if let (Value::Object(record), Value::Object(members)) = (&mut record, of_protocol) {
        record.extend(members);
    }
    if call.sees_secrets() {
        record["clientSecret"] = json!(connection.client_secret.expose());
    }
    without_nulls(record)
}

fn saml(connection: &Connection, idp: &SamlIdp, call: &ApiCall) -> Value {
    let certificates = idp.signing_keys.certificates();
    let joined = |each: fn(&Certificate) -> String| certificates.iter().map(each).collect::<Vec<_>>().join(",");
    json!({
        "forceAuthn": idp.force_authn,
        "isPassive": idp.is_passive.then_some(true),
        "identifierFormat": idp.name_id_format,
        "scoping": (!idp.idps_behind.is_empty()).then_some(&idp.idps_behind),
        "askForSubjectId": idp.asks_for_subject_id.then_some(true),
        "metadataUrl": idp.metadata_url,
        "strictFederation": idp.strict_federation.then_some(true),
        "scopes": (!idp.scopes.is_empty()).then_some(&idp.scopes),
        "signRequests": idp.sign_requests,
        "authnContexts": (!idp.authn_contexts.is_empty()).then_some(&idp.authn_contexts),
        "providerName": idp.provider_name,
        "allow": idp.allow,
        "acsUrl": call.app.acs_url_of(connection),
        "idpMetadata": {
            "entityID": idp.entity_id,
            "loginType": "idp",
            "provider": provider(&idp.entity_id),
            "sso": endpoints(&idp.sso),
            "slo": endpoints(&idp.slo),
            "publicKey": joined(|certificate| data_encoding::BASE64.encode(&certificate.der)),
            "thumbprint": joined(thumbprint),
            "certificates": certificates.iter().map(certificate).collect::<Vec<_>>(),
            "validTo": joined(|certificate| certificate.not_after.to_string()),
            "validUntil": idp.lifetime.valid_until,
            "scopes": (!idp.metadata_scopes.is_empty()).then_some(&idp.metadata_scopes),
            "cacheSeconds": idp.lifetime.cache_seconds,
        },
    })
}

/// Jackson shows the metadata where it was given by hand, and the address where it has one.
fn oidc(connection: &Connection, idp: &OidcIdp, call: &ApiCall) -> Value {
    let authentication = &idp.authentication;
    let secret = authentication.secret().filter(|_| call.sees_secrets());
    let metadata = idp.discovery_url.is_none().then(|| openid_metadata(&idp.issuer, &idp.provider));
    json!({
        "oidcProvider": {
            "provider": provider(&idp.issuer),
            "discoveryUrl": idp.discovery_url,
            "metadata": metadata,
            "clientId": idp.client_id,
            "clientSecret": secret.map(|secret| secret.expose()),
        },
        "oidcIssuer": idp.issuer,
        "oidcClientAuthMethod": authentication.name(),
        "oidcAssertionAudience": (!authentication.keys().is_empty()).then(|| idp.assertion_audience.name()),
        "oidcScopes": idp.scopes,
        "oidcParameters": (!idp.parameters.is_empty()).then_some(&idp.parameters),
        "oidcAudiences": (!idp.audiences.is_empty()).then_some(&idp.audiences),
        "oidcRequiredClaims": (!idp.required_claims.is_empty()).then_some(&idp.required_claims),
        "oidcCallback": idp.callback.name(),
        "callbackUrl": call.app.oidc_callback_of(connection, idp.callback),
        "clientJwksUrl": (!authentication.keys().is_empty()).then(|| call.app.oidc_jwks_of(connection)),
    })
}

/// An OpenID Provider's metadata, by the names of OIDC Discovery §3.
pub(super) fn openid_metadata(issuer: &str, provider: &Provider) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": provider.authorization_endpoint,
        "token_endpoint": provider.token_endpoint,
        "userinfo_endpoint": provider.userinfo_endpoint,
        "jwks_uri": provider.jwks_uri,
        "end_session_endpoint": provider.end_session_endpoint,
    })
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
pub(super) fn endpoints(endpoints: &Endpoints) -> Value {
    json!({ "redirectUrl": endpoints.redirect, "postUrl": endpoints.post })
}

/// A certificate, by the hashes under which people know it.
pub(super) fn certificate(certificate: &Certificate) -> Value {
    json!({
        "fingerprint": postern_saml::certificate::fingerprint(certificate),
        "thumbprint": thumbprint(certificate),
        "validTo": certificate.not_after,
    })
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
