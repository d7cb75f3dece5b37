//! Fetches from small real servers on loopback: what is refused never gets a connection, what is slow or large ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postern_fetch::{Cause, Fetch, FetchError, Options, SetupError};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const LIMIT: usize = 1000;

#[tokio::test]
async fn g7_loopback_is_refused_without_a_connection() {
    let server = Server::start(ok("<metadata/>")).await;
    let fetch = fetch(&[]);
    for url in [
        server.url("https", "127.0.0.1"),
        server.url("http", "127.0.0.1"),
        server.url("https", "localhost"),
        server.url("https", "LOCALHOST"),
        server.url("http", "localhost"),
        server.url("https", "2130706433"),
        server.url("https", "0x7f.1"),
        server.url("https", "0"),
        server.url("https", "[::1]"),
        server.url("https", "[::ffff:127.0.0.1]"),
    ] {
        assert_eq!(fetch.get(&url, LIMIT).await, Err(FetchError::AddressForbidden), "{url}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_opened_network_is_reached_by_address_and_by_name() {
    let server = Server::start(ok("<metadata/>")).await;
    let fetch = fetch(&["127.0.0.0/8", "::1/128"]);
    for host in ["127.0.0.1", "localhost"] {
        let fetched = fetch.get(&server.url("http", host), LIMIT).await.unwrap();
        assert_eq!(fetched.bytes, b"<metadata/>");
        assert_eq!(fetched.content_type.as_deref(), Some("application/samlmetadata+xml"));
    }
}

#[tokio::test]
async fn g7_link_local_and_metadata_addresses_are_refused_with_everything_opened() {
    let fetch = fetch(&["0.0.0.0/0", "::/0"]);
    for url in [
        "https://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
    ] {
        assert_eq!(fetch.get(url, LIMIT).await, Err(FetchError::AddressForbidden), "{url}");
    }
}

#[tokio::test]
async fn g7_other_schemes_and_credentials_are_refused() {
    let fetch = fetch(&["127.0.0.0/8"]);
    for url in [
        "",
        "metadata.xml",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "data:,x",
        "javascript:1",
        "https://",
        "https://user@127.0.0.1/",
        "https://:password@127.0.0.1/",
        "http://192.0.0.256/",
        &format!("https://{}.example/", "a".repeat(64)),
    ] {
        assert_eq!(fetch.get(url, LIMIT).await, Err(FetchError::UrlInvalid), "{url}");
    }
}

#[tokio::test]
async fn plain_http_to_a_public_address_is_refused() {
    assert_eq!(fetch(&[]).get("http://8.8.8.8/", LIMIT).await, Err(FetchError::UrlInvalid));
}

#[tokio::test]
async fn a_name_without_an_address_does_not_resolve() {
    // RFC 6761 §6.4: `invalid` never exists. Without any DNS server the system takes a while to say so.
    let patient = Options { timeout: Duration::from_secs(60), ..options(&["0.0.0.0/0"]) };
    let outcome = Fetch::new(patient).unwrap().get("https://idp.invalid/metadata", LIMIT).await;
    assert_eq!(outcome, Err(FetchError::NameUnresolved));
}

#[tokio::test]
async fn g7_a_redirect_is_checked_like_the_first_address() {
    for (target, refusal) in [
        ("http://169.254.169.254/latest/meta-data/", FetchError::AddressForbidden),
        ("https://10.0.0.1/", FetchError::AddressForbidden),
        ("//[::1]/", FetchError::AddressForbidden),
        ("http://8.8.8.8/", FetchError::UrlInvalid),
        ("file:///etc/passwd", FetchError::UrlInvalid),
        ("https://user:password@127.0.0.1/", FetchError::UrlInvalid),
    ] {
        let server = Server::start(redirect(target)).await;
        let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await;
        assert_eq!(outcome, Err(refusal), "{target}");
    }
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let end = Server::start(ok("here")).await;
    let mut url = end.url("http", "127.0.0.1");
    let mut servers = Vec::new();
    for hops in 1..=4 {
        let server = Server::start(redirect(&url)).await;
        url = server.url("http", "127.0.0.1");
        servers.push(server);
        let outcome = fetch(&["127.0.0.0/8"]).get(&url, LIMIT).await;
        if hops <= 3 {
            assert_eq!(outcome.unwrap().bytes, b"here");
        } else {
            assert_eq!(outcome, Err(FetchError::TooManyRedirects));
        }
    }
}

#[tokio::test]
async fn a_redirect_may_be_relative_and_must_lead_somewhere() {
    let server = Server::start(|path: &str| match path {
        "/" => b"HTTP/1.1 302 Found\r\nLocation: elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/elsewhere" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        _ => b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    })
    .await;
    let fetch = fetch(&["127.0.0.0/8"]);
    assert_eq!(fetch.get(&server.url("http", "127.0.0.1"), LIMIT).await.unwrap().bytes, b"ok");
    let nowhere = server.url("http", "127.0.0.1") + "nowhere";
    assert_eq!(fetch.get(&nowhere, LIMIT).await, Err(FetchError::UrlInvalid));
}

#[tokio::test]
async fn g7_an_announced_large_body_is_refused() {
    let server = Server::start(|_: &str| b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n".to_vec()).await;
    let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let server = Server::start(ok(&"x".repeat(LIMIT))).await;
    let fetch = fetch(&["127.0.0.0/8"]);
    assert_eq!(fetch.get(&server.url("http", "127.0.0.1"), LIMIT).await.unwrap().bytes.len(), LIMIT);
    assert_eq!(fetch.get(&server.url("http", "127.0.0.1"), LIMIT - 1).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn g7_an_endless_body_is_cut_off() {
    let server = Server::run(async |mut stream: Stream| {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
        loop {
            stream.write_all(b"100\r\n").await?;
            stream.write_all(&[b'x'; 0x100]).await?;
            stream.write_all(b"\r\n").await?;
        }
    })
    .await;
    let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn g7_a_body_that_drips_is_abandoned_in_time() {
    let server = Server::run(async |mut stream: Stream| {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n").await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let fetch = Fetch::new(Options { timeout: Duration::from_millis(300), ..options(&["127.0.0.0/8"]) }).unwrap();
    let outcome =
        tokio::time::timeout(Duration::from_secs(5), fetch.get(&server.url("http", "127.0.0.1"), LIMIT)).await;
    assert_eq!(outcome.expect("the limit counts over the whole body"), Err(FetchError::Timeout));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_abandoned_in_time() {
    let server = Server::run(async |mut stream: Stream| {
        request(&mut stream).await;
        std::future::pending().await
    })
    .await;
    let fetch = Fetch::new(Options { timeout: Duration::from_millis(200), ..options(&["127.0.0.0/8"]) }).unwrap();
    assert_eq!(fetch.get(&server.url("http", "127.0.0.1"), LIMIT).await, Err(FetchError::Timeout));
}

#[tokio::test]
async fn compression_is_not_asked_for() {
    let server = Server::run(async |mut stream: Stream| {
        let asked = request(&mut stream).await.to_lowercase().contains("accept-encoding");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{asked:5}");
        stream.write_all(answer.as_bytes()).await?;
        std::future::pending().await
    })
    .await;
    let fetched = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await.unwrap();
    assert_eq!(fetched.bytes, b"false");
}

#[tokio::test]
async fn other_statuses_are_failures() {
    for status in [400, 401, 404, 500, 304] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").into_bytes();
        let server = Server::start(move |_: &str| answer.clone()).await;
        let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await;
        assert_eq!(outcome, Err(FetchError::Status(status)));
    }
}

#[tokio::test]
async fn a_closed_port_is_named_without_its_address() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let outcome = fetch(&["127.0.0.0/8"]).get(&format!("http://127.0.0.1:{port}/"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::Failed(Cause::Connection(std::io::ErrorKind::ConnectionRefused))));
}

#[tokio::test]
async fn something_that_is_not_http_is_a_failure() {
    let server = Server::start(|_: &str| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("http", "127.0.0.1"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::Failed(Cause::Http)));
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_given_and_only_for_its_name() {
    let (server, ca) = Server::start_tls("localhost", ok("private")).await;
    let trusting = Options { ca_pem: vec![ca.into_bytes()], ..options(&["127.0.0.0/8", "::1/128"]) };
    let trusting = Fetch::new(trusting).unwrap();
    let distrusting = fetch(&["127.0.0.0/8", "::1/128"]);

    assert_eq!(trusting.get(&server.url("https", "localhost"), LIMIT).await.unwrap().bytes, b"private");
    let outcome = trusting.get(&server.url("https", "127.0.0.1"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::Failed(Cause::CertificateName)));
    let outcome = distrusting.get(&server.url("https", "localhost"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::Failed(Cause::CertificateIssuer)));
}

#[tokio::test]
async fn tls_with_a_plain_server_is_a_failure() {
    let server = Server::run(async |mut stream: Stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        std::future::pending().await
    })
    .await;
    let outcome = fetch(&["127.0.0.0/8"]).get(&server.url("https", "127.0.0.1"), LIMIT).await;
    assert_eq!(outcome, Err(FetchError::Failed(Cause::Tls)));
}

#[tokio::test]
async fn a_proxy_carries_requests_and_inner_addresses_stay_refused() {
    let proxy = Server::run(async |mut stream: Stream| {
        let line = request(&mut stream).await.lines().next().unwrap_or_default().to_owned();
        let status = if line.starts_with("CONNECT ") { "403 Forbidden" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{line}", line.len());
        stream.write_all(answer.as_bytes()).await?;
        std::future::pending().await
    })
    .await;
    let through_proxy = |networks: &[&str]| {
        Fetch::new(Options { proxy: Some(proxy.url("http", "localhost")), ..options(networks) }).unwrap()
    };
    let closed = through_proxy(&[]);
    for url in ["https://127.0.0.1/", "https://localhost/", "https://a.localhost./", "http://169.254.169.254/"] {
        assert_eq!(closed.get(url, LIMIT).await, Err(FetchError::AddressForbidden), "{url}");
    }
    assert_eq!(closed.get("http://idp.example.com/", LIMIT).await, Err(FetchError::UrlInvalid));
    assert_eq!(proxy.connections(), 0);

    let fetched = through_proxy(&["127.0.0.0/8"]).get("http://127.0.0.1:9/metadata", LIMIT).await.unwrap();
    assert_eq!(fetched.bytes, b"GET http://127.0.0.1:9/metadata HTTP/1.1");
    // A name that this side never resolves is left to the proxy, which here refuses to make a tunnel.
    let outcome = closed.get("https://idp.example.com/", LIMIT).await;
    assert!(matches!(outcome, Err(FetchError::Failed(_))), "{outcome:?}");
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn unusable_options_are_refused_at_once() {
    let with_ca = |pem: &[u8]| Fetch::new(Options { ca_pem: vec![pem.to_vec()], ..options(&[]) }).err();
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [&b""[..], b"not PEM", broken] {
        assert!(matches!(with_ca(pem), Some(SetupError::CaUnusable(1))));
    }
    for proxy in ["proxy.example.com:3128", "socks5://proxy.example.com", "", "http://"] {
        let outcome = Fetch::new(Options { proxy: Some(proxy.into()), ..options(&[]) });
        assert!(matches!(outcome.err(), Some(SetupError::ProxyInvalid)), "{proxy}");
    }
}

#[test]
fn g7_futures_cross_threads() {
    fn sendable<T: Send>(_: T) {}
    sendable(fetch(&[]).get("", 0));
}

fn options(networks: &[&str]) -> Options {
    Options {
        allow_networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        ca_pem: vec![],
        proxy: None,
        timeout: Duration::from_secs(5),
    }
}

fn fetch(networks: &[&str]) -> Fetch {
    Fetch::new(options(networks)).unwrap()
}

fn ok(body: &str) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/samlmetadata+xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    move |_| answer.clone().into_bytes()
}

fn redirect(target: &str) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    move |_| answer.clone().into_bytes()
}

/// A server on a free port of loopback. It stops when dropped.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
type Stream = Box<dyn Duplex>;

impl Server {
    /// Answers every request for a path with the same bytes.
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(None, answering(answer)).await
    }

    /// The same over TLS, with a certificate for `name` and the PEM of the authority that issued it.
    async fn start_tls(name: &str, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Self, String) {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(vec![]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &rcgen::Issuer::new(ca, ca_key)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        (Self::serve(Some(TlsAcceptor::from(Arc::new(config))), answering(answer)).await, ca_pem)
    }

    /// Lets `converse` do what it likes with every connection.
    async fn run<F>(converse: impl Fn(Stream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::io::Result<Infallible>> + Send + 'static,
    {
        Self::serve(None, converse).await
    }

    async fn serve<F>(tls: Option<TlsAcceptor>, converse: impl Fn(Stream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::io::Result<Infallible>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let stream: Stream = match &tls {
                    None => Box::new(stream),
                    // A client that dislikes the certificate hangs up: that is what the test is about.
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                tokio::spawn(converse(stream));
            }
        });
        Self { port, connections, task }
    }

    fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/", self.port)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answering<A>(answer: A) -> impl Fn(Stream) -> Answering + Send + Sync + 'static
where
    A: Fn(&str) -> Vec<u8> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    move |mut stream| {
        let answer = answer.clone();
        Box::pin(async move {
            loop {
                let head = request(&mut stream).await;
                let path = head.split(' ').nth(1).ok_or(std::io::ErrorKind::UnexpectedEof)?;
                stream.write_all(&answer(path)).await?;
            }
        })
    }
}

type Answering = Pin<Box<dyn Future<Output = std::io::Result<Infallible>> + Send>>;

/// The head of the next request; empty when the client is gone.
async fn request(stream: &mut Stream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}
