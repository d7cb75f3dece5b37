//! Many customers: registers them as an operator would, and asks where their people belong. What that costs has to be the same with
//! ten domains as with a million.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use postern_core::ports::Random as _;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::Failure;
use crate::login::{App, Idp, REDIRECT_URI, read_json};
use crate::phase::{self, Phase};
use crate::process::Process;
use crate::system::{Stopwatch, SystemRandom};

/// How many domains each tenant has.
const DOMAINS: usize = 10;
/// After how many tenants progress is told.
const TOLD: usize = 5_000;
/// How many records a page of a list has at most.
const PAGE: usize = 50;
/// How many pages are asked for in each place of a list at most.
const PAGES: usize = 500;
/// How long to wait for a store that is late.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(10)];

/// Customers of the app of this run.
pub(crate) struct Customers {
    /// The app, which does not say whose a person is.
    app: Arc<App>,
    authorization: String,
    /// What tells these customers from those of other runs.
    tag: String,
    tenants: usize,
}

impl Customers {
    /// Registers tenants, `workers` at a time, each with a connection and proven domains that lead to it.
    pub(crate) async fn register(
        app: &App,
        api_key: &str,
        idp: &Idp,
        tenants: usize,
        workers: usize,
    ) -> Result<Arc<Customers>, Failure> {
        let app = Arc::new(App { tenant: None, ..app.clone() });
        let mut tag = [0; 4];
        SystemRandom.fill(&mut tag);
        let (authorization, tag) = (format!("Api-Key {api_key}"), HEXLOWER.encode(&tag));
        let customers = Arc::new(Customers { app, authorization, tag, tenants });
        let metadata: Arc<str> = idp.metadata().into();
        let watch = Stopwatch::start();
        let all: Vec<usize> = (0..tenants).collect();
        for some in all.chunks(TOLD) {
            let (shared, metadata) = (customers.clone(), metadata.clone());
            let register = move |client, tenant| shared.clone().register_one(client, tenant, metadata.clone());
            phase::run("register", some.to_vec(), workers, None, register).await?;
            eprintln!("{} of {tenants} tenants, {:.0} s", some[some.len() - 1] + 1, watch.seconds());
        }
        Ok(customers)
    }

    /// How many domains they have.
    pub(crate) fn domains(&self) -> usize {
        self.tenants * DOMAINS
    }

    async fn register_one(self: Arc<Self>, client: Client, tenant: usize, metadata: Arc<str>) -> Result<(), Failure> {
        let (name, product) = (format!("tenant{tenant}.{}.example", self.tag), &self.app.product);
        let connection = json!({
            "tenant": name, "product": product,
            "defaultRedirectUrl": REDIRECT_URI, "redirectUrl": [REDIRECT_URI], "rawMetadata": *metadata,
        });
        self.create(&client, "sso", &connection).await?;
        for number in 0..DOMAINS {
            let domain = self.domain(tenant, number);
            let claim = json!({ "tenant": name, "product": product, "domain": domain, "proof": "operator" });
            self.create(&client, "domains", &claim).await?;
        }
        Ok(())
    }

    /// Creates a record. A store that is filled by a million of them has moments in which it is late, so it is asked again then.
    async fn create(&self, client: &Client, path: &str, record: &Value) -> Result<(), Failure> {
        for pause in PAUSES {
            let request = client.post(self.at(path)).header("authorization", &self.authorization).json(record);
            let answer = request.send().await?;
            let (status, body) = (answer.status(), answer.text().await?); // read to its end, or the connection cannot be used again
            match status {
                StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(pause).await,
                _ if status.is_success() => return Ok(()),
                _ => return Err(format!("{path}: {status}: {body}").into()),
            }
        }
        Err("the store is late all the time".into())
    }

    /// Asks about people from everywhere among the tenants, `count` times each by discovery and by authorize, and then for pages from the
    /// beginning, the middle and the end of both lists.
    pub(crate) async fn ask(
        self: Arc<Self>,
        count: usize,
        workers: usize,
        process: Option<&Process>,
    ) -> Result<Vec<Phase>, Failure> {
        let people: Vec<String> = (0..count).map(|number| self.person(number)).collect();
        let shared = self.clone();
        let discover = move |client, person| shared.clone().discover(client, person);
        let (_, discovered) = phase::run("discover", people.clone(), workers, process, discover).await?;
        let shared = self.clone();
        let authorize = move |client, person| shared.app.clone().authorize(client, person);
        let (_, authorized) = phase::run("authorize by address", people, workers, process, authorize).await?;
        let mut phases = vec![discovered, authorized];
        for (list, total) in [("sso/product", self.tenants), ("domains", self.domains())] {
            for (place, halves) in [("first", 0), ("middle", 1), ("last", 2)] {
                let offset = total.saturating_sub(PAGE) * halves / 2;
                let shared = self.clone();
                let page = move |client, offset| shared.clone().page(client, list, offset);
                let pages = vec![offset; count.min(PAGES)];
                phases.push(phase::run(format!("{list} {place}"), pages, workers, process, page).await?.1);
            }
        }
        Ok(phases)
    }

    /// Somebody of one of the tenants: of another one each time, where there are enough.
    fn person(&self, number: usize) -> String {
        const STEP: usize = 7_919; // a prime, so that it meets all of them
        let tenant = number * STEP % self.tenants.max(1);
        format!("person@{}", self.domain(tenant, number % DOMAINS))
    }

    /// A domain of a tenant.
    fn domain(&self, tenant: usize, number: usize) -> String {
        format!("d{number}.tenant{tenant}.{}.example", self.tag)
    }

    async fn discover(self: Arc<Self>, client: Client, person: String) -> Result<(), Failure> {
        let question = json!({ "email": person, "product": self.app.product });
        let answer = self.ask_api(client.post(self.at("discover")).json(&question)).await?;
        match answer["connections"].as_array().map(Vec::len) {
            Some(1) => Ok(()),
            other => Err(format!("{other:?} connections instead of one").into()),
        }
    }

    async fn page(self: Arc<Self>, client: Client, list: &'static str, offset: usize) -> Result<(), Failure> {
        let offset = offset.to_string();
        let query = [("product", self.app.product.as_str()), ("pageOffset", &offset)];
        let url = Url::parse_with_params(&self.at(list), query)?;
        let answer = self.ask_api(client.get(url)).await?;
        let records = answer.as_array().or_else(|| answer["data"].as_array());
        match records.map(Vec::len) {
            Some(1..) => Ok(()),
            _ => Err("an empty page".into()),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.app.url)
    }

    async fn ask_api(&self, request: RequestBuilder) -> Result<Value, Failure> {
        read_json(request.header("authorization", &self.authorization)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_from_every_tenant() {
        let app = App {
            url: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
            product: String::new(),
            tenant: None,
            wants_id_token: false,
        };
        let customers = Customers { app: Arc::new(app), authorization: String::new(), tag: "x".into(), tenants: 100 };
        let met: std::collections::BTreeSet<_> = (0..100).map(|number| customers.person(number)).collect();
        assert_eq!(met.len(), 100);
        assert_eq!(customers.person(1), "person@d1.tenant19.x.example");
        assert_eq!(Customers { tenants: 1, ..customers }.person(3), "person@d3.tenant0.x.example");
    }
}
