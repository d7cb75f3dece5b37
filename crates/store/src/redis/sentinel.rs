//! Sentinels, who know which server is the primary of a service. They are asked when a server is to be called, and tell of
//! every failover, so that nobody goes on writing to a server that has just become a replica.
//!
//! The way to ask is that of <https://redis.io/docs/latest/develop/reference/sentinel-clients/>. The client's own sentinel
//! support asks in the same way and follows no failover (redis-rs#1438): after one that an operator ordered, clients went on
//! writing to the old primary for as long as it let them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, ServerErrorKind, Value,
    from_redis_value,
};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::dial::Dial;
use super::link::Link;
use super::words;
use crate::url::Address;

/// How long a sentinel may take to be called and to answer. There are others to ask.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long until a sentinel that is away is listened to again.
const PAUSE: Duration = Duration::from_secs(1);
/// What sentinels tell of: at the first the one in charge knows the new primary already, some moments before the failover is
/// complete; the second is told by each as soon as it knows.
const EVENTS: [&str; 2] = ["+failover-state-reconf-slaves", "+switch-master"];

/// The sentinels of one service.
pub(crate) struct Sentinels {
    sentinels: Vec<Address>,
    service: String,
    to_sentinels: Dial,
    to_servers: Dial,
    /// In which order they are asked: who knew something new comes first, who was wrong comes last.
    order: Mutex<Vec<usize>>,
}

impl Sentinels {
    pub(crate) fn new(sentinels: Vec<Address>, service: String, to_sentinels: Dial, to_servers: Dial) -> Self {
        let order = Mutex::new((0..sentinels.len()).collect());
        Self { sentinels, service, to_sentinels, to_servers, order }
    }

    /// Where the primary is, by the first sentinel that knows.
    pub(crate) async fn primary(&self) -> RedisResult<(Address, Client)> {
        let mut trouble = unknown();
        let order = self.order().clone();
        for at in order {
            match self.ask(at).await {
                Ok(Some(address)) => return Ok((address.clone(), self.to_servers.client_at(&address)?)),
                Ok(None) => {}
                Err(error) => trouble = error,
            }
        }
        Err(trouble)
    }

    /// Asks each of them whether it knows the service.
    pub(crate) async fn examine(&self) -> Vec<(&Address, RedisResult<()>)> {
        let ask = async |at: usize| {
            let known = self.ask(at).await.and_then(|known| known.map(drop).ok_or_else(unknown));
            (&self.sentinels[at], known)
        };
        join_all((0..self.sentinels.len()).map(ask)).await
    }

    /// The primary that a sentinel named could not be reached, or is none: others are asked first the next time.
    pub(crate) fn doubt(&self) {
        self.order().rotate_left(1);
    }

    /// Listens to all of them for a link, until the link is gone.
    pub(crate) fn watch(self: &Arc<Self>, link: &Arc<Link>) -> JoinSet<()> {
        let mut watchers = JoinSet::new();
        for at in 0..self.sentinels.len() {
            watchers.spawn(self.clone().listen(at, Arc::downgrade(link)));
        }
        watchers
    }

    async fn listen(self: Arc<Self>, at: usize, link: Weak<Link>) {
        loop {
            // Whether it is lost or was never there: it is tried again, and the others go on telling.
            let _ = self.listen_once(at, &link).await;
            if link.strong_count() == 0 {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_once(&self, at: usize, link: &Weak<Link>) -> RedisResult<()> {
        let (sender, mut pushes) = mpsc::unbounded_channel();
        let config = config().set_push_sender(move |push| {
            let _ = sender.send(push);
            Ok::<_, Infallible>(())
        });
        let mut connection = self.call(at, &config).await?;
        connection.subscribe(&EVENTS).await?;
        // What happened before we listened.
        if let (Some(address), Some(link)) = (self.ask_over(&mut connection).await?, link.upgrade()) {
            link.leave_unless_at(&address);
        }
        while let Some(push) = pushes.recv().await {
            match push.kind {
                PushKind::Disconnection => return Ok(()),
                PushKind::Message if self.is_about_us(push) => {
                    self.prefer(at);
                    let Some(link) = link.upgrade() else { return Ok(()) };
                    link.leave();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Messages are lists of words, and the service is one of them: `NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT`, or `master NAME
    /// HOST PORT`.
    fn is_about_us(&self, message: PushInfo) -> bool {
        let text = message.data.into_iter().nth(1).and_then(|text| from_redis_value::<String>(text).ok());
        text.is_some_and(|text| text.split(' ').any(|word| word == self.service))
    }

    async fn ask(&self, at: usize) -> RedisResult<Option<Address>> {
        let mut connection = self.call(at, &config()).await?;
        self.ask_over(&mut connection).await
    }

    async fn ask_over(&self, connection: &mut MultiplexedConnection) -> RedisResult<Option<Address>> {
        let mut question = words::SENTINEL_PRIMARY.cmd();
        question.arg(&self.service);
        let answer: Option<(String, u16)> = question.query_async(connection).await?;
        Ok(answer.map(|(host, port)| Address { host, port }))
    }

    async fn call(&self, at: usize, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        self.to_sentinels.client_at(&self.sentinels[at])?.get_multiplexed_async_connection_with_config(config).await
    }

    fn prefer(&self, at: usize) {
        let mut order = self.order();
        order.retain(|other| *other != at);
        order.insert(0, at);
    }

    fn order(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown() -> RedisError {
    (ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows the service").into()
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE))
}

/// Refuses a server that is no primary, or no longer: a sentinel may not have heard yet.
pub(crate) async fn is_primary(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let role: Vec<Value> = words::ROLE.cmd().query_async(connection).await?;
    match role.into_iter().next().map(from_redis_value::<String>) {
        Some(Ok(role)) if role == "master" => Ok(()),
        _ => Err(RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "it is not the primary"))),
    }
}
