//! The verification of an ID token (OIDC Core §3.1.3.7). `openidconnect` checks signature, algorithm, issuer, audience, expiry
//! and nonce; what it leaves open is checked here. [`VerifiedIdToken`] has no other maker than [`verify`].

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, IdToken, IdTokenVerifier,
    IssuerUrl, JsonWebKeySet, Nonce, SignatureVerificationError,
};
use postern_core::fault::{Code, Fault};
use postern_core::openid::{OidcIdp, TENANT_ID};
use postern_core::ports::Timestamp;
use postern_core::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::callback::is_tenant;
use crate::jwk::{ALGORITHMS, Key};
use crate::metadata::issuer_of;

/// How old an ID token may be. It answers a login of the last minutes; the rest is for clocks.
const OLDEST: Duration = Duration::from_secs(3600);

/// An ID token may have 64 KiB.
const LARGEST: usize = 64 * 1024;

/// What an ID token has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// Whose it has to be.
    pub idp: &'a OidcIdp,
    /// What the login was begun with.
    pub nonce: &'a Secret,
    /// The access token beside it.
    pub access_token: &'a Secret,
    /// The present instant.
    pub now: Timestamp,
    /// How far the provider's clock may be off.
    pub skew: Duration,
}

/// An ID token that the provider signed for us and this login.
#[derive(Debug)]
pub struct VerifiedIdToken {
    subject: String,
    issuer: String,
    claims: Map<String, Value>,
}

impl VerifiedIdToken {
    /// The person, by the name that the provider never gives to another (OIDC Core §5.7).
    pub fn subject(&self) -> &str {
        &self.subject
    }
    /// Who says it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
    /// Everything that it says.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// All claims that the standard does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Token = IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;

/// What the checks of time say to `openidconnect`, so that they can be told from its own.
const ISSUE_TIME: &str = "the issue time is out of bounds";

/// Verifies an ID token. The values in a fault's `expected` and `received` are those of the protocol: issuer, audience,
/// algorithm, times; never what the token says of the person.
pub fn verify(unverified_id_token: &Secret, expected: Expectation<'_>) -> Result<VerifiedIdToken, Fault> {
    let text = unverified_id_token.expose();
    let seen = Seen::of(text);
    let malformed = || match seen.missing_claim() {
        Some(claim) => Code::OidcIdTokenIncomplete.fault().expected(claim),
        None => Code::OidcIdTokenMalformed.into(),
    };
    if text.len() > LARGEST {
        return Err(Code::OidcIdTokenMalformed.into());
    }
    let token = Token::from_str(text).map_err(|_| malformed())?;
    let idp = expected.idp;
    let issuer = filled_issuer(idp, &seen)?;
    let keys: Vec<Key> = idp.provider.keys.jwks().iter().filter_map(|jwk| Key::read(jwk).ok()).collect();
    let (now, skew, oldest) = (seconds(expected.now), delta(expected.skew), delta(OLDEST + expected.skew));
    let verifier = IdTokenVerifier::new_public_client(
        ClientId::new(idp.client_id.clone()),
        IssuerUrl::new(issuer.clone()).map_err(|_| Code::RecordUnreadable)?,
        JsonWebKeySet::new(keys),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_time_fn(move || now - skew)
    .set_issue_time_verifier_fn(move |issued: DateTime<Utc>| match issued > now + skew || issued < now - oldest {
        true => Err(ISSUE_TIME.to_owned()),
        false => Ok(()),
    })
    .set_other_audience_verifier_fn(|audience| idp.audiences.iter().any(|known| *known == **audience));
    let nonce = Nonce::new(expected.nonce.expose().to_owned());
    let claims = token.claims(&verifier, &nonce).map_err(|error| refused(&error, &seen, idp, &issuer, expected.now))?;

    // §3.1.3.7 no. 4 and 5, as the first editions have them: a token for several names the one it was issued to, and that is us.
    match claims.authorized_party() {
        Some(party) if **party == *idp.client_id => {}
        None if claims.audiences().len() == 1 => {}
        party => {
            let received = party.map_or("(none)", |party| party.as_str());
            return Err(Code::OidcAuthorizedParty.fault().expected(&idp.client_id).received(received));
        }
    }
    // §3.1.3.8: "the hash value … MUST match" where there is one; the algorithm is the one that was verified.
    if let Some(hash) = claims.access_token_hash() {
        let computed = token.signing_key(&verifier).ok().zip(token.signing_alg().ok()).and_then(|(key, algorithm)| {
            AccessTokenHash::from_token(&AccessToken::new(expected.access_token.expose().to_owned()), algorithm, key)
                .ok()
        });
        if computed.as_ref() != Some(hash) {
            return Err(Code::OidcAccessTokenHash.into());
        }
    }
    let subject = claims.subject().as_str().to_owned();
    // §2: "It MUST NOT exceed 255 ASCII characters in length."
    if subject.trim().is_empty() || subject.len() > 255 {
        return Err(Code::OidcIdTokenIncomplete.fault().expected("sub"));
    }
    let Ok(Value::Object(claims)) = serde_json::to_value(claims) else { return Err(Code::OidcIdTokenMalformed.into()) };
    // RFC 7519 §4.1.5.
    if claims.get("nbf").and_then(Value::as_i64).is_some_and(|begins| begins > (now + skew).timestamp()) {
        return Err(Code::OidcIssueTime.fault().expected(expected.now.to_string()));
    }
    check_required(&idp.required_claims, &claims)?;
    Ok(VerifiedIdToken { subject, issuer, claims })
}

/// An issuer for several organisations names none: the token's `tid` does, and the token's own issuer has to name the same.
fn filled_issuer(idp: &OidcIdp, seen: &Seen) -> Result<String, Fault> {
    if !idp.issuer.contains(TENANT_ID) {
        return Ok(idp.issuer.clone());
    }
    let tenant = seen.text("tid").filter(|tenant| is_tenant(tenant));
    Ok(issuer_of(&idp.issuer, tenant.ok_or_else(|| Code::OidcIdTokenIncomplete.fault().expected("tid"))?))
}

/// What one issuer of many organisations says of which this person is. A value other than text is compared as JSON.
fn check_required(required: &BTreeMap<String, String>, claims: &Map<String, Value>) -> Result<(), Fault> {
    let fits = |name: &str, wanted: &str| match claims.get(name) {
        Some(Value::String(value)) => value == wanted,
        Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
        None => false,
    };
    match required.iter().find(|(name, wanted)| !fits(name, wanted)) {
        None => Ok(()),
        Some((name, wanted)) => {
            let received = if claims.contains_key(name) { "another value" } else { "(none)" };
            Err(Code::OidcRequiredClaim.fault().expected(format!("{name} = {wanted}")).received(received))
        }
    }
}

/// The library's refusals by our names. Its sentences quote the token, so they go nowhere.
fn refused(error: &ClaimsVerificationError, seen: &Seen, idp: &OidcIdp, issuer: &str, now: Timestamp) -> Fault {
    use SignatureVerificationError as Signature;
    let algorithm = || seen.algorithm.clone().unwrap_or_else(|| "(none)".to_owned());
    let key_unknown = || {
        let key = seen.key.as_deref().unwrap_or("(none)");
        Code::OidcKeyUnknown.fault().received(format!("kid {key}, alg {}", algorithm()))
    };
    match error {
        ClaimsVerificationError::InvalidIssuer(_) => {
            Code::OidcIssuerMismatch.fault().expected(issuer).received(seen.text("iss").unwrap_or("(none)"))
        }
        ClaimsVerificationError::InvalidAudience(_) => {
            let audiences = seen.audiences();
            let code = match audiences.contains(&idp.client_id.as_str()) {
                true => Code::OidcAudienceForeign,
                false => Code::OidcAudienceMismatch,
            };
            code.fault().expected(&idp.client_id).received(audiences.join(", "))
        }
        ClaimsVerificationError::Expired(why) => {
            let (code, time) =
                if why == ISSUE_TIME { (Code::OidcIssueTime, "iat") } else { (Code::OidcExpired, "exp") };
            let received = seen.claims.get(time).and_then(Value::as_i64).and_then(|at| Timestamp::from_second(at).ok());
            let fault = code.fault().expected(format!("{now} here"));
            received.iter().fold(fault, |fault, received| fault.received(format!("{time} {received}")))
        }
        ClaimsVerificationError::InvalidNonce(_) => Code::OidcNonceMismatch.into(),
        ClaimsVerificationError::SignatureVerification(why) => match why {
            Signature::NoSignature => Code::OidcUnsigned.into(),
            Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) => {
                Code::OidcAlgorithm.fault().expected("RS256 or another asymmetric algorithm").received(algorithm())
            }
            Signature::NoMatchingKey => key_unknown(),
            // Where no key has a name, that is all that is seen of a provider which has changed its key.
            Signature::CryptoError(_) if seen.key.is_none() => key_unknown(),
            Signature::AmbiguousKeyId(_) => Code::OidcKeyAmbiguous.into(),
            _ => Code::OidcSignatureInvalid.into(),
        },
        _ => Code::OidcIdTokenMalformed.into(),
    }
}

/// What a token says before anything is verified: for faults alone, and to fill Microsoft's template, which is then compared.
#[derive(Debug, Default)]
struct Seen {
    algorithm: Option<String>,
    key: Option<String>,
    claims: Map<String, Value>,
}

impl Seen {
    fn of(unverified: &str) -> Self {
        let object = |part: Option<&str>| {
            let bytes = data_encoding::BASE64URL_NOPAD.decode(part.unwrap_or_default().as_bytes()).unwrap_or_default();
            serde_json::from_slice::<Map<String, Value>>(&bytes).unwrap_or_default()
        };
        let mut parts = unverified.split('.');
        let (header, claims) = (object(parts.next()), object(parts.next()));
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Self { algorithm: text("alg"), key: text("kid"), claims }
    }
    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
    fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
    /// A claim that every ID token has (OIDC Core §2) and this one has not.
    fn missing_claim(&self) -> Option<&'static str> {
        let required = ["iss", "sub", "aud", "exp", "iat"];
        let readable = !self.claims.is_empty();
        required.into_iter().find(|claim| readable && self.claims.get(*claim).is_none_or(Value::is_null))
    }
}

fn seconds(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(at.as_second(), 0).unwrap_or_default()
}

fn delta(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use postern_core::openid::{AssertionAudience, Callback, ClientAuthentication, Provider, VerificationKeys};
    use postern_core::signing::SigningAlgorithm;
    use postern_jose::signing::SigningKey;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::from_pem(algorithm, SigningKey::generate(algorithm).unwrap().expose()).unwrap()
    }

    fn idp(issuer: &str, key: &SigningKey) -> OidcIdp {
        OidcIdp {
            issuer: issuer.into(),
            discovery_url: None,
            client_id: "us".into(),
            authentication: ClientAuthentication::ClientSecretBasic { secret: Secret::new("s") },
            scopes: vec!["openid".into()],
            parameters: BTreeMap::new(),
            required_claims: BTreeMap::new(),
            audiences: vec![],
            assertion_audience: AssertionAudience::default(),
            callback: Callback::Own,
            provider: Provider {
                authorization_endpoint: "https://idp.example.com/authorize".into(),
                token_endpoint: "https://idp.example.com/token".into(),
                userinfo_endpoint: None,
                jwks_uri: None,
                end_session_endpoint: None,
                names_itself: false,
                keys: VerificationKeys::new(vec![key.public().as_object().unwrap().clone()]).unwrap(),
            },
        }
    }

    fn judge(idp: &OidcIdp, key: &SigningKey, more: Value) -> Result<VerifiedIdToken, Fault> {
        let mut claims = json!({ "sub": "p", "aud": "us", "nonce": "n", "iat": NOW, "exp": NOW + 60 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = Secret::new(key.sign("JWT", &claims).unwrap());
        let now = Timestamp::from_second(NOW).unwrap();
        let (nonce, access_token, skew) = (&Secret::new("n"), &Secret::new("a"), Duration::from_secs(180));
        verify(&token, Expectation { idp, nonce, access_token, now, skew })
    }

    /// A verified token with these claims, for tests of what is read from one.
    pub(crate) fn verified(issuer: &str, claims: Value) -> VerifiedIdToken {
        let key = key(SigningAlgorithm::Es256);
        let mut claims = claims;
        claims["iss"] = json!(issuer);
        judge(&idp(issuer, &key), &key, claims).unwrap()
    }

    #[test]
    fn g2_every_asymmetric_algorithm_of_the_time_is_accepted() {
        for algorithm in SigningAlgorithm::ALL {
            let key = key(algorithm);
            let token = judge(&idp("https://idp.example.com", &key), &key, json!({ "iss": "https://idp.example.com" }));
            assert_eq!(token.unwrap().subject(), "p", "{algorithm:?}");
        }
    }

    #[test]
    fn g1_a_token_fills_microsofts_template_with_its_own_organisation() {
        let key = key(SigningAlgorithm::Rs256);
        let idp = idp(TEMPLATE, &key);
        let issuer = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let good = judge(&idp, &key, json!({ "iss": issuer("1b2-c3"), "tid": "1b2-c3" })).unwrap();
        assert_eq!(good.issuer(), issuer("1b2-c3"));
        for (iss, tid, code) in [
            (issuer("1b2-c3"), json!("another"), Code::OidcIssuerMismatch),
            (TEMPLATE.to_owned(), json!("1b2-c3"), Code::OidcIssuerMismatch),
            (issuer("1b2-c3"), Value::Null, Code::OidcIdTokenIncomplete),
            (TEMPLATE.to_owned(), json!("{tenantid}"), Code::OidcIdTokenIncomplete),
            (issuer("a/../b"), json!("a/../b"), Code::OidcIdTokenIncomplete),
        ] {
            let refused = judge(&idp, &key, json!({ "iss": iss, "tid": tid })).unwrap_err();
            assert_eq!(refused.code, code, "{iss} {tid}");
        }
        let pinned = OidcIdp { required_claims: [("tid".to_owned(), "other".to_owned())].into(), ..idp };
        let refused = judge(&pinned, &key, json!({ "iss": issuer("1b2-c3"), "tid": "1b2-c3" })).unwrap_err();
        assert_eq!(refused.code, Code::OidcRequiredClaim);
    }

    #[test]
    fn a_fault_tells_the_values_of_the_protocol_and_nothing_of_the_person() {
        let key = key(SigningAlgorithm::Es256);
        let told = json!({ "iss": "https://evil.example", "email": "alice@example.com" });
        let fault = judge(&idp("https://idp.example.com", &key), &key, told).unwrap_err();
        assert_eq!(fault.expected.as_deref(), Some("https://idp.example.com"));
        assert_eq!(fault.received.as_deref(), Some("https://evil.example"));
        assert!(!format!("{fault:?}").contains("alice"));
    }
}
