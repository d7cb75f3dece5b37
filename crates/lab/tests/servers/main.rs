//! The two servers of the lab over HTTP.

mod app;
mod idp;
mod world;
