//! A batch on its way: split by who keeps what, sent, and what was not carried out sent again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Pipeline, ServerError, ServerErrorKind, Value};
use futures_util::future::join_all;
use postern_core::ports::{Op, Reply, StoreError};

use super::Servers;
use super::cluster::Slots;
use super::command::{self, Answer};
use super::epoch::Epoch;
use super::link::{self, Line, Link};
use super::words;
use crate::batch;
use crate::url::Address;

/// How long to wait before what a server did not carry out is sent again. A single server's connection is made anew with
/// pauses of its own. A cluster needs a moment to agree on who takes the place of a node.
const ONE: [Duration; 1] = [Duration::ZERO];
const CLUSTER: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(240),
    Duration::from_millis(400),
];

/// Runs a batch and answers it in its order, what lasts when this many replicas have it.
pub(crate) async fn deliver(servers: &Servers, ops: &[Op], wait_for: u32) -> Result<Vec<Reply>, StoreError> {
    let mut replies: Vec<Option<Reply>> = vec![None; ops.len()];
    let mut waiting: Vec<Waiting<'_>> = ops.iter().enumerate().map(|(at, op)| Waiting { at, op, ask: None }).collect();
    let mut pauses = match servers {
        Servers::One(_) => ONE.iter(),
        Servers::Cluster(_) => CLUSTER.iter(),
    };
    loop {
        let (parcels, slots) = sort(servers, waiting).await?;
        let mut back = Back::default();
        for outcome in join_all(parcels.into_iter().map(|parcel| parcel.send(wait_for))).await {
            back.take(outcome, &mut replies)?;
        }
        let Some(trouble) = back.trouble else { break };
        let Some(pause) = pauses.next() else { return Err(trouble) };
        tokio::time::sleep(*pause).await;
        if let (Servers::Cluster(cluster), Some(slots), true) = (servers, slots, back.lost_the_way) {
            // Where nobody can tell, the next attempt says what is wrong.
            let _ = cluster.look(Some(&slots), back.hint).await;
        }
        waiting = back.waiting;
        waiting.sort_by_key(|waiting| waiting.at);
    }
    replies.into_iter().collect::<Option<_>>().ok_or_else(command::nonsense)
}

/// An operation that has not been answered.
struct Waiting<'a> {
    /// Its place in the batch.
    at: usize,
    op: &'a Op,
    /// A node to ask this once: the key is on its way there.
    ask: Option<Address>,
}

/// Operations that one server is sent in one pipeline, in the order of the batch.
struct Parcel<'a> {
    link: Arc<Link>,
    /// Whether each has to be announced, because the server does not keep the key yet.
    asking: bool,
    waiting: Vec<Waiting<'a>>,
    /// Whether others may be asked when the server is away.
    may_go_elsewhere: bool,
}

/// What became of a parcel.
enum Outcome<'a> {
    /// The server spoke to each operation.
    Answered(Vec<(Waiting<'a>, Result<Reply, Refusal>)>),
    /// It cannot be reached, or was lost on the way, and nobody can tell what it has done: `again` where that does not matter.
    Lost { waiting: Vec<Waiting<'a>>, trouble: StoreError, again: bool },
}

/// Why a server did not carry out an operation.
enum Refusal {
    /// Another keeps the key: this one.
    Moved(StoreError, Option<Address>),
    /// The key is on its way to another.
    Ask(StoreError, Address),
    /// Not now.
    NotNow(StoreError),
    /// Never.
    Never(StoreError),
}

/// Who is sent what; and by which map, where there is one.
async fn sort<'a>(
    servers: &Servers,
    waiting: Vec<Waiting<'a>>,
) -> Result<(Vec<Parcel<'a>>, Option<Arc<Slots>>), StoreError> {
    let cluster = match servers {
        Servers::One(link) => {
            let parcel = Parcel { link: link.clone(), asking: false, waiting, may_go_elsewhere: false };
            return Ok((vec![parcel], None));
        }
        Servers::Cluster(cluster) => cluster,
    };
    let slots = cluster.slots().await?;
    let mut parts: HashMap<(Address, bool), Vec<Waiting<'a>>> = HashMap::new();
    for mut waiting in waiting {
        let destination = match waiting.ask.take() {
            Some(address) => (address, true),
            None => (slots.keeper(batch::key(waiting.op)).ok_or_else(link::nobody)?.clone(), false),
        };
        parts.entry(destination).or_default().push(waiting);
    }
    let parcel = |((address, asking), waiting): ((Address, bool), _)| {
        Ok(Parcel { link: cluster.link(&address)?, asking, waiting, may_go_elsewhere: true })
    };
    Ok((parts.into_iter().map(parcel).collect::<Result<_, StoreError>>()?, Some(slots)))
}

impl<'a> Parcel<'a> {
    async fn send(self, wait_for: u32) -> Outcome<'a> {
        let Line { call, mut connection, epoch } = match self.link.line().await {
            Ok(line) => line,
            Err(trouble) => return Outcome::Lost { waiting: self.waiting, trouble, again: self.may_go_elsewhere },
        };
        let wait_for = if self.waiting.iter().any(|waiting| command::lasts(waiting.op)) { wait_for } else { 0 };
        let (pipeline, answers) = self.pipeline(epoch, wait_for);
        match connection.send_packed_commands(&pipeline, 0, pipeline.len()).await {
            Ok(values) if values.len() == pipeline.len() => {
                let confirmed =
                    wait_for == 0 || matches!(values.last(), Some(Value::Int(by)) if *by >= i64::from(wait_for));
                self.read((call, epoch), values, answers, confirmed)
            }
            Ok(_) => Outcome::Lost { waiting: self.waiting, trouble: command::nonsense(), again: false },
            Err(error) => {
                let lost = self.link.failed(call, &error);
                // The server may have done it before the connection was lost. What reads, or says the same twice, may
                // be asked again; anything else is for the caller to decide.
                let harmless = self.waiting.iter().all(|waiting| command::is_repeatable(waiting.op));
                let again = lost && harmless && !error.is_timeout();
                Outcome::Lost { waiting: self.waiting, trouble: link::unavailable(&error), again }
            }
        }
    }

    fn pipeline(&self, epoch: Option<Epoch>, wait_for: u32) -> (Pipeline, Vec<Answer>) {
        let mut pipeline = Pipeline::with_capacity(self.waiting.len());
        let add = |waiting: &Waiting<'_>| {
            let (command, answer) = command::of(waiting.op, epoch);
            if self.asking {
                pipeline.add_command(words::ASKING.cmd());
            }
            pipeline.add_command(command);
            answer
        };
        let answers = self.waiting.iter().map(add).collect();
        if wait_for > 0 {
            pipeline.add_command(command::wait(wait_for));
        }
        (pipeline, answers)
    }

    fn read(
        self,
        (call, epoch): (u64, Option<Epoch>),
        values: Vec<Value>,
        answers: Vec<Answer>,
        confirmed: bool,
    ) -> Outcome<'a> {
        let step = if self.asking { 2 } else { 1 };
        let values = values.into_iter().skip(step - 1).step_by(step);
        let read = |((value, answer), waiting): ((Value, Answer), &Waiting<'_>)| match value {
            Value::ServerError(error) => Err(self.refusal(call, &error)),
            _ if !confirmed && command::lasts(waiting.op) => Err(Refusal::Never(link::unconfirmed())),
            value => answer.read(value, epoch).map_err(Refusal::Never),
        };
        let results: Vec<_> = values.zip(answers).zip(&self.waiting).map(read).collect();
        Outcome::Answered(self.waiting.into_iter().zip(results).collect())
    }

    fn refusal(&self, call: u64, error: &ServerError) -> Refusal {
        let trouble = link::refused(error);
        match error.kind() {
            Some(ServerErrorKind::Moved) => Refusal::Moved(trouble, redirection(error)),
            Some(ServerErrorKind::Ask) => match redirection(error) {
                Some(address) => Refusal::Ask(trouble, address),
                None => Refusal::Moved(trouble, None),
            },
            Some(ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain) => Refusal::NotNow(trouble),
            _ if self.link.refused(call, error) => Refusal::NotNow(trouble),
            _ => Refusal::Never(trouble),
        }
    }
}

/// What is still to be done after all parcels came back.
#[derive(Default)]
struct Back<'a> {
    waiting: Vec<Waiting<'a>>,
    /// What the last of them met.
    trouble: Option<StoreError>,
    /// Whether a server is not who we thought, and who was named instead.
    lost_the_way: bool,
    hint: Option<Address>,
}

impl<'a> Back<'a> {
    /// Takes the answers out. An error is one that no repetition mends.
    fn take(&mut self, outcome: Outcome<'a>, replies: &mut [Option<Reply>]) -> Result<(), StoreError> {
        match outcome {
            Outcome::Lost { waiting, trouble, again: true } => {
                self.waiting.extend(waiting);
                self.lost_the_way = true;
                self.trouble = Some(trouble);
            }
            Outcome::Lost { trouble, again: false, .. } => return Err(trouble),
            Outcome::Answered(results) => {
                for (mut waiting, result) in results {
                    let trouble = match result {
                        Ok(reply) => {
                            replies[waiting.at] = Some(reply);
                            continue;
                        }
                        Err(Refusal::Never(trouble)) => return Err(trouble),
                        Err(Refusal::Ask(trouble, address)) => {
                            waiting.ask = Some(address);
                            trouble
                        }
                        Err(Refusal::Moved(trouble, address)) => {
                            self.hint = address;
                            self.lost_the_way = true;
                            trouble
                        }
                        Err(Refusal::NotNow(trouble)) => {
                            self.lost_the_way = true;
                            trouble
                        }
                    };
                    self.waiting.push(waiting);
                    self.trouble = Some(trouble);
                }
            }
        }
        Ok(())
    }
}

/// Where `MOVED SLOT HOST:PORT` and `ASK SLOT HOST:PORT` point. Nowhere, where the other does not know its own name.
fn redirection(error: &ServerError) -> Option<Address> {
    let (host, port) = error.details()?.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
    let address = Address { host: host.to_owned(), port: port.parse().ok()? };
    (!host.is_empty() && host != "?").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the client reads it from the wire.
    fn error(text: &str) -> ServerError {
        match ::redis::parse_redis_value(format!("-{text}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn redirections_name_an_address_or_nothing() {
        let read = |text: &str| redirection(&error(text)).map(|address| address.to_string());
        assert_eq!(read("MOVED 3999 127.0.0.1:6381").as_deref(), Some("127.0.0.1:6381"));
        assert_eq!(read("ASK 3999 ::1:6381").as_deref(), Some("[::1]:6381"));
        for text in ["MOVED 3999 :6381", "MOVED 3999 ?:6381", "MOVED 3999", "MOVED", "MOVED 3999 redis.example:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
