//! Postern, the program: configuration, command line, and (below them) everything that is wired together.

pub mod config;
