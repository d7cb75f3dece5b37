//! What happens, in numbers, for whoever watches over Postern: counted here, read at `/metrics` of the operations listener.
//! Labels are codes of faults, classes of records and random ids of connections; never a tenant, a domain or an address. `docs/METRICS.md` says
//! what each is good for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use postern_core::connection::ConnectionId;
use postern_core::fault::Code;
use postern_core::health::Status;
use postern_core::inventory::{Cursor, Page};
use postern_core::ports::{Backend, Clock, Op, Reply, StoreError, Timestamp};
use postern_core::store::Alarm;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of this process.
pub struct Metrics {
    registry: Registry,
    logins: Family<Outcome, Counter>,
    refusals: Family<OfCode, Counter>,
    metadata_failures: Family<OfCode, Counter>,
    looks: Family<OfStatus, Counter>,
    requests_in_flight: Gauge,
    store_errors: Counter,
    store_up: Gauge,
    to_seal_anew: Gauge,
    disbelieved: Family<OfRecord, Counter>,
    expiries: Expiries,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRecord {
    class: &'static str,
    why: &'static str,
}

impl Metrics {
    /// All at zero.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let expiries = Expiries { clock, of: Arc::default() };
        let mut metrics = Self {
            registry: Registry::with_prefix("postern"),
            logins: Family::default(),
            refusals: Family::default(),
            metadata_failures: Family::default(),
            looks: Family::default(),
            requests_in_flight: Gauge::default(),
            store_errors: Counter::default(),
            store_up: Gauge::default(),
            to_seal_anew: Gauge::default(),
            disbelieved: Family::default(),
            expiries: expiries.clone(),
        };
        let registry = &mut metrics.registry;
        registry.register("logins", "Logins that ended, by outcome, failed ones by code", metrics.logins.clone());
        registry.register("refusals", "Requests that were refused, by code", metrics.refusals.clone());
        let help = "Metadata of identity providers that did not come or were refused, by code";
        registry.register("metadata_refresh_failures", help, metrics.metadata_failures.clone());
        let help = "Looks at identity providers, by the status of the connection after it";
        registry.register("health_checks", help, metrics.looks.clone());
        let help = "Requests that are being answered";
        registry.register("requests_in_flight", help, metrics.requests_in_flight.clone());
        registry.register("store_errors", "Round trips to the store that failed", metrics.store_errors.clone());
        let help = "1 where the last round trip to the store was answered, 0 where it was not";
        registry.register("store_up", help, metrics.store_up.clone());
        let help = "Records that an older data key sealed and that are to be sealed anew";
        registry.register("reseal_remaining", help, metrics.to_seal_anew.clone());
        let help = "Stored values that were refused, by class and why: somebody else writes to the store";
        registry.register("store_values_refused", help, metrics.disbelieved.clone());
        registry.register_collector(Box::new(expiries));
        // What never happened is zero, not absent: otherwise its first time would not be seen to be a rise.
        drop(metrics.logins.get_or_create(&Outcome { outcome: "succeeded", code: "" }));
        metrics
    }

    /// The app has its code.
    pub fn login_succeeded(&self) {
        self.logins.get_or_create(&Outcome { outcome: "succeeded", code: "" }).inc();
    }

    /// A login was refused.
    pub fn login_failed(&self, code: Code) {
        self.logins.get_or_create(&Outcome { outcome: "failed", code: code.name() }).inc();
    }

    /// A request was refused.
    pub fn refused(&self, code: Code) {
        self.refusals.get_or_create(&OfCode { code: code.name() }).inc();
    }

    /// Metadata did not come, or were refused.
    pub fn metadata_failed(&self, code: Code) {
        self.metadata_failures.get_or_create(&OfCode { code: code.name() }).inc();
    }

    /// It was looked whether the IdP of a connection is there.
    pub fn looked_at(&self, status: Status) {
        self.looks.get_or_create(&OfStatus { status: status.name() }).inc();
    }

    /// A request is being answered, until what this returns is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.requests_in_flight.inc();
        InFlight(self.requests_in_flight.clone())
    }

    /// Replaces what is known of certificates: of each connection, when the last of them expires.
    pub fn certificates_expire(&self, at: impl IntoIterator<Item = (ConnectionId, Timestamp)>) {
        *self.expiries.of.write().unwrap_or_else(PoisonError::into_inner) = at.into_iter().collect();
    }

    /// So many records are to be sealed anew.
    pub fn to_be_sealed_anew(&self, records: u64) {
        self.to_seal_anew.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// A store whose failures are counted.
    pub fn watch(&self, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Watched { backend, errors: self.store_errors.clone(), up: self.store_up.clone() })
    }

    /// Counts and logs what is stored and not believed.
    pub fn alarm(&self) -> Alarm {
        let disbelieved = self.disbelieved.clone();
        Arc::new(move |class, why| {
            let why = why.name();
            tracing::error!(class, why, "a stored value is refused");
            disbelieved.get_or_create(&OfRecord { class, why }).inc();
        })
    }

    /// Everything, in the text format of Prometheus.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A request that is being answered.
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Watched {
    backend: Arc<dyn Backend>,
    errors: Counter,
    up: Gauge,
}

impl Watched {
    fn counted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_err() {
            self.errors.inc();
        }
        self.up.set(outcome.is_ok().into());
        outcome
    }
}

#[async_trait]
impl Backend for Watched {
    async fn run(&self, batch: Vec<Op>) -> Result<Vec<Reply>, StoreError> {
        self.counted(self.backend.run(batch).await)
    }

    async fn list(&self, prefix: &str, after: Option<&Cursor>) -> Result<Page, StoreError> {
        self.counted(self.backend.list(prefix, after).await)
    }

    fn remembers_since(&self) -> Option<Timestamp> {
        self.backend.remembers_since()
    }
}

/// When certificates expire. What is left of the time is computed at each scrape.
#[derive(Clone)]
struct Expiries {
    clock: Arc<dyn Clock>,
    of: Arc<RwLock<BTreeMap<ConnectionId, Timestamp>>>,
}

impl fmt::Debug for Expiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiries").finish_non_exhaustive()
    }
}

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Until the last signing certificate of a connection expires; below zero: since it did.";
        let mut family = encoder.encode_descriptor("certificate_expiry_seconds", help, None, MetricType::Gauge)?;
        let now = self.clock.now();
        for (connection, at) in self.of.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = [("connection", connection.0.as_str())];
            family.encode_family(&labels)?.encode_gauge(&at.duration_since(now).as_secs())?;
        }
        Ok(())
    }
}
