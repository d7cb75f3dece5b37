//! Pushed authorization requests (RFC 9126): the app hands over its question by itself, as a client that is authenticated,
//! and the browser carries nothing but a reference, in which nobody can change anything.
//!
//! A reference may be opened several times, because people reload pages and browsers open them ahead, but one login alone
//! completes: the request is spent in the step that issues the code (RFC 9126 §4 and §7.3).

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::Credentials;
use super::door::Refused;
use super::request::{AuthorizeRequest, Parameters};
use super::start::after;
use super::{Login, Logins};
use crate::fault::{Code, Fault};
use crate::ports::Timestamp;
use crate::proof::Possession;
use crate::secret::Secret;
use crate::store::{Record, Spent};

/// What our references begin with (RFC 9126 §2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// How long a reference can be opened, and the connection be chosen where there are several.
const OPENS_FOR: Duration = Duration::from_secs(300);

/// A question that waits for the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PushedRequest {
    client_id: String,
    parameters: HashMap<String, String>,
    expires: Timestamp,
}

impl Record for PushedRequest {
    const CLASS: &'static str = "pushed-request";
    const BOUND: bool = true;
}

/// What a question leaves behind whose login completed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpentRequest {}

impl Record for SpentRequest {
    const CLASS: &'static str = "spent-pushed-request";
}

/// What the app gets for its question (RFC 9126 §2.2).
#[derive(Debug)]
pub struct Pushed {
    /// What stands for it at the authorization endpoint.
    pub request_uri: Secret,
    /// For how many seconds.
    pub expires_in: u64,
}

impl Logins {
    /// Keeps a question, once the client has proven who it is and the question is one that authorize would take.
    pub async fn push(
        &self,
        credentials: &Credentials,
        possession: Option<&Possession>,
        mut parameters: Parameters,
    ) -> Result<Pushed, Fault> {
        let claim = self.claim(credentials).await?;
        if claim.is_nobody() {
            return Err(Code::ClientMissing.into());
        }
        let mut batch = self.store.batch();
        let client = claim.ask(&mut batch, &self.store);
        let answers = batch.run().await?;
        let known = client.answer(&answers)?;
        self.authenticate(&claim, known, None).await?;
        if let Some(thumbprint) = self.pushed_with(possession, parameters.get("dpop_jkt")).await? {
            parameters.set("dpop_jkt", &thumbprint);
        }

        // RFC 9126 §2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided."
        if parameters.take("request_uri").is_some() {
            return Err(Code::RequestUriPushed.into());
        }
        parameters.set("client_id", claim.client_id);
        let request = AuthorizeRequest::read(parameters.clone());
        match self.door(&request).await {
            Ok(door) => {
                request.check(door.needs_challenge())?;
                door.answerer(&request)?;
            }
            // The person will say whose they are.
            Err(Refused { fault, lobby: Some(lobby), .. }) if fault.code == Code::TenantMissing => {
                request.check(lobby.needs_challenge())?;
            }
            Err(refused) => return Err(refused.fault),
        }

        let handle = Secret::random(&*self.random, "");
        let record = PushedRequest {
            client_id: claim.client_id.to_owned(),
            parameters: parameters.into_values(),
            expires: after(self.clock.now(), OPENS_FOR),
        };
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().pushed(&handle), &record, Some(self.pushed_lifetime()));
        batch.run().await?;
        let request_uri = Secret::new(format!("{URN}{}", handle.expose()));
        Ok(Pushed { request_uri, expires_in: OPENS_FOR.as_secs() })
    }

    /// The question that a `request_uri` of ours stands for; any other question as it is. RFC 9126 §4: what else the browser
    /// brings counts for nothing, but for the connection that the person chose here.
    pub async fn open(&self, mut parameters: Parameters) -> Result<Parameters, Fault> {
        let Some(handle) = parameters.get("request_uri").and_then(|uri| uri.strip_prefix(URN)).map(Secret::new) else {
            return Ok(parameters);
        };
        let client_id = parameters.take("client_id").ok_or(Code::ClientMissing)?;
        let mut batch = self.store.batch();
        let slot = batch.get(&self.store.keys().pushed(&handle));
        let answers = batch.run().await?;
        let Some(pushed) = answers.get(slot)? else {
            return match answers.tombstone::<PushedRequest, SpentRequest>(slot)? {
                Some(_) => Err(Code::RequestUriSpent.into()),
                None => Err(Code::RequestUriUnknown.into()),
            };
        };
        if pushed.client_id != client_id || pushed.expires <= self.clock.now() {
            return Err(Code::RequestUriUnknown.into());
        }
        Ok(Parameters::pushed(pushed.parameters.clone(), parameters, handle))
    }

    /// Spends the question of a login that is about to complete, if it was pushed.
    pub(super) async fn spend_pushed(&self, login: &Login) -> Result<(), Fault> {
        let Some(handle) = &login.pushed else { return Ok(()) };
        let mut batch = self.store.batch();
        let slot = batch.consume(&self.store.keys().pushed(handle), &SpentRequest {}, self.pushed_lifetime());
        match batch.run().await?.consumed(slot)? {
            Spent::Live(_) => Ok(()),
            Spent::Before(_) | Spent::Absent => Err(Code::RequestUriSpent.into()),
        }
    }

    /// A reference that was opened in time is spent when the person has signed in.
    fn pushed_lifetime(&self) -> Duration {
        OPENS_FOR + self.settings.login_lifetime
    }
}
