//! Everything that a store keeps, as a list in pages: for looking after it, never for a login. Keys and sizes of time are all
//! that it tells; what a value says is sealed.

use std::time::Duration;

use crate::ports::REVISION_BYTES;

/// How much of a value a list shows: enough to tell a tombstone, the key that sealed it, and which version of it this is.
pub const HEAD_BYTES: usize = 1 + REVISION_BYTES;

/// Where a list goes on. Only the backend that made it can read it, and only as long as its servers stay who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// A part of the list.
#[derive(Debug, Default)]
pub struct Page {
    /// What is kept, in no particular order. May be nothing although there is more.
    pub items: Vec<Item>,
    /// Where the rest begins; `None`: this was the last page.
    pub next: Option<Cursor>,
}

/// Something that is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: String,
    /// What it is.
    pub kept: Kept,
}

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A value.
    Value {
        /// Its first [`HEAD_BYTES`] bytes, or all of a shorter one, as [`Op::Get`](crate::ports::Op::Get) reads them.
        head: Vec<u8>,
        /// How much longer it is kept; `None`: until deleted.
        lifetime: Option<Duration>,
        /// Whether it is worth something only to the run of the server that it was written to.
        bound: bool,
    },
    /// An ordered index.
    Index,
    /// A log.
    Log,
}
