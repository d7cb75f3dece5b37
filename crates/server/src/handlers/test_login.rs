//! `GET POST /test/{token}`: the page of a test login (`postern_core::login::test_login`). It says what will happen, and a button
//! begins it: opening the address alone spends nothing, because mail scanners open links. When the identity provider has answered,
//! the same page shows the result, and the button the values.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use postern_core::connection::Connection;
use postern_core::connections::Which;
use postern_core::fault::{Code, Fault};
use postern_core::login::Login;
use postern_core::login::test_login::{TestId, TestLogin, TestState, TestValues, Tested};
use postern_core::secret::Secret;

use super::authorize::{Question, ask, question};
use crate::app::App;
use crate::browser::Browser;
use crate::jobs::lookup;
use crate::pages::{self, TestPage};
use crate::reply::{Refusal, no_store, redirect};

/// Where the page of a test login is: where the answer of the connection's identity provider arrives, for the sake of the cookie.
pub(super) fn address(app: &App, connection: &Connection, token: &Secret) -> Result<String, Fault> {
    Ok(app.region_of(connection)?.url(&format!("/test/{}", token.expose())))
}

/// Shows how far the test login came.
pub async fn page(app: Data<App>, token: Path<String>) -> Result<HttpResponse, Refusal> {
    let id = TestId::of(&Secret::new(token.into_inner()));
    let test = app.logins.test_login(&id).await.map_err(Refusal::page)?;
    let has_values = app.logins.has_test_values(&id).await.map_err(Refusal::page)?;
    show(&app, &test, has_values, None).await.map_err(Refusal::page)
}

/// Presses its button: begins the test, once, or shows the values, once.
pub async fn press(app: Data<App>, browser: Browser, token: Path<String>) -> Result<HttpResponse, Refusal> {
    let token = Secret::new(token.into_inner());
    let id = TestId::of(&token);
    let pressed = async {
        let test = app.logins.test_login(&id).await?;
        match test.state {
            TestState::Ended(_) => show(&app, &test, false, app.logins.take_test_values(&id).await?).await,
            TestState::Ready | TestState::Begun { .. } => begin(&app, &browser, &token, &test).await,
        }
    };
    pressed.await.map_err(Refusal::page)
}

/// Sends the browser to the identity provider, as any login does.
async fn begin(app: &App, browser: &Browser, token: &Secret, test: &TestLogin) -> Result<HttpResponse, Fault> {
    let found = app.connections.find(&Which::Client(test.connection.0.clone())).await?;
    let connection = found.into_iter().next().ok_or(Code::ConnectionMissing)?;
    let connection = lookup::current(app, connection).await?;
    let upstream = question(app, &connection);
    let page = Secret::new(address(app, &connection, token)?);
    let started = app.logins.begin_test(TestId::of(token), page, &connection, upstream.clone()).await?;
    let asked = Default::default();
    let question = Question { upstream: &upstream, login_id: &started.login_id, asked: &asked, login_hint: None };
    let mut response = ask(app, &connection, question)?;
    browser.remember(&mut response, &started.login_id, &started.browser, app.logins.settings().login_kept());
    Ok(response)
}

/// Ends a test login, and sends the browser to its result.
pub(super) async fn end(
    app: &App,
    login_id: &str,
    login: &Login,
    outcome: Result<Tested, Fault>,
    after_post: bool,
) -> Result<HttpResponse, Refusal> {
    let ended = app.logins.end_test(login, outcome).await;
    let page = ended.map_err(|fault| Refusal::page(fault).with_trace(login.trace.id.clone()))?;
    let mut response = redirect(page.expose(), after_post);
    Browser::forget(&mut response, login_id);
    Ok(response)
}

async fn show(
    app: &App,
    test: &TestLogin,
    has_values: bool,
    values: Option<TestValues>,
) -> Result<HttpResponse, Fault> {
    let found = app.connections.find(&Which::Client(test.connection.0.clone())).await?;
    let connection = found.first().map(|connection| connection.known_as());
    let page = TestPage { connection: connection.as_deref(), test, has_values, values: values.as_ref() };
    Ok(pages::test_login(no_store(&mut HttpResponse::Ok()), &page))
}
