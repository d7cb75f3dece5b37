//! F8: many who open connections and send nothing, or send it drop by drop. Each is closed, and people sign in meanwhile.

use std::time::{Duration, Instant};

use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp};
use postern_e2e::{Postern, Redis, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const REDIRECT: &str = "https://app.example.com/callback";

/// What they send at once, and what once a second.
const KINDS: [(&str, &str, &str); 4] = [
    ("nothing", "", ""),
    ("a head drop by drop", "GET /api/health HTTP/1.1\r\n", "x: y\r\n"),
    ("a body drop by drop", "POST /api/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "x=y&"),
    ("one request, and no second", "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n", ""),
];
/// How many of each kind.
const EACH: usize = 250;

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_thousand_slow_connections_are_closed_and_logins_go_on() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    let idp = Idp::new("https://idp.acme.example.com/metadata");
    let urls = [REDIRECT.to_owned()];
    postern.connect("acme.example.com", "crm", &urls, ("rawMetadata", &idp.metadata())).await;
    let client = postern.register("crm", &urls).await;
    let alone = slowest_login(&postern, &idp, &client).await;

    let mut slow = JoinSet::new();
    for (kind, at_once, each_second) in KINDS {
        for _ in 0..EACH {
            let address = postern.origin.trim_start_matches("http://").to_owned();
            slow.spawn(async move { (kind, open_for(&address, at_once, each_second).await) });
        }
    }
    let meanwhile = slowest_login(&postern, &idp, &client).await;
    let mut longest = KINDS.map(|(kind, ..)| (kind, Duration::ZERO));
    while let Some(closed) = slow.join_next().await {
        let (kind, after) = closed.expect("a connection is watched");
        let known = longest.iter_mut().find(|(known, _)| *known == kind).expect("a kind");
        known.1 = known.1.max(after);
    }
    #[expect(clippy::print_stdout, reason = "how long it took is for reading: machines differ")]
    {
        println!("open at most: {longest:?}");
        println!(
            "the slowest of 50 logins: {alone:?} alone, {meanwhile:?} among {} slow connections",
            EACH * KINDS.len()
        );
    }
}

/// How long Postern keeps a connection open.
#[expect(clippy::disallowed_methods, reason = "real connections are watched in real time")]
async fn open_for(address: &str, at_once: &str, each_second: &str) -> Duration {
    let mut connection = TcpStream::connect(address).await.expect("Postern listens");
    let began = Instant::now();
    connection.write_all(at_once.as_bytes()).await.expect("something is sent");
    let mut answer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), connection.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) => assert!(began.elapsed() < Duration::from_secs(60), "{at_once:?} is kept open"),
        }
        if connection.write_all(each_second.as_bytes()).await.is_err() {
            return began.elapsed();
        }
    }
}

/// Signs somebody in, fifty times.
#[expect(clippy::disallowed_methods, reason = "real logins are watched in real time")]
async fn slowest_login(postern: &Postern, idp: &Idp, (id, secret): &(String, String)) -> Duration {
    let question = [
        ("client_id", id.as_str()),
        ("tenant", "acme.example.com"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        let waiting = login::begin(postern, &question).await;
        let code = waiting.answer(&waiting.response(idp).signed_assertion(&idp.key)).await.code();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", CODE_VERIFIER),
        ];
        assert_eq!(login::redeem(postern, (id, secret), &form).await.status, 200);
        slowest = slowest.max(began.elapsed());
    }
    slowest
}
