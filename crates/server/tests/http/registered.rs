//! A registered app that signs people in and refreshes.

use serde_json::{Value, json};

use crate::world::{Answer, CALLBACK, World};

/// The app `crm`, registered with a secret.
pub(crate) struct App<'w> {
    pub(crate) world: &'w World,
    pub(crate) client_id: String,
    pub(crate) secret: String,
}

impl<'w> App<'w> {
    /// Registers it for refresh tokens, with other settings too.
    pub(crate) async fn register(world: &'w World, settings: Value) -> Self {
        let mut all = json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_urls": [CALLBACK, "http://localhost:3000/callback"],
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let product = world.register(all).await;
        let text = |name: &str| product[name].as_str().unwrap_or_default().to_owned();
        Self { world, client_id: text("client_id"), secret: text("client_secret") }
    }

    fn credentials(&self) -> Vec<(&str, &str)> {
        let secret = Some(("client_secret", self.secret.as_str())).filter(|(_, secret)| !secret.is_empty());
        [("client_id", self.client_id.as_str())].into_iter().chain(secret).collect()
    }

    /// The tokens of a login with this scope.
    pub(crate) async fn tokens(&self, scope: &str) -> Value {
        let asked = [("client_id", self.client_id.as_str()), ("tenant", "acme.example"), ("scope", scope)];
        let answer = self.world.redeem_with(&self.world.code(&asked).await, &self.credentials()).await;
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

/// A member of a token answer.
pub(crate) fn member<'t>(tokens: &'t Value, name: &str) -> &'t str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}
