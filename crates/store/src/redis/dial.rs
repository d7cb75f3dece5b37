//! How servers are called: with which credentials, and over TLS or not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use ::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisResult,
    TlsCertificates,
};
use postern_core::secret::Secret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::OpenError;
use crate::url::{Address, RedisUrl};

/// What the URL of a Redis does not say.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// PEM files with the authorities that may vouch for servers that are called over TLS. None: the public ones (Mozilla's
    /// list). Some: these alone.
    pub ca_files: Vec<PathBuf>,
    /// With what we say who we are, to servers that ask for it over TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// How to log in to sentinels; none: without. The user and the password in the URL are those of the servers.
    pub sentinel_login: Option<SentinelLogin>,
    /// What becomes of bound values when a server takes the place of another, or starts anew.
    pub failover: Failover,
    /// How many replicas have to have what lasts before it is acknowledged; 0: none.
    pub wait_replicas: u32,
}

/// What becomes of bound values when a server takes the place of another, or starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failover {
    /// They are lost: they may have been taken where nobody has heard of it.
    #[default]
    Strict,
    /// They are as good as before, so one that was taken just before may be taken again.
    Available,
}

/// A certificate with its chain, and its key, each in a PEM file.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate, first of its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The credentials of the sentinels.
#[derive(Debug, Clone)]
pub struct SentinelLogin {
    /// The user; none: the default one.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

/// Calls servers, all in the same way.
#[derive(Clone)]
pub(crate) struct Dial {
    info: ConnectionInfo,
    certificates: TlsCertificates,
}

impl Dial {
    /// Reads what is needed to call the servers of a URL. Says now what would keep every call from succeeding.
    pub(crate) fn new(url: &RedisUrl, options: &RedisOptions) -> Result<Self, OpenError> {
        // Dead peers and lost networks are noticed although the connection is idle most of the time. Each batch is written
        // in one piece, so it need not wait for more.
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(
            TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5)),
        );
        let settings = described(url.info.redis_settings().clone());
        let info = ConnectionInfo::clone(&url.info).set_tcp_settings(tcp).set_redis_settings(settings);
        if let ConnectionAddr::TcpTls { .. } = info.addr() {
            // The client takes the provider of the process. Where another one was installed already, that one stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let client_tls = options.client_certificate.as_ref().map(ClientCertificate::read).transpose()?;
        let dial =
            Self { info, certificates: TlsCertificates { client_tls, root_cert: authorities(&options.ca_files)? } };
        dial.client().map_err(|error| OpenError::Redis(Box::new(error)))?;
        Ok(dial)
    }

    /// The same servers' sentinels, who have credentials of their own, and no databases.
    pub(crate) fn sentinels(&self, login: Option<&SentinelLogin>) -> Self {
        let mut settings = described(RedisConnectionInfo::default());
        if let Some(login) = login {
            settings = settings.set_password(login.password.expose());
            if let Some(user) = &login.user {
                settings = settings.set_username(user);
            }
        }
        Self { info: self.info.clone().set_redis_settings(settings), certificates: self.certificates.clone() }
    }

    /// Calls the server of the URL.
    pub(crate) fn client(&self) -> RedisResult<Client> {
        match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => Client::build_with_tls(self.info.clone(), self.certificates.clone()),
            _ => Client::open(self.info.clone()),
        }
    }

    /// Calls the server at another address in the same way.
    pub(crate) fn client_at(&self, address: &Address) -> RedisResult<Client> {
        let (host, port) = (address.host.clone(), address.port);
        let address = match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            _ => ConnectionAddr::Tcp(host, port),
        };
        Self { info: self.info.clone().set_addr(address), certificates: self.certificates.clone() }.client()
    }
}

/// RESP3, because only with it the client hears at once that an idle connection was closed. `CLIENT SETINFO` is unknown
/// before 7.2.
fn described(settings: RedisConnectionInfo) -> RedisConnectionInfo {
    settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name()
}

impl ClientCertificate {
    fn read(&self) -> Result<ClientTlsConfig, OpenError> {
        let client_cert = certificates(&self.certificate)?;
        let wrong = |source| OpenError::Pem { path: self.key.clone(), source };
        let client_key = std::fs::read(&self.key).map_err(|error| wrong(error.into()))?;
        PrivateKeyDer::from_pem_slice(&client_key).map_err(|error| wrong(error.to_string().into()))?;
        Ok(ClientTlsConfig { client_cert, client_key })
    }
}

fn authorities(files: &[PathBuf]) -> Result<Option<Vec<u8>>, OpenError> {
    let mut all = Vec::new();
    for path in files {
        all.extend(certificates(path)?);
        all.push(b'\n');
    }
    Ok((!all.is_empty()).then_some(all))
}

/// The content of a file that has certificates in it, and no broken ones: without one, a list would be shorter than its
/// owner believes.
fn certificates(path: &Path) -> Result<Vec<u8>, OpenError> {
    let wrong = |source| OpenError::Pem { path: path.into(), source };
    let pem = std::fs::read(path).map_err(|error| wrong(error.into()))?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        Ok(_) => Err(wrong("there is no certificate in it".into())),
        Err(error) => Err(wrong(error.to_string().into())),
    }
}
