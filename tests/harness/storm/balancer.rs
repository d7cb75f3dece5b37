//! What a load balancer does for several replicas: it sends each request to one that says it is ready, and to another where nobody
//! takes the call. A request that was taken is never sent again: whether it was carried out nobody knows.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::login::Answer;
use crate::{Postern, http};

/// How often replicas are asked whether they are ready.
const PROBED: Duration = Duration::from_millis(50);
/// Who has not answered after this long never will.
const PATIENCE: Duration = Duration::from_secs(15);

/// Replicas behind one address.
pub struct Balancer {
    replicas: Vec<Arc<Replica>>,
    http: Client,
    /// Asks them for as long as this is there.
    _probes: JoinSet<()>,
}

struct Replica {
    origin: String,
    operations: String,
    ready: AtomicBool,
}

/// What became of a request.
#[derive(Debug)]
pub struct Asked {
    /// Which replica took it.
    pub replica: usize,
    /// When it was sent.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// What was answered, or why nothing was.
    pub answer: Result<Answer, String>,
}

impl Balancer {
    /// Stands before these. One that ends and starts anew at the same address is the same.
    pub fn new(replicas: &[&Postern]) -> Self {
        let of = |replica: &&Postern| {
            let (origin, operations) = (replica.origin.clone(), replica.operations.clone());
            Arc::new(Replica { origin, operations, ready: AtomicBool::new(true) })
        };
        let replicas: Vec<_> = replicas.iter().map(of).collect();
        let mut probes = JoinSet::new();
        for replica in &replicas {
            probes.spawn(probe(replica.clone()));
        }
        Self { replicas, http: http(), _probes: probes }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.replicas.len()
    }

    /// Sends a request, made for the address of a replica: to this one or, if that does not want it, to the next.
    pub async fn ask(&self, first: usize, request: impl Fn(&Client, &str) -> RequestBuilder) -> Asked {
        let began = Instant::now();
        let count = self.count();
        let mut order: Vec<usize> = (first..first + count).map(|at| at % count).collect();
        order.sort_by_key(|at| !self.replicas[*at].ready.load(Ordering::Relaxed));
        let mut refused = String::new();
        for replica in &order {
            let sent = request(&self.http, &self.replicas[*replica].origin).timeout(PATIENCE).send().await;
            let answer = match sent {
                Err(error) if error.is_connect() => {
                    self.replicas[*replica].ready.store(false, Ordering::Relaxed);
                    refused = innermost(&error);
                    continue;
                }
                Err(error) => Err(innermost(&error)),
                Ok(response) => Answer::try_read(response).await.map_err(|error| innermost(&error)),
            };
            return Asked { replica: *replica, began, took: began.elapsed(), answer };
        }
        Asked { replica: first % count, began, took: began.elapsed(), answer: Err(refused) }
    }
}

/// What an error goes back to.
fn innermost(mut error: &dyn Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

async fn probe(replica: Arc<Replica>) {
    let (http, url) = (http(), format!("{}/health/ready", replica.operations));
    loop {
        let answer = http.get(&url).timeout(Duration::from_secs(1)).send().await;
        replica.ready.store(answer.is_ok_and(|answer| answer.status() == 200), Ordering::Relaxed);
        tokio::time::sleep(PROBED).await;
    }
}
