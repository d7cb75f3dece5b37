//! A tenant proves its e-mail domain, loses it again, and is alone to speak for it in between. DNS is a server on loopback, Redis a
//! real one.

use std::time::Duration;

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer, Idp};
use postern_e2e::{Postern, Redis, Settings};
use postern_lab::dns::NameServer;
use reqwest::Method;
use serde_json::{Value, json};

const REDIRECT: &str = "https://app.example.com/callback";
const ACME: &str = "acme.example.com";
const UMBRELLA: &str = "umbrella.example.com";
const DOMAIN: &str = "acme.example";

struct World {
    _redis: Redis,
    postern: Postern,
    dns: NameServer,
    client: (String, String),
    idps: [(&'static str, Idp); 2],
}

impl World {
    /// Two tenants with an identity provider each, and a name server that knows a domain. Everything that takes days takes seconds.
    async fn start() -> Self {
        let (redis, dns) = (Redis::start().await, NameServer::start().await.expect("a name server"));
        dns.publish(DOMAIN, &["v=spf1 -all"]);
        let environment = vec![
            ("POSTERN_DOMAINS__DNS_SERVER", dns.address.to_string()),
            ("POSTERN_DOMAINS__RECHECK_SECONDS", "1".to_owned()),
            ("POSTERN_DOMAINS__GRACE_SECONDS", "3".to_owned()),
        ];
        let postern = Postern::start(&redis, Settings { environment, ..Settings::default() }).await;
        let urls = [REDIRECT.to_owned()];
        let idps = [ACME, UMBRELLA].map(|tenant| (tenant, Idp::new(&format!("https://idp.{tenant}/"))));
        for (tenant, idp) in &idps {
            postern.connect(tenant, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        }
        let client = postern.register("crm", &urls).await;
        Self { _redis: redis, postern, dns, client, idps }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.postern.call_as(Postern::API_KEY, method, &format!("/api/v1/domains{path}"), body.as_ref()).await
    }

    async fn claim(&self, tenant: &str) -> Answer {
        self.call(Method::POST, "", Some(json!({ "tenant": tenant, "product": "crm", "domain": DOMAIN }))).await
    }

    async fn verify(&self, id: &str) -> Answer {
        self.call(Method::POST, &format!("/{id}/verify"), Some(json!({}))).await
    }

    /// Waits until a claim has this status.
    async fn becomes(&self, id: &str, status: &str) {
        for _ in 0..150 {
            let answer = self.call(Method::GET, &format!("/{id}"), None).await;
            if answer.member("status").as_deref() == Some(status) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{id} never became {status}");
    }

    /// The code of the refusal of a login, or what the app is told of the address.
    async fn login(&self, tenant: &str, email: &str) -> Result<Option<bool>, String> {
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("tenant", tenant),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "s"),
        ];
        let waiting = login::begin(&self.postern, &parameters).await;
        let (_, idp) = self.idps.iter().find(|(other, _)| *other == tenant).expect("a tenant");
        let mut response = waiting.response(idp);
        response.attributes.retain(|(name, _)| name != "email");
        response.attributes.push(("email".into(), vec![email.to_owned()]));
        let answer = waiting.answer(&response.signed_assertion(&idp.key)).await;
        if let Some(description) = answer.parameter("error_description") {
            return Err(description);
        }
        let code = answer.code();
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT)];
        let tokens = login::redeem(&self.postern, (&self.client.0, &self.client.1), &form).await;
        let claims = login::userinfo(&self.postern, &tokens.member("access_token").expect("a token")).await;
        let claims: Value = serde_json::from_str(&claims.body).expect("claims");
        Ok(claims["email_verified"].as_bool())
    }

    async fn refused(&self, tenant: &str, email: &str) {
        let description = self.login(tenant, email).await.expect_err("nobody speaks for another's people");
        assert!(description.contains(Code::EmailDomainForeign.name()), "{description}");
    }
}

fn refusal(answer: &Answer, code: Code) {
    assert_eq!(answer.status, code.status(), "{answer:?}");
    assert!(answer.body.contains(code.name()), "{answer:?}");
}

#[tokio::test]
async fn policy_5_a_domain_is_claimed_proven_and_lost_and_speaks_for_its_tenant_alone() {
    let world = World::start().await;
    assert_eq!(world.login(ACME, "alice@acme.example").await, Ok(None), "nobody has proven anything");

    let claim = world.claim(ACME).await;
    assert_eq!(claim.status, 201, "{claim:?}");
    let claim: Value = serde_json::from_str(&claim.body).expect("a claim");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (id, name, value) = (text(&claim["id"]), text(&claim["record"]["name"]), text(&claim["record"]["value"]));

    refusal(&world.verify(&id).await, Code::DomainRecordMissing);
    world.dns.publish(&name, &["postern-challenge=of-yesterday"]);
    refusal(&world.verify(&id).await, Code::DomainRecordWrong);
    world.dns.publish(&name, &[&value]);
    let verified = world.verify(&id).await;
    assert_eq!(verified.member("status").as_deref(), Some("verified"), "{verified:?}");

    refusal(&world.claim(UMBRELLA).await, Code::DomainTaken);
    assert_eq!(world.login(ACME, "alice@acme.example").await, Ok(Some(true)));
    world.refused(ACME, "alice@umbrella.example").await;
    world.refused(UMBRELLA, "alice@acme.example").await;
    assert_eq!(world.login(UMBRELLA, "bob@umbrella.example").await, Ok(None));

    // The record is gone for a moment, and then for good.
    world.dns.withdraw(&name);
    world.becomes(&id, "failing").await;
    assert_eq!(world.login(ACME, "alice@acme.example").await, Ok(Some(true)), "within the grace");
    world.dns.publish(&name, &[&value]);
    world.becomes(&id, "verified").await;
    world.dns.withdraw(&name);
    world.becomes(&id, "lapsed").await;
    assert_eq!(world.login(ACME, "alice@acme.example").await, Ok(None));
    assert_eq!(world.claim(UMBRELLA).await.status, 201);

    let events = world.postern.call("GET", "/api/v1/events", None).await;
    let events = events["data"].as_array().expect("events");
    let told: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()?.strip_prefix("domain.")).collect();
    assert_eq!(told, ["claimed", "verified", "failing", "recovered", "failing", "lapsed", "claimed"]);
    let refused = events.iter().filter(|event| event["data"]["code"] == Code::EmailDomainForeign.name());
    assert_eq!(refused.count(), 2);
}

#[tokio::test]
async fn policy_5_of_two_tenants_who_prove_a_domain_at_once_one_wins() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for tenant in [ACME, UMBRELLA] {
        let claim: Value = serde_json::from_str(&world.claim(tenant).await.body).expect("a claim");
        ids.push((claim["id"].as_str().expect("an id").to_owned(), claim["record"]["value"].clone()));
    }
    let values: Vec<_> = ids.iter().map(|(_, value)| value.as_str().expect("a value")).collect();
    world.dns.publish(&format!("_postern-challenge.{DOMAIN}"), &values);
    let (one, other) = tokio::join!(world.verify(&ids[0].0), world.verify(&ids[1].0));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one:?} {other:?}");
}
