//! Postern, the program: configuration, command line, and everything that is wired together. What a login is, `postern_core`
//! tells; here it meets HTTP. [`routes`] lists every address on one page; [`handlers`] has a file for each; [`reply`] turns
//! faults into answers.

pub mod api_keys;
pub mod app;
pub mod browser;
pub mod checkup;
pub mod cli;
pub mod client;
pub mod config;
pub mod cors;
pub mod dns;
pub mod fetched;
pub mod fields;
pub mod guesser;
pub mod handlers;
pub mod jobs;
pub mod limit;
pub mod listen;
pub mod logout_message;
pub mod metrics;
pub mod observe;
pub mod openid;
pub mod own_keys;
pub mod pages;
pub mod proofs;
pub mod region;
pub mod reload;
pub mod repetition;
pub mod reply;
pub mod routes;
pub mod system;
pub mod token_keys;
pub mod visitor;
