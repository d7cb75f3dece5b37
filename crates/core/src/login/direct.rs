//! A login that began at the IdP and whose code goes to the app straight away, as SAML Jackson does it. Off, unless the
//! connection's [`Delivery`](crate::connection::Delivery) says otherwise.
//!
//! The app did not ask, so there is no `state`, no PKCE challenge and no nonce: it cannot tell the person's own login from one
//! that a stranger slipped into their browser (RFC 9700 §4.7.1). What remains is held to: the code goes to a registered address
//! alone, once, with `iss`; it lives as briefly as any; and only a client that proves itself with a secret redeems it.

use std::sync::Arc;

use super::door::Door;
use super::finish::{Answer, Issued};
use super::request::{AuthorizeRequest, Parameters};
use super::{Logins, ResponseMode, ReturnTo, Upstream};
use crate::client_metadata::ClientAuthentication;
use crate::connection::Connection;
use crate::fault::{Code, Fault};
use crate::mapping;
use crate::policy::Rules;
use crate::products::Product;
use crate::redirect;
use crate::trace::Trace;

impl Logins {
    /// Uses the answer, and issues a code that the app did not ask for.
    pub async fn deliver(
        &self,
        connection: &Connection,
        product: Option<Arc<Product>>,
        rules: &Rules,
        mut answer: Answer,
        trace: Trace,
    ) -> Result<(ReturnTo, Issued), Fault> {
        let return_to = landing(connection, product.as_deref())?;
        let attributes = mapping::names(&answer.identity);
        let person = self.admit(connection, rules, &mut answer).await?;
        let client_id = client_of(connection, product.as_deref());
        let door = Door::of_nobody(connection.scope.clone(), client_id, product, return_to);
        let nothing = AuthorizeRequest::read(Parameters::default());
        let mut login = self.login(&nothing, &door, connection, Upstream::none(), trace);
        self.check_age(&mut login, &person)?;
        login.requested.unasked = true;
        login.trace.step("direct", self.clock.now());
        login.trace.attributes = attributes;
        login.trace.notes = answer.notes;
        login.trace.anomalies = answer.anomalies;
        let mut batch = self.store.batch();
        login.trace.save_first(&mut batch, &self.store);
        batch.run().await?;
        let issued = self.issue_code(&login, connection, person, "idp-initiated").await?;
        Ok((login.return_to, issued))
    }
}

/// How the client is called whom nobody named: as a registered app calls itself, or by its scope.
pub fn client_of(connection: &Connection, product: Option<&Product>) -> String {
    product.map_or_else(|| connection.scope.to_encoded(), |product| product.client_id.clone())
}

/// The connection's `defaultRedirectUrl`, proven like any redirect URI: by the registered product's list, or, where there is
/// none, by the connection's own.
fn landing(connection: &Connection, product: Option<&Product>) -> Result<ReturnTo, Fault> {
    if product.is_some_and(|product| matches!(product.authentication, ClientAuthentication::None)) {
        return Err(Code::UnsolicitedPublicClient.into());
    }
    let registered = product.map_or(&connection.redirect_urls, |product| &product.redirect_urls);
    let redirect_uri = connection.default_redirect_url.clone();
    match redirect::is_allowed(registered, &redirect_uri) {
        true => Ok(ReturnTo { redirect_uri, state: None, mode: ResponseMode::Query }),
        false => Err(Code::RedirectUriNotAllowed.fault().received(redirect_uri)),
    }
}
