//! What the handlers work with, wired together once and shared by all workers.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use postern_core::connection::{Connection, SamlIdp};
use postern_core::connections::Connections;
use postern_core::discover::Discovery;
use postern_core::domains::Domains;
use postern_core::event::Events;
use postern_core::fault::Fault;
use postern_core::login::{Logins, Settings};
use postern_core::logout_notices::LogoutNotices;
use postern_core::openid::OidcIdp;
use postern_core::own_keys::{Drawer, KeyCupboard};
use postern_core::people::People;
use postern_core::policy::Policies;
use postern_core::ports::{Backend, Clock, Dns, Random, StoreError, Timestamp};
use postern_core::products::Products;
use postern_core::removal::Removals;
use postern_core::secret::Secret;
use postern_core::sessions::Sessions;
use postern_core::store::Store;
use postern_core::tenants::Tenants;
use postern_core::trace::Traces;
use postern_fetch::Fetch;
use postern_oidc::id_token;
use postern_oidc::redeem::Tokens;
use postern_saml::keys::DecryptionKey;
use postern_saml::logout::LogoutExpectation;
use postern_saml::response::{Expectation, SecondVerifier};
use postern_store::KeyRing;
use tokio::sync::{Notify, Semaphore};

use crate::api_keys::ApiKeys;
use crate::config::{ApiKey, Appearance, Config, PublicUrl};
use crate::dns::Resolver;
use crate::guesser::Guesser;
use crate::jobs::lookup;
use crate::limit::Limit;
use crate::metrics::Metrics;
use crate::own_keys::{KeyShelf, ServiceProviderKeys, make};
use crate::proofs::Proofs;
use crate::region::{Region, Regions};
use crate::token_keys::TokenKeys;
use crate::visitor::Visitors;

/// How long another replica may go on with a server of the store that was replaced, until it notices.
const UNNOTICED: Duration = Duration::from_secs(10);

/// Postern, without its listeners.
pub struct App {
    /// Where browsers and apps reach it.
    pub public_url: PublicUrl,
    /// Under which addresses IdPs know it.
    pub regions: Regions,
    /// The login pipeline.
    pub logins: Logins,
    /// The customers' IdPs.
    pub connections: Connections,
    /// By e-mail to the right door.
    pub discovery: Discovery,
    /// Who asks.
    pub visitors: Visitors,
    /// How often strangers may ask where an e-mail address belongs.
    pub discoveries: Limit<IpAddr>,
    /// How often a secret may be wrong.
    pub wrong_secrets: Limit<Guesser>,
    /// The registered apps.
    pub products: Products,
    /// The customer organisations.
    pub tenants: Tenants,
    /// How all of these are deleted.
    pub removals: Removals,
    /// The tenants' e-mail domains.
    pub domains: Domains,
    /// What tenants want of their logins.
    pub policies: Policies,
    /// Whom they block, and whom they invite.
    pub people: People,
    /// The domain name system, which proves domains.
    pub dns: Arc<dyn Dns>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// What apps are still to be told of.
    pub logout_notices: LogoutNotices,
    /// That there is something new among them.
    pub notices_queued: Arc<Notify>,
    /// The stories of logins.
    pub traces: Traces,
    /// What happened.
    pub events: Events,
    /// The way out.
    pub fetch: Fetch,
    /// How often it is looked whether the customers' IdPs are there; `None`: never.
    pub health_interval: Option<Duration>,
    /// Whether it is about to stop.
    pub stopping: AtomicBool,
    /// What happens, in numbers.
    pub metrics: Metrics,
    /// The service provider's own keys, as they are kept.
    pub cupboard: KeyCupboard,
    /// The keys that sign tokens for apps, as they are kept.
    pub token_cupboard: KeyCupboard,
    /// Who may use the API.
    pub api_keys: ApiKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The places for responses that wait until their key was looked up.
    pub lookups: Semaphore,
    keys: KeyShelf,
    /// What our metadata show of us.
    pub appearance: Appearance,
    second_verifier: SecondVerifier,
    clock_skew: Duration,
    /// Where bytes are kept.
    pub backend: Arc<dyn Backend>,
    /// How they are sealed.
    pub ring: Arc<KeyRing>,
}

/// What [`App`] needs from outside.
pub struct Parts {
    /// Where bytes are kept.
    pub backend: Arc<dyn Backend>,
    /// How they are sealed.
    pub ring: Arc<KeyRing>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Who may use the API.
    pub api_keys: Vec<ApiKey>,
}

impl App {
    /// Wires Postern together.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, postern_fetch::SetupError> {
        let (clock, random) = (parts.clock, parts.random);
        let metrics = Metrics::new(clock.clone());
        let backend = metrics.watch(parts.backend);
        let store = Store::new(backend.clone(), parts.ring.clone(), clock.clone(), metrics.alarm());
        let settings = Settings {
            login_lifetime: config.oauth.login_lifetime,
            code_lifetime: config.oauth.code_lifetime,
            access_token_lifetime: config.oauth.access_token_lifetime,
            issuer: config.public_url.as_str().to_owned(),
            clock_skew: config.saml.clock_skew,
            longest_session: config.oauth.longest_session,
            session_lifetime: config.oauth.session_lifetime,
            session_idle: config.oauth.session_idle,
            refresh_lifetime: config.oauth.refresh_lifetime,
            refresh_idle: config.oauth.refresh_idle,
            dpop_nonce: config.oauth.dpop_nonce,
            domains_unique: config.domains.settings.unique,
            client_secret_verifier: config.oauth.client_secret_verifier.clone(),
        };
        let proofs = Arc::new(Proofs { issuer: config.public_url.as_str().to_owned() });
        let notices_queued = Arc::new(Notify::new());
        let waker = notices_queued.clone();
        let wake = Arc::new(move || waker.notify_one());
        let sessions = Sessions::new(store.clone(), clock.clone(), random.clone(), wake);
        let removals = Removals {
            store: store.clone(),
            connections: Connections::new(store.clone(), clock.clone(), random.clone()),
            domains: Domains::new(store.clone(), clock.clone(), random.clone(), config.domains.settings.clone()),
            policies: Policies::new(store.clone(), clock.clone(), config.oauth.longest_session),
            people: People::new(store.clone(), clock.clone(), sessions.clone()),
            sessions: sessions.clone(),
            traces: Traces::new(store.clone()),
            products: Products::new(store.clone(), clock.clone(), random.clone()),
            tenants: Tenants::new(store.clone(), clock.clone()),
        };
        Ok(Self {
            public_url: config.public_url.clone(),
            regions: config.regions.clone(),
            connections: removals.connections.clone(),
            discovery: Discovery::new(store.clone(), clock.clone()),
            visitors: Visitors::new(config.trusted_proxies.clone()),
            discoveries: Limit::per_minute(config.discover.requests_per_minute),
            wrong_secrets: Limit::per_minute(config.oauth.wrong_secrets_per_minute),
            products: removals.products.clone(),
            logins: Logins::new(store.clone(), clock.clone(), random.clone(), proofs, sessions.clone(), settings),
            domains: removals.domains.clone(),
            policies: removals.policies.clone(),
            people: removals.people.clone(),
            tenants: removals.tenants.clone(),
            traces: removals.traces.clone(),
            removals,
            dns: Arc::new(Resolver(postern_fetch::dns::Dns::new(config.domains.dns_server))),
            sessions,
            logout_notices: LogoutNotices::new(store.clone(), clock.clone()),
            notices_queued,
            events: Events::new(store.clone()),
            cupboard: KeyCupboard::new(Drawer::ServiceProvider, store.clone(), clock.clone(), random.clone()),
            token_cupboard: KeyCupboard::new(Drawer::Tokens, store, clock.clone(), random.clone()),
            lookups: Semaphore::new(lookup::MOST_WAITING),
            keys: KeyShelf::new(),
            stopping: AtomicBool::new(false),
            health_interval: config.health.interval,
            fetch: Fetch::new(config.fetch.clone())?,
            api_keys: ApiKeys::new(parts.api_keys),
            clock,
            random,
            appearance: config.saml.appearance.clone(),
            second_verifier: config.saml.second_verifier,
            clock_skew: config.saml.clock_skew,
            metrics,
            backend,
            ring: parts.ring,
        })
    }

    /// The public address of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        self.public_url.at(path)
    }

    /// The addresses and the name under which IdPs know us, but for those of connections of other regions.
    pub fn home(&self) -> &Region {
        self.regions.home()
    }

    /// Those under which the IdP of a connection knows us.
    pub fn region_of(&self, connection: &Connection) -> Result<&Region, Fault> {
        self.regions.of(connection)
    }

    /// What a logout message of this IdP has to fit that arrives at `destination`.
    pub fn logout_expectation<'a>(&self, idp: &'a SamlIdp, destination: &'a str) -> LogoutExpectation<'a> {
        let (second_verifier, now, skew) = (self.second_verifier, self.now(), self.clock_skew);
        LogoutExpectation { idp, destination, second_verifier, now, skew }
    }

    /// What a response of this IdP has to fit, to whom we are this region; `request_id` is the request that it answers, if any.
    pub fn expectation<'a>(
        &self,
        region: &'a Region,
        idp: &'a SamlIdp,
        acs_url: &'a str,
        request_id: Option<&'a str>,
        decryption_keys: &'a [DecryptionKey],
    ) -> Expectation<'a> {
        let (now, skew) = (self.now(), self.clock_skew);
        Expectation {
            idp,
            sp_entity_id: region.entity_id(),
            acs_url,
            request_id,
            decryption_keys,
            second_verifier: self.second_verifier,
            now,
            skew,
        }
    }

    /// What an ID token of this provider has to fit.
    pub fn id_token_expectation<'a>(
        &self,
        idp: &'a OidcIdp,
        nonce: &'a Secret,
        tokens: &'a Tokens,
    ) -> id_token::Expectation<'a> {
        let access_token = &tokens.access_token;
        id_token::Expectation { idp, nonce, access_token, now: self.now(), skew: self.clock_skew }
    }

    /// The service provider's own keys, as this replica last read them.
    pub fn sp_keys(&self) -> Arc<ServiceProviderKeys> {
        self.keys.shared()
    }

    /// The same towards the IdP of a connection, which may have keys of its own.
    pub fn sp_keys_of(&self, connection: &Connection) -> Result<Arc<ServiceProviderKeys>, Fault> {
        self.keys.of(connection)
    }

    /// The keys that sign tokens for apps, as this replica last read them.
    pub fn token_keys(&self) -> Arc<TokenKeys> {
        self.keys.tokens()
    }

    /// Reads our own keys; at the very first start they are made.
    pub async fn load_keys(&self) -> Result<(), Fault> {
        self.keys.replace_shared(ServiceProviderKeys::read(&*self.cupboard.load_or_create(&make).await?)?);
        self.keys.replace_tokens(TokenKeys::read(&*self.token_cupboard.load_or_create(&make).await?)?);
        Ok(())
    }

    /// Whether something issued then may have been used before the store began to remember: a process that starts anew has
    /// forgotten, unless Redis remembers, and so may a Redis that took the place of another. The IdP's clock may be ahead
    /// of ours by the tolerance, and another replica may go on for a moment with the server that this one has left.
    pub fn may_have_forgotten(&self, issued: Timestamp) -> bool {
        let tolerance = jiff::SignedDuration::try_from(self.clock_skew.max(UNNOTICED)).unwrap_or_default();
        self.backend.remembers_since().is_some_and(|since| issued.duration_since(since) < tolerance)
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        postern_store::ping(&*self.backend).await
    }

    /// Ends the story of a login that was refused. A store that does not take it is logged: the person hears of the first
    /// fault, not of the second.
    pub async fn tell_failure(&self, trace: postern_core::trace::Trace, fault: &Fault, begun: bool) {
        self.metrics.login_failed(fault.code);
        if let Err(second) = self.logins.fail(trace, fault, begun).await {
            tracing::error!(fault.code = second.code.name(), "a failed login could not be recorded");
        }
    }
}
