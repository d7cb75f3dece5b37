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
    /// `redis://…`, `rediss://…`, `redis+unix://…`.
    Redis(RedisUrl),
}

/// Where a Redis or Valkey is and how to log in there.
#[derive(Clone)]
pub struct RedisUrl(pub(crate) Box<ConnectionInfo>);

/// Why a text is no store URL. Never repeats the text, which may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// None of the forms that we know.
    #[error("write redb:FILE, memory:, redis://HOST, rediss://HOST or redis+unix:///PATH")]
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
            _ => Err(StoreUrlError::Form),
        }
    }
}

fn redis(text: &str, query_fits: impl Fn(&Url) -> bool) -> Result<RedisUrl, StoreUrlError> {
    let url = Url::parse(text).map_err(|_| StoreUrlError::RedisForm)?;
    if url.fragment().is_some() || !query_fits(&url) {
        return Err(StoreUrlError::RedisOptions);
    }
    url.into_connection_info().map(|info| RedisUrl(Box::new(info))).map_err(|_| StoreUrlError::RedisForm)
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
        let (scheme, host, port) = match self.0.addr() {
            ConnectionAddr::Unix(path) => return write!(f, "redis+unix://{}", path.display()),
            ConnectionAddr::Tcp(host, port) => ("redis", host, port),
            ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host, port),
            _ => return f.write_str("redis:"),
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}/{}", self.0.redis_settings().db()),
            false => write!(f, "{scheme}://{host}:{port}/{}", self.0.redis_settings().db()),
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
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
