//! An IdP has answered a login: what the browser is told, whichever protocol it was.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use postern_core::fault::Fault;
use postern_core::login::Login;
use postern_core::login::finish::Ended;

use super::authorize::{Question, ask, question};
use super::test_login;
use crate::app::App;
use crate::browser::Browser;
use crate::reply::{Refusal, signed_in};

/// Sends the browser on: to the app with a code or an error, or to the IdP once more with a question that it can answer better; of a
/// test to its result.
/// `after_post`: the browser posted here, and must not post there (RFC 9700 §4.12).
pub(super) async fn conclude(
    app: &App,
    browser: &Browser,
    login_id: &str,
    mut login: Login,
    outcome: Result<Ended, Fault>,
    after_post: bool,
) -> Result<HttpResponse, Refusal> {
    let refused = match &outcome {
        Ok(Ended::Code(_)) => None,
        Ok(Ended::Test(tested)) => tested.refused(),
        Err(fault) => Some(fault.code),
    };
    let outcome = match outcome {
        _ if refused.is_some_and(|code| login.asked.again(code)) => ask_again(app, browser, &login, after_post).await,
        Ok(Ended::Test(tested)) => return test_login::end(app, login_id, &login, Ok(*tested), after_post).await,
        Ok(Ended::Code(issued)) => {
            let mut response = signed_in(app, browser, &login.return_to, &issued, after_post);
            browser.repetition.count(&mut response, &login.connection);
            Ok(response)
        }
        Err(fault) => Err(fault),
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(fault) if login.test.is_some() => {
            return test_login::end(app, login_id, &login, Err(fault), after_post).await;
        }
        Err(fault) => {
            let refusal = Refusal::app(fault, &login.return_to, after_post).with_trace(login.trace.id.clone());
            app.tell_failure(login.trace, &refusal.fault, true).await;
            return Err(refusal);
        }
    };
    Browser::forget(&mut response, login_id);
    Ok(response)
}

async fn ask_again(app: &App, browser: &Browser, login: &Login, after_post: bool) -> Result<HttpResponse, Fault> {
    let connection = match login.test {
        None => app.connections.answering(&login.connection).await?,
        Some(_) => app.connections.present(&login.connection).await?,
    };
    let upstream = question(app, &connection);
    let started = app.logins.start_again(login, upstream.clone()).await?;
    let login_hint = login.requested.login_hint.as_deref();
    let question = Question { upstream: &upstream, login_id: &started.login_id, asked: &login.asked, login_hint };
    let mut response = ask(app, &connection, question)?;
    if after_post && response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    browser.remember(&mut response, &started.login_id, &started.browser, app.logins.settings().login_kept());
    Ok(response)
}
