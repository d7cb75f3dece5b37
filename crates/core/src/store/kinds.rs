//! What kind of record lies under a key, told by the key alone: for whoever looks after the store without knowing what any of
//! it is about. `keys.rs` makes the names, and this reads them.

use super::Record;
use crate::connection::Connection;
use crate::connections::ConnectionAlias;
use crate::domains::owners::DomainOwners;
use crate::domains::{Domain, ScopeDomains};
use crate::event::Event;
use crate::health::Health;
use crate::last_test::LastTest;
use crate::login::handoff::Handoff;
use crate::login::pushed::{PushedRequest, SpentRequest};
use crate::login::refresh_tokens::{RefreshToken, SpentRefreshToken};
use crate::login::session::{Ended, Session};
use crate::login::test_login::{TestLogin, TestValues};
use crate::login::upstream_logout::Parting;
use crate::login::{AccessToken, Grant, Login, Replay, SpentLogin, Terms};
use crate::logout_notices::LogoutNotice;
use crate::lookup::Lookup;
use crate::own_keys::OwnKeys;
use crate::people::Entry;
use crate::policy::Policy;
use crate::products::{Product, ProductAlias};
use crate::refresh::Lease;
use crate::scope_connections::ScopeConnections;
use crate::tenants::Tenant;
use crate::trace::Trace;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its class, as the seal authenticates it.
    pub class: &'static str,
    /// The version of its schema, likewise.
    pub schema: u16,
    /// Whether only its bearer opens it: with a code, a token, a cookie.
    pub borne: bool,
}

/// The kind of what lies under a key, or of the tombstone there. None: no release before this one writes such a thing.
pub fn kind(key: &str, spent: bool) -> Option<Kind> {
    let found = KINDS.iter().filter(|(name, ..)| key.strip_prefix(name).is_some_and(ends_the_name));
    let (_, live, tombstone) = found.max_by_key(|(name, ..)| name.len())?;
    if spent { *tombstone } else { Some(*live) }
}

/// Names are followed by a hash tag, or by nothing.
fn ends_the_name(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(":{")
}

const fn of<R: Record>() -> Kind {
    Kind { class: R::CLASS, schema: R::SCHEMA, borne: false }
}

const fn borne<R: Record>() -> Kind {
    Kind { borne: true, ..of::<R>() }
}

/// The beginnings of names, what lies there, and what is left where that was taken.
const KINDS: &[(&str, Kind, Option<Kind>)] = &[
    ("p1:conn", of::<Connection>(), None),
    ("p1:alias", of::<ConnectionAlias>(), None),
    ("p1:scope", of::<ScopeConnections>(), None),
    ("p1:product", of::<Product>(), None),
    ("p1:client", of::<ProductAlias>(), None),
    ("p1:tenant", of::<Tenant>(), None),
    ("p1:domain", of::<Domain>(), None),
    ("p1:domains", of::<ScopeDomains>(), None),
    ("p1:owners", of::<DomainOwners>(), None),
    ("p1:policy", of::<Policy>(), None),
    ("p1:person", of::<Entry>(), None),
    ("p1:health", of::<Health>(), None),
    ("p1:tested", of::<LastTest>(), None),
    ("p1:token-keys", of::<OwnKeys>(), None),
    ("p1:own-keys", of::<OwnKeys>(), None),
    ("p1:login", borne::<Login>(), Some(borne::<SpentLogin>())),
    ("p1:handoff", borne::<Handoff>(), Some(borne::<SpentLogin>())),
    ("p1:test", borne::<TestLogin>(), None),
    ("p1:test-values", borne::<TestValues>(), Some(borne::<SpentLogin>())),
    ("p1:par", borne::<PushedRequest>(), Some(borne::<SpentRequest>())),
    ("p1:parting", borne::<Parting>(), None),
    ("p1:notice", of::<LogoutNotice>(), None),
    ("p1:lease", of::<Lease>(), None),
    ("p1:lookup", of::<Lookup>(), None),
    ("p1:replay", of::<Replay>(), None),
    ("p1:code", borne::<Grant>(), Some(borne::<Terms>())),
    ("p1:session", of::<Session>(), Some(of::<Ended>())),
    ("p1:refresh", borne::<RefreshToken>(), Some(borne::<SpentRefreshToken>())),
    ("p1:token", borne::<AccessToken>(), None),
    ("p1:trace", of::<Trace>(), None),
    ("p1:events", of::<Event>(), None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_kind() {
        let class = |key, spent| kind(key, spent).map(|kind| kind.class);
        assert_eq!(class("p1:domain:{abc}", false), Some("domain"));
        assert_eq!(class("p1:domains:{abc}", false), Some("scope-domains"));
        assert_eq!(class("p1:test-values:{abc}", true), Some("spent-login"));
        assert_eq!(class("p1:session:{abc}", true), Some("ended-session"));
        assert_eq!(class("p1:own-keys", false), Some("own-keys"));
        assert_eq!(class("p1:trace:{abc}", true), None, "nobody takes a trace");
        for key in ["p1:keyring", "p1:x:trace:{abc}", "p1:connections:{abc}", "p2:conn:{abc}", ""] {
            assert_eq!(class(key, false), None, "{key}");
        }
        assert!(kind("p1:code:{abc}", false).unwrap().borne && kind("p1:code:{abc}", true).unwrap().borne);
        assert!(!kind("p1:session:{abc}", true).unwrap().borne);
    }
}
