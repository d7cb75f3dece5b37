//! The store hangs, is full, and is there again. Whoever comes meanwhile is told at once, and nobody starts Postern anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_e2e::login::{self, CODE_CHALLENGE, Idp};
use postern_e2e::{Postern, Redis, Settings, http};
use reqwest::Url;
use tokio::task::JoinSet;

const REDIRECT: &str = "https://app.example.com/callback";
const TENANT: &str = "acme.example.com";

struct Stage {
    redis: Redis,
    postern: Postern,
    client_id: String,
}

impl Stage {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let postern = Postern::start(&redis, Settings::default()).await;
        let (urls, idp) = ([REDIRECT.to_owned()], Idp::new("https://idp.acme.example.com/metadata"));
        postern.connect(TENANT, "crm", &urls, ("rawMetadata", &idp.metadata())).await;
        let (client_id, _) = postern.register("crm", &urls).await;
        Self { redis, postern, client_id }
    }

    fn question(&self) -> [(&str, &str); 6] {
        [
            ("client_id", self.client_id.as_str()),
            ("tenant", TENANT),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
    }

    /// Begins a login that is refused: at the app, where that is remembered, else on a page. → how long the answer took
    #[expect(clippy::disallowed_methods, reason = "how long people wait is for reading")]
    async fn refused(&self) -> Duration {
        let begun = Instant::now();
        let address = format!("{}/api/oauth/authorize", self.postern.origin);
        let url = Url::parse_with_params(&address, self.question()).expect("a URL");
        let answer = http().get(url).send().await.expect("an answer");
        let header = |name| answer.headers().get(name).map(|value| value.to_str().expect("text"));
        match answer.status().as_u16() {
            302 => assert!(header("location").is_some_and(|url| url.contains("error=temporarily_unavailable"))),
            status => assert_eq!((status, header("retry-after")), (503, Some("5"))),
        }
        begun.elapsed()
    }

    async fn store_up(&self) -> bool {
        self.postern.metrics().await.lines().any(|line| line == "postern_store_up 1")
    }

    /// Waits until probes say that it is ready, and a login begins.
    async fn is_back(&self) {
        while self.postern.probe("/health/ready").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        login::begin(&self.postern, &self.question()).await;
        assert!(self.store_up().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_costs_nobody_long_and_is_used_again_when_it_goes_on() {
    let stage = Arc::new(Stage::start().await);
    login::begin(&stage.postern, &stage.question()).await;
    assert!(stage.store_up().await);

    stage.redis.signal("STOP");
    let mut waits = Vec::new();
    for _ in 0..20 {
        let mut crowd = JoinSet::new();
        for _ in 0..50 {
            let stage = stage.clone();
            crowd.spawn(async move { stage.refused().await });
        }
        waits.extend(crowd.join_all().await);
    }
    waits.sort();
    #[expect(clippy::print_stdout, reason = "how long people wait is for reading: machines differ")]
    {
        println!("1,000 refused; half of them within {:?}, the slowest after {:?}", waits[500], waits[999]);
    }
    assert_eq!(stage.postern.probe("/health/ready").await, (503, r#"{"status":"store unavailable"}"#.to_owned()));
    assert_eq!(stage.postern.probe("/health/live").await.0, 200);
    assert!(!stage.store_up().await);

    stage.redis.signal("CONT");
    stage.is_back().await;
}

#[tokio::test]
async fn a_store_that_is_full_refuses_and_is_used_again_when_there_is_room() {
    let stage = Stage::start().await;
    stage.redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    // It still tells which app this is, and that hears it.
    let answer = login::authorize(&stage.postern, &stage.question()).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("temporarily_unavailable"), "{answer:?}");
    assert_eq!(stage.postern.probe("/health/live").await.0, 200);

    stage.redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    stage.is_back().await;
}
