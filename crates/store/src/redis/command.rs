//! Each operation in Redis' words: one command, on one key.

use ::redis::{Cmd, ErrorKind, RedisError, Value, from_redis_value};
use postern_core::ports::{Consumed, Op, Reply, StoreError, TOMBSTONE};

use super::epoch::{self, Epoch, Found};
use super::words;
use crate::batch::milliseconds;
use crate::position::Position;
use crate::verbs;

/// Compares and writes in one step. There is no command for it that Redis 6.2 and Valkey share.
const REPLACE_IF: &str = "\
local present = redis.call('GET', KEYS[1])
if not present or string.sub(present, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1";

/// The same, and the lifetime stays.
const REWRITE: &str = "\
local present = redis.call('GET', KEYS[1])
if not present or string.sub(present, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1";

/// Entries of a stream cannot be changed. So a copy grows beside it, part by part, and takes its place with the last one; what
/// was appended meanwhile comes over in the same step. ARGV: where the copy has to end by now, or nothing; whether this is the
/// last part; positions and entries in turn. A copy that nobody goes on with ends after an hour.
const LOG_REWRITE: &str = "\
if ARGV[1] == '' then redis.call('DEL', KEYS[2]) else
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if not last or last[1] ~= ARGV[1] then return 0 end
end
local last = ARGV[1]
for at = 3, #ARGV, 2 do
  redis.call('XADD', KEYS[2], ARGV[at], 'e', ARGV[at + 1])
  last = ARGV[at]
end
if last == '' then return 0 end
redis.call('PEXPIRE', KEYS[2], 3600000)
if ARGV[2] == '0' then return 1 end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. last, '+')) do
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
end
redis.call('PERSIST', KEYS[2])
redis.call('RENAME', KEYS[2], KEYS[1])
return 1";

/// What is to be made of the value that a command returns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Value,
    Done,
    Set,
    Changed,
    Consumed,
    Count,
    Members,
    Position,
    Entries,
}

/// The command for an operation, on a connection in an epoch.
pub(crate) fn of(op: &Op, epoch: Option<Epoch>) -> (Cmd, Answer) {
    let mut command;
    let answer = match op {
        Op::Get { key } => {
            command = words::GET.cmd();
            command.arg(key);
            Answer::Value
        }
        Op::Put { key, value, lifetime, bound } => {
            command = words::SET.cmd();
            match epoch.filter(|_| *bound) {
                Some(epoch) => command.arg(key).arg(epoch.bind(value)),
                None => command.arg(key).arg(value),
            };
            if let Some(lifetime) = lifetime {
                command.arg("PX").arg(milliseconds(*lifetime));
            }
            Answer::Done
        }
        Op::PutNew { key, value, lifetime } => {
            command = words::SET.cmd();
            command.arg(key).arg(value).arg("NX");
            if let Some(lifetime) = lifetime {
                command.arg("PX").arg(milliseconds(*lifetime));
            }
            Answer::Set
        }
        // XX: nothing is written where there is nothing. GET: what was there comes back. Where a tombstone was, the same
        // tombstone is written again, and it comes back too.
        Op::Consume { key, tombstone, lifetime } => {
            command = words::SET.cmd();
            let marked = [&[TOMBSTONE], &tombstone[..]].concat();
            command.arg(key).arg(marked).arg("XX").arg("GET").arg("PX").arg(milliseconds(*lifetime));
            Answer::Consumed
        }
        Op::ReplaceIf { key, revision, value, lifetime } => {
            command = words::EVAL.cmd();
            command.arg(REPLACE_IF).arg(1).arg(key).arg(revision).arg(value);
            if let Some(lifetime) = lifetime {
                command.arg(milliseconds(*lifetime));
            }
            Answer::Changed
        }
        Op::Rewrite { key, revision, value } => {
            command = words::EVAL.cmd();
            command.arg(REWRITE).arg(1).arg(key).arg(revision).arg(value);
            Answer::Changed
        }
        Op::Delete { key } => {
            command = words::DEL.cmd();
            command.arg(key);
            Answer::Changed
        }
        Op::IndexAdd { index, score, member } => {
            command = words::ZADD.cmd();
            command.arg(index).arg(score).arg(member);
            Answer::Done
        }
        Op::IndexRemove { index, member } => {
            command = words::ZREM.cmd();
            command.arg(index).arg(member);
            Answer::Changed
        }
        Op::IndexTrim { index, below } => {
            command = words::ZREMRANGEBYSCORE.cmd();
            command.arg(index).arg("-inf").arg(format!("({below}"));
            Answer::Count
        }
        Op::IndexPage { index, offset, limit } => {
            let (first, last) = ranks(*offset, *limit);
            command = words::ZRANGE.cmd();
            command.arg(index).arg(first).arg(last).arg("REV").arg("WITHSCORES");
            Answer::Members
        }
        Op::IndexCount { index } => {
            command = words::ZCARD.cmd();
            command.arg(index);
            Answer::Count
        }
        // "~": whole nodes of the stream are dropped, which is much cheaper; about a hundred entries more may stay.
        Op::LogAppend { log, entry, keep } => {
            command = words::XADD.cmd();
            command.arg(log).arg("MAXLEN").arg("~").arg(keep).arg("*").arg("e").arg(entry);
            Answer::Position
        }
        Op::LogRead { log, after, limit } => {
            command = words::XRANGE.cmd();
            let start = after.as_deref().and_then(Position::parse).map_or("-".to_owned(), |after| format!("({after}"));
            command.arg(log).arg(start).arg("+").arg("COUNT").arg(whole(*limit));
            Answer::Entries
        }
        Op::LogRewrite { log, after, entries, last } => {
            command = words::EVAL.cmd();
            command.arg(LOG_REWRITE).arg(2).arg(log).arg(copy(log));
            command.arg(after.as_deref().unwrap_or_default()).arg(u8::from(*last));
            for (position, entry) in entries {
                command.arg(position).arg(entry);
            }
            Answer::Changed
        }
    };
    (command, answer)
}

/// Where the copy of a log grows, kept by the server that keeps the log.
fn copy(log: &str) -> String {
    if log.contains('{') { format!("p1:copy:{log}") } else { format!("p1:copy:{{{log}}}") }
}

/// Whether it makes no difference, to the store and to the answer, that an operation runs twice.
pub(crate) fn is_repeatable(op: &Op) -> bool {
    match op {
        Op::Get { .. } | Op::Put { .. } | Op::IndexAdd { .. } => true,
        Op::IndexPage { .. } | Op::IndexCount { .. } | Op::LogRead { .. } => true,
        Op::PutNew { .. } | Op::Consume { .. } | Op::ReplaceIf { .. } | Op::Delete { .. } => false,
        Op::IndexRemove { .. } | Op::IndexTrim { .. } | Op::LogAppend { .. } => false,
        Op::Rewrite { .. } | Op::LogRewrite { .. } => false,
    }
}

/// Whether an operation writes a value that has no end.
pub(crate) fn lasts(op: &Op) -> bool {
    match op {
        Op::Put { lifetime, .. } | Op::PutNew { lifetime, .. } | Op::ReplaceIf { lifetime, .. } => lifetime.is_none(),
        _ => false,
    }
}

/// Waits until this many replicas have everything that was written over this connection, for less long than an answer may
/// take. → how many have it
pub(crate) fn wait(replicas: u32) -> Cmd {
    let mut command = words::WAIT.cmd();
    command.arg(replicas).arg(400);
    command
}

impl Answer {
    /// Reads what the server said.
    pub(crate) fn read(self, value: Value, epoch: Option<Epoch>) -> Result<Reply, StoreError> {
        self.parse(value, epoch).map_err(|_| nonsense())
    }

    fn parse(self, value: Value, epoch: Option<Epoch>) -> Result<Reply, RedisError> {
        Ok(match self {
            Answer::Value => match from_redis_value::<Option<_>>(value)?.map(|found| epoch::judge(found, epoch)) {
                None => Reply::Value(None),
                Some(Found::Value(value)) => Reply::Value(Some(value)),
                Some(Found::Foreign) => Reply::Foreign,
            },
            Answer::Done => Reply::Done,
            Answer::Set => Reply::Written(value != Value::Nil),
            Answer::Changed => Reply::Written(from_redis_value::<u64>(value)? > 0),
            Answer::Consumed => Reply::Consumed(match from_redis_value::<Option<Vec<u8>>>(value)? {
                None => Consumed::Absent,
                Some(found) => match epoch::judge(found, epoch) {
                    Found::Value(found) => verbs::consumed(found),
                    Found::Foreign => Consumed::Foreign,
                },
            }),
            Answer::Count => Reply::Count(from_redis_value(value)?),
            Answer::Members => {
                let members: Vec<(String, f64)> = from_redis_value(value)?;
                // Only whole numbers up to 2^53 are ever written.
                Reply::Members(members.into_iter().map(|(member, score)| (member, score as u64)).collect())
            }
            Answer::Position => Reply::Position(from_redis_value(value)?),
            Answer::Entries => {
                let entries: Option<Vec<Entry>> = from_redis_value(value)?;
                Reply::Entries(entries.unwrap_or_default().into_iter().map(only_field).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// An entry of a stream: its position, and its fields with their names. Ours have one.
type Entry = (String, Vec<(String, Vec<u8>)>);

fn only_field((position, fields): Entry) -> Result<(String, Vec<u8>), RedisError> {
    match fields.into_iter().next() {
        Some((_, entry)) => Ok((position, entry)),
        None => Err((ErrorKind::UnexpectedReturnType, "an entry without a field").into()),
    }
}

/// The server answered something that none of our commands is answered with.
pub(crate) fn nonsense() -> StoreError {
    StoreError::Unavailable("Redis answers what it was not asked; is another program using these keys?".into())
}

/// The first and the last rank of a page. A last one before the first is an empty page, but -1 is the end of the index.
fn ranks(offset: u64, limit: u64) -> (i64, i64) {
    match limit {
        0 => (1, 0),
        _ => (whole(offset), whole(offset.saturating_add(limit - 1))),
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
