//! RP-initiated logout (OIDC RP-Initiated Logout): an app sends a person here to end their session.
//!
//! An ID token of ours as `id_token_hint` says which session, and that the app had it. Without one nobody is believed: the
//! person is asked, and what ends are the sessions that began in this very browser.

use std::sync::Arc;

use super::door::ClientName;
use super::session::{Session, SessionId};
use super::upstream_logout::StillSignedIn;
use super::{Logins, ResponseMode, ReturnTo};
use crate::fault::{Code, Fault};
use crate::products::Product;
use crate::sessions::Why;

/// What an app asks (RP-Initiated Logout §2).
#[derive(Debug, Default)]
pub struct LogoutRequest {
    /// Who asks, where it says so.
    pub client_id: Option<String>,
    /// Where the person wants to go afterwards.
    pub redirect_uri: Option<String>,
    /// Returned unchanged.
    pub state: Option<String>,
    /// What its ID token says, once that is verified.
    pub hint: Option<Hint>,
}

/// What an ID token of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Whom it was issued to.
    pub client_id: String,
    /// Of which session it told.
    pub session: SessionId,
}

/// A logout that may take place.
#[derive(Debug)]
pub struct Farewell {
    /// The app, if it is registered.
    pub product: Option<Arc<Product>>,
    /// Where the person goes afterwards.
    pub return_to: Option<ReturnTo>,
}

impl Logins {
    /// Finds the app and proves where the person may go afterwards. Until then nobody is sent anywhere, and nothing ends.
    pub async fn farewell(&self, request: &LogoutRequest) -> Result<Farewell, Fault> {
        let hinted = request.hint.as_ref().map(|hint| hint.client_id.as_str());
        // §2: "When both client_id and id_token_hint are present, the OP MUST verify that the Client Identifier matches the
        // one that was used when issuing the ID Token."
        if let (Some(named), Some(hinted)) = (request.client_id.as_deref(), hinted)
            && named != hinted
        {
            return Err(Code::LogoutHintForOtherClient.into());
        }
        let product = match request.client_id.as_deref().or(hinted) {
            Some(client_id) => self.product_of(client_id, request.hint.as_ref()).await?,
            None => None,
        };
        let Some(redirect_uri) = request.redirect_uri.clone() else { return Ok(Farewell { product, return_to: None }) };
        // §3: "The OP MUST NOT perform post-logout redirection if the post_logout_redirect_uri value supplied does not exactly
        // match one of the previously registered post_logout_redirect_uris values."
        let registered =
            product.as_ref().is_some_and(|product| product.post_logout_redirect_urls.contains(&redirect_uri));
        if !registered {
            return Err(Code::LogoutRedirectNotAllowed.fault().received(redirect_uri));
        }
        let return_to = ReturnTo { redirect_uri, state: request.state.clone(), mode: ResponseMode::Query };
        Ok(Farewell { product, return_to: Some(return_to) })
    }

    /// Ends the session that an ID token tells of. One that is over already is as good as ended. Tells where the person is
    /// still signed in.
    pub async fn sign_out(&self, hint: &Hint) -> Result<Option<StillSignedIn>, Fault> {
        match self.sessions.find(&hint.session).await? {
            Some(session) => self.end_session(&session).await,
            None => Ok(None),
        }
    }

    /// The same for a session that began in the browser that has this secret, if it is one of `product`; of any, where none is
    /// named.
    pub async fn sign_out_here(
        &self,
        id: &SessionId,
        browser: &str,
        product: Option<&Product>,
    ) -> Result<Option<StillSignedIn>, Fault> {
        let Some(session) = self.sessions.find(id).await? else { return Ok(None) };
        let here = session.browser.as_ref().is_some_and(|secret| secret.matches(browser));
        match here && product.is_none_or(|product| product.name == session.scope.product) {
            true => self.end_session(&session).await,
            false => Ok(None),
        }
    }

    async fn end_session(&self, session: &Session) -> Result<Option<StillSignedIn>, Fault> {
        match self.sessions.end(&session.id, Why::Logout).await? {
            true => self.still_signed_in(session).await,
            false => Ok(None),
        }
    }

    async fn product_of(&self, client_id: &str, hint: Option<&Hint>) -> Result<Option<Arc<Product>>, Fault> {
        let name = match ClientName::read(client_id) {
            ClientName::Product(id) => self.product_alias(&id).await?.map(|alias| alias.name.clone()),
            ClientName::Scope(scope) => Some(scope.product),
            ClientName::Connection(id) => self.connection_named(&id).await?.map(|found| found.scope.product.clone()),
            ClientName::Dummy => match hint {
                Some(hint) => self.sessions.find(&hint.session).await?.map(|session| session.scope.product.clone()),
                None => None,
            },
        };
        let Some(name) = name else { return Ok(None) };
        Ok(self.store.get(&self.store.keys().product(&name)).await?)
    }
}
