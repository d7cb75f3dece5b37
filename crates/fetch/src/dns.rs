//! Records of the domain name system that are asked for by type, by which domains are proven. Addresses are
//! [`resolver`](crate::resolver)'s.
//!
//! Nothing is remembered between two questions: whoever has just published a record asks again and again, and an old answer
//! would tell them that they did it wrong.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;

/// How long one server gets to answer one question.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a question may take altogether.
const ALTOGETHER: Duration = Duration::from_secs(5);
/// How many records of a name are read, and how many bytes of each.
const MOST: (usize, usize) = (100, 1024);

/// Asks a resolver.
#[derive(Debug, Clone)]
pub struct Dns {
    server: Option<SocketAddr>,
}

/// Why there are no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such name (NXDOMAIN).
    #[error("there is no such name")]
    NoSuchName,
    /// A server failed or refused, or there is no way to it.
    #[error("a server failed")]
    ServerFailed,
    /// Nobody answered in time.
    #[error("nobody answered in time")]
    TimedOut,
}

impl Dns {
    /// Asks this server, or, without one, those of the system, which are read anew for each question.
    pub fn new(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// The TXT records of a name, each with its strings joined, as text. A name without any has none.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, LookupError> {
        let resolver = self.resolver().map_err(|_| LookupError::ServerFailed)?;
        let name = format!("{}.", name.trim_end_matches('.')); // never a name of the search list
        let answer = tokio::time::timeout(ALTOGETHER, resolver.txt_lookup(name)).await;
        match answer.map_err(|_| LookupError::TimedOut)? {
            Ok(lookup) => Ok(lookup.answers().iter().filter_map(|record| text(&record.data)).take(MOST.0).collect()),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) if none.response_code == ResponseCode::NoError => {
                Ok(Vec::new())
            }
            Err(error) if error.is_nx_domain() => Err(LookupError::NoSuchName),
            Err(NetError::Timeout) => Err(LookupError::TimedOut),
            Err(_) => Err(LookupError::ServerFailed),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match self.server {
            Some(server) => {
                let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
                (udp.port, tcp.port) = (server.port(), server.port());
                let server = NameServerConfig::new(server.ip(), true, vec![udp, tcp]);
                TokioResolver::builder_with_config(ResolverConfig::from_name_servers(vec![server]), provider)
            }
            None => TokioResolver::builder(provider)?,
        };
        let options = builder.options_mut();
        (options.timeout, options.attempts, options.cache_size) = (TIMEOUT, 1, 0);
        builder.build()
    }
}

/// RFC 7208 §3.3: the strings of one record belong together, "without adding spaces".
fn text(data: &RData) -> Option<String> {
    let RData::TXT(txt) = data else { return None };
    let bytes = txt.txt_data.concat();
    Some(String::from_utf8_lossy(&bytes[..bytes.len().min(MOST.1)]).into_owned())
}
