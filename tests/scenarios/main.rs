//! Stories from end to end. What they are made of is in the library of this package.

mod claims;
mod contention;
mod cookie;
mod demo;
mod discovery;
mod domains;
mod example;
mod faults;
mod identity_providers;
mod idp_initiated;
mod logout;
mod marks;
mod openapi;
mod openid_clients;
mod people;
mod regions;
mod reload;
mod removal;
mod rotation;
mod secrecy;
mod sign_in;
mod single_logout;
mod tenants;
mod test_login;
mod token_keys;
mod tour;
