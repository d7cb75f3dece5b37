//! What one customer's identity provider says is nothing to another customer.

use postern_core::fault::Code;
use postern_e2e::login::{self, Answer, Idp, Waiting};
use postern_e2e::{Postern, Redis, Settings};
use postern_lab::response::Response;

const REDIRECT: &str = "https://app.example.com/callback";
const TENANTS: [&str; 2] = ["acme.example.com", "umbrella.example.com"];

/// Postern, one app, and two customers with an identity provider each.
struct World {
    _redis: Redis,
    postern: Postern,
    client: (String, String),
}

impl World {
    async fn start(idps: [&Idp; 2]) -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let urls = [REDIRECT.to_owned()];
        for (tenant, idp) in TENANTS.iter().zip(idps) {
            postern.connect(tenant, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        }
        let client = postern.register("crm", &urls).await;
        Self { _redis: redis, postern, client }
    }

    async fn begin(&self, tenant: &str) -> Waiting {
        let parameters = [
            ("client_id", self.client.0.as_str()),
            ("tenant", tenant),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", "s"),
        ];
        login::begin(&self.postern, &parameters).await
    }

    /// What the app is told after this answer of an identity provider.
    async fn claims(&self, answer: Answer) -> serde_json::Value {
        let code = answer.code();
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT)];
        let tokens = login::redeem(&self.postern, (&self.client.0, &self.client.1), &form).await;
        let token = tokens.member("access_token").unwrap_or_else(|| panic!("no token in {tokens:?}"));
        serde_json::from_str(&login::userinfo(&self.postern, &token).await.body).expect("claims")
    }
}

#[tokio::test]
async fn another_tenants_idp_cannot_answer() {
    let (ours, theirs) = (Idp::new("https://idp.acme.example.com/"), Idp::new("https://idp.umbrella.example.com/"));
    let world = World::start([&ours, &theirs]).await;

    let waiting = world.begin(TENANTS[0]).await;
    let answer = waiting.answer(&waiting.response(&theirs).signed_both(&theirs.key)).await;
    refused(&answer, Code::SamlSignatureOtherKey);

    // Nor by saying that it is the other one.
    let waiting = world.begin(TENANTS[0]).await;
    let answer = waiting.answer(&waiting.response(&ours).signed_both(&theirs.key)).await;
    refused(&answer, Code::SamlSignatureOtherKey);
}

#[tokio::test]
async fn an_answer_to_one_tenants_login_is_none_to_anothers_even_from_the_same_idp() {
    let shared = Idp::new("https://idp.example.com/");
    let world = World::start([&shared, &shared]).await;

    let (ours, theirs) = (world.begin(TENANTS[0]).await, world.begin(TENANTS[1]).await);
    let xml = theirs.response(&shared).signed_both(&shared.key);
    refused(&ours.answer(&xml).await, Code::SamlInResponseToMismatch);
    // It is a good answer where it belongs.
    let claims = world.claims(theirs.answer(&xml).await).await;
    assert_eq!(claims["requested"]["tenant"], TENANTS[1]);
}

#[tokio::test]
async fn two_tenants_whose_idps_both_say_alice_mean_two_people() {
    let idps = [Idp::new("https://idp.acme.example.com/"), Idp::new("https://idp.umbrella.example.com/")];
    let world = World::start([&idps[0], &idps[1]]).await;
    let mut people = vec![];
    for (tenant, idp) in TENANTS.iter().zip(&idps) {
        let waiting = world.begin(tenant).await;
        let response = Response { name_id: Some("alice".into()), ..waiting.response(idp) };
        let claims = world.claims(waiting.answer(&response.signed_both(&idp.key)).await).await;
        assert_eq!(claims["id"], claims["sub"]);
        people.push(claims["id"].as_str().expect("an id").to_owned());
    }
    assert_ne!(people[0], people[1]);
}

fn refused(answer: &Answer, code: Code) {
    let description = answer.parameter("error_description").unwrap_or_default();
    assert!(description.contains(code.name()), "instead of {code}: {answer:?}");
    assert_eq!(answer.parameter("code"), None);
}
