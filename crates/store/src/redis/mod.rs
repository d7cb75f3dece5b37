//! Redis and Valkey, from 6.2 on: standalone, over TCP, TLS or a socket. One batch is one pipeline, so one round trip. Every
//! command touches one key, so a cluster could serve them too.
//!
//! Only commands and options are used that Redis 6.2 and Valkey share: `GET SET DEL EVAL ZADD ZREM ZREMRANGEBYSCORE ZRANGE
//! ZCARD XADD XRANGE`, and `HELLO AUTH SELECT` to log in. The server has to keep what it is given: `maxmemory-policy
//! noeviction`.

mod command;
mod link;
#[cfg(test)]
mod server;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use ::redis::{Client, ConnectionAddr, ConnectionInfo, Pipeline, ProtocolVersion, RedisResult, TlsCertificates, Value};
use async_trait::async_trait;
use postern_core::ports::{Backend, Op, Reply, StoreError};
use tokio::runtime::{self, Handle};

use self::link::Link;
use crate::{OpenError, RedisUrl, batch};

/// Keeps everything in a Redis.
pub struct RedisBackend {
    client: Client,
    /// One connection for each runtime, and each thread that serves requests is one. Whoever waits for an answer is then
    /// woken by the thread it runs on; with one connection for all, a round trip would cost two switches between threads,
    /// which is more than all else it costs.
    links: Mutex<HashMap<runtime::Id, Arc<Link>>>,
}

/// What the URL of a Redis does not say.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// PEM files with the authorities that may vouch for the server of a `rediss://` URL. None: the public ones (Mozilla's
    /// list). Some: these alone.
    pub ca_files: Vec<PathBuf>,
}

/// A login waits for the store this long at most, with everything: dialling again, and asking again.
const PATIENCE: Duration = Duration::from_secs(3);

impl RedisBackend {
    /// A client of the Redis at `url`. It is called when it is first needed.
    pub fn new(url: &RedisUrl, options: &RedisOptions) -> Result<Self, OpenError> {
        // Dead peers and lost networks are noticed although the connection is idle most of the time. Each batch is written
        // in one piece, so it need not wait for more.
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(
            TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5)),
        );
        // RESP3, because only with it the client hears at once that an idle connection was closed. `CLIENT SETINFO` is
        // unknown before 7.2.
        let settings = url.0.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        let info = ConnectionInfo::clone(&url.0).set_tcp_settings(tcp).set_redis_settings(settings);
        let refused = |error| OpenError::Redis(Box::new(error));

        let client = if let ConnectionAddr::TcpTls { .. } = info.addr() {
            // The client takes the provider of the process. Where another one was installed already, that one stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let certificates = TlsCertificates { client_tls: None, root_cert: authorities(&options.ca_files)? };
            Client::build_with_tls(info, certificates).map_err(refused)?
        } else {
            Client::open(info).map_err(refused)?
        };
        Ok(Self { client, links: Mutex::default() })
    }

    fn link(&self) -> Arc<Link> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.entry(Handle::current().id()).or_insert_with(|| Link::new(self.client.clone())).clone()
    }

    async fn send(&self, pipeline: &Pipeline, repeatable: bool) -> Result<Vec<Value>, StoreError> {
        let link = self.link();
        let mut may_repeat = repeatable;
        loop {
            let (call, mut connection) = link.connection().await?;
            match ask(&mut connection, pipeline).await {
                Ok(values) => return Ok(values),
                Err(error) => {
                    let lost = link.failed(call, &error);
                    // The server may have done it before the connection was lost. What reads, or says the same twice, may
                    // be asked again; anything else is for the caller to decide.
                    if !(lost && std::mem::take(&mut may_repeat) && !error.is_timeout()) {
                        return Err(link::unavailable(&error));
                    }
                }
            }
        }
    }
}

async fn ask(connection: &mut MultiplexedConnection, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
    pipeline.query_async(connection).await
}

#[async_trait]
impl Backend for RedisBackend {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        batch::check(&batch)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let repeatable = batch.iter().all(command::is_repeatable);
        let mut pipeline = Pipeline::with_capacity(batch.len());
        let answers: Vec<command::Answer> = batch
            .into_iter()
            .map(|op| {
                let (command, answer) = command::of(op);
                pipeline.add_command(command);
                answer
            })
            .collect();
        let values =
            tokio::time::timeout(PATIENCE, self.send(&pipeline, repeatable)).await.map_err(|_| link::too_slow())??;
        if values.len() != answers.len() {
            return Err(command::nonsense());
        }
        answers.into_iter().zip(values).map(|(answer, value)| answer.read(value)).collect()
    }
}

fn authorities(files: &[PathBuf]) -> Result<Option<Vec<u8>>, OpenError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let mut all = Vec::new();
    for path in files {
        let wrong = |source| OpenError::CaFile { path: path.clone(), source };
        let pem = std::fs::read(path).map_err(|error| wrong(error.into()))?;
        // A file without a certificate would leave the list shorter than its owner believes.
        let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        match found {
            Ok(certificates) if !certificates.is_empty() => {}
            Ok(_) => return Err(wrong("there is no certificate in it".into())),
            Err(error) => return Err(wrong(error.to_string().into())),
        }
        all.extend(pem);
        all.push(b'\n');
    }
    Ok((!all.is_empty()).then_some(all))
}

#[cfg(test)]
mod tests;
