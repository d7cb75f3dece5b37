//! Claims from the userinfo endpoint (OIDC Core §5.3), asked for where the ID token lacks some.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use openidconnect::core::CoreGenderClaim;
use openidconnect::{ClaimsVerificationError, SubjectIdentifier, UserInfoClaims, UserInfoError};
use postern_core::fault::{Code, Fault};
use postern_core::secret::Secret;
use postern_fetch::{Fetch, FetchError};
use serde_json::{Map, Value};

use crate::id_token::{OtherClaims, VerifiedIdToken};
use crate::metadata::LARGEST;

/// Why there are no more claims.
#[derive(Debug)]
pub enum Failure {
    /// They are another person's: the whole login is refused.
    AnotherPerson(Fault),
    /// They did not come. The login may do without.
    Without(&'static str),
}

/// Asks for the claims of the person of `id_token`. OIDC Core §5.3.2: "The sub Claim in the UserInfo Response MUST be verified
/// to exactly match the sub Claim in the ID Token; if they do not match, the UserInfo Response values MUST NOT be used."
pub async fn ask(
    fetch: &Fetch,
    endpoint: &str,
    access_token: &Secret,
    id_token: &VerifiedIdToken,
) -> Result<Map<String, Value>, Failure> {
    let bearer = HeaderValue::from_str(&format!("Bearer {}", access_token.expose()));
    let bearer = bearer.map_err(|_| Failure::Without("the access token cannot be sent"))?;
    let request = http::Request::get(endpoint)
        .header(AUTHORIZATION, bearer)
        .header(ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Failure::Without("the userinfo endpoint has no valid address"))?;
    let answer = fetch.call(request, LARGEST).await.map_err(|error: FetchError| {
        Failure::Without(match error {
            FetchError::Timeout => "the userinfo endpoint did not answer in time",
            _ => "the userinfo endpoint could not be reached",
        })
    })?;
    if answer.status() != http::StatusCode::OK {
        return Err(Failure::Without("the userinfo endpoint refused"));
    }
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/jwt") {
        return Err(Failure::Without("the userinfo endpoint sends a signed answer, which is not read"));
    }
    read(answer.body(), id_token)
}

fn read(body: &[u8], id_token: &VerifiedIdToken) -> Result<Map<String, Value>, Failure> {
    let unreadable = || Failure::Without("the answer of the userinfo endpoint is unreadable");
    let said: Map<String, Value> = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if !said.contains_key("sub") {
        return Err(Failure::AnotherPerson(Code::OidcUserinfoSubject.fault().received("(none)")));
    }
    let subject = SubjectIdentifier::new(id_token.subject().to_owned());
    let claims = UserInfoClaims::<OtherClaims, CoreGenderClaim>::from_json::<FetchError>(body, Some(&subject));
    let claims = claims.map_err(|error| match error {
        UserInfoError::ClaimsVerification(ClaimsVerificationError::InvalidSubject(_)) => {
            Failure::AnotherPerson(Code::OidcUserinfoSubject.into())
        }
        _ => unreadable(),
    })?;
    match serde_json::to_value(&claims) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err(unreadable()),
    }
}
