//! The IdP has answered and the answer is verified: identity to claims, claims to grant, grant to code.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::session::{ListedBy, Listing, Session, SessionId};
use super::start::after;
use super::test_login::Tested;
use super::{Admission, Grant, Login, Logins, Person, Terms, oauth_scope};
use crate::connection::{Connection, Idp};
use crate::event::{Event, EventKind};
use crate::fault::{Code, Fault};
use crate::identity::SubjectName;
use crate::identity::{Authentication, Identity};
use crate::mapping;
use crate::policy::Rules;
use crate::ports::Timestamp;
use crate::scoped;
use crate::secret::{Secret, SecretHash};
use crate::sessions::{Why, left};
use crate::trace::Outcome;

/// A verified answer of an IdP.
#[derive(Debug)]
pub struct Answer {
    /// Who it says it is.
    pub identity: Identity,
    /// What a logout names the person by (SAML).
    pub subject_name: Option<SubjectName>,
    /// The assertion, which is used once; `None` where the answer fits only its login, which itself is taken once (the nonce
    /// of an ID token).
    pub assertion: Option<UsedOnce>,
    /// What an admin should mind though it did not stop the login.
    pub notes: Vec<String>,
    /// What security people should hear of though it did not stop the login.
    pub anomalies: Vec<String>,
}

impl Answer {
    /// Leaves in it what belongs to the connection's scopes (H23).
    pub(super) fn keep_own(&mut self, connection: &Connection) -> Result<(), Fault> {
        let dropped = match &connection.idp {
            Idp::Saml(idp) => scoped::restrict(&mut self.identity, idp.owned_scopes())?,
            Idp::Oidc(_) => Vec::new(), // those attributes are SAML's
        };
        self.anomalies.extend(dropped.iter().map(|name| format!("dropped values of a foreign scope: {name}")));
        Ok(())
    }
}

/// Something that may be presented once.
#[derive(Debug)]
pub struct UsedOnce {
    /// Its name.
    pub id: String,
    /// Until when it could be presented again.
    pub usable_until: Timestamp,
}

/// How a login ends whose answer is verified.
#[derive(Debug)]
pub enum Ended {
    /// The app gets a code.
    Code(Issued),
    /// It was a test.
    Test(Box<Tested>),
}

/// The good end of a login.
#[derive(Debug)]
pub struct Issued {
    /// For the app.
    pub code: Secret,
    /// The session that began.
    pub session: SessionId,
    /// For the browser, which proves by it that the session began there.
    pub browser: Secret,
    /// How long the session can live.
    pub lifetime: Duration,
}

impl Logins {
    /// Uses the answer, and issues a code for the app, or, of a test, tells what it came to. The login's trace is filled also where
    /// this fails.
    pub async fn finish(
        &self,
        login: &mut Login,
        connection: &Connection,
        rules: &Rules,
        mut answer: Answer,
    ) -> Result<Ended, Fault> {
        login.trace.step("response", self.clock.now());
        login.trace.attributes = mapping::names(&answer.identity);
        let admitted = self.admit(connection, rules, &mut answer).await;
        login.trace.notes.append(&mut answer.notes);
        login.trace.anomalies.append(&mut answer.anomalies);
        let judged = admitted.and_then(|person| {
            login.asked.check(&person, login.trace.began, self.clock.now(), self.settings.clock_skew)?;
            self.check_age(login, &person)?;
            Ok(person)
        });
        match &login.test {
            None => self.issue_code(login, connection, judged?, "sp-initiated").await.map(Ended::Code),
            Some(_) => Ok(Ended::Test(Box::new(Tested::of(&answer.identity, connection, judged)))),
        }
    }

    /// Issues a code for a person who is known, begins the session, and ends the login's story well.
    pub(super) async fn issue_code(
        &self,
        login: &Login,
        connection: &Connection,
        mut person: Person,
        login_type: &str,
    ) -> Result<Issued, Fault> {
        self.spend_pushed(login).await?;
        if login.requested.is_openid() {
            mapping::add_standard_names(&mut person.claims);
        }
        person.claims.insert("requested".into(), Value::Object(requested(login, connection, login_type)));
        let now = self.clock.now();
        let code = Secret::random(&*self.random, "");
        let mut trace = login.trace.clone();
        trace.step("code", now);
        trace.outcome = Some(Outcome::Succeeded);
        let data = json!({ "trace": trace.id, "connection": connection.id });
        let event = Event::of(EventKind::LoginSucceeded, &trace.scope, now, data);
        let browser = Secret::random(&*self.random, "");
        let session = Session {
            browser: Some(SecretHash::of(browser.expose())),
            ..self.session(login, connection, &person, now)
        };
        let keys = self.store.keys();
        person.claims.extend(of_session(&session));
        person.claims.extend(of_authentication(&person.authentication));
        let granted = oauth_scope::granted(&login.requested.oauth_scope, login.session_terms.refresh.is_some());
        let grant = Grant {
            terms: Terms {
                client_id: login.requested.client_id.clone(),
                scope: login.requested.scope.clone(),
                connection: connection.id.clone(),
                redirect_uri: login.return_to.redirect_uri.clone(),
                code_challenge: login.requested.code_challenge.clone(),
                dpop_key: login.requested.dpop_key.clone(),
                session: session.id.clone(),
                unasked: login.requested.unasked,
            },
            oauth_scope: login.requested.oauth_scope.clone(),
            granted,
            refresh_until: login.session_terms.refresh.map(|_| session.over()),
            claims: person.claims,
            needs_invitation: person.admission.needs_invitation,
            authentication: person.authentication,
            id_token: login.requested.id_token(),
            expires: after(now, self.settings.code_lifetime),
            trace,
        };
        let mut batch = self.store.batch();
        batch.put(&keys.grant(code.expose()), &grant, Some(self.settings.code_lifetime));
        self.sessions.begin(&mut batch, &session);
        let by_subject = ListedBy::Subject(&session.scope, &session.subject);
        let most = person.admission.sessions.max_sessions_per_user.map(u64::from);
        let surplus = most.map(|most| (most, batch.index_page(&keys.sessions(by_subject), most, 1)));
        grant.trace.save(&mut batch, &self.store);
        event.append(&mut batch, &self.store);
        if !grant.trace.anomalies.is_empty() {
            let data =
                json!({ "trace": grant.trace.id, "connection": connection.id, "anomalies": grant.trace.anomalies });
            Event::of(EventKind::LoginAnomaly, &grant.trace.scope, now, data).append(&mut batch, &self.store);
        }
        // After the session is listed: whoever deletes the connection ends the sessions that are listed once it is gone
        // (`crate::removal`), and where it is gone already this one may have come too late for that.
        let answering = batch.get(&keys.connection(&connection.id));
        let answers = batch.run().await?;
        if answers.get(answering)?.is_none() {
            self.sessions.end(&session.id, Why::Deleted).await?;
            return Err(Code::ConnectionMissing.into());
        }
        if let Some((most, beyond)) = surplus
            && answers.members(beyond).next().is_some()
        {
            self.sessions.keep_newest(by_subject, most).await?;
        }
        let lifetime = left(session.over(), now);
        Ok(Issued { code, session: session.id, browser, lifetime })
    }

    /// The session that begins. It ends with the IdP's own where that is sooner (SAML Core §2.7.2: "the session [...] MUST
    /// be considered ended").
    fn session(&self, login: &Login, connection: &Connection, person: &Person, now: Timestamp) -> Session {
        let id = SessionId::random(&*self.random);
        let scope = &login.requested.scope;
        let (settings, limit) = (&person.admission.sessions, self.settings.longest_session);
        let terms = settings.over(&login.session_terms);
        let text = |claim: &str| person.claims.get(claim).and_then(Value::as_str);
        let subject = text("sub").unwrap_or_default();
        let mut lists = vec![ListedBy::Scope(scope), ListedBy::Subject(scope, subject)];
        lists.extend(mapping::addresses(&person.claims).into_iter().map(|email| ListedBy::Email(scope, email)));
        let name_id = person.authentication.upstream.name_id.as_ref();
        lists.extend(name_id.map(|name| ListedBy::Upstream(&connection.id, &name.value)));
        let offline = login.requested.oauth_scope.iter().any(|scope| scope == oauth_scope::OFFLINE_ACCESS);
        let ends = settings.end(&login.session_terms, &person.authentication, now, limit);
        Session {
            listing: Listing::new(&self.store.keys(), &id, &lists),
            id,
            scope: scope.clone(),
            connection: connection.id.clone(),
            client_id: login.requested.client_id.clone(),
            subject: subject.to_owned(),
            authentication: person.authentication.clone(),
            began: now,
            last_used: now,
            ends: person
                .authentication
                .upstream
                .ends
                .filter(|upstream| *upstream > now)
                .map_or(ends, |upstream| ends.min(upstream)),
            idle: terms.idle,
            browser: None,
            offline_ends: terms.refresh.filter(|_| offline).map(|lifetime| after(now, lifetime)),
        }
    }

    /// Who it is to the app. The subject is a keyed hash of whose person it is and of what the IdP calls them for good.
    pub(super) fn person(&self, connection: &Connection, answer: &Answer) -> Result<Person, Fault> {
        let identity = &answer.identity;
        let stable_id = mapping::stable_id(identity)
            .ok_or_else(|| Code::SubjectMissing.fault().received(mapping::names(identity).join(", ")))?;
        let scope = &connection.scope;
        let parts = [&scope.tenant, &scope.product, &connection.subject_namespace, stable_id];
        let subject = self.store.subject(&parts.map(str::as_bytes));
        let claims = mapping::claims(identity, &subject, &connection.mapping);
        let mut authentication = identity.authentication();
        authentication.upstream.subject_name = answer.subject_name.clone();
        Ok(Person { claims, authentication, admission: Admission::default() })
    }

    /// Refuses somebody whose session would be over before it began, by what the tenant's policy says of its length.
    pub(super) fn check_age(&self, login: &mut Login, person: &Person) -> Result<(), Fault> {
        let (now, limit) = (self.clock.now(), self.settings.longest_session);
        match person.admission.sessions.too_old(&person.authentication, now, limit) {
            Some(at) => Err(login.asked.refuse_as_stale(at, "within session_duration_hours")),
            None => Ok(()),
        }
    }
}

/// What an app keeps beside a person: whose they are, and until when its own session may last. They stand in the place of
/// whatever a connection mapped to these names.
fn of_session(session: &Session) -> [(String, Value); 2] {
    [("tenant".into(), json!(session.scope.tenant)), ("session_expires_at".into(), json!(session.ends.as_second()))]
}

/// How the person was authenticated, as far as the IdP said so: what an ID token says too.
pub(super) fn of_authentication(authentication: &Authentication) -> impl Iterator<Item = (String, Value)> {
    let context = authentication.context.as_ref().map(|context| ("acr".to_owned(), json!(context)));
    let methods = Some(&authentication.methods).filter(|methods| !methods.is_empty());
    context.into_iter().chain(methods.map(|methods| ("amr".to_owned(), json!(methods))))
}

/// What the app asked for, as Jackson repeats it in the claims.
fn requested(login: &Login, connection: &Connection, login_type: &str) -> Map<String, Value> {
    let asked = &login.requested;
    let mut requested = Map::new();
    let mut put = |name: &str, value: Value| requested.insert(name.to_owned(), value);
    put("client_id", json!(asked.client_id));
    put("tenant", json!(asked.scope.tenant));
    put("product", json!(asked.scope.product));
    put("redirect_uri", json!(login.return_to.redirect_uri));
    put("protocol", json!(connection.idp.protocol()));
    put("login_type", json!(login_type));
    put("providerName", json!(provider(connection.idp.name())));
    put("scope", json!(asked.oauth_scope));
    if asked.is_openid() {
        put("oidc", json!(true));
    }
    let optional = [
        ("state", &login.return_to.state),
        ("nonce", &asked.nonce),
        ("idp_hint", &asked.idp_hint),
        ("login_hint", &asked.login_hint),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put(name, json!(value));
        }
    }
    requested
}

/// Jackson's name for an IdP: the host of its entity ID, or the whole of it where it is no URL.
pub fn provider(entity_id: &str) -> String {
    let host = url::Url::parse(entity_id).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| entity_id.to_owned())
}
