//! The one way out. Administrators of customers tell Postern which addresses to fetch (metadata of their identity
//! provider), and an address is all it takes to make a server talk to its own network: this crate fetches what is public
//! and refuses the rest (requirement G7; OWASP, "Server-Side Request Forgery Prevention").
//!
//! What holds for every request, and again for every redirect:
//!
//! - `https` only; `http` only where every address of the host lies in a network that the operator opened.
//! - No credentials in the URL.
//! - No address outside the public Internet, in any spelling ([`guard`]), unless the operator opened its network.
//!   Link-local and cloud metadata addresses stay shut even then.
//! - A name is resolved once, by a resolver that checks what it found; the connection goes to those addresses and no others.
//! - At most [`MOST_REDIRECTS`] redirects, one time limit over everything, one size limit on the body. Compression is
//!   neither asked for nor undone, so that the bytes counted are the bytes kept.
//!
//! Domains are proven by records of the domain name system, which [`dns`] asks for.
//!
//! **With a proxy**, the proxy resolves names and Postern sees no address to check. Addresses written as such in a URL are
//! still checked, `localhost` is refused and `http` needs such an address in an opened network, but keeping names away from
//! inner networks is then the proxy's work. Every request goes through it.

pub mod dns;
mod failure;
mod guard;
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::{Client, Proxy, header, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

pub use crate::failure::Cause;
use crate::guard::{Guard, Refusal};
use crate::resolver::GuardedResolver;

/// How many redirects are followed.
pub const MOST_REDIRECTS: usize = 3;

/// What the operator configured.
#[derive(Clone)]
pub struct Options {
    /// Networks that are reachable although they are not public, and by plain `http` too (`fetch.allow_networks`).
    pub allow_networks: Vec<IpNet>,
    /// Certificates of private authorities, PEM, trusted beside the public ones (`fetch.ca_files`).
    pub ca_pem: Vec<Vec<u8>>,
    /// The `http` or `https` URL of a forward proxy (`fetch.proxy`). May hold credentials.
    pub proxy: Option<String>,
    /// How long one fetch may take, from the first name look-up to the last byte (`fetch.timeout_seconds`).
    pub timeout: Duration,
}

/// The client. Cloning it is cheap and shares its connections.
#[derive(Clone)]
pub struct Fetch {
    guard: Arc<Guard>,
    encrypted: Client,
    plain: Client,
    proxied: bool,
    timeout: Duration,
}

/// What an address answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub bytes: Vec<u8>,
    /// The `Content-Type` header, if it was sent and is text.
    pub content_type: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// One of [`Options::ca_pem`] is not PEM, holds no certificate or one that cannot be trusted.
    #[error("certificate authority file number {0} holds no usable certificate")]
    CaUnusable(usize),
    /// [`Options::proxy`] is not an http or https URL.
    #[error("the proxy is not an http or https URL")]
    ProxyInvalid,
    /// The TLS library or the HTTP library refuses to start.
    #[error("the HTTP client cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why nothing was fetched. No message names an address, because logs may not tell who the customers are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL, not `https` where that is needed, or with credentials in it.
    #[error("the address is not an https URL without credentials")]
    UrlInvalid,
    /// It leads to a network that is not public and was not opened.
    #[error("the address leads to a forbidden network")]
    AddressForbidden,
    /// The name has no address.
    #[error("the host name does not resolve")]
    NameUnresolved,
    /// [`Options::timeout`] is over.
    #[error("the address did not answer in time")]
    Timeout,
    /// The body is longer than was asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is neither a success nor a redirect.
    #[error("the address answered with status {0}")]
    Status(u16),
    /// There were more than [`MOST_REDIRECTS`].
    #[error("the address redirects too often")]
    TooManyRedirects,
    /// No connection, or it broke.
    #[error("the address could not be reached")]
    Failed(#[source] Cause),
}

impl Fetch {
    /// A client for these options.
    pub fn new(options: Options) -> Result<Fetch, SetupError> {
        let guard = Arc::new(Guard::new(options.allow_networks));
        let tls = tls(&options.ca_pem)?;
        let proxy = options.proxy.as_deref().map(proxy).transpose()?;
        let client = |encrypted| {
            let builder = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(redirect::Policy::none()) // followed here, each one checked
                .no_proxy() // the environment decides nothing
                .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")))
                .pool_max_idle_per_host(4)
                .pool_idle_timeout(Duration::from_secs(30));
            let builder = match &proxy {
                // The only name to be resolved is then the proxy's, which the operator chose.
                Some(proxy) => builder.proxy(proxy.clone()),
                None => builder.dns_resolver(GuardedResolver { guard: guard.clone(), encrypted }),
            };
            builder.build().map_err(|error| SetupError::Client(Box::new(error.without_url())))
        };
        let (encrypted, plain) = (client(true)?, client(false)?);
        Ok(Fetch { guard, encrypted, plain, proxied: proxy.is_some(), timeout: options.timeout })
    }

    /// Fetches `url`, of which the body may have `most_bytes`.
    pub async fn get(&self, url: &str, most_bytes: usize) -> Result<Fetched, FetchError> {
        tokio::time::timeout(self.timeout, self.follow(url, most_bytes)).await.unwrap_or(Err(FetchError::Timeout))
    }

    /// Posts a form to `url`. A redirect is not followed: what is posted is meant for this address alone.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        most_bytes: usize,
    ) -> Result<Fetched, FetchError> {
        let post = async {
            let url = Url::parse(url).map_err(|_| FetchError::UrlInvalid)?;
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let request = self.client_for(&url)?.post(url.clone());
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
            let response = request.send().await.map_err(failure::fetch_error)?;
            match response.status().is_success() {
                true => read(response, most_bytes).await,
                false => Err(FetchError::Status(response.status().as_u16())),
            }
        };
        tokio::time::timeout(self.timeout, post).await.unwrap_or(Err(FetchError::Timeout))
    }

    /// Sends a request as it is and returns the answer, whatever its status; its body may have `most_bytes`. Redirects are not
    /// followed: they would carry what the request holds (a code, a secret, a token) to an address that nobody chose.
    pub async fn call(
        &self,
        request: http::Request<Vec<u8>>,
        most_bytes: usize,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        tokio::time::timeout(self.timeout, self.send(request, most_bytes)).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        most_bytes: usize,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        let request = reqwest::Request::try_from(request).map_err(|_| FetchError::UrlInvalid)?;
        let response = self.client_for(request.url())?.execute(request).await.map_err(failure::fetch_error)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = http::Response::new(read(response, most_bytes).await?.bytes);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    async fn follow(&self, url: &str, most_bytes: usize) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(url).map_err(|_| FetchError::UrlInvalid)?;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.client_for(&url)?.get(url.clone()).send().await.map_err(failure::fetch_error)?;
            let status = response.status();
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                let target = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
                url = target.and_then(|target| url.join(target).ok()).ok_or(FetchError::UrlInvalid)?;
            } else if status.is_success() {
                return read(response, most_bytes).await;
            } else {
                return Err(FetchError::Status(status.as_u16()));
            }
        }
        Err(FetchError::TooManyRedirects)
    }

    /// The client that may carry a request to `url`, if one may. Addresses in the URL are judged here, because the HTTP
    /// library connects to them without asking a resolver; names are judged by [`GuardedResolver`].
    fn client_for(&self, url: &Url) -> Result<&Client, FetchError> {
        let (client, encrypted) = match url.scheme() {
            "https" => (&self.encrypted, true),
            "http" => (&self.plain, false),
            _ => return Err(FetchError::UrlInvalid),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::UrlInvalid);
        }
        match url.host().ok_or(FetchError::UrlInvalid)? {
            Host::Ipv4(address) => self.guard.admit(address.into(), encrypted)?,
            Host::Ipv6(address) => self.guard.admit(address.into(), encrypted)?,
            Host::Domain(name) if self.proxied => {
                if guard::names_this_host(name) {
                    return Err(Refusal::Forbidden.into());
                }
                if !encrypted {
                    return Err(Refusal::Plain.into());
                }
            }
            Host::Domain(_) => {}
        }
        Ok(client)
    }
}

async fn read(mut response: reqwest::Response, most_bytes: usize) -> Result<Fetched, FetchError> {
    if response.content_length().is_some_and(|length| length > most_bytes as u64) {
        return Err(FetchError::TooLarge);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure::fetch_error)? {
        if bytes.len() + chunk.len() > most_bytes {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Fetched { bytes, content_type })
}

/// TLS on aws-lc-rs, trusting the public authorities that are compiled in and those of the operator: the container has no
/// certificate store of its own.
fn tls(ca_pem: &[Vec<u8>]) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (number, pem) in ca_pem.iter().enumerate() {
        let unusable = || SetupError::CaUnusable(number + 1);
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| unusable())?;
        if certificates.is_empty() {
            return Err(unusable());
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|_| unusable())?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Client(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn proxy(url: &str) -> Result<Proxy, SetupError> {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Proxy::all(url).map_err(|_| SetupError::ProxyInvalid),
        _ => Err(SetupError::ProxyInvalid),
    }
}
