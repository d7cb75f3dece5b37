//! A registered app that signs people in, pushes its questions, and refreshes.

use serde_json::{Value, json};

use crate::world::{Answer, CALLBACK, CHALLENGE, World};

/// The app `crm`, registered with a secret.
pub(crate) struct App<'w> {
    pub(crate) world: &'w World,
    pub(crate) client_id: String,
    pub(crate) secret: String,
}

impl<'w> App<'w> {
    /// Registers it with these settings.
    pub(crate) async fn new(world: &'w World, settings: Value) -> Self {
        let product = world.register(settings).await;
        let text = |name: &str| product[name].as_str().unwrap_or_default().to_owned();
        Self { world, client_id: text("client_id"), secret: text("client_secret") }
    }

    /// Registers it for refresh tokens, with other settings too.
    pub(crate) async fn register(world: &'w World, settings: Value) -> Self {
        let mut all = json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_urls": [CALLBACK, "http://localhost:3000/callback"],
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        Self::new(world, all).await
    }

    fn credentials(&self) -> Vec<(&str, &str)> {
        let secret = Some(("client_secret", self.secret.as_str())).filter(|(_, secret)| !secret.is_empty());
        [("client_id", self.client_id.as_str())].into_iter().chain(secret).collect()
    }

    /// A code for a login of the tenant `acme.example`, with these parameters.
    pub(crate) async fn code(&self, asked: &[(&str, &str)]) -> String {
        let client = [("client_id", self.client_id.as_str()), ("tenant", "acme.example")];
        self.world.code(&[&client, asked].concat()).await
    }

    /// The tokens of a login with this scope.
    pub(crate) async fn tokens(&self, scope: &str) -> Value {
        let answer = self.world.redeem_with(&self.code(&[("scope", scope)]).await, &self.credentials()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Calls an endpoint for clients as this app, with other fields where they are given; an empty one is left out.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let usual = self.credentials().into_iter().filter(|(name, _)| !fields.iter().any(|(other, _)| other == name));
        let mut fields: Vec<_> = usual.chain(fields.iter().copied()).collect();
        fields.retain(|(_, value)| !value.is_empty());
        self.world.form(path, &fields, &[]).await
    }

    /// Pushes the question of a login, with other parameters where they are given; an empty one is left out.
    pub(crate) async fn push(&self, given: &[(&str, &str)]) -> Answer {
        let usual = QUESTION.iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
        self.post("/api/oauth/par", &usual.chain(given).copied().collect::<Vec<_>>()).await
    }

    /// The reference of a question that was pushed.
    pub(crate) async fn pushed(&self, given: &[(&str, &str)]) -> String {
        let answer = self.push(given).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["request_uri"].as_str().unwrap().to_owned()
    }

    /// Opens a reference, with other parameters beside it.
    pub(crate) async fn open(&self, request_uri: &str, beside: &[(&str, &str)]) -> Answer {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &self.client_id).append_pair("request_uri", request_uri).extend_pairs(beside);
        self.world.get(&format!("/api/oauth/authorize?{}", query.finish())).await
    }

    /// Refreshes, with other fields where they are given.
    pub(crate) async fn refresh(&self, token: &str, fields: &[(&str, &str)]) -> Answer {
        let fields = [&[("grant_type", "refresh_token"), ("refresh_token", token)], fields].concat();
        self.post("/api/oauth/token", &fields).await
    }

    /// What a token is worth.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let answer = self.post("/api/oauth/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

/// The question of a login of the tenant `acme.example`, but for who asks.
pub(crate) const QUESTION: [(&str, &str); 6] = [
    ("tenant", "acme.example"),
    ("response_type", "code"),
    ("redirect_uri", CALLBACK),
    ("state", "a state"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// A member of a token answer.
pub(crate) fn member<'t>(tokens: &'t Value, name: &str) -> &'t str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}
