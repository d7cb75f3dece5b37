//! What a login needs from outside: a place to keep bytes, a way to seal them, the time, and chance.
//!
//! Each port has a real implementation in another crate and, where it has two, one contract that both pass.

use std::time::Duration;

use async_trait::async_trait;
pub use jiff::Timestamp;

use crate::inventory::{Cursor, Page};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Fills memory with unpredictable bytes.
pub trait Random: Send + Sync {
    /// Overwrites `bytes` with random ones, fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

/// Asks the domain name system.
#[async_trait]
pub trait Dns: Send + Sync {
    /// The TXT records of a name, each with its strings joined (RFC 7208 §3.3), none where the name has none.
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError>;
}

/// Why DNS has no records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name (NXDOMAIN).
    #[error("there is no such name")]
    NoSuchName,
    /// A server failed or refused (SERVFAIL, REFUSED), or there is no way to it.
    #[error("a server failed")]
    ServerFailed,
    /// Nobody answered in time.
    #[error("nobody answered in time")]
    TimedOut,
}

/// One step on the store. Each touches exactly one key, so that a cluster can serve any batch of them.
///
/// Keys are printable ASCII; values are opaque. A value of which a `lifetime` is given is gone from that instant on:
/// reading it then is the same as never having written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Reads a value. → [`Reply::Value`]
    Get {
        /// The key to read.
        key: String,
    },
    /// Writes a value, whatever was there. → [`Reply::Done`]
    Put {
        /// The key to write.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// How long it is kept; `None`: until deleted.
        lifetime: Option<Duration>,
        /// Whether it is worth something only to the server that it was written to, in the same run of it. One that takes
        /// the place of that server, or that starts anew, may not know that the value was taken: it is not given away
        /// ([`Reply::Foreign`], [`Consumed::Foreign`]).
        bound: bool,
    },
    /// Writes a value where none is. → [`Reply::Written`]
    PutNew {
        /// The key to write.
        key: String,
        /// The new value.
        value: Vec<u8>,
        /// How long it is kept; `None`: until deleted.
        lifetime: Option<Duration>,
    },
    /// Takes a value once: replaces a live value by `tombstone` and returns what was there, in one atomic step. Nothing is
    /// written where there was nothing. A tombstone is a value that begins with [`TOMBSTONE`]. → [`Reply::Consumed`]
    Consume {
        /// The key to spend.
        key: String,
        /// What is left behind, without the leading mark. Racing callers have to leave the same.
        tombstone: Vec<u8>,
        /// How long the tombstone is kept.
        lifetime: Duration,
    },
    /// Writes a value if the present one still begins with `revision`. → [`Reply::Written`]
    ReplaceIf {
        /// The key to write.
        key: String,
        /// The first bytes of the value that the caller read. Sealed records begin with a unique header.
        revision: Vec<u8>,
        /// The new value.
        value: Vec<u8>,
        /// How long it is kept; `None`: until deleted.
        lifetime: Option<Duration>,
    },
    /// Writes a value in the place of one that begins with `revision`: the same content in another form, for as long as that
    /// one had left. → [`Reply::Written`]
    Rewrite {
        /// The key to write.
        key: String,
        /// The first bytes of the value that the caller read, which is not bound.
        revision: Vec<u8>,
        /// The new form.
        value: Vec<u8>,
    },
    /// Removes a value. → [`Reply::Written`]: whether there was one.
    Delete {
        /// The key to remove.
        key: String,
    },
    /// Adds a member to an ordered index, or moves it to another score. → [`Reply::Done`]
    IndexAdd {
        /// The index.
        index: String,
        /// Its place: ascending, ties in byte order of the members.
        score: u64,
        /// The entry.
        member: String,
    },
    /// Removes a member from an index. → [`Reply::Written`]: whether it was there.
    IndexRemove {
        /// The index.
        index: String,
        /// The entry.
        member: String,
    },
    /// Removes every member whose score is lower. → [`Reply::Count`]: how many.
    IndexTrim {
        /// The index.
        index: String,
        /// The lowest score that stays.
        below: u64,
    },
    /// Reads members from the highest score down. → [`Reply::Members`]
    IndexPage {
        /// The index.
        index: String,
        /// How many members to skip.
        offset: u64,
        /// How many to return at most.
        limit: u64,
    },
    /// Counts the members. → [`Reply::Count`]
    IndexCount {
        /// The index.
        index: String,
    },
    /// Appends an entry to a log, of which about the last `keep` stay. → [`Reply::Position`]
    LogAppend {
        /// The log.
        log: String,
        /// The entry.
        entry: Vec<u8>,
        /// How many entries stay at least.
        keep: u64,
    },
    /// Reads entries after a position, oldest first. → [`Reply::Entries`]
    LogRead {
        /// The log.
        log: String,
        /// The position of the last entry already read; `None`: from the start.
        after: Option<String>,
        /// How many to return at most.
        limit: u64,
    },
    /// Writes entries of a log anew where they stand: the same content in another form. It is done in parts, from the first
    /// entry to the last, and only with the last part it is certain that all readers see the new ones. What is appended
    /// meanwhile is not touched. → [`Reply::Written`]: whether this part follows the one before; where it does not, somebody
    /// else does the same, or too much time has passed, and it begins anew.
    LogRewrite {
        /// The log.
        log: String,
        /// The position that the part before ended with; `None`: this is the first.
        after: Option<String>,
        /// All entries that follow, with their positions.
        entries: Vec<(String, Vec<u8>)>,
        /// Whether this part is the last.
        last: bool,
    },
}

/// The first byte of every tombstone. No live value begins with it: sealed records begin with their format, 1.
pub const TOMBSTONE: u8 = 0;

/// The answer to one [`Op`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The value, if there is one. May be a tombstone.
    Value(Option<Vec<u8>>),
    /// There is a value, and it is bound to another run of a server.
    Foreign,
    /// Done, always.
    Done,
    /// Whether anything changed.
    Written(bool),
    /// What a [`Op::Consume`] found.
    Consumed(Consumed),
    /// How many.
    Count(u64),
    /// Members of an index with their scores.
    Members(Vec<(String, u64)>),
    /// Where an entry stands in its log; later entries have later positions, in a form that only the backend reads.
    Position(String),
    /// Entries of a log with their positions.
    Entries(Vec<(String, Vec<u8>)>),
}

/// What was at a key that was to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumed {
    /// The live value. Nobody else gets it again.
    Live(Vec<u8>),
    /// It was spent before; what was left behind then, without the leading mark.
    Spent(Vec<u8>),
    /// There is nothing, or no longer.
    Absent,
    /// There was a value, bound to another run of a server, where somebody may have taken it. It is spent now.
    Foreign,
}

/// A store of bytes: Redis, or one process's memory and file. What each verb means is shown by one contract suite, which
/// every backend passes (`postern_store::contract`).
#[async_trait]
pub trait Backend: Send + Sync {
    /// Runs the operations and answers each, in one round trip; those on one key in their order, and where one server keeps
    /// all keys, all of them. Another caller's operations may come between them: each is atomic, the batch is not. A
    /// batch that fails may have been carried out in part.
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError>;

    /// Lists what is kept under keys that begin with `prefix`, a page at a time, from the start or where an earlier page ended.
    /// Whatever is there from the first page to the last is on one of them, some of it perhaps on two. A server that keeps a part
    /// of it and changes meanwhile is an error: then the list begins anew.
    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError>;

    /// Since when what [`Op::PutNew`] wrote is certainly remembered; `None`: since ever, as far as this process has seen. A server
    /// that takes the place of another may lack what that one wrote last.
    fn remembers_since(&self) -> Option<Timestamp>;
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, slow, or refuses us.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record does not open: changed, truncated, moved from another key, or sealed with a key that we do not have.
    #[error("a stored record of class {class} does not open")]
    Unreadable {
        /// The class of the record, never its name.
        class: &'static str,
    },
    /// A record is older than one that was in its place, or was deleted.
    #[error("a stored record of class {class} is older than one that was there before")]
    RolledBack {
        /// The class of the record, never its name.
        class: &'static str,
    },
    /// A record is bound to another run of a server: it may have been taken there.
    #[error("a stored record of class {class} was written before the store was restarted or replaced")]
    Foreign {
        /// The class of the record, never its name.
        class: &'static str,
    },
}

/// Where a sealed record belongs. All of it is authenticated: a record moved elsewhere does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The kind of record, such as `login`.
    pub class: &'static str,
    /// The version of the record's schema.
    pub schema: u16,
    /// The full key under which it is stored.
    pub key: &'a str,
    /// A secret that only its bearer has (a code, a token, a browser's cookie), mixed into the key of the record.
    pub bearer: &'a [u8],
}

/// Seals records and makes blind names.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Encrypts and authenticates. The first [`REVISION_BYTES`] bytes of the result are unique to this call.
    fn seal(&self, place: Place<'_>, plain: &[u8]) -> Vec<u8>;
    /// The plain bytes, if the record is whole, at its place, and sealed with a key of ours.
    fn open(&self, place: Place<'_>, sealed: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>>;
    /// The number of the key that sealed this, if we do not have it and have not looked it up of late.
    fn unknown(&self, sealed: &[u8]) -> Option<u32>;
    /// Looks whether there is a key of this number by now: another process may have made it a moment ago.
    async fn look_up(&self, number: u32, backend: &dyn Backend) -> Result<(), StoreError>;
    /// Whether `present` is the record that `revision` begins, sealed anew since then.
    fn is_sealed_anew(&self, revision: &[u8], present: &[u8]) -> bool;
    /// A name of 132 bits that tells nothing about `value` to those who lack the key; 22 characters, base64url. Never changes.
    fn blind(&self, class: &str, value: &[u8]) -> String;
    /// A subject identifier of 256 bits: the same for the same parts, for ever; 43 characters, base64url. The parts are
    /// length-prefixed before they are hashed.
    fn subject(&self, parts: &[&[u8]]) -> String;
}

/// How many leading bytes of a sealed record identify this version of it: format, suite, key number, salt.
pub const REVISION_BYTES: usize = 1 + 1 + 4 + 32;
