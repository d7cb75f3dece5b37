//! A table of what a provider can do wrong, and what ought to be heard of it.

use std::time::Duration;

use postern_core::fault::Code;
use serde_json::{Value, json};

use super::lies::{Lies, Signature};

/// One kind of answer.
pub struct Case {
    /// What happens, as a sentence that could follow "where".
    pub name: &'static str,
    /// How.
    pub lies: fn() -> Lies,
    /// What comes of it.
    pub expected: Expected,
}

/// What comes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The person is signed in.
    SignedIn,
    /// The login is refused.
    Refused(Code),
}

use Expected::{Refused, SignedIn};

fn claims(claims: &[(&'static str, Value)]) -> Lies {
    Lies { claims: claims.to_vec(), ..Lies::default() }
}

fn header(header: &[(&'static str, Value)]) -> Lies {
    Lies { header: header.to_vec(), ..Lies::default() }
}

fn signature(signature: Signature) -> Lies {
    Lies { signature, ..Lies::default() }
}

fn callback(callback: &[(&'static str, Option<&'static str>)]) -> Lies {
    Lies { callback: callback.to_vec(), ..Lies::default() }
}

fn error(error: &'static str, description: &'static str) -> Lies {
    callback(&[("code", None), ("error", Some(error)), ("error_description", Some(description))])
}

fn token(status: u16, answer: Value) -> Lies {
    Lies { token: Some((status, answer)), ..Lies::default() }
}

fn token_error(error: &str, description: &str) -> Lies {
    token(400, json!({ "error": error, "error_description": description }))
}

fn userinfo(userinfo: Value) -> Lies {
    let lacking = vec![("email", Value::Null), ("name", Value::Null), ("given_name", Value::Null)];
    Lies { claims: lacking, userinfo: Some(userinfo), ..Lies::default() }
}

macro_rules! cases {
    ($( $name:literal, $expected:expr, $lies:expr; )+) => {
        /// Every case.
        pub const CASES: &[Case] = &[$( Case { name: $name, lies: || $lies, expected: $expected }, )+];
    };
}

#[rustfmt::skip]
cases! {
    "nothing is wrong", SignedIn, Lies::default();
    "the claims are in the userinfo alone", SignedIn, Lies { claims: vec![("email", Value::Null), ("name", Value::Null), ("given_name", Value::Null), ("family_name", Value::Null), ("groups", Value::Null)], ..Lies::default() };
    "there is no kid, and one key", SignedIn, header(&[("kid", Value::Null)]);
    "there is no at_hash", SignedIn, claims(&[("at_hash", Value::Null)]);
    "the audience is a list of one", SignedIn, claims(&[("aud", json!(["client-of-postern"]))]);
    "email_verified is a text", SignedIn, claims(&[("email_verified", json!("true"))]);
    "updated_at is a date", SignedIn, claims(&[("updated_at", json!("2027-01-15T08:00:00.000Z"))]);
    "unknown claims of every kind are there", SignedIn, claims(&[("x", json!({ "a": [1, { "b": null }] })), ("y", json!([[], {}])), ("z", json!(1.5))]);
    "optional claims are null", SignedIn, claims(&[("picture", json!(null)), ("phone_number", json!(null))]);
    "the expiry lies within the tolerance", SignedIn, claims(&[("exp", json!(-60))]);

    "the state is missing", Refused(Code::OidcStateMissing), callback(&[("state", None)]);
    "there is neither a code nor an error", Refused(Code::OidcCodeMissing), callback(&[("code", None)]);
    "the issuer parameter is missing", Refused(Code::OidcIssuerParameterMissing), callback(&[("iss", None)]);
    "the issuer parameter is another", Refused(Code::OidcIssuerParameterMismatch), callback(&[("iss", Some("https://evil.example"))]);
    "an error comes in another's name", Refused(Code::OidcIssuerParameterMismatch), callback(&[("code", None), ("error", Some("access_denied")), ("iss", Some("https://evil.example"))]);
    "the login is declined", Refused(Code::OidcAccessDenied), error("access_denied", "words that nobody repeats");
    "nobody is signed in", Refused(Code::SignInNeeded), error("login_required", "");
    "something has to be asked", Refused(Code::OidcInteractionRequired), error("interaction_required", "");
    "an account has to be chosen", Refused(Code::OidcAccountSelectionRequired), error("account_selection_required", "");
    "consent is missing", Refused(Code::OidcConsentMissing), error("consent_required", "");
    "an administrator's consent is missing (Microsoft)", Refused(Code::OidcConsentMissing), error("invalid_client", "AADSTS65001: words");
    "the redirect URI is refused", Refused(Code::OidcRedirectUriRefused), error("invalid_redirect_uri", "");
    "the redirect URI is refused (Google)", Refused(Code::OidcRedirectUriRefused), error("redirect_uri_mismatch", "");
    "the redirect URI is refused (Microsoft)", Refused(Code::OidcRedirectUriRefused), error("invalid_request", "AADSTS50011: words");
    "the scope is refused", Refused(Code::OidcScopeRefused), error("invalid_scope", "");
    "the client is unknown", Refused(Code::OidcClientUnknown), error("unauthorized_client", "");
    "the client is unknown (Microsoft)", Refused(Code::OidcClientUnknown), error("unauthorized_client", "AADSTS700016: words");
    "the person is not assigned (Microsoft)", Refused(Code::OidcPersonNotAssigned), error("access_denied", "AADSTS50105: words");
    "the person is another organisation's (Microsoft)", Refused(Code::OidcPersonOfOtherOrganisation), error("invalid_request", "AADSTS50020: words");
    "a policy blocks (Microsoft)", Refused(Code::OidcPolicyNotMet), error("access_denied", "AADSTS53003: words");
    "the provider fails", Refused(Code::OidcProviderFailed), error("server_error", "");
    "the error is none that is known", Refused(Code::OidcRequestRefused), error("strange error with words", "");

    "the token endpoint is slow", Refused(Code::OidcProviderUnreachable), Lies { delay: Some(Duration::from_secs(5)), ..Lies::default() };
    "the client secret is wrong", Refused(Code::OidcClientSecretWrong), token(401, json!({ "error": "invalid_client" }));
    "the client secret is wrong (Microsoft)", Refused(Code::OidcClientSecretWrong), token_error("invalid_client", "AADSTS7000215: words");
    "the client secret has expired (Microsoft)", Refused(Code::OidcClientSecretExpired), token_error("invalid_client", "AADSTS7000222: words");
    "the signed assertion is refused (Microsoft)", Refused(Code::OidcClientAssertionRefused), token_error("invalid_client", "AADSTS700027: words");
    "the code is refused", Refused(Code::OidcCodeRefused), token_error("invalid_grant", "");
    "the redirect URI is refused at the token endpoint", Refused(Code::OidcRedirectUriRefused), token_error("redirect_uri_mismatch", "");
    "the token answer is no object", Refused(Code::OidcTokenAnswerMalformed), token(200, json!("words"));
    "the token answer has no access token", Refused(Code::OidcTokenAnswerMalformed), token(200, json!({ "id_token": "a.b.c" }));
    "there is no ID token", Refused(Code::OidcIdTokenMissing), Lies { no_id_token: true, ..Lies::default() };

    "the ID token is no token", Refused(Code::OidcIdTokenMalformed), token(200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": "words" }));
    "the ID token is huge", Refused(Code::OidcIdTokenMalformed), claims(&[("x", json!("x".repeat(70_000)))]);
    "the ID token is encrypted", Refused(Code::OidcIdTokenMalformed), header(&[("alg", json!("RSA-OAEP")), ("enc", json!("A256GCM"))]);
    "the header names a critical extension", Refused(Code::OidcIdTokenMalformed), header(&[("crit", json!(["b64"])), ("b64", json!(false))]);
    "the token is an access token", Refused(Code::OidcIdTokenMalformed), header(&[("typ", json!("at+jwt"))]);
    "a claim has the wrong type", Refused(Code::OidcIdTokenMalformed), claims(&[("email", json!({ "address": "x" }))]);
    "the issuer is missing", Refused(Code::OidcIdTokenIncomplete), claims(&[("iss", Value::Null)]);
    "the subject is missing", Refused(Code::OidcIdTokenIncomplete), claims(&[("sub", Value::Null)]);
    "the subject is empty", Refused(Code::OidcIdTokenIncomplete), claims(&[("sub", json!(" "))]);
    "the audience is missing", Refused(Code::OidcAudienceMismatch), claims(&[("aud", Value::Null)]);
    "the time of issue is missing", Refused(Code::OidcIdTokenIncomplete), claims(&[("iat", Value::Null)]);
    "the expiry is missing", Refused(Code::OidcIdTokenIncomplete), claims(&[("exp", Value::Null)]);
    "the algorithm is none", Refused(Code::OidcUnsigned), signature(Signature::None);
    "the public key is the secret of HS256", Refused(Code::OidcAlgorithm), signature(Signature::HmacWithThePublicKey);
    "the algorithm is that of another kind of key", Refused(Code::OidcKeyUnknown), header(&[("alg", json!("ES256"))]);
    "the key is not published", Refused(Code::OidcKeyUnknown), header(&[("kid", json!("key-of-nobody"))]);
    "the header brings its own key", Refused(Code::OidcKeyUnknown), Lies { header: vec![("kid", json!("own")), ("jwk", json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })), ("jku", json!("https://evil.example/jwks"))], signature: Signature::OfAnotherKey, ..Lies::default() };
    "another key signs", Refused(Code::OidcSignatureInvalid), signature(Signature::OfAnotherKey);
    "the token was changed", Refused(Code::OidcSignatureInvalid), signature(Signature::OfOtherBytes);
    "the issuer is another", Refused(Code::OidcIssuerMismatch), claims(&[("iss", json!("https://evil.example"))]);
    "the audience is another", Refused(Code::OidcAudienceMismatch), claims(&[("aud", json!("client-of-another"))]);
    "the audience is several", Refused(Code::OidcAudienceForeign), claims(&[("aud", json!(["client-of-postern", "client-of-another"])), ("azp", json!("client-of-postern"))]);
    "the authorized party is another", Refused(Code::OidcAuthorizedParty), claims(&[("azp", json!("client-of-another"))]);
    "the token has expired", Refused(Code::OidcExpired), claims(&[("exp", json!(-3600))]);
    "the token comes from the future", Refused(Code::OidcIssueTime), claims(&[("iat", json!(3600)), ("exp", json!(7200))]);
    "the token is old", Refused(Code::OidcIssueTime), claims(&[("iat", json!(-7200)), ("exp", json!(7200))]);
    "the token is not valid yet", Refused(Code::OidcIssueTime), claims(&[("nbf", json!(3600))]);
    "the nonce is another", Refused(Code::OidcNonceMismatch), claims(&[("nonce", json!("another"))]);
    "the nonce is missing", Refused(Code::OidcNonceMismatch), claims(&[("nonce", Value::Null)]);
    "the hash of the access token is another", Refused(Code::OidcAccessTokenHash), claims(&[("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))]);
    "the userinfo is another person's", Refused(Code::OidcUserinfoSubject), userinfo(json!({ "sub": "somebody else", "email": "bob@example.com" }));
    "the userinfo says of nobody", Refused(Code::OidcUserinfoSubject), userinfo(json!({ "email": "bob@example.com" }));
    "the userinfo is no object", Refused(Code::AttributeMissing), userinfo(json!("words"));
    "the address is nowhere", Refused(Code::AttributeMissing), userinfo(json!({ "sub": "u-1001" }));
    "the access token cannot be sent on", Refused(Code::AttributeMissing), Lies { access_token: Some("a\nb"), ..userinfo(json!({})) };
}
