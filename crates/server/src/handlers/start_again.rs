//! Where an app begins its logins when somebody else asks for it: at the address that it registered (`initiate_login_url`, OIDC
//! Core §4). A login that began at the IdP goes there, and a page leads there on which a person ends who came back too late. What a
//! request says has no part in it.

use postern_core::connection::ConnectionId;
use postern_core::login::start::Untaken;
use postern_core::redirect::with_parameters;
use postern_core::scope::Scope;

use crate::app::App;
use crate::pages::Onward;
use crate::reply::Refusal;

/// The address, for people of a scope and a connection; `handle` is somebody who waits already.
pub(super) fn begin_at(app: &App, url: &str, scope: &Scope, connection: &ConnectionId, handle: Option<&str>) -> String {
    let handle = handle.map(|handle| ("login_hint", handle));
    let whose = [("tenant", scope.tenant.as_str()), ("idp_hint", &connection.0)];
    with_parameters(url, [("iss", app.public_url.as_str())].into_iter().chain(handle).chain(whose))
}

/// The page that says why there is no login to go on with. Where it is only too late for it, the app is known, and its support.
pub(super) async fn untaken(app: &App, Untaken { fault, late }: Untaken) -> Refusal {
    let Some(login) = late.filter(|login| login.test.is_none()) else { return Refusal::page(fault) };
    let scope = &login.requested.scope;
    let product = app.products.find(&scope.product).await.ok().flatten(); // without it, the page has no link
    let url = product.as_ref().and_then(|product| product.initiate_login_url.as_deref());
    let onward =
        url.map(|url| Onward { url: begin_at(app, url, scope, &login.connection, None), what: Onward::START_AGAIN });
    Refusal::page_of(fault, product).with_trace(login.trace.id.clone()).leading_on(onward)
}
