//! The connection of a runtime to a server, shared by all that runs there, made anew when it is lost.
//!
//! The client's own manager of connections is not used, because it goes on failing for ever after a call that was
//! answered by anything but silence (a password that was wrong for a moment, a server that was still loading), and because it
//! stays with a server that has become a replica.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, PushInfo, PushKind, RedisError, ServerError, ServerErrorKind};
use postern_core::ports::StoreError;
use tokio::task::JoinSet;

use super::epoch::{Epoch, Epochs};
use super::sentinel::{Sentinels, is_primary};
use crate::url::Address;

/// How long a server may take to answer a batch. The slowest of ours takes milliseconds.
const RESPONSE: Duration = Duration::from_millis(500);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(1);
/// How long to wait before calling again a server that refuses: it may be starting.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(150)];

/// Whom to call.
pub(crate) enum Callee {
    /// A server at an address.
    Server(Client),
    /// A node of a cluster. While it is away others may take its place, so it is not waited for here.
    Node(Client, Address),
    /// Whoever is the primary, by the word of sentinels.
    Primary(Arc<Sentinels>),
}

/// A connection as it is used.
#[derive(Clone)]
pub(crate) struct Line {
    /// Which call it came from.
    pub(crate) call: u64,
    pub(crate) connection: MultiplexedConnection,
    /// The server's epoch, where that matters.
    pub(crate) epoch: Option<Epoch>,
}

/// The connection, if there is one, and who may make it.
pub(crate) struct Link {
    callee: Callee,
    epochs: Arc<Epochs>,
    state: Mutex<State>,
    /// Held by the one who calls, so that a crowd makes one call.
    calling: tokio::sync::Mutex<()>,
    /// Those who listen to sentinels. They end with the link.
    watchers: OnceLock<JoinSet<()>>,
}

#[derive(Default)]
struct State {
    /// How many calls were made so far.
    calls: u64,
    line: Option<Line>,
    /// Where sentinels said that the connection leads.
    address: Option<Address>,
    /// How often they said that somebody else is the primary now.
    changes: u64,
    /// How many calls have failed so far.
    failures: u64,
    /// Whether the server did not answer the last time: then nobody waits for whoever calls again.
    away: bool,
}

impl Link {
    pub(crate) fn new(callee: Callee, epochs: Arc<Epochs>) -> Arc<Self> {
        let (state, calling) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { callee, epochs, state, calling, watchers: OnceLock::new() })
    }

    /// The connection. Makes it if there is none.
    pub(crate) async fn line(self: &Arc<Self>) -> Result<Line, StoreError> {
        let failures = match self.present() {
            Ok(line) => return Ok(line),
            Err(failures) => failures,
        };
        let _calling = match self.calling.try_lock() {
            Ok(calling) => calling,
            Err(_) if self.state().away => return Err(known_to_be_away()),
            Err(_) => self.calling.lock().await,
        };
        match self.present() {
            Ok(line) => return Ok(line), // made by another while we waited
            Err(now) if now != failures => return Err(failed_for_all()),
            Err(_) => {}
        }
        let mut pauses = match &self.callee {
            Callee::Node(..) => [].iter(),
            Callee::Server(_) | Callee::Primary(_) => PAUSES.iter(),
        };
        loop {
            match self.call().await {
                Ok(line) => return Ok(line),
                Err(error) if error.is_connection_refusal() || is_not_ready(&error) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(self.give_up(&error)),
                },
                Err(error) => return Err(self.give_up(&error)),
            }
        }
    }

    /// Takes note that a connection failed somebody. Whether it is given up, so that the next one is made anew.
    pub(crate) fn failed(&self, call: u64, error: &RedisError) -> bool {
        let lost = error.is_unrecoverable_error() || error.is_timeout();
        if lost {
            self.forget(call);
        }
        if error.is_timeout() {
            self.state().away = true;
        }
        lost
    }

    /// Takes note that a server refused to carry something out. Whether that is because another one is to be asked.
    pub(crate) fn refused(&self, call: u64, error: &ServerError) -> bool {
        let elsewhere = error.kind().is_some_and(is_elsewhere);
        if elsewhere {
            self.forget(call);
        }
        elsewhere
    }

    /// Gives the connection up: somebody else is the primary now. What was asked of the old one is still answered.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.line = None;
        state.changes += 1;
    }

    /// The same, where it leads to another server than this one.
    pub(crate) fn leave_unless_at(&self, address: &Address) {
        let mut state = self.state();
        if state.address.as_ref().is_some_and(|present| present != address) {
            state.line = None;
        }
    }

    /// Whether there is a connection at this moment.
    pub(crate) fn is_up(&self) -> bool {
        self.state().line.is_some()
    }

    fn present(&self) -> Result<Line, u64> {
        let state = self.state();
        state.line.clone().ok_or(state.failures)
    }

    async fn call(self: &Arc<Self>) -> Result<Line, RedisError> {
        let (call, changes) = {
            let mut state = self.state();
            state.calls += 1;
            (state.calls, state.changes)
        };
        let link = Arc::downgrade(self);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL))
            .set_response_timeout(Some(RESPONSE))
            .set_push_sender(move |push| {
                closed(&link, call, &push);
                Ok::<_, Infallible>(())
            });
        let (mut connection, address) = match &self.callee {
            Callee::Server(client) | Callee::Node(client, _) => {
                (client.get_multiplexed_async_connection_with_config(&config).await?, None)
            }
            Callee::Primary(sentinels) => {
                self.watchers.get_or_init(|| sentinels.watch(self));
                let (address, client) = sentinels.primary().await?;
                let connection = primary(&client, &config).await.inspect_err(|_| sentinels.doubt())?;
                (connection, Some(address))
            }
        };
        let node = if let Callee::Node(_, address) = &self.callee { Some(address) } else { None };
        let epoch = self.epochs.ask(&mut connection, node).await?;
        let line = Line { call, connection, epoch };
        let mut state = self.state();
        if state.changes != changes {
            return Err((ErrorKind::Server(ServerErrorKind::ReadOnly), "another became the primary meanwhile").into());
        }
        state.line = Some(line.clone());
        state.away = false;
        state.address = address;
        Ok(line)
    }

    fn give_up(&self, error: &RedisError) -> StoreError {
        let mut state = self.state();
        state.failures += 1;
        state.away = true;
        unavailable(error)
    }

    fn forget(&self, call: u64) {
        let mut state = self.state();
        state.line.take_if(|line| line.call == call);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn primary(client: &Client, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, RedisError> {
    let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
    is_primary(&mut connection).await?;
    Ok(connection)
}

/// An idle connection that the server closes is given up at once, and not by the next one who needs it.
fn closed(link: &Weak<Link>, call: u64, push: &PushInfo) {
    if let (PushKind::Disconnection, Some(link)) = (&push.kind, link.upgrade()) {
        link.forget(call);
    }
}

/// A server that answers, and is not the one to ask: it is starting, or has become a replica.
fn is_not_ready(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(kind) if is_elsewhere(kind))
}

fn is_elsewhere(kind: ServerErrorKind) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    matches!(kind, BusyLoading | MasterDown | ReadOnly)
}

/// What became of a call, for the log: the code of what the server said, or what the network did. Never the server's own
/// words, which may repeat what it was sent.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("Redis refuses: {0}")]
    Refused(String),
    #[error("Redis refuses the user or the password")]
    Credentials,
    #[error("no sentinel knows the service that store.url names")]
    Unknown,
    #[error("{0}")]
    Network(String),
    #[error("no node of the cluster keeps a part of the keys")]
    Nobody,
    #[error("fewer replicas than store.wait_replicas have what was written")]
    Unconfirmed,
    #[error("Redis did not answer in time")]
    Slow,
    #[error("the servers changed while what they keep was listed")]
    Changed,
    #[error("another call to Redis has just failed")]
    Failed,
    #[error("Redis is away, and being called again")]
    Away,
}

/// Why a batch was not answered.
pub(crate) fn unavailable(error: &RedisError) -> StoreError {
    trouble(match error.kind() {
        ErrorKind::AuthenticationFailed => Trouble::Credentials,
        _ if error.is_timeout() => Trouble::Slow,
        ErrorKind::Io | ErrorKind::Client => Trouble::Network(error.to_string()),
        ErrorKind::MasterNameNotFoundBySentinel => Trouble::Unknown,
        _ => Trouble::Refused(error.code().unwrap_or_else(|| error.category()).to_owned()),
    })
}

/// Why an operation was not carried out.
pub(crate) fn refused(error: &ServerError) -> StoreError {
    trouble(Trouble::Refused(error.code().to_owned()))
}

pub(crate) fn too_slow() -> StoreError {
    trouble(Trouble::Slow)
}

/// A cluster has a slot that no node keeps.
pub(crate) fn nobody() -> StoreError {
    trouble(Trouble::Nobody)
}

/// Fewer replicas than wanted have what was written. It is there all the same.
pub(crate) fn unconfirmed() -> StoreError {
    trouble(Trouble::Unconfirmed)
}

/// What was listed so far is not all that there was.
pub(crate) fn changed() -> StoreError {
    trouble(Trouble::Changed)
}

/// Somebody else finds out whether it is there again.
pub(crate) fn known_to_be_away() -> StoreError {
    trouble(Trouble::Away)
}

fn failed_for_all() -> StoreError {
    trouble(Trouble::Failed)
}

fn trouble(trouble: Trouble) -> StoreError {
    StoreError::Unavailable(Box::new(trouble))
}
