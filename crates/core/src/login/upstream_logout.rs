//! After our own session ends, the person is signed out at their IdP too, where that can be done: by sending the browser to
//! the OpenID Provider's `end_session_endpoint` (RP-Initiated Logout §2), of which we are then the app. From there the browser
//! comes back to one fixed address, whatever the app, and goes on to where the app wanted it.
//!
//! No ID token of the provider is kept, so it gets no `id_token_hint`: it knows us by `client_id`, and may ask the person.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::{Logins, ReturnTo};
use crate::connection::Idp;
use crate::fault::Fault;
use crate::redirect::with_parameters;
use crate::secret::Secret;
use crate::store::Record;

/// How long the browser may stay with the IdP.
const PARTING_LIFETIME: Duration = Duration::from_secs(600);

/// An OpenID Provider at which somebody is still signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillSignedIn {
    endpoint: String,
    client_id: String,
}

/// Where the browser goes after the IdP. It leads to a registered address alone, so it may be used again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parting {
    return_to: Option<ReturnTo>,
}

impl Record for Parting {
    const CLASS: &'static str = "parting";
}

impl Logins {
    /// The provider at which the person of a session is still signed in, if it can be asked to end that.
    pub(super) async fn still_signed_in(&self, session: &Session) -> Result<Option<StillSignedIn>, Fault> {
        let connection = self.store.get(&self.store.keys().connection(&session.connection)).await?;
        Ok(connection.and_then(|connection| match &connection.idp {
            Idp::Oidc(idp) => {
                let endpoint = idp.provider.end_session_endpoint.clone()?;
                Some(StillSignedIn { endpoint, client_id: idp.client_id.clone() })
            }
            Idp::Saml(_) => None,
        }))
    }

    /// The address that signs the person out there and sends them back to `our_return`, which finds the way to `return_to`.
    pub async fn part(
        &self,
        there: &StillSignedIn,
        our_return: &str,
        return_to: Option<ReturnTo>,
    ) -> Result<String, Fault> {
        let state = Secret::random(&*self.random, "");
        let mut batch = self.store.batch();
        batch.put(&self.store.keys().parting(state.expose()), &Parting { return_to }, Some(PARTING_LIFETIME));
        batch.run().await?;
        let parameters = [
            ("client_id", there.client_id.as_str()),
            ("post_logout_redirect_uri", our_return),
            ("state", state.expose()),
        ];
        Ok(with_parameters(&there.endpoint, parameters))
    }

    /// Where somebody goes who comes back from their IdP with this `state`; `None`: to no app.
    pub async fn parted(&self, state: &str) -> Result<Option<ReturnTo>, Fault> {
        let parting = self.store.get(&self.store.keys().parting(state)).await?;
        Ok(parting.and_then(|parting| parting.return_to.clone()))
    }
}
