//! The connection of a runtime to a Redis, shared by all that runs there, made anew when it is lost.
//!
//! The client's own manager of connections is not used, because it goes on failing for ever after a call that was
//! answered by anything but silence (a password that was wrong for a moment, a server that was still loading), and because it
//! stays with a server that has become a replica.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind};
use postern_core::ports::StoreError;

/// How long a server may take to answer a batch. The slowest of ours takes milliseconds.
const RESPONSE: Duration = Duration::from_millis(500);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(1);
/// How long to wait before calling again a server that refuses: it may be starting.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(150)];

/// The connection, if there is one, and who may make it.
pub(crate) struct Link {
    client: Client,
    state: Mutex<State>,
    /// Held by the one who calls, so that a crowd makes one call.
    calling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Which call the connection came from.
    call: u64,
    connection: Option<MultiplexedConnection>,
    /// How many calls have failed so far.
    failures: u64,
}

impl Link {
    pub(crate) fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, state: Mutex::default(), calling: tokio::sync::Mutex::default() })
    }

    /// The connection, and the number of the call that it came from. Makes it if there is none.
    pub(crate) async fn connection(self: &Arc<Self>) -> Result<(u64, MultiplexedConnection), StoreError> {
        let failures = match self.present() {
            Ok(connection) => return Ok(connection),
            Err(failures) => failures,
        };
        let _calling = self.calling.lock().await;
        match self.present() {
            Ok(connection) => return Ok(connection), // made by another while we waited
            Err(now) if now != failures => return Err(failed_for_all()),
            Err(_) => {}
        }
        let mut pauses = PAUSES.iter();
        loop {
            match self.call().await {
                Ok(connection) => return Ok(connection),
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
        let lost = error.is_unrecoverable_error() || error.is_timeout() || is_not_ready(error);
        if lost {
            self.forget(call);
        }
        lost
    }

    fn present(&self) -> Result<(u64, MultiplexedConnection), u64> {
        let state = self.state();
        state.connection.clone().map(|connection| (state.call, connection)).ok_or(state.failures)
    }

    async fn call(self: &Arc<Self>) -> Result<(u64, MultiplexedConnection), RedisError> {
        let call = {
            let mut state = self.state();
            state.call += 1;
            state.call
        };
        let link = Arc::downgrade(self);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CALL))
            .set_response_timeout(Some(RESPONSE))
            .set_push_sender(move |push| {
                closed(&link, call, &push);
                Ok::<_, Infallible>(())
            });
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        self.state().connection = Some(connection.clone());
        Ok((call, connection))
    }

    fn give_up(&self, error: &RedisError) -> StoreError {
        self.state().failures += 1;
        unavailable(error)
    }

    fn forget(&self, call: u64) {
        let mut state = self.state();
        if state.call == call {
            state.connection = None;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An idle connection that the server closes is given up at once, and not by the next one who needs it.
fn closed(link: &Weak<Link>, call: u64, push: &PushInfo) {
    if let (PushKind::Disconnection, Some(link)) = (&push.kind, link.upgrade()) {
        link.forget(call);
    }
}

/// A server that answers, and is not the one to ask: a new one may be behind the same address.
fn is_not_ready(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    matches!(error.kind(), ErrorKind::Server(BusyLoading | MasterDown | ReadOnly))
}

/// What became of a call, for the log: the code of what the server said, or what the network did. Never the server's own
/// words, which may repeat what it was sent.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("Redis refuses: {0}")]
    Refused(String),
    #[error("Redis refuses the user or the password")]
    Credentials,
    #[error("{0}")]
    Network(String),
    #[error("Redis did not answer in time")]
    Slow,
    #[error("another call to Redis has just failed")]
    Failed,
}

/// Why a batch was not answered.
pub(crate) fn unavailable(error: &RedisError) -> StoreError {
    trouble(match error.kind() {
        ErrorKind::AuthenticationFailed => Trouble::Credentials,
        _ if error.is_timeout() => Trouble::Slow,
        ErrorKind::Io => Trouble::Network(error.to_string()),
        // Of a batch, the first that was refused.
        _ => match error.clone().into_server_errors().as_deref() {
            Some([(_, first), ..]) => Trouble::Refused(first.code().to_owned()),
            _ => Trouble::Refused(error.category().to_owned()),
        },
    })
}

pub(crate) fn too_slow() -> StoreError {
    trouble(Trouble::Slow)
}

fn failed_for_all() -> StoreError {
    trouble(Trouble::Failed)
}

fn trouble(trouble: Trouble) -> StoreError {
    StoreError::Unavailable(Box::new(trouble))
}
