//! `store.url`: which store, and where.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use ::url::Url;

/// Which store, and where. Printing it never shows a user or a password.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// `redb:FILE`: one file for what lasts, memory for logins under way.
    Redb(PathBuf),
    /// `memory:`: nothing lasts.
    Memory,
    /// `redis://…`, `redis+unix://…`, `redis+sentinel://…`, `redis+cluster://…`, and with TLS `rediss…`.
    Redis(RedisUrl),
}

/// Where a Redis or Valkey is and how to log in there.
#[derive(Clone)]
pub struct RedisUrl {
    pub(crate) place: RedisPlace,
    /// How to log in, and whether over TLS. Where there are several servers, its address is that of the first.
    pub(crate) info: Box<ConnectionInfo>,
}

/// Which servers there are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum RedisPlace {
    /// One, at the address of the URL.
    Single,
    /// Sentinels, who know where the primary of a service is.
    Sentinels { sentinels: Vec<Address>, service: String },
    /// Some nodes of a cluster, who know the others.
    Cluster { nodes: Vec<Address> },
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why a text is no store URL. Never repeats the text, which may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// None of the forms that we know.
    #[error(
        "write redb:FILE, memory:, redis://HOST, rediss://HOST, redis+unix:///PATH, redis+sentinel://HOST,HOST/SERVICE or \
         redis+cluster://HOST,HOST"
    )]
    Form,
    /// `redb:` alone.
    #[error("redb: needs the name of a file, such as redb:postern.redb")]
    NoFile,
    /// `memory:` and more.
    #[error("memory: takes nothing behind the colon")]
    MemoryTakesNothing,
    /// `redis://` without a usable rest.
    #[error(
        "write redis://USER:PASSWORD@HOST:PORT/DATABASE, where all but HOST may be missing; percent-encode what is special"
    )]
    RedisForm,
    /// `redis+sentinel://` without a usable rest.
    #[error(
        "write redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE, where USER:PASSWORD@, ports and /DATABASE \
         may be missing; percent-encode what is special"
    )]
    SentinelForm,
    /// `redis+cluster://` without a usable rest.
    #[error(
        "write redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT, where USER:PASSWORD@ and ports may be missing; \
         percent-encode what is special. A cluster has no numbered databases"
    )]
    ClusterForm,
    /// Fragments and queries.
    #[error("the URL of a Redis takes nothing behind ? or #; certificates are always checked")]
    RedisOptions,
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        match text.split_once(':').ok_or(StoreUrlError::Form)? {
            ("redb", "") => Err(StoreUrlError::NoFile),
            ("redb", path) => Ok(Self::Redb(path.into())),
            ("memory", "") => Ok(Self::Memory),
            ("memory", _) => Err(StoreUrlError::MemoryTakesNothing),
            ("redis" | "rediss", _) => redis(text, |url| url.query().is_none()).map(Self::Redis),
            // The credentials of a socket stand in its query: redis+unix:///PATH?user=…&pass=…&db=…
            ("redis+unix", _) => redis(text, |_| true).map(Self::Redis),
            ("redis+sentinel", rest) => sentinels("redis", rest).map(Self::Redis),
            ("rediss+sentinel", rest) => sentinels("rediss", rest).map(Self::Redis),
            ("redis+cluster", rest) => cluster("redis", rest).map(Self::Redis),
            ("rediss+cluster", rest) => cluster("rediss", rest).map(Self::Redis),
            _ => Err(StoreUrlError::Form),
        }
    }
}

fn redis(text: &str, query_fits: impl Fn(&Url) -> bool) -> Result<RedisUrl, StoreUrlError> {
    let url = Url::parse(text).map_err(|_| StoreUrlError::RedisForm)?;
    if url.fragment().is_some() || !query_fits(&url) {
        return Err(StoreUrlError::RedisOptions);
    }
    let info = url.into_connection_info().map_err(|_| StoreUrlError::RedisForm)?;
    Ok(RedisUrl { place: RedisPlace::Single, info: Box::new(info) })
}

/// `//USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE`
fn sentinels(scheme: &str, rest: &str) -> Result<RedisUrl, StoreUrlError> {
    let (authority, path) = authority(rest)?.split_once('/').ok_or(StoreUrlError::SentinelForm)?;
    let (service, database) = path.split_once('/').unwrap_or((path, "0"));
    if service.is_empty() || !service.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(StoreUrlError::SentinelForm);
    }
    let (sentinels, info) = hosts(scheme, authority, database, 26379).ok_or(StoreUrlError::SentinelForm)?;
    let place = RedisPlace::Sentinels { sentinels, service: service.to_owned() };
    Ok(RedisUrl { place, info: Box::new(info) })
}

/// `//USER:PASSWORD@HOST:PORT,HOST:PORT`
fn cluster(scheme: &str, rest: &str) -> Result<RedisUrl, StoreUrlError> {
    let authority = authority(rest)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let whole = Some(authority).filter(|authority| !authority.contains('/'));
    let (nodes, info) = whole.and_then(|all| hosts(scheme, all, "", 6379)).ok_or(StoreUrlError::ClusterForm)?;
    Ok(RedisUrl { place: RedisPlace::Cluster { nodes }, info: Box::new(info) })
}

/// What follows `//`, with whatever path it has.
fn authority(rest: &str) -> Result<&str, StoreUrlError> {
    match rest.strip_prefix("//") {
        Some(rest) if rest.contains(['?', '#']) => Err(StoreUrlError::RedisOptions),
        Some(rest) => Ok(rest),
        None => Err(StoreUrlError::Form),
    }
}

/// The servers of `USER:PASSWORD@HOST:PORT,HOST:PORT`, and how to log in. Each is read as the URL of one server would be.
fn hosts(scheme: &str, authority: &str, database: &str, port: u16) -> Option<(Vec<Address>, ConnectionInfo)> {
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
        None => (String::new(), authority),
    };
    let mut addresses = Vec::new();
    let mut first = None;
    for host in hosts.split(',') {
        let url = Url::parse(&format!("{scheme}://{credentials}{host}/{database}")).ok()?;
        let named = url.port();
        let info = url.into_connection_info().ok()?;
        let (host, found) = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host.clone(), *port),
            _ => return None,
        };
        addresses.push(Address { host, port: if named.is_some() { found } else { port } });
        first.get_or_insert(info);
    }
    Some((addresses, first?))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redb(path) => write!(f, "redb:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self.info.addr() {
            ConnectionAddr::Unix(path) => return write!(f, "redis+unix://{}", path.display()),
            ConnectionAddr::Tcp(host, port) => ("redis", host, *port),
            ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, *port),
            _ => return f.write_str("redis:"),
        };
        let database = self.info.redis_settings().db();
        let list = |all: &[Address]| all.iter().map(Address::to_string).collect::<Vec<_>>().join(",");
        match &self.place {
            RedisPlace::Single => write!(f, "{scheme}://{}/{database}", Address { host: host.clone(), port }),
            RedisPlace::Sentinels { sentinels, service } => {
                write!(f, "{scheme}+sentinel://{}/{service}/{database}", list(sentinels))
            }
            RedisPlace::Cluster { nodes } => write!(f, "{scheme}+cluster://{}", list(nodes)),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_urls_are_read_and_printed_without_secrets() {
        for (text, printed) in [
            ("redb:postern.redb", "redb:postern.redb"),
            ("redb:/var/lib/postern/postern.redb", "redb:/var/lib/postern/postern.redb"),
            ("memory:", "memory:"),
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://:hunter2@redis.example:7000/3", "redis://redis.example:7000/3"),
            ("rediss://someone:hunter%402@redis.example", "rediss://redis.example:6379/0"),
            ("redis://[::1]:6379", "redis://[::1]:6379/0"),
            ("redis+unix:///run/redis.sock?pass=hunter2", "redis+unix:///run/redis.sock"),
            ("redis+sentinel://sentinel.example/main", "redis+sentinel://sentinel.example:26379/main/0"),
            (
                "rediss+sentinel://someone:hunter%402@a.example:1,[::1],b.example/my-main/3",
                "rediss+sentinel://a.example:1,[::1]:26379,b.example:26379/my-main/3",
            ),
            ("redis+cluster://:hunter2@a.example,b.example:7/", "redis+cluster://a.example:6379,b.example:7"),
            ("rediss+cluster://[::1]:7", "rediss+cluster://[::1]:7"),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), printed);
            let debug = format!("{url:?}");
            assert!(!debug.contains("hunter") && !debug.contains("someone"), "{debug}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_being_repeated() {
        for (text, expected) in [
            ("", StoreUrlError::Form),
            ("postern.redb", StoreUrlError::Form),
            ("postgres://hunter2@db.example/", StoreUrlError::Form),
            ("redb:", StoreUrlError::NoFile),
            ("memory:hunter2", StoreUrlError::MemoryTakesNothing),
            ("redis:hunter2", StoreUrlError::RedisForm),
            ("redis://redis.example:hunter2", StoreUrlError::RedisForm),
            ("redis://redis.example/hunter2", StoreUrlError::RedisForm),
            ("rediss://redis.example/#insecure", StoreUrlError::RedisOptions),
            ("redis://redis.example/?protocol=hunter2", StoreUrlError::RedisOptions),
            ("redis+sentinel://a.example,b.example", StoreUrlError::SentinelForm),
            ("redis+sentinel://a.example/", StoreUrlError::SentinelForm),
            ("redis+sentinel://a.example,/main", StoreUrlError::SentinelForm),
            ("redis+sentinel://a.example:hunter2/main", StoreUrlError::SentinelForm),
            ("redis+sentinel://a.example/main/hunter2", StoreUrlError::SentinelForm),
            ("redis+sentinel://a.example/hunter2 main", StoreUrlError::SentinelForm),
            ("redis+sentinel:a.example/main", StoreUrlError::Form),
            ("redis+cluster://a.example/1", StoreUrlError::ClusterForm),
            ("redis+cluster://", StoreUrlError::ClusterForm),
            ("redis+cluster://a.example?insecure", StoreUrlError::RedisOptions),
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
