//! An app has its logout token within seconds, and its refresh token is dead at once: on a real Redis, over real HTTP, with
//! two replicas, whichever of them ends the session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_core::ports::Timestamp;
use postern_e2e::key_set::KeySet;
use postern_e2e::login::{self, CODE_CHALLENGE, CODE_VERIFIER, Idp, now};
use postern_e2e::{Postern, Redis, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const REDIRECT: &str = "https://app.example.com/callback";
const SESSIONS: usize = 60;
/// Requirement: within five seconds.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// When the app heard of which session, and by which logout token.
pub(crate) type Heard = Arc<Mutex<BTreeMap<String, (Timestamp, String)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn f14_an_app_hears_of_every_ended_session_within_five_seconds() {
    let redis = Redis::start().await;
    let one = Postern::start(&redis, Settings::default()).await;
    let port = one.origin.rsplit(':').next().and_then(|port| port.parse().ok());
    let other = Postern::start(&redis, Settings { public_port: port, ..Settings::default() }).await;
    let replicas = [one, other];
    let postern = &replicas[0];
    let idp = Idp::new("https://idp.acme.example.com/metadata");
    let urls = [REDIRECT.to_owned()];
    postern.connect("acme.example.com", "crm", &urls, ("rawMetadata", &idp.metadata())).await;
    let client = postern.register("crm", &urls).await;
    let (url, heard) = ear().await;
    let settings = json!({
        "name": "crm", "backchannel_logout_uri": url, "grant_types": ["authorization_code", "refresh_token"],
    });
    postern.call("PATCH", "/api/v1/products", Some(&settings)).await;

    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(sign_in(postern, &idp, &client).await);
    }
    let mut ended = BTreeMap::new();
    for (number, (session, refresh_token)) in tokens.iter().enumerate() {
        let replica = &replicas[number % replicas.len()];
        let path = format!("/api/v1/sessions?tenant=acme.example.com&product=crm&id={session}");
        replica.call("DELETE", &path, None).await;
        ended.insert(session.clone(), now());
        // Dead at once, at the other replica too.
        let other = &replicas[(number + 1) % replicas.len()];
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        let answer = login::redeem(other, (&client.0, &client.1), &form).await;
        assert_eq!((answer.status, answer.member("error").as_deref()), (400, Some("invalid_grant")), "{answer:?}");
    }
    for _ in 0..50 {
        if heard.lock().expect("the list").len() == SESSIONS {
            break;
        }
        tokio::time::sleep(LIMIT / 50).await;
    }
    let heard = heard.lock().expect("the list").clone();
    let delays: Vec<Duration> = ended
        .iter()
        .map(|(session, ended)| {
            let (heard, _) = heard.get(session).unwrap_or_else(|| panic!("{session} was never told"));
            Duration::try_from(heard.duration_since(*ended)).unwrap_or_default() // told before the answer came back
        })
        .collect();
    for replica in &replicas {
        let set = KeySet::of(replica).await;
        for (_, token) in heard.values() {
            let verified = set.verify(token, &postern.public_url, &client.0);
            assert!(verified.is_ok(), "{verified:?}");
        }
    }
    print(&delays);
    assert!(delays.iter().all(|delay| *delay < LIMIT), "{delays:?}");
}

/// How many took how long.
#[expect(clippy::print_stdout, reason = "the figures of a measurement, shown with --nocapture")]
fn print(delays: &[Duration]) {
    println!("from the end of a session to its logout token at the app, {} sessions:", delays.len());
    let mut from = Duration::ZERO;
    for to in [1, 3, 10, 30, 100, 300, 1000, 3000, 5000].map(Duration::from_millis) {
        let count = delays.iter().filter(|delay| (from..to).contains(*delay)).count();
        println!("{:>7} to {:>7}  {:>3}  {}", format!("{from:?}"), format!("{to:?}"), count, "#".repeat(count));
        from = to;
    }
}

/// Name and refresh token of a session.
async fn sign_in(postern: &Postern, idp: &Idp, client: &(String, String)) -> (String, String) {
    let asked = [
        ("client_id", client.0.as_str()),
        ("tenant", "acme.example.com"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CODE_CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let waiting = login::begin(postern, &asked).await;
    let code = waiting.answer(&waiting.response(idp).signed_assertion(&idp.key)).await.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", CODE_VERIFIER),
    ];
    let answer = login::redeem(postern, (&client.0, &client.1), &form).await;
    let token = answer.member("refresh_token").unwrap_or_else(|| panic!("no refresh token in {answer:?}"));
    let (session, _) = token.split_once('.').expect("session.secret");
    (session.to_owned(), token.clone())
}

/// An app's address for logout tokens, which notes when it heard of which session.
pub(crate) async fn ear() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/logout", listener.local_addr().expect("an address"));
    let heard = Heard::default();
    let list = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let list = list.clone();
            tokio::spawn(async move {
                let (mut request, mut part) = (Vec::new(), [0; 8192]);
                // The token is the last thing of the request, and its length stands before it.
                while token(&request).is_none() {
                    match connection.read(&mut part).await {
                        Ok(length @ 1..) => request.extend_from_slice(&part[..length]),
                        _ => return,
                    }
                }
                let token = token(&request).expect("a token");
                list.lock().expect("the list").insert(session_of(&token), (now(), token));
                let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                connection.write_all(answer.as_bytes()).await.expect("an answer");
            });
        }
    });
    (url, heard)
}

/// The logout token of a request that has arrived in full.
fn token(request: &[u8]) -> Option<String> {
    let request = String::from_utf8_lossy(request);
    let (head, body) = request.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())?;
    (body.len() == length).then(|| body.strip_prefix("logout_token=").expect("a logout token").to_owned())
}

fn session_of(token: &str) -> String {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["sid"].as_str().expect("a session").to_owned()
}
