//! What servers say of themselves, for whoever sets them up: asked at the start and by `postern doctor`, each server over a connection
//! of its own. What is to be made of it, others judge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Pipeline, RedisResult, Value, from_redis_value};
use futures_util::future::join_all;
use postern_core::ports::{Clock, StoreError, Timestamp};

use super::cluster::{self, Slots};
use super::dial::{Dial, RedisOptions};
use super::link;
use super::sentinel::Sentinels;
use super::words::{self, Need, Word};
use super::{RedisBackend, Whereabouts};
use crate::url::Address;
use crate::{OpenError, RedisUrl};

/// How long a server may take to be called, and to answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// A server, and what it says of itself.
#[derive(Debug)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// What it is to us.
    pub part: Part,
    /// What it says; or why it says nothing.
    pub told: Result<Told, StoreError>,
}

/// What a server is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It keeps something, and is asked for it.
    Primary,
    /// It takes the place of a primary when that fails.
    Replica,
    /// It knows where the primary is.
    Sentinel,
}

/// What a server says of itself.
#[derive(Debug, Default)]
pub struct Told {
    /// Its lines of `INFO`, by name; empty where the user may not ask.
    pub info: HashMap<String, String>,
    /// Its time, and ours in the middle of the question; none where the user may not ask.
    pub clocks: Option<(Timestamp, Timestamp)>,
    /// The commands that the user may not send, each with what we need it for.
    pub refused: Vec<(&'static str, &'static str)>,
}

/// Asks every server of a Redis: the one; or the sentinels, the primary that they name and its replicas; or the nodes of the cluster.
pub async fn examine(url: &RedisUrl, options: &RedisOptions, clock: Arc<dyn Clock>) -> Result<Vec<Server>, OpenError> {
    let backend = RedisBackend::new(url, clock.clone(), options)?;
    let examiner = Examiner { needs: backend.needs(), dial: &backend.dial, clock: &*clock };
    Ok(match &backend.whereabouts {
        Whereabouts::Fixed => vec![examiner.ask(backend.dial.client(), url.to_string(), Part::Primary).await],
        Whereabouts::Sentinels(sentinels) => examiner.behind(sentinels).await,
        Whereabouts::Cluster(nodes) => examiner.cluster(nodes).await,
    })
}

impl RedisBackend {
    /// What our configuration makes us send.
    fn needs(&self) -> Vec<Need> {
        let mut needs = vec![Need::Always, Need::Inventory, Need::Examination];
        needs.extend(self.epochs.matter().then_some(Need::Epochs));
        needs.extend((self.wait_replicas > 0).then_some(Need::Replicas));
        match &self.whereabouts {
            Whereabouts::Fixed => {}
            Whereabouts::Sentinels(_) => needs.push(Need::Sentinels),
            Whereabouts::Cluster(_) => needs.push(Need::Cluster),
        }
        needs
    }
}

/// Asks servers, all in the same way.
struct Examiner<'a> {
    needs: Vec<Need>,
    dial: &'a Dial,
    clock: &'a dyn Clock,
}

impl Examiner<'_> {
    async fn behind(&self, sentinels: &Sentinels) -> Vec<Server> {
        let mut servers: Vec<_> = sentinels
            .examine()
            .await
            .into_iter()
            .map(|(address, known)| Server {
                address: address.to_string(),
                part: Part::Sentinel,
                told: known.map(|()| Told::default()).map_err(|error| link::unavailable(&error)),
            })
            .collect();
        match sentinels.primary().await {
            Ok((address, _)) => servers.extend(self.primaries(vec![address]).await),
            Err(error) => servers.push(unreached("of the sentinels", link::unavailable(&error))),
        }
        servers
    }

    async fn cluster(&self, nodes: &[Address]) -> Vec<Server> {
        match self.slots(nodes).await {
            Ok(slots) => self.primaries(slots.keepers().into_iter().cloned().collect()).await,
            Err(trouble) => vec![unreached("of the cluster", trouble)],
        }
    }

    /// Who keeps the slots of a cluster, by the first node that answers.
    async fn slots(&self, nodes: &[Address]) -> Result<Slots, StoreError> {
        let mut trouble = link::nobody();
        for node in nodes {
            let ask = async || {
                let mut connection = call(self.dial.client_at(node)).await?;
                let ranges: Vec<Value> = words::CLUSTER_SLOTS.cmd().query_async(&mut connection).await?;
                cluster::read(ranges, &node.host)
            };
            match ask().await {
                Ok(slots) => return Ok(slots),
                Err(error) => trouble = link::unavailable(&error),
            }
        }
        Err(trouble)
    }

    /// Asks primaries, and then the replicas that these name.
    async fn primaries(&self, primaries: Vec<Address>) -> Vec<Server> {
        let ask =
            async |address: Address, part| self.ask(self.dial.client_at(&address), address.to_string(), part).await;
        let mut servers = join_all(primaries.into_iter().map(|address| ask(address, Part::Primary))).await;
        let told = servers.iter().filter_map(|server| server.told.as_ref().ok());
        let replicas: Vec<_> = told.flat_map(Told::replicas).collect();
        servers.extend(join_all(replicas.into_iter().map(|address| ask(address, Part::Replica))).await);
        servers
    }

    async fn ask(&self, client: RedisResult<Client>, address: String, part: Part) -> Server {
        let told = ask(client, &self.needs, self.clock).await.map_err(|error| link::unavailable(&error));
        Server { address, part, told }
    }
}

fn unreached(address: &str, trouble: StoreError) -> Server {
    Server { address: address.to_owned(), part: Part::Primary, told: Err(trouble) }
}

async fn call(client: RedisResult<Client>) -> RedisResult<MultiplexedConnection> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    client?.get_multiplexed_async_connection_with_config(&config).await
}

/// Asks a server what it is, and tries every command that we need, all in one go.
async fn ask(client: RedisResult<Client>, needs: &[Need], clock: &dyn Clock) -> RedisResult<Told> {
    let mut connection = call(client).await?;
    let tried: Vec<(Word, _)> = words::ALL
        .iter()
        .filter(|word| needs.contains(&word.need))
        .filter_map(|word| Some((*word, word.tried()?)))
        .collect();
    let mut pipeline = Pipeline::with_capacity(tried.len() + 2);
    pipeline.add_command(words::INFO.cmd()).add_command(words::TIME.cmd());
    for (_, command) in &tried {
        pipeline.add_command(command.clone());
    }
    let before = clock.now();
    let answers = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
    let after = clock.now();
    let mut answers = answers.into_iter();
    let (info, time) = (answers.next(), answers.next());
    let refused = tried.iter().zip(answers).filter(|(_, answer)| is_forbidden(answer));
    Ok(Told {
        info: info.and_then(|text| from_redis_value::<String>(text).ok()).map(lines).unwrap_or_default(),
        clocks: time.and_then(instant).map(|theirs| (theirs, middle(before, after))),
        refused: refused.map(|((word, _), _)| (word.name(), word.need.purpose())).collect(),
    })
}

/// Whether the user lacks the right, to the command or to the key.
fn is_forbidden(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOPERM")
}

/// `INFO`: lines of `name:value` between headings.
fn lines(text: String) -> HashMap<String, String> {
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// `TIME`: seconds and microseconds.
fn instant(answer: Value) -> Option<Timestamp> {
    let (seconds, micros): (i64, i32) = from_redis_value(answer).ok()?;
    Timestamp::new(seconds, micros.checked_mul(1000)?).ok()
}

fn middle(before: Timestamp, after: Timestamp) -> Timestamp {
    before.checked_add(after.duration_since(before) / 2).unwrap_or(after)
}

impl Told {
    /// The replicas that a primary names in `INFO replication`: `slave0:ip=…,port=…,state=online,…`.
    fn replicas(&self) -> Vec<Address> {
        let named = |value: &String| {
            let parts: HashMap<_, _> = value.split(',').filter_map(|part| part.split_once('=')).collect();
            Some(Address { host: (*parts.get("ip")?).to_owned(), port: parts.get("port")?.parse().ok()? })
        };
        (0..).map_while(|at| self.info.get(&format!("slave{at}"))).filter_map(named).collect()
    }
}
