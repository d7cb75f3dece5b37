//! One customer whose people sign in one at a time, at any replica, for faults that need no storm.

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp, Waiting};
use postern_e2e::{Postern, http};
use postern_lab::response::base64;

const REDIRECT: &str = "https://app.example.com/callback";
const TENANT: &str = "acme.example.com";

/// An identity provider and an app.
pub(crate) struct Customer {
    pub(crate) idp: Idp,
    client: (String, String),
}

impl Customer {
    /// Makes them known.
    pub(crate) async fn of(postern: &Postern) -> Self {
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        postern.connect(TENANT, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        Self { idp, client: postern.register("crm", &urls).await }
    }

    /// Signs somebody in: the tokens, or what the login ended in.
    pub(crate) async fn sign_in(&self, at: &Postern) -> Result<Answer, Option<Code>> {
        let waiting = self.begin(at).await?;
        let code = self.respond(at, &waiting).await?;
        self.redeem(at, &code).await
    }

    pub(crate) async fn begin(&self, at: &Postern) -> Result<Waiting, Option<Code>> {
        let question = [
            ("client_id", self.client.0.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let answer = login::authorize(at, &question).await;
        match answer.parameter("SAMLRequest") {
            Some(_) => Ok(Waiting::read(at, answer)),
            None => Err(answer.fault()),
        }
    }

    /// Posts a good response: the code.
    pub(crate) async fn respond(&self, at: &Postern, waiting: &Waiting) -> Result<String, Option<Code>> {
        let xml = waiting.response(&self.idp).signed_assertion(&self.idp.key);
        let answer = self.post(at, waiting, base64(&xml)).await;
        answer.parameter("code").ok_or_else(|| answer.fault())
    }

    /// Posts anything as a response.
    pub(crate) async fn post(&self, at: &Postern, waiting: &Waiting, response: String) -> Answer {
        let form = [("SAMLResponse", response), ("RelayState", waiting.relay_state.clone())];
        let request = http().post(format!("{}/api/oauth/saml", at.origin)).header("cookie", &waiting.cookie);
        Answer::read(request.form(&form).send().await.expect("the assertion consumer service answers")).await
    }

    pub(crate) async fn redeem(&self, at: &Postern, code: &str) -> Result<Answer, Option<Code>> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        let answer = login::redeem(at, (&self.client.0, &self.client.1), &form).await;
        match answer.status {
            200 => Ok(answer),
            _ => Err(answer.fault()),
        }
    }
}
