//! `/api/v1/domains`: tenants claim and prove e-mail domains, against a name server on loopback.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::http::Method;
use futures_util::future::join_all;
use postern::jobs::domains::round;
use postern_core::domain_name::DomainName;
use postern_core::domains::{DomainId, DomainSettings};
use postern_core::scope::Scope;
use postern_lab::dns::{NameServer, Told};
use serde_json::{Value, json};

use crate::world::{Answer, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Postern that asks a name server which knows `acme.example`.
pub(crate) async fn world(settings: &str) -> (World, NameServer) {
    let dns = NameServer::start().await.unwrap();
    dns.publish("acme.example", &["v=spf1 -all"]);
    let settings =
        format!("domains.dns_server = \"{}\"\nfetch.allow_networks = [\"127.0.0.0/8\"]\n{settings}", dns.address);
    (World::configured(&settings).await, dns)
}

pub(crate) async fn claim(world: &World, tenant: &str, domain: &str, more: Value) -> Answer {
    let mut body = json!({ "tenant": tenant, "product": "crm", "domain": domain });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.api(Method::POST, "domains", body).await
}

fn id(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{}", answer.body);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn verify(world: &World, id: &str) -> Answer {
    world.api(Method::POST, &format!("domains/{id}/verify"), json!({})).await
}

async fn get(world: &World, id: &str) -> Value {
    let answer = world.api(Method::GET, &format!("domains/{id}"), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Publishes what a claim asks for.
fn publish(dns: &NameServer, claim: &Value) {
    let record = &claim["record"];
    dns.publish(record["name"].as_str().unwrap(), &[record["value"].as_str().unwrap()]);
}

/// A domain that DNS proves.
pub(crate) async fn prove(world: &World, dns: &NameServer, tenant: &str, domain: &str, more: Value) -> String {
    let claim = claim(world, tenant, domain, more).await;
    publish(dns, &claim.json());
    let verified = verify(world, &id(&claim)).await;
    assert_eq!(verified.json()["status"], "verified", "{}", verified.body);
    id(&claim)
}

/// The events about domains, oldest first, with the domain's status where they tell it.
async fn told(world: &World) -> Vec<String> {
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let kinds = events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
    kinds.filter(|kind| kind.starts_with("domain.")).collect()
}

#[actix_web::test]
async fn a_claim_says_what_to_publish_and_is_there_once() {
    let (world, _dns) = world("").await;
    let first = claim(&world, "acme.example", "BÜCHER.Acme.Example.", json!({ "include_subdomains": true })).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let claimed = first.json();
    assert_eq!(claimed["domain"], "xn--bcher-kva.acme.example");
    assert_eq!(claimed["display"], "bücher.acme.example");
    assert_eq!((&claimed["status"], &claimed["include_subdomains"]), (&json!("claimed"), &json!(true)));
    assert_eq!(claimed["record"]["type"], "TXT");
    assert_eq!(claimed["record"]["name"], "_postern-challenge.xn--bcher-kva.acme.example");
    let challenge = claimed["record"]["value"].as_str().unwrap().strip_prefix("postern-challenge=").unwrap();
    assert!(challenge.len() * 5 >= 128, "{challenge}: 5 bits a letter");

    let again = claim(&world, "acme.example", "bücher.acme.example", json!({})).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, claimed.clone()));
    let other = claim(&world, "globex.example", "bücher.acme.example", json!({})).await.json();
    assert_ne!(other["record"]["value"], claimed["record"]["value"], "a challenge is for one claim alone");
    assert_eq!(told(&world).await, ["domain.claimed", "domain.claimed"]);
}

#[actix_web::test]
async fn policy_5_what_is_no_domain_or_nobodys_own_cannot_be_claimed_not_even_by_the_operator() {
    let (world, _dns) = world("").await;
    for (domain, code) in [
        ("", "FieldMissing"),
        ("acme", "DomainMalformed"),
        ("192.0.2.1", "DomainMalformed"),
        ("alice@acme.example", "DomainMalformed"),
        ("*.acme.example", "DomainMalformed"),
        ("co.uk", "DomainOfEverybody"),
        ("github.io", "DomainOfEverybody"),
        ("Gmail.com", "DomainOfPublicMail"),
        ("mail.gmx.de.", "DomainOfPublicMail"),
    ] {
        for more in [json!({}), json!({ "proof": "operator" })] {
            let answer = claim(&world, "acme.example", domain, more).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{domain}");
        }
    }
    assert_eq!(claim(&world, "acme.example", "acme.example", json!({ "proof": "mail" })).await.code(), "FieldInvalid");
    let foreign = json!({ "connection": "conn_unknown" });
    assert_eq!(claim(&world, "acme.example", "acme.example", foreign).await.code(), "ConnectionNotFound");
    assert!(told(&world).await.is_empty());
}

#[actix_web::test]
async fn policy_5_dns_proves_a_domain_and_each_mistake_is_told_and_kept() {
    let (world, dns) = world("").await;
    let claimed = claim(&world, "acme.example", "acme.example", json!({})).await;
    let id = id(&claimed);
    let (name, value) = ("_postern-challenge.acme.example", claimed.json()["record"]["value"].clone());
    let value = value.as_str().unwrap();
    let doubled = "_postern-challenge.acme.example.acme.example";
    let refused = async |code: &str| {
        let answer = verify(&world, &id).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code));
        let now = get(&world, &id).await;
        assert_eq!((&now["status"], &now["attempts"][0]["code"]), (&json!("claimed"), &json!(code)));
        assert!(now["attempts"][0]["hint"].is_string());
        now["attempts"][0].clone()
    };
    let attempt = refused("DomainRecordMissing").await;
    assert_eq!(attempt["expected"], format!("{name} TXT {value}"));
    dns.publish(name, &["something else"]);
    assert_eq!(refused("DomainRecordWrong").await["received"], "something else");
    dns.withdraw(name);
    dns.publish(doubled, &[value]);
    let attempt = refused("DomainRecordMisplaced").await;
    assert_eq!((&attempt["expected"], &attempt["received"]), (&json!(name), &json!(doubled)));
    dns.withdraw(doubled);
    dns.withdraw("acme.example");
    refused("DomainUnknownToDns").await;
    dns.tell(name, Told::Failure);
    refused("DomainServerFailed").await;

    let long = "x".repeat(300);
    dns.publish("acme.example", &["v=spf1 -all", &long, value]);
    let verified = verify(&world, &id).await;
    assert_eq!(verified.status, 200, "at the domain itself: {}", verified.body);
    dns.withdraw("acme.example");
    dns.publish(name, &["postern-challenge=of-somebody-else", value]);
    let verified = verify(&world, &id).await.json();
    assert_eq!((&verified["status"], &verified["proof"]), (&json!("verified"), &json!("dns")));
    let codes: Vec<_> = verified["attempts"].as_array().unwrap().iter().map(|a| a["code"].as_str()).collect();
    assert_eq!(codes.len(), 7);
    assert_eq!(codes[..3], [None, None, Some("DomainServerFailed")], "the newest first");
    assert_eq!(told(&world).await, ["domain.claimed", "domain.verified"]);
}

#[actix_web::test]
async fn a_name_server_that_says_nothing_is_told_from_one_that_says_no() {
    let (world, dns) = world("").await;
    let id = id(&claim(&world, "acme.example", "acme.example", json!({})).await);
    dns.tell("_postern-challenge.acme.example", Told::Silence);
    assert_eq!(verify(&world, &id).await.code(), "DomainLookupTimedOut");
}

#[actix_web::test]
async fn policy_5_the_operator_may_vouch_for_a_domain_and_that_is_told() {
    let (world, _dns) = world("").await;
    let vouched = json!({ "proof": "operator" });
    let body = json!({ "tenant": "acme.example", "product": "crm", "domain": "acme.example", "proof": "operator" });
    for (key, code) in [("key-of-the-product-crm", "ApiKeyOtherProduct"), ("key-that-may-only-read", "ApiKeyReadOnly")]
    {
        assert_eq!(world.api_as(key, Method::POST, "domains", body.clone()).await.code(), code);
    }
    let claimed = claim(&world, "acme.example", "acme.example", vouched.clone()).await;
    assert_eq!((&claimed.json()["status"], &claimed.json()["proof"]), (&json!("verified"), &json!("operator")));
    let events = world.api(Method::GET, "events", Value::Null).await.json();
    let event = events["data"].as_array().unwrap().iter().find(|event| event["type"] == "domain.verified").unwrap();
    assert_eq!((&event["data"]["proof"], &event["data"]["name"]), (&json!("operator"), &json!("acme.example")));

    // DNS does not contradict; and it is not asked again by itself.
    let id = id(&claimed);
    assert_eq!(verify(&world, &id).await.code(), "DomainRecordMissing");
    world.advance(400 * DAY);
    round(&world.app).await.unwrap();
    let now = get(&world, &id).await;
    assert_eq!((&now["status"], now["attempts"].as_array().unwrap().len()), (&json!("verified"), 1));
    assert_eq!(claim(&world, "globex.example", "acme.example", vouched).await.code(), "DomainTaken");
}

#[actix_web::test]
async fn policy_5_a_second_tenant_cannot_have_a_proven_domain() {
    let (world, dns) = world("").await;
    let early = claim(&world, "globex.example", "acme.example", json!({})).await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    let late = claim(&world, "initech.example", "acme.example", json!({})).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "DomainTaken"));

    // Who claimed it before comes too late as well, even with a record.
    publish(&dns, &early.json());
    let answer = verify(&world, &id(&early)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "DomainTaken"));
    let now = get(&world, &id(&early)).await;
    assert_eq!((&now["status"], &now["attempts"][0]["code"]), (&json!("claimed"), &json!("DomainTaken")));
    // A tenant may prove its domain for another of its products.
    let body = json!({ "tenant": "acme.example", "product": "wiki", "domain": "acme.example", "proof": "operator" });
    assert_eq!(world.api(Method::POST, "domains", body).await.status, 201);
}

#[actix_web::test]
async fn policy_5_with_unique_product_tenants_of_different_products_share_a_domain() {
    let (world, dns) = world("domains.unique = \"product\"\n").await;
    prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    let body = json!({ "tenant": "globex.example", "product": "wiki", "domain": "acme.example", "proof": "operator" });
    assert_eq!(world.api(Method::POST, "domains", body).await.json()["status"], "verified");
    assert_eq!(claim(&world, "globex.example", "acme.example", json!({})).await.code(), "DomainTaken");
}

#[actix_web::test]
async fn policy_5_of_many_tenants_who_prove_a_domain_at_once_exactly_one_wins() {
    let (world, _dns) = world("").await;
    let domains = &world.app.domains;
    let name = DomainName::parse("acme.example").unwrap();
    let mut ids = Vec::new();
    for number in 0..20 {
        let scope = Scope::new(format!("tenant-{number}"), "crm").unwrap();
        ids.push(domains.claim(scope, name.clone(), DomainSettings::default()).await.unwrap().0.id.clone());
    }
    let outcomes = join_all(ids.iter().map(|id| domains.looked(id, &Ok(())))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let mut proven = BTreeSet::new();
    for id in &ids {
        let domain = domains.find(id).await.unwrap();
        if domain.state.is_proven() {
            proven.insert(domain.id.clone());
        }
    }
    assert_eq!(proven.len(), 1);

    // One claim that is proven many times at once is proven.
    let [winner] = &proven.iter().collect::<Vec<&DomainId>>()[..] else { panic!() };
    for outcome in join_all((0..20).map(|_| domains.looked(winner, &Ok(())))).await {
        if let Err(fault) = outcome {
            assert_eq!(fault.code.name(), "ChangedMeanwhile");
        }
    }
    assert!(domains.find(winner).await.unwrap().state.is_proven());
    let answer = claim(&world, "globex.example", "acme.example", json!({})).await;
    assert_eq!(answer.code(), "DomainTaken", "and owned still");
}

#[actix_web::test]
async fn policy_5_a_domain_whose_record_vanishes_goes_through_its_grace_and_is_lost() {
    let (world, dns) = world("").await;
    let id = prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    let record = get(&world, &id).await["record"].clone();
    let (name, value) = (record["name"].as_str().unwrap(), record["value"].as_str().unwrap());
    let status = async |wait: Duration| {
        world.advance(wait);
        round(&world.app).await.unwrap();
        get(&world, &id).await["status"].as_str().unwrap().to_owned()
    };
    let asked = async || get(&world, &id).await["attempts"].as_array().unwrap().len();
    assert_eq!((status(DAY / 2).await.as_str(), asked().await), ("verified", 1), "not before it is due");
    assert_eq!((status(DAY / 2).await.as_str(), asked().await), ("verified", 2));

    dns.tell(name, Told::Failure);
    assert_eq!(status(DAY).await, "verified", "an outage of DNS is no answer");
    dns.withdraw(name);
    assert_eq!(status(Duration::from_secs(3600)).await, "failing", "and is looked at again soon");
    let failing = get(&world, &id).await;
    assert_eq!(failing["attempts"][0]["code"], "DomainRecordMissing");
    assert!(failing["lapses_at"].is_string());
    dns.publish(name, &[value]);
    assert_eq!(status(DAY).await, "verified");

    dns.withdraw(name);
    assert_eq!(status(DAY).await, "failing");
    assert_eq!(status(6 * DAY).await, "failing");
    assert_eq!(claim(&world, "globex.example", "acme.example", json!({})).await.code(), "DomainTaken");
    dns.tell(name, Told::Failure);
    assert_eq!(status(2 * DAY).await, "failing");
    dns.withdraw(name);
    assert_eq!(status(Duration::from_secs(3600)).await, "lapsed");
    let life = ["claimed", "verified", "failing", "recovered", "failing", "lapsed"];
    assert_eq!(told(&world).await, life.map(|kind| format!("domain.{kind}")));

    // Somebody else may have it now, and whoever had it may not.
    prove(&world, &dns, "globex.example", "acme.example", json!({})).await;
    dns.publish(name, &[value]);
    assert_eq!(verify(&world, &id).await.code(), "DomainTaken");
}

#[actix_web::test]
async fn a_lapsed_domain_is_proven_again_by_its_record() {
    let (world, dns) = world("domains.recheck_seconds = 60\ndomains.grace_seconds = 0\n").await;
    let id = prove(&world, &dns, "acme.example", "acme.example", json!({})).await;
    let record = get(&world, &id).await["record"].clone();
    dns.withdraw(record["name"].as_str().unwrap());
    for status in ["failing", "lapsed"] {
        world.advance(Duration::from_secs(60));
        round(&world.app).await.unwrap();
        assert_eq!(get(&world, &id).await["status"], status);
    }
    publish(&dns, &json!({ "record": record }));
    assert_eq!(verify(&world, &id).await.json()["status"], "verified");
}

#[actix_web::test]
async fn claims_are_listed_page_by_page_linked_and_given_up_without_a_trace() {
    let (world, dns) = world("").await;
    let foreign = world.connect("globex.example", "crm", "https://idp.globex.example").await;
    let before: BTreeSet<_> = world.memory.keys().into_iter().filter(|key| !key.starts_with("p1:tenant:")).collect();
    let connection = world.api(Method::GET, "sso?tenant=acme.example&product=crm", Value::Null).await.json()[0].clone();
    let names = ["acme.example", "eu.acme.example", "acme.co.uk"];
    let mut ids = Vec::new();
    for name in names {
        world.advance(Duration::from_secs(1));
        dns.publish(name, &[]);
        ids.push(prove(&world, &dns, "acme.example", name, json!({})).await);
    }
    let listed = async |query: &str| -> Vec<Value> {
        let answer = world.api(Method::GET, &format!("domains?{query}"), Value::Null).await.json();
        answer["data"].as_array().unwrap().iter().map(|domain| domain["domain"].clone()).collect()
    };
    assert_eq!(listed("tenant=acme.example&product=crm").await, names);
    assert_eq!(listed("tenant=acme.example&product=crm&offset=1&limit=1").await, names[1..2]);
    assert_eq!(listed("product=crm").await, [names[2], names[1], names[0]]);
    assert_eq!(listed("product=crm&offset=2").await, [names[0]]);
    assert!(listed("product=wiki").await.is_empty());
    assert!(listed("tenant=globex.example&product=crm").await.is_empty());

    let path = format!("domains/{}", ids[0]);
    let change = json!({ "connection": connection["id"], "include_subdomains": true });
    let linked = world.api(Method::PATCH, &path, change).await.json();
    assert_eq!((&linked["connection"], &linked["include_subdomains"]), (&connection["id"], &json!(true)));
    let change = json!({ "connection": foreign["id"] });
    assert_eq!(world.api(Method::PATCH, &path, change).await.code(), "ConnectionNotFound");
    assert_eq!(world.api(Method::PATCH, &path, json!({ "connection": "" })).await.json()["connection"], Value::Null);

    let other =
        world.api(Method::POST, "domains", json!({ "tenant": "t", "product": "wiki", "domain": "wiki.example" }));
    let other = id(&other.await);
    let as_crm = async |method: Method, path: &str| {
        let body = if method == Method::GET || method == Method::DELETE { Value::Null } else { json!({}) };
        world.api_as("key-of-the-product-crm", method, path, body).await.code()
    };
    assert_eq!(as_crm(Method::GET, &format!("domains/{other}")).await, "DomainNotFound");
    assert_eq!(as_crm(Method::POST, &format!("domains/{other}/verify")).await, "DomainNotFound");
    assert_eq!(as_crm(Method::DELETE, &format!("domains/{other}")).await, "DomainNotFound");
    assert_eq!(as_crm(Method::GET, "domains?product=wiki").await, "ApiKeyOtherProduct");
    assert_eq!(as_crm(Method::GET, "domains/dom_unknown").await, "DomainNotFound");

    for id in ids.iter().chain([&other]) {
        assert_eq!(world.api(Method::DELETE, &format!("domains/{id}"), Value::Null).await.status, 204);
        assert_eq!(world.api(Method::GET, &format!("domains/{id}"), Value::Null).await.code(), "DomainNotFound");
    }
    world.advance(Duration::from_millis(1));
    // A tenant stays known when it has nothing any more.
    let claims = |key: &String| !key.starts_with("p1:tenant:");
    assert_eq!(world.memory.keys().into_iter().filter(claims).collect::<BTreeSet<_>>(), before);
    assert!(world.memory.indexes().iter().all(|(name, _)| !name.starts_with("p1:x:domain")));
}
