//! The authentication request (OIDC Core §3.1.2.1).

use std::borrow::Cow;
use std::collections::BTreeMap;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use postern_core::fault::{Code, Fault};
use postern_core::login::Upstream;
use postern_core::login::authentication::Asked;
use postern_core::openid::OidcIdp;
use postern_core::ports::Random;
use postern_core::secret::Secret;

/// What the provider is asked about one login.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// Who the app believes it is.
    pub login_hint: Option<&'a str>,
    /// How the person is to be authenticated.
    pub asked: &'a Asked,
}

impl Wishes<'_> {
    fn prompt(&self) -> Option<String> {
        let words =
            [(self.asked.silently, "none"), (self.asked.anew, "login"), (self.asked.choosing, "select_account")];
        let words: Vec<_> = words.into_iter().filter_map(|(asked, word)| asked.then_some(word)).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
    /// OIDC Core §2: `auth_time` is required "when a max_age request is made", and a fresh authentication has to show it.
    fn max_age(&self) -> Option<String> {
        self.asked.max_age.or(self.asked.anew.then_some(0)).map(|seconds| seconds.to_string())
    }
    fn acr_values(&self) -> Option<String> {
        (!self.asked.contexts.is_empty()).then(|| self.asked.contexts.join(" "))
    }
}

/// New secrets of a login: the nonce and the code verifier, 256 random bits each.
pub fn secrets(random: &dyn Random) -> Upstream {
    Upstream::Oidc { nonce: Secret::random(random, ""), pkce_verifier: Secret::random(random, "") }
}

/// Where the browser is sent. RFC 9700 §2.1.1: PKCE always, also where the provider says nothing of it; a provider that does
/// not know it ignores the parameters.
pub fn url(
    idp: &OidcIdp,
    callback: &str,
    state: &str,
    (nonce, pkce_verifier): (&Secret, &Secret),
    wishes: Wishes<'_>,
) -> Result<String, Fault> {
    // Both were read as URLs when the connection was made.
    let endpoint = AuthUrl::new(idp.provider.authorization_endpoint.clone()).map_err(|_| Code::RecordUnreadable)?;
    let callback = RedirectUrl::new(callback.to_owned()).map_err(|_| Code::Defect)?;
    let verifier = PkceCodeVerifier::new(pkce_verifier.expose().to_owned());
    let client = BasicClient::new(ClientId::new(idp.client_id.clone())).set_auth_uri(endpoint);
    let mut request = client
        .authorize_url(|| CsrfToken::new(state.to_owned()))
        .set_redirect_uri(Cow::Owned(callback))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        .add_scopes(idp.scopes.iter().cloned().map(Scope::new))
        .add_extra_param("nonce", nonce.expose());
    for (name, value) in parameters(idp, wishes) {
        request = request.add_extra_param(name, value);
    }
    Ok(request.url().0.into())
}

/// Parameters besides those of the protocol. What the app wishes for this login beats what the operator settled for all.
fn parameters<'a>(idp: &'a OidcIdp, wishes: Wishes<'a>) -> BTreeMap<&'a str, Cow<'a, str>> {
    let mut parameters: BTreeMap<_, _> =
        idp.parameters.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str()))).collect();
    // Google shows only accounts of this organisation; the ID token is checked all the same.
    if let Some(domain) = idp.required_claims.get("hd") {
        parameters.entry("hd").or_insert(Cow::Borrowed(domain));
    }
    let wished = [
        ("login_hint", wishes.login_hint.map(Cow::Borrowed)),
        ("prompt", wishes.prompt().map(Cow::Owned)),
        ("max_age", wishes.max_age().map(Cow::Owned)),
        ("acr_values", wishes.acr_values().map(Cow::Owned)),
    ];
    parameters.extend(wished.into_iter().filter_map(|(name, value)| Some((name, value?))));
    parameters
}

/// The parameters that the protocol itself sets, so that nobody may settle them.
pub const RESERVED: [&str; 12] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use postern_core::openid::{AssertionAudience, Callback, ClientAuthentication, Provider, VerificationKeys};
    use url::Url;

    use super::*;

    fn idp() -> OidcIdp {
        let key = [("kty".to_owned(), "RSA".into())].into_iter().collect();
        OidcIdp {
            issuer: "https://idp.example.com".into(),
            discovery_url: None,
            client_id: "the client".into(),
            authentication: ClientAuthentication::ClientSecretBasic { secret: Secret::new("s") },
            scopes: vec!["openid".into(), "email".into()],
            parameters: [("prompt".to_owned(), "consent".to_owned()), ("domain".to_owned(), "a b".to_owned())].into(),
            required_claims: [("hd".to_owned(), "acme.example".to_owned())].into(),
            audiences: vec![],
            assertion_audience: AssertionAudience::default(),
            callback: Callback::Shared,
            provider: Provider {
                authorization_endpoint: "https://idp.example.com/authorize?policy=1".into(),
                token_endpoint: "https://idp.example.com/token".into(),
                userinfo_endpoint: None,
                jwks_uri: None,
                end_session_endpoint: None,
                names_itself: true,
                keys: VerificationKeys::new(vec![key]).unwrap(),
            },
        }
    }

    fn asked(login_hint: Option<&str>, asked: &Asked) -> HashMap<String, String> {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let wishes = Wishes { login_hint, asked };
        let url =
            url("https://sso.example.com/cb", "the state", (&Secret::new("the nonce"), &verifier), wishes).unwrap();
        let url = Url::parse(&url).unwrap();
        let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let read: HashMap<_, _> = parameters.iter().cloned().collect();
        assert_eq!(read.len(), parameters.len(), "nothing twice");
        read
    }

    fn url(callback: &str, state: &str, secrets: (&Secret, &Secret), wishes: Wishes<'_>) -> Result<String, Fault> {
        super::url(&idp(), callback, state, secrets, wishes)
    }

    #[test]
    fn g4_state_nonce_and_a_challenge_are_always_sent() {
        let sent = asked(None, &Asked::default());
        for (name, value) in [
            ("policy", "1"),
            ("response_type", "code"),
            ("client_id", "the client"),
            ("redirect_uri", "https://sso.example.com/cb"),
            ("scope", "openid email"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("prompt", "consent"),
            ("domain", "a b"),
            ("hd", "acme.example"),
        ] {
            assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(sent.len(), 12);
    }

    #[test]
    fn what_the_app_wishes_is_passed_on_and_beats_what_is_settled() {
        let mut wish = Asked::default();
        (wish.anew, wish.choosing) = (true, true);
        wish.contexts = vec!["gold".into(), "silver".into()];
        let sent = asked(Some("alice@example.com"), &wish);
        assert_eq!(sent["prompt"], "login select_account");
        assert_eq!((sent["max_age"].as_str(), sent["acr_values"].as_str()), ("0", "gold silver"));
        assert_eq!(sent["login_hint"], "alice@example.com");
        let mut wish = Asked::default();
        (wish.silently, wish.max_age) = (true, Some(600));
        let sent = asked(None, &wish);
        assert_eq!((sent["prompt"].as_str(), sent["max_age"].as_str()), ("none", "600"));
    }
}
