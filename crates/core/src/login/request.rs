//! What the app may ask: the parameters of an authorization request, read once into a type.

use std::collections::HashMap;

use super::authentication::{Asked, Wording};
use super::{ResponseMode, ReturnTo};
use crate::fault::{Code, Fault};
use crate::secret::Secret;

/// The parameters of a request. RFC 6749 §3.1: "Parameters sent without a value MUST be treated as if they were omitted",
/// and "Request and response parameters MUST NOT be included more than once".
#[derive(Debug, Default, Clone)]
pub struct Parameters {
    values: HashMap<String, String>,
    /// The reference under which they were pushed, if they were.
    pushed: Option<Secret>,
}

impl Parameters {
    /// Reads decoded name-value pairs.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Fault> {
        let mut parameters = HashMap::new();
        for (name, value) in pairs {
            let limit =
                if matches!(name.as_str(), "state" | "nonce" | "claims" | "id_token_hint") { 4096 } else { 2048 };
            if value.len() > limit && READ.contains(&name.as_str()) {
                return Err(Code::ParameterTooLong.fault().expected(name));
            }
            if READ.contains(&name.as_str()) && parameters.insert(name.clone(), value).is_some() {
                return Err(Code::ParameterRepeated.fault().expected(name));
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self { values: parameters, pushed: None })
    }

    /// Those that an app pushed, opened with the reference to them. What the person chose on our own pages comes beside it: a
    /// connection, and, where the app named no tenant, an address.
    pub(super) fn pushed(values: HashMap<String, String>, mut beside: Parameters, handle: Secret) -> Self {
        let mut values = values;
        values.extend(beside.take("chosen").map(|chosen| ("chosen".to_owned(), chosen)));
        if !values.contains_key("tenant") {
            values.extend(beside.take("email").map(|email| ("email".to_owned(), email)));
        }
        Self { values, pushed: Some(handle) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn into_values(self) -> HashMap<String, String> {
        self.values
    }
}

/// Every parameter that is read. Unknown ones are ignored (RFC 6749 §3.1), so that clients may send what they like.
const READ: &[&str] = &[
    "access_type",
    "acr_values",
    "chosen",
    "claims",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "email",
    "forceAuthn",
    "id_token_hint",
    "idp_hint",
    "login_hint",
    "max_age",
    "nonce",
    "product",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "tenant",
];

/// An authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3), with Jackson's ways of naming a scope.
#[derive(Debug, Clone)]
pub struct AuthorizeRequest {
    /// Who asks. Jackson's placeholders for nobody count as nobody.
    pub client_id: Option<String>,
    /// Whose people.
    pub tenant: Option<String>,
    /// For which app.
    pub product: Option<String>,
    /// Where to answer.
    pub redirect_uri: Option<String>,
    /// `code`, and nothing else.
    pub response_type: Option<String>,
    /// `query` or `form_post`.
    pub response_mode: Option<String>,
    /// Returned unchanged.
    pub state: Option<String>,
    /// The OAuth scope.
    pub scope: Vec<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<String>,
    /// `S256`, and nothing else.
    pub code_challenge_method: Option<String>,
    /// The thumbprint of the key that the code is bound to: `dpop_jkt`.
    pub dpop_key: Option<String>,
    /// An ID token of ours, about the person who is expected.
    pub id_token_hint: Option<String>,
    /// Which connection of several.
    pub idp_hint: Option<String>,
    /// Which connection the person chose on our own page.
    pub chosen: Option<String>,
    /// How the person is to be authenticated.
    pub asked: Asked,
    /// Who the app believes it is, or who the person said they are (`email`). Where no tenant is named, its domain leads to one.
    pub login_hint: Option<String>,
    /// May hold an encoded scope.
    pub access_type: Option<String>,
    /// May hold an encoded scope.
    pub resource: Option<String>,
    /// The reference under which it was pushed, if it was.
    pub(super) pushed: Option<Secret>,
    /// What cannot be read or is not offered, for when it is known whom to tell.
    refused: Option<Code>,
}

impl AuthorizeRequest {
    /// Reads the parameters. What is missing is found missing later, where it is known whom to tell.
    pub fn read(mut parameters: Parameters) -> Self {
        let nobody = |id: &String| !matches!(id.as_str(), "undefined" | "null");
        let scope = parameters.take("scope").unwrap_or_default();
        let asked = Asked::read(&Wording {
            prompt: parameters.take("prompt"),
            max_age: parameters.take("max_age"),
            acr_values: parameters.take("acr_values"),
            claims: parameters.take("claims"),
            force_authn: parameters.take("forceAuthn").as_deref() == Some("true"),
        });
        // OIDC Core §6: where request objects are not offered, they are refused rather than ignored, since they may say
        // something else than the parameters beside them.
        let refused = match (parameters.take("request"), parameters.take("request_uri"), &asked) {
            (Some(_), _, _) => Some(Code::RequestObjectUnsupported),
            (None, Some(_), _) => Some(Code::RequestUriUnsupported),
            (None, None, asked) => asked.as_ref().err().copied(),
        };
        Self {
            client_id: parameters.take("client_id").filter(nobody),
            tenant: parameters.take("tenant"),
            product: parameters.take("product"),
            redirect_uri: parameters.take("redirect_uri"),
            response_type: parameters.take("response_type"),
            response_mode: parameters.take("response_mode"),
            state: parameters.take("state"),
            scope: scope.split(' ').filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            nonce: parameters.take("nonce"),
            code_challenge: parameters.take("code_challenge"),
            code_challenge_method: parameters.take("code_challenge_method"),
            dpop_key: parameters.take("dpop_jkt"),
            id_token_hint: parameters.take("id_token_hint"),
            idp_hint: parameters.take("idp_hint"),
            chosen: parameters.take("chosen"),
            asked: asked.unwrap_or_default(),
            login_hint: parameters.take("email").or_else(|| parameters.take("login_hint")),
            access_type: parameters.take("access_type"),
            resource: parameters.take("resource"),
            pushed: parameters.pushed,
            refused,
        }
    }

    /// The checks that a client with a proven redirect URI hears the outcome of.
    pub(super) fn check(&self, needs_challenge: bool) -> Result<(), Fault> {
        if let Some(code) = self.refused {
            return Err(code.into());
        }
        match self.response_type.as_deref() {
            Some("code") => {}
            None => return Err(Code::ResponseTypeMissing.into()),
            Some(other) => return Err(Code::ResponseTypeUnsupported.fault().expected("code").received(other)),
        }
        if let Some(other) = self.response_mode.as_deref().filter(|mode| ResponseMode::named(mode).is_none()) {
            return Err(Code::ResponseModeUnsupported.fault().expected("query or form_post").received(other));
        }
        match (&self.code_challenge, &self.state) {
            (Some(challenge), _) => check_challenge(challenge, self.code_challenge_method.as_deref()),
            // RFC 7636 §4.4.1, RFC 9700 §2.1.1: "public clients MUST use PKCE".
            (None, _) if needs_challenge => Err(Code::ChallengeMissing.into()),
            (None, None) => Err(Code::StateOrChallengeMissing.into()),
            (None, Some(_)) => Ok(()),
        }
    }

    pub(super) fn return_to(&self, redirect_uri: String) -> ReturnTo {
        let mode = self.response_mode.as_deref().and_then(ResponseMode::named).unwrap_or_default();
        ReturnTo { redirect_uri, state: self.state.clone(), mode }
    }
}

/// RFC 7636 §4.2: `S256` alone; "plain" is also what a missing method means. §4.1: 43 to 128 unreserved characters.
fn check_challenge(challenge: &str, method: Option<&str>) -> Result<(), Fault> {
    if method != Some("S256") {
        return Err(Code::ChallengeMethodUnsupported.fault().expected("S256").received(method.unwrap_or("(none)")));
    }
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match (43..=128).contains(&challenge.len()) && challenge.bytes().all(unreserved) {
        true => Ok(()),
        false => Err(Code::ChallengeMalformed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<AuthorizeRequest, Code> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Parameters::read(pairs).map(AuthorizeRequest::read).map_err(|fault| fault.code)
    }

    fn check(pairs: &[(&str, &str)], public: bool) -> Result<(), Code> {
        read(pairs).unwrap().check(public).map_err(|fault| fault.code)
    }

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a10_repeated_parameters_are_refused_and_empty_or_unknown_ones_ignored() {
        assert_eq!(read(&[("client_id", "a"), ("client_id", "b")]).unwrap_err(), Code::ParameterRepeated);
        assert_eq!(read(&[("state", ""), ("state", "x")]).unwrap_err(), Code::ParameterRepeated);
        let request = read(&[("state", ""), ("foo", "1"), ("foo", "2"), ("client_id", "undefined")]).unwrap();
        assert_eq!((request.state, request.client_id), (None, None));
    }

    #[test]
    fn a6_only_the_code_response_type_is_offered() {
        assert_eq!(check(&[("state", "s")], false), Err(Code::ResponseTypeMissing));
        for other in ["token", "id_token", "code token", "code id_token"] {
            assert_eq!(check(&[("response_type", other), ("state", "s")], false), Err(Code::ResponseTypeUnsupported));
        }
    }

    #[test]
    fn a7_a_public_client_needs_a_challenge_and_others_a_challenge_or_a_state() {
        let code = ("response_type", "code");
        let challenge = [code, ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        assert_eq!(check(&challenge, true), Ok(()));
        assert_eq!(check(&challenge, false), Ok(()));
        assert_eq!(check(&[code, ("state", "s")], false), Ok(()));
        assert_eq!(check(&[code, ("state", "s")], true), Err(Code::ChallengeMissing));
        assert_eq!(check(&[code], false), Err(Code::StateOrChallengeMissing));
    }

    #[test]
    fn a8_a9_plain_and_malformed_challenges_are_refused() {
        let with = |challenge: &str, method: &str| {
            check(&[("response_type", "code"), ("code_challenge", challenge), ("code_challenge_method", method)], false)
        };
        assert_eq!(with(CHALLENGE, "plain"), Err(Code::ChallengeMethodUnsupported));
        assert_eq!(with(CHALLENGE, ""), Err(Code::ChallengeMethodUnsupported));
        assert_eq!(with(&CHALLENGE[1..], "S256"), Err(Code::ChallengeMalformed));
        assert_eq!(with(&"a".repeat(129), "S256"), Err(Code::ChallengeMalformed));
        assert_eq!(with(&format!("{}=", &CHALLENGE[1..]), "S256"), Err(Code::ChallengeMalformed));
        assert_eq!(with(&"a".repeat(128), "S256"), Ok(()));
    }
}
