//! `/api/v1/sso/{id}/test`: test logins of a connection.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::connection::Connection;
use postern_core::fault::{Code, Fault};
use postern_core::last_test::LastTest;
use postern_core::login::test_login::{TestId, TestLogin, TestResult, TestState, TestValues};
use postern_core::ports::Timestamp;
use postern_core::trace::Outcome;
use postern_core::verdicts::{Verdict, in_note};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ApiCall;
use super::requests::ConnectionName;
use super::sso::named;
use super::traces::TraceFault;
use crate::handlers::test_login::address;
use crate::reply::{Refusal, no_store};

/// `POST`: a link by which somebody may try the connection out, once, within 15 minutes. Whatever state the connection is in. 201.
#[utoipa::path(
    post,
    path = "/api/v1/sso/{id}/test",
    params(ConnectionName),
    responses((status = 201, body = TestLink), (status = 404)),
)]
pub async fn offer(call: ApiCall, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let offer = async {
        let found = named(&call, &id).await?;
        let connection = found.first().ok_or(Code::ConnectionNotFound)?;
        let (token, test) = call.app.logins.offer_test(connection).await?;
        let url = address(&call.app, connection, &token)?;
        Ok::<_, Fault>(TestLink { id: TestId::of(&token).0, url, expires: test.expires })
    };
    Ok(no_store(&mut HttpResponse::Created()).json(offer.await.map_err(Refusal::api)?))
}

/// `GET …/{test}`: how far it came, and what it came to. The values that the identity provider sent are in the first answer after it
/// ended, unless the page has shown them or the key may only read.
#[utoipa::path(
    get,
    path = "/api/v1/sso/{id}/test/{test}",
    params(ConnectionName, ("test" = String, Path)),
    responses((status = 200, body = TestRecord), (status = 404)),
)]
pub async fn find(call: ApiCall, names: Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let find = async {
        let found = named(&call, &names.0).await?;
        let connection = found.first().ok_or(Code::ConnectionNotFound)?;
        let id = TestId(names.1.clone());
        let test = call.app.logins.test_login(&id).await?;
        if test.connection != connection.id {
            return Err(Fault::from(Code::TestLoginUnknown));
        }
        let values = match &test.state {
            TestState::Ended(_) if call.sees_secrets() => call.app.logins.take_test_values(&id).await?,
            _ => None,
        };
        Ok(describe(&call, id, &test, values))
    };
    Ok(no_store(&mut HttpResponse::Ok()).json(find.await.map_err(Refusal::api)?))
}

/// A link to the page of a test login.
#[derive(Serialize, ToSchema)]
pub struct TestLink {
    /// The name of the test.
    id: String,
    /// Where somebody begins it, once.
    url: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

/// A test login.
#[derive(Serialize, ToSchema)]
pub struct TestRecord {
    /// Its name.
    id: String,
    /// `ready`, `begun`, `incomplete` where the person never came back, or `ended`.
    state: &'static str,
    /// Where the story of the login is.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    result: Option<TestOutcome>,
}

/// What a test login came to.
#[derive(Serialize, ToSchema)]
pub struct TestOutcome {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether an app would have let the person in.
    passed: bool,
    /// Why not, and who can mend that.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<TraceFault>,
    /// The names of the attributes that arrived.
    attributes: Vec<String>,
    /// The claims that they became, and which ones each comes from.
    mapping: BTreeMap<String, Vec<String>>,
    /// The names of the claims that the app would be told.
    claims: Vec<String>,
    /// What an administrator should mind.
    notes: Vec<String>,
    /// What of that can be mended.
    advice: Vec<Advice>,
    /// What somebody should look into.
    anomalies: Vec<String>,
    /// What arrived: told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<TestValuesRecord>,
}

/// What a note names, who can mend it and how.
#[derive(Serialize, ToSchema)]
pub struct Advice {
    name: &'static str,
    sentence: &'static str,
    hint: &'static str,
    mender: &'static str,
}

impl From<&Verdict> for Advice {
    fn from(verdict: &Verdict) -> Self {
        let Verdict { name, sentence, hint, mender } = *verdict;
        Self { name, sentence, hint, mender: mender.name() }
    }
}

/// What the identity provider sent, and what the app would be told.
#[derive(Serialize, ToSchema)]
pub struct TestValuesRecord {
    /// The attributes by name. Where one came twice, all of its values.
    attributes: BTreeMap<String, Vec<String>>,
    /// The claims.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
}

fn describe(call: &ApiCall, id: TestId, test: &TestLogin, values: Option<TestValues>) -> TestRecord {
    let patience = call.app.logins.settings().login_lifetime;
    let (state, trace, result) = match &test.state {
        TestState::Ready => ("ready", None, None),
        TestState::Begun { at, trace } if call.app.now().duration_since(*at).unsigned_abs() > patience => {
            ("incomplete", Some(trace), None)
        }
        TestState::Begun { trace, .. } => ("begun", Some(trace), None),
        TestState::Ended(result) => ("ended", Some(&result.trace), Some(outcome(result, values))),
    };
    TestRecord { id: id.0, state, trace: trace.map(|trace| trace.0.clone()), result }
}

fn outcome(result: &TestResult, values: Option<TestValues>) -> TestOutcome {
    TestOutcome {
        at: result.at,
        passed: matches!(result.outcome, Outcome::Succeeded),
        fault: TraceFault::of(&result.outcome),
        attributes: result.attributes.clone(),
        mapping: result.mapping.clone(),
        claims: result.claims.clone(),
        notes: result.notes.clone(),
        advice: result.notes.iter().filter_map(|note| in_note(note)).map(Advice::from).collect(),
        anomalies: result.anomalies.clone(),
        values: values.map(|values| {
            let mut attributes = BTreeMap::<_, Vec<_>>::new();
            for (name, mut more) in values.attributes {
                attributes.entry(name).or_default().append(&mut more);
            }
            TestValuesRecord { attributes, claims: values.claims }
        }),
    }
}

/// How the last test login of a connection ended.
#[derive(Serialize, ToSchema)]
pub struct LastTestRecord {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whether it passed.
    passed: bool,
    /// The fault that it ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Whether the connection has changed since.
    stale: bool,
}

impl LastTestRecord {
    /// Of a connection as it is now.
    pub(super) fn of(test: &LastTest, connection: &Connection) -> Self {
        let code = test.code.clone();
        Self { at: test.at, passed: code.is_none(), code, stale: test.is_stale(connection) }
    }
}
