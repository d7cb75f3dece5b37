//! `/api/v1/people/blocked` and `/api/v1/people/invited`: people whom a tenant knows by name.

use actix_web::HttpResponse;
use actix_web::web::Path;
use postern_core::fault::{Code, Fault};
use postern_core::people::{List, Listed, Newcomer, PersonName};
use postern_core::ports::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiCall;
use super::requests::{NewPeople, Page, PeopleList, WhichPeople};
use crate::fields::Fields;
use crate::reply::{Refusal, no_store};

/// `GET`: people of a list, those first who were named last; or the one with an address or a `sub`, if they are on it.
#[utoipa::path(
    get,
    path = "/api/v1/people/{list}",
    params(PeopleList, WhichPeople, Page),
    responses((status = 200, body = PeopleFound), (status = 404)),
)]
pub async fn find(call: ApiCall, list: Path<String>) -> Result<HttpResponse, Refusal> {
    let find = async {
        let (list, scope) = (named(&list)?, call.scope(&call.query)?);
        let (email, sub) = (call.query.one("email")?, call.query.one("sub")?);
        match (email, sub) {
            (None, None) => {
                let (offset, limit) = call.page()?;
                call.app.people.list(list, &scope, offset, limit).await
            }
            _ => call.app.people.find(list, &scope, &PersonName::read(email, sub)?).await,
        }
    };
    let data = find.await.map_err(Refusal::api)?.iter().map(describe).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(PeopleFound { data }))
}

/// `POST`: puts people on a list. 200, also for those who are on it already; what is said of them is what is sent now.
#[utoipa::path(
    post,
    path = "/api/v1/people/{list}",
    params(PeopleList),
    request_body(content = NewPeople, example = json!({
        "tenant": "acme.example.com", "product": "crm", "email": "bob@acme.example.com", "reason": "left",
    })),
    responses((status = 200, body = PeopleListed), (status = 404), (status = 409)),
)]
pub async fn add(call: ApiCall, list: Path<String>) -> Result<HttpResponse, Refusal> {
    let add = async {
        let (list, scope) = (named(&list)?, call.scope(&call.body)?);
        call.app.people.add(list, &scope, &newcomers(&call.body)?).await
    };
    let (listed, ended) = add.await.map_err(Refusal::api)?;
    let data = listed.iter().map(describe).collect();
    Ok(no_store(&mut HttpResponse::Ok()).json(PeopleListed { data, ended }))
}

/// `DELETE`: takes somebody off a list. 200 with how many sessions that ended.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{list}",
    params(PeopleList, WhichPeople),
    responses((status = 200, body = PersonRemoved), (status = 404)),
)]
pub async fn remove(call: ApiCall, list: Path<String>) -> Result<HttpResponse, Refusal> {
    let remove = async {
        let (list, scope) = (named(&list)?, call.scope(&call.query)?);
        let name = PersonName::read(call.query.one("email")?, call.query.one("sub")?)?;
        call.app.people.remove(list, &scope, &name).await
    };
    let ended = remove.await.map_err(Refusal::api)?;
    Ok(no_store(&mut HttpResponse::Ok()).json(PersonRemoved { ended }))
}

fn invalid(why: &str) -> Fault {
    Code::FieldInvalid.fault().expected(why)
}

fn named(list: &str) -> Result<List, Fault> {
    List::named(list).ok_or_else(|| Code::RouteUnknown.into())
}

/// Somebody as they are sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    email: Option<String>,
    sub: Option<String>,
    reason: Option<String>,
    expires_at: Option<String>,
}

/// One person, or those under `people`.
fn newcomers(body: &Fields) -> Result<Vec<Newcomer>, Fault> {
    let text = |name: &str| Ok::<_, Fault>(body.one(name)?.map(str::to_owned));
    let one =
        Sent { email: text("email")?, sub: text("sub")?, reason: text("reason")?, expires_at: text("expires_at")? };
    let Some(people) = body.one("people")? else { return Ok(vec![one.read()?]) };
    if [&one.email, &one.sub, &one.reason, &one.expires_at].into_iter().any(Option::is_some) {
        return Err(invalid("people stands beside one person; name that one in it too"));
    }
    let malformed = |_| invalid("people is not a list of objects with email or sub, reason and expires_at");
    let people: Vec<Sent> = serde_json::from_str(people).map_err(malformed)?;
    people.into_iter().map(Sent::read).collect()
}

impl Sent {
    fn read(self) -> Result<Newcomer, Fault> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let no_time = |_| invalid("expires_at is not a time such as 2026-01-31T12:00:00Z");
        Ok(Newcomer {
            name: PersonName::read(filled(self.email).as_deref(), filled(self.sub).as_deref())?,
            reason: filled(self.reason),
            expires: filled(self.expires_at).map(|time| time.parse::<Timestamp>().map_err(no_time)).transpose()?,
        })
    }
}

/// People of a list.
#[derive(Serialize, ToSchema)]
pub struct PeopleFound {
    data: Vec<PersonRecord>,
}

/// People who are on a list now.
#[derive(Serialize, ToSchema)]
pub struct PeopleListed {
    data: Vec<PersonRecord>,
    /// How many sessions of theirs were ended.
    ended: u64,
}

/// What taking somebody off a list did.
#[derive(Serialize, ToSchema)]
pub struct PersonRemoved {
    /// How many sessions of theirs were ended.
    ended: u64,
}

/// Somebody on a list.
#[derive(Serialize, ToSchema)]
pub struct PersonRecord {
    /// By what events name them.
    id: String,
    /// Their address, where they are listed by it: in lower case.
    email: Option<String>,
    /// What the app calls them, where they are listed by that.
    sub: Option<String>,
    /// Why.
    reason: Option<String>,
    /// Until when an invitation counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Since when they are listed.
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
}

fn describe(listed: &Listed) -> PersonRecord {
    let (email, sub) = match &listed.entry.name {
        PersonName::Email(email) => (Some(email.to_string()), None),
        PersonName::Sub(sub) => (None, Some(sub.clone())),
    };
    PersonRecord {
        id: listed.id.clone(),
        email,
        sub,
        reason: listed.entry.reason.clone(),
        expires_at: listed.entry.expires,
        added_at: listed.entry.added,
    }
}
