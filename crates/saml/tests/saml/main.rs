//! The rules of the crate, from outside: documents in, a verified assertion or a code out. `support` writes and signs the
//! documents without any help of the crate.

mod bounds;
mod encrypted;
mod encrypter;
mod flipped_bytes;
mod identity;
mod logout;
mod metadata;
mod requests;
mod rules;
mod second;
mod signatures;
mod support;
mod wrapping;
