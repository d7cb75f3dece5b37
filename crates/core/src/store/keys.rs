//! The names of everything that is stored, and nothing else. `docs/STORE.md` explains the table.
//!
//! Names that come from outside (tenants, ids, codes) appear only as keyed hashes of 132 bits. The part in braces is the
//! hash tag by which Redis Cluster places a key.

use std::marker::PhantomData;

use zeroize::Zeroizing;

use super::Record;
use crate::connection::{Connection, ConnectionId};
use crate::connections::ConnectionAlias;
use crate::domain_name::DomainName;
use crate::domains::owners::DomainOwners;
use crate::domains::{Domain, DomainId, ScopeDomains};
use crate::event::Event;
use crate::health::Health;
use crate::last_test::LastTest;
use crate::login::handoff::Handoff;
use crate::login::pushed::PushedRequest;
use crate::login::refresh_tokens::RefreshToken;
use crate::login::session::{ListedBy, Session, SessionId};
use crate::login::test_login::{TestId, TestLogin, TestValues};
use crate::login::upstream_logout::Parting;
use crate::login::{AccessToken, Grant, Login, Replay};
use crate::logout_notices::LogoutNotice;
use crate::lookup::Lookup;
use crate::mail_address::MailAddress;
use crate::own_keys::OwnKeys;
use crate::people::{Entry, List, PersonName};
use crate::policy::Policy;
use crate::ports::Seal;
use crate::products::{Product, ProductAlias};
use crate::refresh::Lease;
use crate::scope::Scope;
use crate::scope_connections::ScopeConnections;
use crate::secret::Secret;
use crate::tenants::Tenant;
use crate::trace::{Trace, TraceId};

/// Where one record of kind `R` lies.
pub struct Key<R> {
    name: String,
    bearer: Zeroizing<Vec<u8>>,
    kind: PhantomData<fn() -> R>,
}

impl<R: Record> Key<R> {
    fn new(name: String) -> Self {
        Self::borne(name, &[])
    }
    fn borne(name: String, bearer: &[u8]) -> Self {
        Self { name, bearer: Zeroizing::new(bearer.to_vec()), kind: PhantomData }
    }
    /// The full name in the backend.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What only the bearer knows and the record's key depends on.
    pub(super) fn bearer(&self) -> &[u8] {
        &self.bearer
    }
}

/// An ordered index. Its members are the blind parts of keys.
#[derive(Debug, Clone)]
pub struct Index(pub(super) String);

/// A log of sealed entries.
pub struct Log<R> {
    pub(super) name: String,
    pub(super) kind: PhantomData<fn() -> R>,
}

/// Makes keys. The names of records that carry a secret (a code, a token, a browser's cookie) are made from that secret, so
/// that nobody can spend what they cannot name.
pub struct Keys<'a> {
    seal: &'a dyn Seal,
}

impl<'a> Keys<'a> {
    pub(super) fn new(seal: &'a dyn Seal) -> Self {
        Self { seal }
    }

    fn blind<R: Record>(&self, parts: &[&str]) -> String {
        self.seal.blind(R::CLASS, parts.join("\0").as_bytes())
    }

    /// A connection by its id.
    pub fn connection(&self, id: &ConnectionId) -> Key<Connection> {
        self.connection_member(&self.connection_name(id))
    }
    /// The member under which indexes name a connection.
    pub fn connection_name(&self, id: &ConnectionId) -> String {
        self.blind::<Connection>(&[&id.0])
    }
    /// A connection by its member in an index.
    pub fn connection_member(&self, member: &str) -> Key<Connection> {
        Key::new(format!("p1:conn:{{{member}}}"))
    }
    /// The id of the connection that has this Jackson `clientID`.
    pub fn connection_alias(&self, client_id: &str) -> Key<ConnectionAlias> {
        Key::new(format!("p1:alias:{{{}}}", self.blind::<ConnectionAlias>(&[client_id])))
    }
    /// The connections of a scope.
    pub fn scope(&self, scope: &Scope) -> Key<ScopeConnections> {
        Key::new(format!("p1:scope:{{{}}}", self.blind::<ScopeConnections>(&[&scope.tenant, &scope.product])))
    }
    /// All connections of a product, by time of creation.
    pub fn connections_of_product(&self, product: &str) -> Index {
        Index(format!("p1:x:conn:product:{{{}}}", self.seal.blind("connections-of-product", product.as_bytes())))
    }
    /// All connections to an IdP, by time of creation.
    pub fn connections_of_entity(&self, entity_id: &str) -> Index {
        Index(format!("p1:x:conn:entity:{{{}}}", self.seal.blind("connections-of-entity", entity_id.as_bytes())))
    }

    /// The keys with which we present ourselves to SAML IdPs.
    pub fn own_keys(&self) -> Key<OwnKeys> {
        Key::new("p1:own-keys".into())
    }
    /// The keys that sign tokens for apps.
    pub fn token_keys(&self) -> Key<OwnKeys> {
        Key::new("p1:token-keys".into())
    }
    /// Connections whose metadata is fetched, by when that is due.
    pub fn refreshes(&self) -> Index {
        Index("p1:x:refresh".into())
    }
    /// What the looks at a connection's IdP came to.
    pub fn health(&self, id: &ConnectionId) -> Key<Health> {
        Key::new(format!("p1:health:{{{}}}", self.blind::<Health>(&[&id.0])))
    }
    /// Connections whose IdP has an address, by when it is looked at again.
    pub fn health_looks(&self) -> Index {
        Index("p1:x:health".into())
    }
    /// Connections, by when the last of their IdP's certificates expires.
    pub fn expiries(&self) -> Index {
        Index("p1:x:expiry".into())
    }
    /// Who does a piece of background work.
    pub fn lease(&self, name: &str) -> Key<Lease> {
        Key::new(format!("p1:lease:{{{}}}", self.blind::<Lease>(&[name])))
    }
    /// Who looks a key of a connection's IdP up.
    pub fn lookup(&self, id: &ConnectionId) -> Key<Lookup> {
        Key::new(format!("p1:lookup:{{{}}}", self.blind::<Lookup>(&[&id.0])))
    }

    /// A registered product by its name.
    pub fn product(&self, name: &str) -> Key<Product> {
        self.product_member(&self.product_name(name))
    }
    /// The member under which the index names a product.
    pub fn product_name(&self, name: &str) -> String {
        self.blind::<Product>(&[name])
    }
    /// A product by its member in the index.
    pub fn product_member(&self, member: &str) -> Key<Product> {
        Key::new(format!("p1:product:{{{member}}}"))
    }
    /// The name of the product that has this `client_id`.
    pub fn product_alias(&self, client_id: &str) -> Key<ProductAlias> {
        Key::new(format!("p1:client:{{{}}}", self.blind::<ProductAlias>(&[client_id])))
    }
    /// All registered products, by time of registration.
    pub fn products(&self) -> Index {
        Index("p1:x:product".into())
    }

    /// A tenant by its name.
    pub fn tenant(&self, name: &str) -> Key<Tenant> {
        self.tenant_member(&self.tenant_name(name))
    }
    /// The member under which indexes name a tenant.
    pub fn tenant_name(&self, name: &str) -> String {
        self.blind::<Tenant>(&[name])
    }
    /// A tenant by its member in an index.
    pub fn tenant_member(&self, member: &str) -> Key<Tenant> {
        Key::new(format!("p1:tenant:{{{member}}}"))
    }
    /// All tenants, by when they became known.
    pub fn tenants(&self) -> Index {
        Index("p1:x:tenant".into())
    }
    /// The tenants of a product, likewise.
    pub fn tenants_of_product(&self, product: &str) -> Index {
        Index(format!("p1:x:tenant:product:{{{}}}", self.seal.blind("tenants-of-product", product.as_bytes())))
    }

    /// A claim to a domain, by its id.
    pub fn domain(&self, id: &DomainId) -> Key<Domain> {
        self.domain_member(&self.domain_name(id))
    }
    /// The member under which indexes name a claim.
    pub fn domain_name(&self, id: &DomainId) -> String {
        self.blind::<Domain>(&[&id.0])
    }
    /// A claim by its member in an index.
    pub fn domain_member(&self, member: &str) -> Key<Domain> {
        Key::new(format!("p1:domain:{{{member}}}"))
    }
    /// The claims of a scope.
    pub fn scope_domains(&self, scope: &Scope) -> Key<ScopeDomains> {
        Key::new(format!("p1:domains:{{{}}}", self.blind::<ScopeDomains>(&[&scope.tenant, &scope.product])))
    }
    /// Who has proven a domain.
    pub fn domain_owners(&self, name: &DomainName) -> Key<DomainOwners> {
        Key::new(format!("p1:owners:{{{}}}", self.blind::<DomainOwners>(&[name.as_str()])))
    }
    /// All claims of a product, by time.
    pub fn domains_of_product(&self, product: &str) -> Index {
        Index(format!("p1:x:domain:product:{{{}}}", self.seal.blind("domains-of-product", product.as_bytes())))
    }
    /// All proven claims, by when they are looked at again.
    pub fn domain_checks(&self) -> Index {
        Index("p1:x:domain-checks".into())
    }
    /// The settings of a scope.
    pub fn policy(&self, scope: &Scope) -> Key<Policy> {
        Key::new(format!("p1:policy:{{{}}}", self.blind::<Policy>(&[&scope.tenant, &scope.product])))
    }

    /// Somebody on a list of a scope.
    pub fn person(&self, list: List, scope: &Scope, name: &PersonName) -> Key<Entry> {
        self.person_member(&self.person_name(list, scope, name))
    }
    /// The member under which that list names somebody.
    pub fn person_name(&self, list: List, scope: &Scope, name: &PersonName) -> String {
        let [kind, text] = name.parts();
        self.blind::<Entry>(&[list.name(), &scope.tenant, &scope.product, kind, text])
    }
    /// Somebody by their member in a list.
    pub fn person_member(&self, member: &str) -> Key<Entry> {
        Key::new(format!("p1:person:{{{member}}}"))
    }
    /// The people on a list of a scope, by when they were named.
    pub fn people(&self, list: List, scope: &Scope) -> Index {
        let parts = [list.name(), &scope.tenant, &scope.product].join("\0");
        Index(format!("p1:x:people:{{{}}}", self.seal.blind("people", parts.as_bytes())))
    }
    /// The addresses that enforcement would be about, by when they were last asked for.
    pub fn observed(&self, scope: &Scope) -> Index {
        let name = [scope.tenant.as_str(), &scope.product].join("\0");
        Index(format!("p1:x:observed:{{{}}}", self.seal.blind("observed", name.as_bytes())))
    }
    /// The member under which that index names an address.
    pub fn observed_address(&self, scope: &Scope, email: &str) -> String {
        let name = [scope.tenant.as_str(), &scope.product, email].join("\0");
        self.seal.blind("observed-address", name.as_bytes())
    }

    /// A pending login: found and opened only with the secret of the browser that began it.
    pub fn login(&self, id: &str, browser: &str) -> Key<Login> {
        Key::borne(format!("p1:login:{{{}}}", self.blind::<Login>(&[id, browser])), browser.as_bytes())
    }
    /// A verified person who waits for the app: found and opened only with the secret of the browser that they came in.
    pub fn handoff(&self, handle: &str, browser: &str) -> Key<Handoff> {
        Key::borne(format!("p1:handoff:{{{}}}", self.blind::<Handoff>(&[handle, browser])), browser.as_bytes())
    }
    /// A question that an app pushed.
    pub fn pushed(&self, handle: &Secret) -> Key<PushedRequest> {
        let handle = handle.expose();
        Key::borne(format!("p1:par:{{{}}}", self.blind::<PushedRequest>(&[handle])), handle.as_bytes())
    }
    /// A test login: found and opened by its name alone.
    pub fn test_login(&self, id: &TestId) -> Key<TestLogin> {
        Key::borne(format!("p1:test:{{{}}}", self.blind::<TestLogin>(&[&id.0])), id.0.as_bytes())
    }
    /// What the IdP sent in a test login, likewise.
    pub fn test_values(&self, id: &TestId) -> Key<TestValues> {
        Key::borne(format!("p1:test-values:{{{}}}", self.blind::<TestValues>(&[&id.0])), id.0.as_bytes())
    }
    /// How the last test login of a connection ended.
    pub fn last_test(&self, id: &ConnectionId) -> Key<LastTest> {
        Key::new(format!("p1:tested:{{{}}}", self.blind::<LastTest>(&[&id.0])))
    }
    /// That an assertion was used.
    pub fn replay(&self, connection: &ConnectionId, assertion_id: &str) -> Key<Replay> {
        Key::new(format!("p1:replay:{{{}}}", self.blind::<Replay>(&[&connection.0, assertion_id])))
    }
    /// That a client's assertion of who it is was used. No connection is called `client`, `proof` or `logout`.
    pub fn assertion(&self, client_id: &str, jti: &str) -> Key<Replay> {
        Key::new(format!("p1:replay:{{{}}}", self.blind::<Replay>(&["client", client_id, jti])))
    }
    /// That a proof of possession was used.
    pub fn proof(&self, thumbprint: &str, jti: &str) -> Key<Replay> {
        Key::new(format!("p1:replay:{{{}}}", self.blind::<Replay>(&["proof", thumbprint, jti])))
    }
    /// That an IdP's request to end sessions was used.
    pub fn logout_request(&self, connection: &ConnectionId, request_id: &str) -> Key<Replay> {
        Key::new(format!("p1:replay:{{{}}}", self.blind::<Replay>(&["logout", &connection.0, request_id])))
    }
    /// What proofs of possession repeat in this period: no key, but made like the name of one.
    pub fn nonce(&self, period: &str) -> String {
        self.seal.blind("dpop-nonce", period.as_bytes())
    }
    /// What a code stands for.
    pub fn grant(&self, code: &str) -> Key<Grant> {
        Key::borne(format!("p1:code:{{{}}}", self.blind::<Grant>(&[code])), code.as_bytes())
    }
    /// What an access token stands for.
    pub fn access_token(&self, token: &str) -> Key<AccessToken> {
        Key::borne(format!("p1:token:{{{}}}", self.blind::<AccessToken>(&[token])), token.as_bytes())
    }
    /// What a refresh token stands for.
    pub fn refresh_token(&self, token: &str) -> Key<RefreshToken> {
        Key::borne(format!("p1:refresh:{{{}}}", self.blind::<RefreshToken>(&[token])), token.as_bytes())
    }

    /// A session.
    pub fn session(&self, id: &SessionId) -> Key<Session> {
        self.session_member(&self.session_name(id))
    }
    /// The member under which indexes name a session.
    pub fn session_name(&self, id: &SessionId) -> String {
        self.blind::<Session>(&[&id.0])
    }
    /// A session by its member in an index.
    pub fn session_member(&self, member: &str) -> Key<Session> {
        Key::new(format!("p1:session:{{{member}}}"))
    }
    /// The sessions of a scope or a person, by time of beginning.
    pub fn sessions(&self, by: ListedBy<'_>) -> Index {
        self.session_list(&self.session_list_name(by))
    }
    /// The blind name of a list of sessions.
    pub fn session_list_name(&self, by: ListedBy<'_>) -> String {
        let address = |text: &str| match MailAddress::read(text) {
            Some(address) => address.to_string(),
            None => text.trim().to_lowercase(),
        };
        let parts: &[&str] = match by {
            ListedBy::Scope(scope) => &["scope", &scope.tenant, &scope.product],
            ListedBy::Subject(scope, subject) => &["subject", &scope.tenant, &scope.product, subject],
            ListedBy::Email(scope, email) => &["email", &scope.tenant, &scope.product, &address(email)],
            ListedBy::Upstream(connection, name) => &["upstream", &connection.0, name],
        };
        self.seal.blind("sessions", parts.join("\0").as_bytes())
    }
    /// A list of sessions by its blind name.
    pub fn session_list(&self, name: &str) -> Index {
        Index(format!("p1:x:session:{{{name}}}"))
    }
    /// That an app is to be told of an ended session.
    pub fn logout_notice(&self, id: &str) -> Key<LogoutNotice> {
        Key::new(format!("p1:notice:{{{}}}", self.blind::<LogoutNotice>(&[id])))
    }
    /// The queue of these, by when they are due.
    pub fn logout_notices(&self) -> Index {
        Index("p1:x:notices".into())
    }

    /// Where a browser goes that is with the IdP to sign out there: found and opened only with its secret, like a login.
    pub fn parting(&self, state: &str, browser: &str) -> Key<Parting> {
        Key::borne(format!("p1:parting:{{{}}}", self.blind::<Parting>(&[state, browser])), browser.as_bytes())
    }

    /// All sessions, by when they are over.
    pub fn session_ends(&self) -> Index {
        Index("p1:x:session-ends".into())
    }

    /// A trace by its id.
    pub fn trace(&self, id: &TraceId) -> Key<Trace> {
        self.trace_member(&self.trace_name(id))
    }
    /// The member under which the index names a trace.
    pub fn trace_name(&self, id: &TraceId) -> String {
        self.blind::<Trace>(&[&id.0])
    }
    /// A trace by its member in the index.
    pub fn trace_member(&self, member: &str) -> Key<Trace> {
        Key::new(format!("p1:trace:{{{member}}}"))
    }
    /// The traces of a product, by time.
    pub fn traces(&self, product: &str) -> Index {
        Index(format!("p1:x:trace:{{{}}}", self.seal.blind("traces", product.as_bytes())))
    }

    /// Everything that happened.
    pub fn events(&self) -> Log<Event> {
        Log { name: "p1:events".into(), kind: PhantomData }
    }
}
