//! What may happen once happens once, however many ask at the same moment: over real HTTP, on a real Redis.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_e2e::login::{self, Answer, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings};
use tokio::sync::Barrier;

const REDIRECT: &str = "https://app.example.com/callback";

/// Postern on an empty Redis with one customer and one registered app.
struct World {
    _redis: Redis,
    postern: Postern,
    idp: Idp,
    client: (String, String),
}

impl World {
    async fn start() -> Arc<Self> {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let idp = Idp::new("https://idp.acme.example.com/metadata");
        let urls = [REDIRECT.to_owned()];
        postern.connect("acme.example.com", "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        let client = postern.register("crm", &urls).await;
        Arc::new(Self { _redis: redis, postern, idp, client })
    }

    async fn begin(&self) -> login::Waiting {
        login::begin(
            &self.postern,
            &[
                ("client_id", &self.client.0),
                ("tenant", "acme.example.com"),
                ("redirect_uri", REDIRECT),
                ("response_type", "code"),
                ("code_challenge", CODE_CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
        )
        .await
    }

    async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        login::redeem(&self.postern, (&self.client.0, &self.client.1), &form).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_redemptions_at_once_one_succeeds_and_ends_with_its_replays() {
    let world = World::start().await;
    for _ in 0..5 {
        let waiting = world.begin().await;
        let code = waiting.answer(&waiting.response(&world.idp).signed_assertion(&world.idp.key)).await.code();

        let answers = at_once(50, |_| {
            let (world, code) = (world.clone(), code.clone());
            async move { world.redeem(&code).await }
        })
        .await;

        let mut outcomes = BTreeMap::new();
        for answer in &answers {
            *outcomes.entry((answer.status, answer.member("error"))).or_insert(0) += 1;
        }
        let expected = BTreeMap::from([((200, None), 1), ((400, Some("invalid_grant".to_owned())), 49)]);
        assert_eq!(outcomes, expected);
        // RFC 6749 §4.1.2: what the first redemption gave is revoked by a good one that comes after it.
        let token = answers.iter().find_map(|answer| answer.member("access_token")).unwrap();
        assert_eq!(login::userinfo(&world.postern, &token).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_posted_twice_at_once_yields_one_code() {
    let world = World::start().await;
    for _ in 0..25 {
        let waiting = world.begin().await;
        let xml = waiting.response(&world.idp).signed_assertion(&world.idp.key);
        let answers = at_once(2, |_| {
            let (waiting, xml) = (waiting.clone(), xml.clone());
            async move { waiting.answer(&xml).await }
        })
        .await;
        let codes: Vec<_> = answers.iter().filter_map(|answer| answer.parameter("code")).collect();
        assert_eq!(codes.len(), 1, "{answers:?}");
        assert_eq!(world.redeem(&codes[0]).await.status, 200, "the one code is good");
    }
}

/// Runs `count` tasks that all wait for the last of them before they begin.
async fn at_once<F: Future<Output = Answer> + Send + 'static>(count: usize, task: impl Fn(usize) -> F) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (barrier, task) = (barrier.clone(), task(number));
            tokio::spawn(async move {
                barrier.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = vec![];
    for task in tasks {
        answers.push(task.await.expect("no task panics"));
    }
    answers
}
