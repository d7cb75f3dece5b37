//! What is too large is refused while it arrives, by what stands in front of every handler, and others go on.

use postern_e2e::{Postern, Redis, Settings, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TOO_LARGE: &str = "HTTP/1.1 431 Request Header Fields Too Large";

/// The first line of what is answered to these bytes.
async fn answered(postern: &Postern, request: &[u8]) -> String {
    let address = postern.origin.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("Postern listens");
    // It may have refused before it was sent everything.
    let _ = connection.write_all(request).await;
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn head(fields: &str) -> Vec<u8> {
    format!("GET /api/health HTTP/1.1\r\nHost: postern\r\nConnection: close\r\n{fields}\r\n").into_bytes()
}

#[tokio::test]
async fn heads_and_bodies_that_are_too_large_are_refused() {
    let redis = Redis::start().await;
    let postern = Postern::start(&redis, Settings::default()).await;
    assert_eq!(answered(&postern, &head("")).await, "HTTP/1.1 200 OK");
    assert_eq!(answered(&postern, &head(&"x: y\r\n".repeat(94))).await, "HTTP/1.1 200 OK");
    assert_eq!(answered(&postern, &head(&"x: y\r\n".repeat(95))).await, TOO_LARGE);
    let long = |length| head(&format!("x: {}\r\n", "y".repeat(length)));
    assert_eq!(answered(&postern, &long(100 * 1024)).await, "HTTP/1.1 200 OK");
    assert!([TOO_LARGE, ""].contains(&&*answered(&postern, &long(1024 * 1024)).await));

    for (path, most) in
        [("/api/oauth/token", 1024 * 1024), ("/api/oauth/saml", 1024 * 1024), ("/api/v1/sso", 2 * 1024 * 1024)]
    {
        for (length, is_too_large) in [(most, false), (most + 1, true)] {
            let request = http().post(format!("{}{path}", postern.origin)).body(vec![b'a'; length]);
            let request = request.header("authorization", format!("Api-Key {}", Postern::API_KEY));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let status = request.send().await.expect("an answer").status().as_u16();
            assert_eq!(status == 413, is_too_large, "{path} {length}: {status}");
        }
    }
}
